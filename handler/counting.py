"""The rate limiter's updates on condition, and how they count calls against the budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from photo_labels.records.budget import Budget, Counted


@dataclass(frozen=True, slots=True)
class Update:
    """What an update sets, and the conditions of which one has to hold; values are numbers, by their names."""

    sets: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ("",)
    values: tuple[tuple[str, float], ...] = ()

    def also(self, sets: tuple[str, ...], condition: str, **values: float) -> Update:
        """Return an update that sets these, too, where this condition holds, too; empty: always."""
        return replace(self, sets=self.sets + sets).where_any((condition,), **values)

    def where_any(self, conditions: tuple[str, ...], **values: float) -> Update:
        """Return the update where one of these conditions holds, too."""
        both = tuple(
            " AND ".join(one for one in (own, other) if one) for own in self.conditions for other in conditions
        )
        return replace(self, conditions=both, values=self.values + tuple(values.items()))

    @property
    def expression(self) -> str:
        return f"SET {', '.join(self.sets)}"

    @property
    def condition(self) -> str:
        return " OR ".join(self.conditions)


def counted_in(update: Update, calls: int, budget: Budget, seen: Counted, today: date) -> Update:
    """Return the update with the calls counted, on condition that the budget has as many left.

    `seen`: what is counted, as it was last seen. Where it is another day by now, the update fails, and the item
    has to be seen again.
    """
    now = seen.on(today)
    values: dict[str, float] = {"calls": calls, "day": now.day}
    sets: list[str] = []
    conditions = ["CountedOn = :day"]
    if now.day != seen.day:
        sets.append("CountedOn = :day")
        conditions = ["CountedOn = :seen_day" if seen.day else "attribute_not_exists(CountedOn)"]
        values |= {"seen_day": seen.day} if seen.day else {}
    for name, most, is_anew in (
        ("CallsOfDay", budget.daily, now.day > seen.day),
        ("CallsOfMonth", budget.monthly, now.day // 100 > seen.day // 100),
    ):
        sets.append(f"{name} = :calls" if is_anew else f"{name} = {name} + :calls")
        if most is not None and not is_anew:
            conditions.append(f"{name} <= :most_{name}")
            values[f"most_{name}"] = most - calls
    return update.also(tuple(sets), " AND ".join(conditions), **values)
