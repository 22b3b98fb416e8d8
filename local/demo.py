"""`make demo`: photos in, labels out, and a search for one of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console

from photos.display import ImportDisplay, hits_table, photos_table, show_summary
from photos.importing import import_folder
from photos.reading import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from photos.target import Target


def demonstrate(target: Target, folder: Path, started_s: float) -> int:
    """Import a folder, show what became of it, search for a label; gives the exit code of the import."""
    console = Console(highlight=False)
    console.print(f"local cloud up in {started_s:.1f} s: stack deployed, function warm")
    with ImportDisplay(console) as display:
        result = import_folder(target, folder, display.show)
    if result.interrupted:
        raise KeyboardInterrupt
    console.print(photos_table(result.photos))
    show_summary(console, result)
    if label := _common([one.document.labels for one in result.photos if one.document]):
        console.print(f"\n$ photos search {label!r}")
        console.print(hits_table(Reader(target).search(label, 0, 5), label))
    return 0 if result.is_complete else 1


def _common(labels: list[tuple[dict[str, str], ...]]) -> str | None:
    """The label that most photos have: the first of these in the photo where it is surest."""
    counts = Counter(label["Name"] for one in labels for label in one)
    return max(counts, key=lambda name: counts[name]) if counts else None
