"""How far an import is, and how it ended, for `photos import` and `make demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from photo_labels.library.importing.journal import End
from photo_labels.records.decoders.limits import SHORTEST_SIDE
from photo_labels.records.formats import TOO_SMALL
from photo_labels.terminal.skipped_text import show_skipped
from photo_labels.terminal.text import counted, duration, safe, spread

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.library.importing.finder import PhotoFinder
    from photo_labels.library.importing.importer import ImportProgress
    from photo_labels.library.importing.journal import Journal

# Without news for so long it is said what is waited for, where it is no more than so many photos.
_QUIET_S = 60.0
_FEW = 10


class ImportDisplay:
    """How far an import is, in one line; where there is no terminal only what holds it up, once."""

    def __init__(self, console: Console, *, is_dry: bool = False) -> None:
        self._is_dry = is_dry
        self._console = console
        self._told = ""
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[details]}", markup=False),  # names of photos are in it
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            speed_estimate_period=60,
        )
        self._task = self._bar.add_task("finding", total=None, details="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def found(self, count: int) -> None:
        self._bar.update(self._task, completed=count, refresh=True)

    def show(self, progress: ImportProgress) -> None:
        counts = progress.counts
        parts = [
            f"{counts.uploaded:,} {'to upload' if self._is_dry else 'uploaded'}",
            *(f"{counts.ends[end]:,} {end.value}" for end in End if counts.ends[end]),
            f"{counts.waiting:,} waiting",
        ]
        if waiting := _waiting(progress):
            self._tell_once(progress, waiting)
            parts.append(waiting)
        if progress.offline_s:
            parts = [f"no connection to AWS for {progress.offline_s:.0f} s"]
        speed = self._bar.tasks[self._task].speed
        if speed:
            parts.append(f"{speed:.1f}/s")
        self._bar.update(
            self._task,
            description="looking" if self._is_dry else "importing",
            total=counts.found,
            completed=counts.ended,
            details=", ".join(parts),
            refresh=True,
        )

    def _tell_once(self, progress: ImportProgress, waiting: str) -> None:
        """Print what is waited for where there is no bar to show it; again only where something else holds it."""
        what = progress.hold.value if progress.hold else "news"
        if not self._console.is_terminal and what != self._told:
            self._console.print(safe(waiting), highlight=False)
            self._told = what


def _waiting(progress: ImportProgress) -> str:
    """Say what is waited for, and what holds it up; empty: it goes on."""
    if progress.quiet_s < _QUIET_S or not progress.waits_for:
        return ""
    count, first = progress.counts.waiting, safe(progress.waits_for).plain
    what = first if count <= 1 else f"{first} and {counted(count - 1, 'other')}"
    if count > _FEW:
        what = counted(count, "photo")
    hold = f": {progress.hold.value}" if progress.hold else ""
    return f"waiting for {what} for {duration(progress.quiet_s)}{hold}"


def show_summary(console: Console, journal: Journal, finder: PhotoFinder) -> None:
    """Print numbers that add up, what was skipped, then every file that is not labelled, with its reason."""
    counts = journal.counts()
    always = set() if counts.ends[End.TO_UPLOAD] or counts.ends[End.UPLOADED] else {End.LABELLED, End.REJECTED}
    ends = [end for end in End if counts.ends[end] or end in always]
    parts = " + ".join(f"{counts.ends[end]:,} {end.value}" for end in ends)
    console.print(f"{counted(counts.found, 'photo')} = {parts}", highlight=False)
    known = [
        text
        for count, text in (
            (counts.there_before, f"{counts.there_before:,} in the bucket before"),
            (counts.copies, f"{counts.copies:,} with the content of another, which is in the bucket once"),
        )
        if count
    ]
    if known:
        console.print(f"of these {' and '.join(known)}", highlight=False)
    show_skipped(console, "file", finder.skipped)
    show_skipped(console, "folder", finder.skipped_folders)
    seconds = journal.seconds()
    if seconds:
        console.print(f"upload to searchable: {spread(seconds)}", highlight=False)
    show_not_labelled(console, journal)


def show_not_labelled(console: Console, journal: Journal) -> None:
    """Every file that is not to be labelled any more, and why; those that are too small in one line."""
    small = 0
    for file in journal.files(but_labelled=True):
        if file.end is End.REJECTED and file.why.startswith(f"{TOO_SMALL}: "):
            small += 1
        elif file.end and file.end not in {End.UPLOADED, End.TO_UPLOAD}:
            console.print(Text(f"{file.end.value}: ") + safe(file.path), soft_wrap=True)
            console.print(Padding(safe(file.why), (0, 0, 0, 4)))
    if small:
        console.print(
            f"{End.REJECTED.value}: {small:,} too small (below {SHORTEST_SIDE} pixels a side): "
            f"`photos failures --reason {TOO_SMALL}` lists {'it' if small == 1 else 'them'}",
            highlight=False,
        )
