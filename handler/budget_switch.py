"""Switches the event source mappings of what waits off while the budget is spent, and on again afterwards.

A schedule asks for it every few minutes (infra/pipeline.yaml): nothing else invokes the function at midnight.
Until it does, invocations hold the photos and send them back to their queues, so that no receives are used up.

An item in the rate limiter's table says that it was the budget (`photo_labels.records.budget`): what somebody
else has switched off stays off. Whoever switches a mapping off deletes that item first.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.deadline import call
from handler.timeouts import DYNAMODB, LAMBDA
from photo_labels.records.budget import OPERATION, Budget, Counted, switched_off_key
from photo_labels.records.documents import iso
from photo_labels.records.errors import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_lambda import LambdaClient

    from handler.deadline import Deadline

# Lambda is still changing the mapping, after the last check, say.
_BEING_CHANGED = ("ResourceInUseException", "ResourceConflictException")


class BudgetSwitch:
    """The mappings of one stack that wait for its budget."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        make_lambda: Callable[[], LambdaClient],
        *,
        table: str,
        budget: Budget,
        stack: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`make_lambda`: called where a mapping is to be switched, which few invocations do."""
        self._dynamodb = dynamodb
        self._make_lambda = make_lambda
        self._table = table
        self._budget = budget
        self._key = switched_off_key(stack)
        self._now = now

    def check(self, mapping_ids: Sequence[str], deadline: Deadline) -> datetime | None:
        """Switch the mappings as the budget has it; return until when it is spent, None where it is not.

        May be called at any time and by several at once. Raises what AWS says; the next check does what is left.
        """
        counted = Counted.from_item(self._item({"Operation": {"S": OPERATION}}, deadline))
        until = self._budget.spent_until(counted, self._now())
        if until:
            self._mark(deadline)
            self._switch(mapping_ids, deadline, on=False)
        elif self._item(self._key, deadline):
            self._switch_on(mapping_ids, deadline)
        return until

    def _switch_on(self, mapping_ids: Sequence[str], deadline: Deadline) -> None:
        is_done = self._switch(mapping_ids, deadline, on=True)
        if is_done and not self._unmark(deadline):  # somebody switched them off meanwhile, who wants them off
            self._switch(mapping_ids, deadline, on=False)

    def _item(self, key: Any, deadline: Deadline) -> Any:
        def read() -> Any:
            return self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)

        return call(read, deadline, DYNAMODB.call_s).get("Item", {})

    def _mark(self, deadline: Deadline) -> None:
        """Write that it is the budget, before the mappings are off: so they come on again in any case."""

        def write() -> Any:
            item = self._key | {"Since": {"S": iso(self._now())}}
            condition = "attribute_not_exists(Operation)"
            return self._dynamodb.put_item(TableName=self._table, Item=item, ConditionExpression=condition)

        _if_condition_holds(write, deadline)

    def _unmark(self, deadline: Deadline) -> bool:
        def delete() -> Any:
            condition = "attribute_exists(Operation)"
            return self._dynamodb.delete_item(TableName=self._table, Key=self._key, ConditionExpression=condition)

        return _if_condition_holds(delete, deadline)

    def _switch(self, mapping_ids: Sequence[str], deadline: Deadline, *, on: bool) -> bool:
        """Switch the mappings; False: some are still being changed, and have to be switched later."""
        client, is_done = self._make_lambda(), True
        for identity in mapping_ids:
            update = partial(client.update_event_source_mapping, UUID=identity, Enabled=on)
            try:
                call(update, deadline, LAMBDA.call_s)
            except ClientError as error:
                if code_of(error) not in _BEING_CHANGED:
                    raise
                is_done = False
        return is_done


def _if_condition_holds(write: Callable[[], Any], deadline: Deadline) -> bool:
    try:
        call(write, deadline, DYNAMODB.call_s)
    except ClientError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True
