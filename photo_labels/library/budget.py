"""The budget of a deployed pipeline: what it allows, what was counted, and what waits for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from photo_labels.records.budget import OPERATION, Budget, Counted, switched_off_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_dynamodb import DynamoDBClient

    from photo_labels.library.target import Target


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """What a budget has left."""

    budget: Budget
    # As of today.
    counted: Counted
    # When it was read.
    at: datetime

    @property
    def left(self) -> int:
        """Return the calls that may still be made today."""
        return int(self.budget.left(self.counted))

    @property
    def spent_until(self) -> datetime | None:
        """Return when calls are made again, in UTC; None: there is something left."""
        return self.budget.spent_until(self.counted, self.at)

    def as_json(self) -> dict[str, int | str | None]:
        """Return it as `photos status --json` prints it."""
        return {
            "daily": self.budget.daily,
            "monthly": self.budget.monthly,
            "calls_of_day": self.counted.of_day,
            "calls_of_month": self.counted.of_month,
            "left": self.left,
            "spent_until": self.spent_until.isoformat() if self.spent_until else None,
        }

    def allowed(self, days: float, a_second: float) -> float:
        """Return how many calls may be made within so many days, at this rate at most."""
        return self.budget.allowed(self.counted, self.at, days, a_second * 86_400)

    def takes_s(self, calls: int, a_second: float) -> float | None:
        """Return how long calls take at this rate at most; None: longer than a year."""
        return self.budget.takes_s(self.counted, self.at, calls, a_second * 86_400)


def read_budget(
    target: Target,
    variables: Mapping[str, str],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> BudgetStatus | None:
    """Read what is left; None: there is no budget. `variables`: the function's environment."""
    budget = Budget.of(*(int(variables.get(f"{one}_BUDGET_PHOTOS") or 0) for one in ("DAILY", "MONTHLY")))
    table = target.outputs.label_quota_table
    if not budget.is_set or not table:
        return None
    key: Any = {"Operation": {"S": OPERATION}}
    client: DynamoDBClient = target.client("dynamodb")
    item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
    at = now()
    return BudgetStatus(budget, Counted.from_item(item).on(at.astimezone(UTC).date()), at)


class SwitchedOff:
    """Whether the mappings of what waits are off because of the budget, and not by somebody's hand."""

    def __init__(self, target: Target) -> None:
        self._client: DynamoDBClient = target.client("dynamodb")
        self._table = target.outputs.label_quota_table
        self._key = switched_off_key(target.outputs.stack)

    def is_noted(self) -> bool:
        """Tell whether it is; the function switches them on again by itself."""
        if not self._table:
            return False
        with suppress(self._client.exceptions.ResourceNotFoundException):  # deleted by hand
            return "Item" in self._client.get_item(TableName=self._table, Key=self._key, ConsistentRead=True)
        return False

    def forget(self) -> None:
        """Make the function leave the mappings as they are: somebody else switches them off now."""
        if self._table:
            with suppress(self._client.exceptions.ResourceNotFoundException):
                self._client.delete_item(TableName=self._table, Key=self._key)
