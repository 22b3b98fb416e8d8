"""When photos were taken, as a user says it: 2019, 2019-07, 2019-07-14, 2018..2020, 2019-07.. or ..2019."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from photo_labels.library.user_errors import UserError
from photo_labels.records.timeline import FIRST_YEAR, MAX_TIME

_POINT = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_FORMS = "say 2019, 2019-07, 2019-07-14, 2018..2020, 2019-07.. or ..2019"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From when to when, by the local times of documents (`Timeline`), which are compared as texts."""

    # A year, month or day, whose beginning it is; "": there is none.
    first: str = ""
    # A year, month or day, whose end it is; "": there is none.
    last: str = ""

    @classmethod
    def parse(cls, text: str) -> TimeRange:
        """Read a range. Raises UserError where it is malformed."""
        first, dots, last = text.strip().partition("..")
        if not dots:
            last = first
        if not dots and not first:
            raise UserError(f"The time is empty: {_FORMS}.")
        for point in (first, last):
            if point and not _is_point(point):
                raise UserError(f"{point} is no year, month or day: {_FORMS}.")
        if first and last and first > last + MAX_TIME:
            raise UserError(f"{first} is after {last}: say {last}..{first}.")
        return cls(first, last)

    def __str__(self) -> str:
        return self.first if self.first == self.last and self.first else f"{self.first}..{self.last}"

    @property
    def bounds(self) -> tuple[str, str]:
        """Return what no rank of a row in it is below, and what none is above."""
        return self.first or f"{FIRST_YEAR}", self.last + MAX_TIME

    def __contains__(self, time: str) -> bool:
        first, last = self.bounds
        return first <= time <= last

    def years(self) -> list[str]:
        """Return the years that it has to do with, the latest first: from the first photograph to next year.

        A local time is ahead of ours, and a camera's clock is wrong by a day, at the turn of the year, too.
        """
        first, last = self.bounds
        present = datetime.now(UTC).year + 1
        latest = min(present, int(last[:4])) if self.last else present
        return [f"{year:04d}" for year in range(latest, max(FIRST_YEAR, int(first[:4])) - 1, -1)]


ANY_TIME = TimeRange()


def _is_point(text: str) -> bool:
    match = _POINT.fullmatch(text)
    if match is None:
        return False
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
