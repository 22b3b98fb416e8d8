"""Texts for a terminal: counts, durations, and texts from outside that cannot do anything to it."""

from __future__ import annotations

import statistics
import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photo_labels.records.documents import Document


_NARROWEST = 20
_CENT = 0.01


def safe(text: object) -> Text:
    """Show a text as it is, except what a terminal would obey; never read as markup."""
    plain = str(text)
    return Text("".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in plain))


def counted(number: int, noun: str) -> str:
    """A number of things: "1 photo", "2 photos"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_text(size: float) -> str:
    """Return a number of bytes as "12 bytes", "340.0 KB", "1.2 MB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return counted(int(size), "byte")


def some(number: int, noun: str) -> str:
    """Return "no photos", "1 photo", "2 photos"."""
    return counted(number, noun) if number else f"no {noun}s"


def cost_text(usd: float) -> str:
    """Return "about 1.23 USD", or that it is less than a cent."""
    return f"about {usd:,.2f} USD" if usd >= _CENT / 2 else "less than 0.01 USD"


def listing(title: str, parts: Sequence[str], width: int) -> Text:
    """Return "title: part, part", wrapped between parts where it is wider than that many columns."""
    # Only spaces and the like are broken at, and not the one that does not break.
    unbroken = [str(safe(part)).replace(" ", "\N{NO-BREAK SPACE}") for part in parts]
    lines = textwrap.wrap(
        f"{title}: {', '.join(unbroken)}",
        max(width, _NARROWEST),
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return Text("\n".join(lines).replace("\N{NO-BREAK SPACE}", " "))


def labels_of(document: Document, most: int = 6) -> str:
    """A document's surest labels in one line."""
    names = [f"{label['Name']} {label['Confidence']:.0f}" for label in document.labels[:most]]
    return ", ".join(names) or "nothing that is sure enough"


def time_text(document: Document) -> str:
    """Return the time that a photo is found by, to the minute; and says so where that is of its upload."""
    time = (document.timeline or "").replace("T", " ")[:16]
    return f"{time} (uploaded)" if time and not document.is_dated else time


def spread(seconds: Sequence[float]) -> str:
    """Median, 95th percentile and worst."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"p50 {statistics.median(ordered):.2f} s, p95 {p95:.2f} s, max {ordered[-1]:.2f} s"


def duration(seconds: float) -> str:
    """A time that a person can grasp: "45 s", "12 min", "3.4 h", "2.1 days"."""
    for unit_s, name, digits in ((86_400, "days", 1), (3_600, "h", 1), (60, "min", 0)):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.{digits}f} {name}"
    return f"{seconds:.0f} s"
