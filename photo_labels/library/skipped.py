"""What is skipped, by suffix and reason: how it is counted, and told to a person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from photo_labels.records.formats import ending, kind_of_no_photo

if TYPE_CHECKING:
    from collections.abc import Iterable

# So that memory does not grow with files whose suffixes count something (`scan.0001`).
_MOST_COUNTED = 1_000
_MOST_TOLD = 8
# In the place of suffixes that are too many to be counted.
OTHERS = "*"


class Skipped(NamedTuple):
    """What is skipped for one reason."""

    # What files end in (`photo_labels.records.formats.ending`), or OTHERS; or the name of a folder.
    what: str
    # "a video", "hidden".
    why: str


def skip(tally: Counter[Skipped], what: str, why: str) -> None:
    """Count a file."""
    one = Skipped(what, why)
    tally[one if one in tally or len(tally) < _MOST_COUNTED else Skipped(OTHERS, why)] += 1


def no_photos_by_name(keys: Iterable[str]) -> Counter[Skipped]:
    """Count the keys whose names are those of no photos."""
    return Counter(Skipped(ending(key), kind) for key in keys if (kind := kind_of_no_photo(key)))


def most_frequent(tally: Counter[Skipped]) -> list[tuple[Skipped, int]]:
    """Return all of it, the most frequent first, and those that are as frequent in alphabetical order."""
    return sorted(tally.items(), key=lambda item: (-item[1], item[0]))


def parts_of(tally: Counter[Skipped]) -> list[str]:
    """Return what a person is told: ".mov 8 (a video)", the most frequent first, and the rest as a count."""
    ordered = most_frequent(tally)
    # One more in the place of "and 1 other".
    told = ordered if len(ordered) <= _MOST_TOLD + 1 else ordered[:_MOST_TOLD]
    parts = [f"{_called(one.what)} {count:,} ({one.why})" for one, count in told]
    if rest := tally.total() - sum(count for _, count in told):
        parts.append(f"and {rest:,} others")
    return parts


def _called(what: str) -> str:
    return {"": "no suffix", OTHERS: "other suffixes"}.get(what, what)
