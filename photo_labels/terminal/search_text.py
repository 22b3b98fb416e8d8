"""What a search says besides its table: what it was taken for, how many there are, and why there may be none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.library.searching.query import labels_in
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from rich.console import Console

    from photo_labels.library.searching.meanings import Interpretation
    from photo_labels.library.searching.query import Query
    from photo_labels.library.searching.search import Search
    from photo_labels.library.searching.searcher import Page, SearchCriteria, Spent

# Labels that are counted where nothing was found: a unit or two each.
_MAX_COUNTED = 8


def show_meaning(meant: Interpretation, map_file: Path | None, shown: Console) -> None:
    """Print what words were taken for, and which are no labels of photos."""
    for word, names in meant.taken.items():
        shown.print(safe(f"{word}: searched as {' or '.join(names)}"))
    for label in meant.hidden:
        shown.print(safe(f"{label} is hidden by {map_file}."))
    for label, close in meant.unknown.items():
        unknown = f"No photo is labelled {label}"
        unknown += ": `not` leaves out nothing." if label in meant.excluding_none else "."
        shown.print(safe(f"{unknown} {_suggestion(close, meant.apart.get(label))}"))


def _suggestion(close: list[str], apart: list[str] | None) -> str:
    if apart:
        return f"Words side by side are one label: did you mean {' and '.join(apart)}?"
    return f"Did you mean {' or '.join(close)}?" if close else "`photos labels` lists those that there are."


def total_of(page: Page, after: str | None) -> str:
    """Return how many photos a page has, and whether that is all; "": it has none."""
    number = len(page.hits)
    if not number:
        return ""
    if page.more_after and after:
        return counted(number, "more photo")
    if page.more_after or after:
        which = "The first" if page.more_after else "The last"
        return f"{which} {'photo' if number == 1 else counted(number, 'photo')}"
    return counted(number, "photo")


def criteria_text(query: Query | None, wanted: SearchCriteria, prefix: str) -> str:
    """Return what is searched for, as it was understood."""
    since = wanted.since and f"uploaded since {_in_words(wanted.since)}"
    keys = prefix and f"keys beginning with {prefix}"
    time = wanted.taken and f"taken {wanted.taken}"
    place = wanted.near and f"near {wanted.near}"
    return ", ".join(str(part) for part in (query, time, place, since, keys, *wanted.quality) if part)


def _in_words(since: datetime) -> str:
    return f"{since:%Y-%m-%d %H:%M:%S} UTC".replace(" 00:00:00", "")


def show_why_none(found: Search, wanted: SearchCriteria, shown: Console) -> None:
    """Say what there is of each label, and of which photos is known what was searched for in vain."""
    if wanted.query:
        counts = [_count(found, label) for label in list(dict.fromkeys(labels_in(wanted.query)))[:_MAX_COUNTED]]
        if some := [text for text in counts if text]:
            shown.print(safe(f"Each by itself: {', '.join(some)}."), highlight=False)
    if wanted.quality:
        shown.print("Quality is known of photos that were labelled while the parameter ImageProperties was true.")
    if wanted.near:
        shown.print(
            "Places are known of photos that were labelled while the parameter PhotoMetadata was"
            " time-and-location; `photos backfill --all` fills in the others."
        )
    elif wanted.is_by_time:
        by_time = "" if wanted.taken else "Without a label photos are found by their times. "
        shown.print(
            f"{by_time}Times are known of photos that were labelled while the parameter PhotoMetadata was time or"
            " time-and-location; `photos backfill --all` fills in the others."
        )


def _count(found: Search, label: str) -> str | None:
    """Return how many photos a label has; None: it has none, which was said already, or is hidden."""
    count, is_all = found.searcher.count(label)
    name = found.names.name(label)
    return f"{name} {count:,}{'' if is_all else ' or more'}" if count and name else None


def show_spent(console: Console, spent: Spent) -> None:
    """Print what a search has read."""
    console.print(
        f"read {counted(spent.rows, 'index row')} and {counted(spent.documents, 'document')}: "
        f"{spent.units:,.1f} read units",
        highlight=False,
    )
