"""How far an import is, and how it ended, for `photos import` and `make demo`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from rich.padding import Padding
from rich.text import Text

from photo_labels.library.importing.ends import PENDING, UNFINISHED, End
from photo_labels.library.importing.patience import Hold
from photo_labels.records.decoders.limits import SHORTEST_SIDE
from photo_labels.records.formats import TOO_SMALL
from photo_labels.terminal.skipped_text import show_skipped
from photo_labels.terminal.status_line import StatusLine
from photo_labels.terminal.text import counted, duration, safe, spread

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from photo_labels.library.importing.finder import PhotoFinder
    from photo_labels.library.importing.importer import ImportProgress
    from photo_labels.library.importing.journal import Journal

# Without news for so long, and where there is no terminal, it is said what is waited for.
_QUIET_S, _QUIET_ELSEWHERE_S = 2.0, 60.0
# Where it is no more than so many photos, by name.
_FEW = 10
_HELD = {
    Hold.PAUSED: ("paused: photos resume continues", "paused"),
    Hold.OVER_BUDGET: ("budget spent: photos status says until when", "budget spent"),
}


class ImportDisplay:
    """How far an import is, in one line; where there is no terminal only what holds it up, once."""

    def __init__(self, console: Console, *, is_dry: bool = False) -> None:
        self._doing = "looking" if is_dry else "importing"
        self._done = "to upload" if is_dry else "uploaded"
        self._console = console
        self._told = ""
        self._line = StatusLine(console, "finding", "photo")

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._line.__exit__()

    def found(self, count: int) -> None:
        self._line.tell(count)

    def look(self, progress: ImportProgress) -> None:
        """Show how many of those are known to have ended that were imported before."""
        self._line.tell(progress.counts.ended, total=progress.counts.found, doing="looking")

    def show(self, progress: ImportProgress) -> None:
        counts = progress.counts
        held = _held(progress)
        if not self._console.is_terminal:
            self._tell_once(progress)
        problems = [
            f"{counts.ends[end]:,} {end.value}" for end in End if counts.ends[end] and end is not End.LABELLED
        ]
        self._line.tell(
            counts.ended,
            held or "",
            *problems,
            f"{counts.uploaded:,} {self._done}" if counts.uploaded else "",
            _left(progress) if not held and counts.waiting <= _FEW else _number_left(counts.waiting),
            total=counts.found,
            doing=self._doing,
            is_held=bool(held),
        )

    def _tell_once(self, progress: ImportProgress) -> None:
        """Print what holds it up, or is waited for; again only where something else holds it."""
        text = progress.hold.value if progress.hold else _waiting(progress, _QUIET_ELSEWHERE_S)
        what = text if progress.hold else "news"
        if text and what != self._told:
            self._console.print(safe(text), highlight=False, soft_wrap=True)
            self._told = what


def _held(progress: ImportProgress) -> tuple[str, ...] | None:
    """Return what holds an import up, in several lengths; None: nothing that is known."""
    if progress.offline_s:
        return f"no connection for {duration(progress.offline_s)}", "no connection"
    return _HELD[progress.hold] if progress.hold else None


def _left(progress: ImportProgress) -> str:
    return _waiting(progress, _QUIET_S) or _number_left(progress.counts.waiting)


def _number_left(waiting: int) -> str:
    return f"{waiting:,} waiting" if waiting else ""


def _waiting(progress: ImportProgress, quiet_s: float) -> str:
    """Say what is waited for, where there has been no news for so long; empty: it goes on."""
    if progress.quiet_s < quiet_s or not progress.waits_for:
        return ""
    count, first = progress.counts.waiting, safe(progress.waits_for).plain
    what = first if count <= 1 else f"{first} and {counted(count - 1, 'other')}"
    if count > _FEW:
        what = counted(count, "photo")
    return f"waiting for {what} for {duration(progress.quiet_s)}"


def show_summary(console: Console, journal: Journal, finder: PhotoFinder, *, is_over: bool = False) -> None:
    """Print numbers that add up, what was skipped, then every file that is not labelled, with its reason.

    `is_over`: the pipeline ends with the import, so that no command could list more.
    """
    counts = journal.counts()
    always = set() if any(counts.ends[end] for end in PENDING) else {End.LABELLED, End.REJECTED}
    ends = [end for end in End if counts.ends[end] or end in always]
    parts = " + ".join(f"{counts.ends[end]:,} {end.value}" for end in ends)
    console.print(f"{counted(counts.found, 'photo')} = {parts}", highlight=False)
    copies = max(0, counts.copies - counts.ends[End.COPY])
    known = [
        text
        for count, text in (
            (counts.there_before, f"{counts.there_before:,} in the bucket before"),
            (copies, f"{copies:,} with the content of another, which is in the bucket once"),
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
    show_not_labelled(console, journal, is_over=is_over)


def show_not_labelled(console: Console, journal: Journal, *, is_over: bool) -> None:
    """Every file that is not to be labelled any more, and why; in one line those that are too small.

    So are many that another run may help and that have one reason, as all that an interruption has left.
    """
    small = 0
    alike = Counter((file.end, file.why) for file in journal.files(but_labelled=True) if file.end in UNFINISHED)
    first: dict[tuple[End, str], Path] = {}
    for file in journal.files(but_labelled=True):
        if file.end is End.REJECTED and file.why.startswith(f"{TOO_SMALL}: "):
            small += 1
        elif file.end and alike[file.end, file.why] > _FEW:
            first.setdefault((file.end, file.why), file.path)
        elif file.end and file.end not in PENDING:
            _show_file(console, file.end, file.path, file.why)
    for (end, why), path in first.items():
        _show_file(console, end, f"{counted(alike[end, why], 'photo')}, the first is {path}", why)
    if small:
        them = "it" if small == 1 else "them"
        where = "" if is_over else f": `photos failures --reason {TOO_SMALL}` lists {them}"
        console.print(
            f"{End.REJECTED.value}: {small:,} too small (below {SHORTEST_SIDE} pixels a side){where}",
            highlight=False,
        )


def _show_file(console: Console, end: End, what: object, why: str) -> None:
    console.print(Text(f"{end.value}: ") + safe(what), soft_wrap=True)
    if end is not End.EMPTY:
        console.print(Padding(safe(why), (0, 0, 0, 4), expand=False))
