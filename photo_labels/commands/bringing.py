"""`photos import`: find, say what it costs, upload and wait, and say what became of each."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from photo_labels.library.costs import ASK_ABOVE_USD, USD_A_PHOTO
from photo_labels.library.importing.finding import Finder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import End, Journal
from photo_labels.library.target import state_path
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.display import ImportDisplay, safe, show_plan, show_summary
from photo_labels.terminal.ending import INTERRUPTED, NOT_ALL_DONE, agree

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from photo_labels.library.importing.importer import Stop
    from photo_labels.library.importing.journal import Counts
    from photo_labels.library.target import Target

_SOME_CANNOT_BE_LABELLED = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    paths: tuple[Path, ...]
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    is_replacing: bool = False
    is_dry: bool = False
    is_waiting: bool = True
    is_sure: bool = False
    is_json: bool = False


def journal_path(target: Target) -> Path:
    """Where a pipeline's journal is."""
    return state_path(target, "imported.sqlite")


def bring(target: Target, wanted: Wanted, console: Console) -> int:
    """Import photos; returns the exit code. Raises UserError where there is nothing to import."""
    try:
        return _brought(target, wanted, console)
    except sqlite3.Error as error:
        path = journal_path(target)
        raise UserError(f"{path} cannot be written to ({error}): make room, and run it again to go on.") from error


def _brought(target: Target, wanted: Wanted, console: Console) -> int:
    finder = Finder(target.outputs.key_prefix + wanted.prefix, wanted.include, wanted.exclude)
    with ExitStack() as opened:
        journal = opened.enter_context(Journal(journal_path(target)))
        if wanted.is_dry:  # which takes note of what would be uploaded
            journal = opened.enter_context(journal.copied())
        importer = Importer(target, journal, is_replacing=wanted.is_replacing, is_dry=wanted.is_dry)
        with ImportDisplay(console, is_dry=wanted.is_dry) as display:
            importer.find(finder, wanted.paths, display.found)
        if not wanted.is_dry:
            _agree(journal, target, wanted, console)
        with ImportDisplay(console, is_dry=wanted.is_dry) as display:
            importer.on_progress = display.show
            stop = importer.run(is_waiting=wanted.is_waiting and not wanted.is_dry)
        if wanted.is_dry:
            new, size = journal.counts().uploaded, journal.uploaded_bytes()
            show_plan(console, journal.counts().found, f"{new:,}", size, _usd(target, new))
        show_summary(console, journal, finder)
        if stop:
            console.print(safe(stop.why), style="red")
        if wanted.is_json:
            _print_json(journal, finder)
        return _exit_code(journal.counts(), stop)


def _agree(journal: Journal, target: Target, wanted: Wanted, console: Console) -> None:
    """Say what an import is about to do, and ask where it may cost more than a dollar."""
    most, size = journal.to_upload()
    usd = _usd(target, most)
    show_plan(console, journal.counts().found, f"up to {most:,}" if most else "none", size, usd)
    if usd > ASK_ABOVE_USD and not wanted.is_sure:
        agree("Go on?")


def _usd(target: Target, photos: int) -> float:
    return 0.0 if target.is_local else photos * USD_A_PHOTO


def _exit_code(counts: Counts, stop: Stop | None) -> int:
    if stop:
        return INTERRUPTED if stop.is_interruption else NOT_ALL_DONE
    if counts.ends[End.NOT_UPLOADED] or counts.ends[End.UNACCOUNTED]:
        return NOT_ALL_DONE
    return _SOME_CANNOT_BE_LABELLED if counts.ends[End.REJECTED] or counts.ends[End.REMOVED] else 0


def _print_json(journal: Journal, finder: Finder) -> None:
    """A line for each file, in the order of their paths, and one for the sum."""
    for file in journal.files(but_labelled=False):
        line = {
            "path": os.fsencode(file.path).decode(errors="backslashreplace"),
            "key": file.content_key,
            "end": file.end.value if file.end else None,
            "why": file.why or None,
            "seconds": None if file.seconds is None else round(file.seconds, 3),
        }
        print(json.dumps(line))
    counts = journal.counts()
    sums: dict[str, Any] = {
        "files": counts.found,
        "uploaded": counts.uploaded,
        "there_before": counts.there_before,
        "copies": counts.copies,
        "ends": {end.value: counts.ends[end] for end in End},
        "left_alone": finder.left_alone,
        "folders_left_alone": finder.folders_left_alone,
    }
    print(json.dumps(sums))
