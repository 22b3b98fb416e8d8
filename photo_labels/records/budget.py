"""The budget: how many calls to Rekognition a day and a month may have, in UTC, and how many were counted.

They are counted in the rate limiter's item of the table `LabelQuota`, by the update that books their slots
(`handler.rate_limiter`): a slot is one call at most, so that no more calls are made than are counted.

    CountedOn     20261126: the day that is counted
    CallsOfDay    calls on that day
    CallsOfMonth  calls in its month

While the budget is spent, the event source mappings of what waits are off (`handler.budget_switch`). An item of
its own says so, for each stack that has its budget there; without it, somebody else has switched them off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)

# The item with the slots, and the count.
OPERATION = "DetectLabels"
# What an invocation is asked to do that brings no records: the schedule in infra/pipeline.yaml.
CHECK_BUDGET = "check-budget"


def switched_off_key(stack: str) -> dict[str, Any]:
    """Return the key of the item that is there while a stack's mappings are off because of the budget."""
    return {"Operation": {"S": f"SwitchedOff {stack}"}}


def day_number(day: date) -> int:
    """Return a day as it is written into the item: 20261126. Its hundredth is the month."""
    return day.year * 10_000 + day.month * 100 + day.day


@dataclass(frozen=True, slots=True)
class Counted:
    """Calls that were counted."""

    # As `day_number`; 0: none was ever counted.
    day: int = 0
    of_day: int = 0
    of_month: int = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Counted:
        """Read the attributes of the item, as DynamoDB returns them."""
        numbers = (item.get(name, {}).get("N", "0") for name in ("CountedOn", "CallsOfDay", "CallsOfMonth"))
        return cls(*(int(float(number)) for number in numbers))

    def on(self, today: date) -> Counted:
        """Return what is counted today: a new day, or month, begins with none.

        Clocks differ: tomorrow's count is today's as well. What lies further ahead is of a clock that was wrong;
        its calls were made.
        """
        day = day_number(today)
        if day <= self.day <= day_number(today + _DAY):
            return self
        if self.day > day:
            return replace(self, day=day)
        return Counted(day, 0, self.of_month if self.day // 100 == day // 100 else 0)


@dataclass(frozen=True, slots=True)
class Budget:
    """Calls that may be made; None: as many as the quota takes."""

    daily: int | None = None
    monthly: int | None = None

    @classmethod
    def of(cls, daily: int, monthly: int) -> Budget:
        """Return the budget of two settings, in which 0 means none."""
        return cls(daily or None, monthly or None)

    @property
    def is_set(self) -> bool:
        return self.daily is not None or self.monthly is not None

    def left(self, counted: Counted) -> float:
        """Return how many more calls may be made on the day that is counted; `math.inf`: no limit."""
        return min(
            math.inf if self.daily is None else max(0, self.daily - counted.of_day),
            math.inf if self.monthly is None else max(0, self.monthly - counted.of_month),
        )

    def spent_until(self, counted: Counted, now: datetime) -> datetime | None:
        """Return when calls are made again, in UTC; None: there is something left."""
        today = now.astimezone(UTC).date()
        counted = counted.on(today)
        if self.left(counted) >= 1:
            return None
        if self.monthly is not None and counted.of_month >= self.monthly:
            next_day = (today.replace(day=1) + 32 * _DAY).replace(day=1)
        else:
            next_day = today + _DAY
        return datetime.combine(next_day, time(), UTC)

    def allowed(self, counted: Counted, now: datetime, days: float, a_day: float) -> float:
        """Return how many calls it allows within the next `days`, of which each takes `a_day` at most."""
        end, total = now + timedelta(days=days), 0.0
        for begin, midnight, most in self._days(counted, now, a_day):
            total += min(most, a_day * ((min(midnight, end) - begin) / _DAY))
            if midnight >= end:
                break
        return total

    def takes_s(self, counted: Counted, now: datetime, calls: int, a_day: float) -> float | None:
        """Return how long so many calls take, of which a day takes `a_day` at most; None: longer than a year."""
        left = float(calls)
        for begin, _, most in self._days(counted, now, a_day):
            if left <= most:
                return ((begin - now) + left / a_day * _DAY).total_seconds()
            left -= most
            if begin - now > _YEAR:
                break
        return None

    def _days(self, counted: Counted, now: datetime, a_day: float) -> Iterator[tuple[datetime, datetime, float]]:
        """Yield each day, from now on: when it begins and ends, and the calls that may be made."""
        begin = now.astimezone(UTC)
        while True:
            counted = counted.on(begin.date())
            midnight = datetime.combine(begin.date() + _DAY, time(), UTC)
            calls = min(self.left(counted), a_day * ((midnight - begin) / _DAY))
            yield begin, midnight, calls
            counted = replace(counted, of_day=counted.of_day + int(calls), of_month=counted.of_month + int(calls))
            begin = midnight
