"""What the budget of Rekognition calls says to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.terminal.text import counted, duration

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.library.budget import BudgetStatus
    from photo_labels.library.retention import QueueRoom


def budget_line(budget: BudgetStatus) -> str:
    """Return what is left of it, and when it goes on."""
    parts = [
        f"{used:,} of {most:,} calls {when}"
        for used, most, when in (
            (budget.counted.of_day, budget.budget.daily, "today"),
            (budget.counted.of_month, budget.budget.monthly, "this month"),
        )
        if most is not None
    ]
    until = budget.spent_until
    end = f"spent: labelling goes on by itself at {until:%Y-%m-%d %H:%M} UTC" if until else f"{budget.left:,} left"
    return f"{', '.join(parts)} (UTC); {end}"


def warn_of_budget(room: QueueRoom | None, photos: int, console: Console) -> None:
    """Print what somebody should know who is about to queue so many photos; None: nobody knows what waits."""
    if room:
        room.take(0)
        if warning := budget_warning(room, photos):
            console.print(warning, style="yellow", highlight=False)


def budget_warning(room: QueueRoom, photos: int) -> str:
    """Return what somebody should know who is about to queue so many photos; empty: all are within the budget."""
    budget = room.budget
    if budget is None or budget.left >= photos:
        return ""
    left = f"{budget.left:,}" if budget.left else "nothing"
    takes_s = room.labelled_in_s(photos)
    end = f"in about {duration(takes_s)}" if takes_s else "in more than a year"
    return (
        f"The budget of Rekognition calls has {left} left today: {counted(photos, 'photo')} and what "
        f"waits already will be labelled {end}. Raise DailyBudgetPhotos or MonthlyBudgetPhotos for more."
    )
