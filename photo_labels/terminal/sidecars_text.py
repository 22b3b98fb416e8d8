"""What became of the sidecars of an export, in a sentence for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.library.sidecars.files import Outcome
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from photo_labels.library.sidecars.exporting import SidecarExport


def show_sidecars(console: Console, export: SidecarExport) -> None:
    """Print how many sidecars there are, and which photos have none of ours, and why."""
    written, unchanged = export.counts[Outcome.WRITTEN], export.counts[Outcome.UNCHANGED]
    parts = [f"{counted(written, 'sidecar') if written else 'no sidecar'} written"]
    if unchanged:
        parts.append(f"{unchanged:,} unchanged")
    console.print(", ".join(parts), highlight=False)
    for sentence in _sentences(export):
        console.print(safe(sentence), soft_wrap=True)


def _sentences(export: SidecarExport) -> Iterator[str]:
    if count := export.counts[Outcome.NOT_OURS]:
        files, it = _files(export, Outcome.NOT_OURS), "it" if count == 1 else "them"
        yield f"{files} made or changed by somebody else, and left alone: move {it} away to have ours."
        yield from _names(export, Outcome.NOT_OURS)
    if export.counts[Outcome.OF_ANOTHER]:
        files = _files(export, Outcome.OF_ANOTHER)
        yield (
            f"{files} another photo's already, and left alone: two keys have one name on this disk, or the photos "
            "are of two buckets."
        )
        yield from _names(export, Outcome.OF_ANOTHER)
    if count := export.counts[Outcome.IMPOSSIBLE]:
        which = f": {export.first[Outcome.IMPOSSIBLE][0]}" if count == 1 else "."
        yield (
            f"{counted(count, 'photo')} without a sidecar: the key is no name for a file in that folder, or a "
            f"folder, links or permissions are in the way{which}"
        )
        yield from _names(export, Outcome.IMPOSSIBLE, suffix="")
    if count := export.without_boxes:
        yield (
            f"{counted(count, 'sidecar')} without boxes: only the photo itself, unchanged, beside its sidecar "
            "would tell how it is turned."
        )
    if count := export.rejected:
        yield f"{counted(count, 'photo')} rejected, without labels or a sidecar: `photos failures` says why."


def _files(export: SidecarExport, outcome: Outcome) -> str:
    """Return "a.jpg.xmp is", or "2 files are"."""
    count = export.counts[outcome]
    return f"{export.first[outcome][0]}.xmp is" if count == 1 else f"{count:,} files are"


def _names(export: SidecarExport, outcome: Outcome, suffix: str = ".xmp") -> Iterator[str]:
    """Yield a line for each of the first that ended so, of several, and one for how many others there are."""
    count, first = export.counts[outcome], export.first[outcome]
    if count > 1:
        yield from (f"    {key}{suffix}" for key in first)
        if others := count - len(first):
            yield f"    and {counted(others, 'other')}"
