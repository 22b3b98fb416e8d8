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
    counts = export.counts
    written, unchanged = counts[Outcome.WRITTEN], counts[Outcome.UNCHANGED]
    console.print(f"{counted(written, 'sidecar')} written, {unchanged:,} unchanged", highlight=False)
    for sentence in _sentences(export):
        console.print(safe(sentence), soft_wrap=True)


def _sentences(export: SidecarExport) -> Iterator[str]:
    if count := export.counts[Outcome.NOT_OURS]:
        yield (
            f"{_files(count, export, Outcome.NOT_OURS)} made or changed by somebody else, and left alone: move "
            f"{'it' if count == 1 else 'them'} away to have ours."
        )
    if count := export.counts[Outcome.OF_ANOTHER]:
        yield (
            f"{_files(count, export, Outcome.OF_ANOTHER)} another photo's already, and left alone: two keys have "
            "one name on this disk, or the photos are of two buckets."
        )
    if count := export.counts[Outcome.IMPOSSIBLE]:
        key = export.first[Outcome.IMPOSSIBLE]
        yield (
            f"{counted(count, 'photo')} without a sidecar: the key is no name for a file in that folder, or a "
            f"folder, links or permissions are in the way: {key}"
        )
    if count := export.without_boxes:
        yield (
            f"{counted(count, 'sidecar')} without boxes: only the photo itself, unchanged, beside its sidecar "
            "would tell how it is turned."
        )
    if count := export.rejected:
        yield f"{counted(count, 'photo')} rejected, without labels or a sidecar: `photos failures` says why."


def _files(count: int, export: SidecarExport, outcome: Outcome) -> str:
    """Return "a.jpg.xmp is", or "2 files (a.jpg.xmp …) are"."""
    first = f"{export.first[outcome]}.xmp"
    return f"{first} is" if count == 1 else f"{count:,} files ({first} …) are"
