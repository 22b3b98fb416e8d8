"""The budget in the rate limiter's table: what is counted, and the note that mappings are off because of it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.deadline import call
from handler.timeouts import DYNAMODB
from photo_labels.records.budget import OPERATION, Budget, Counted, switched_off_key
from photo_labels.records.documents import iso
from photo_labels.records.errors import code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient

    from handler.deadline import Deadline


class BudgetRecord:
    """One stack's view of the table; every method raises what AWS says."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        budget: Budget,
        stack: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._table = table
        self._budget = budget
        self._note = switched_off_key(stack)
        self._now = now

    def spent_until(self, deadline: Deadline) -> datetime | None:
        """Return until when the budget is spent; None: there is something left."""
        counted = Counted.from_item(self._item({"Operation": {"S": OPERATION}}, deadline))
        return self._budget.spent_until(counted, self._now())

    def is_noted(self, deadline: Deadline) -> bool:
        """Tell whether the mappings are off because of the budget."""
        return bool(self._item(self._note, deadline))

    def note(self, deadline: Deadline) -> None:
        """Note that they are, unless that is noted already."""
        write = partial(
            self._client.put_item,
            TableName=self._table,
            Item=self._note | {"Since": {"S": iso(self._now())}},
            ConditionExpression="attribute_not_exists(Operation)",
        )
        _holds(write, deadline)

    def forget(self, deadline: Deadline) -> bool:
        """Delete the note; False: somebody else has done so."""
        delete = partial(
            self._client.delete_item,
            TableName=self._table,
            Key=self._note,
            ConditionExpression="attribute_exists(Operation)",
        )
        return _holds(delete, deadline)

    def _item(self, key: Any, deadline: Deadline) -> Any:
        read = partial(self._client.get_item, TableName=self._table, Key=key, ConsistentRead=True)
        return call(read, deadline, DYNAMODB.call_s).get("Item", {})


def _holds(write: Callable[[], Any], deadline: Deadline) -> bool:
    """Write on condition, and tell whether that held."""
    try:
        call(write, deadline, DYNAMODB.call_s)
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True
