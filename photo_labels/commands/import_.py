"""`photos import`: find photos, say what it costs, upload and wait, and say what became of each."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photo_labels.commands import GIVEN, GIVEN_PATH
from photo_labels.library.costs import ASK_ABOVE_USD, PRICES, usd_of
from photo_labels.library.importing.ends import CANNOT_BE_LABELLED, UNFINISHED, End
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import Journal
from photo_labels.library.retention import QueueRoom
from photo_labels.library.skipped import most_frequent
from photo_labels.library.state_files import state_path
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.budget_text import warn_of_budget
from photo_labels.terminal.ending import INTERRUPTED, NOT_ALL_DONE, agree
from photo_labels.terminal.import_display import ImportDisplay, show_summary
from photo_labels.terminal.text import cost_text, counted, safe, size_text

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.commands import Session
    from photo_labels.library.importing.importer import Stop
    from photo_labels.library.importing.journal import ImportCounts
    from photo_labels.library.target import Target


_SOME_CANNOT_BE_LABELLED = 1


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options of an import."""

    paths: tuple[Path, ...]
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    is_replacing: bool = False
    is_dry: bool = False
    is_waiting: bool = True
    is_resuming: bool = False
    is_sure: bool = False
    is_json: bool = False

    @property
    def chooses(self) -> bool:
        """Whether they say what to upload, or how."""
        return bool(self.prefix or self.include or self.exclude or self.is_replacing or self.is_dry)


@click.command("import")
@click.argument("paths", nargs=-1, type=GIVEN_PATH)
@click.option("--prefix", default="", help="Put before the name of each photo in the bucket, say holiday/.")
@click.option(
    "--include", type=GIVEN, multiple=True, metavar="GLOB", help="Only photos whose name or path matches."
)
@click.option("--exclude", type=GIVEN, multiple=True, metavar="GLOB", help="No photos whose name or path matches.")
@click.option("--replace", "is_replacing", is_flag=True, help="Also replace other photos with the same name.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what would be uploaded, and what it would cost.")
@click.option("--wait/--no-wait", "is_waiting", default=True, help="Wait for the labels.", show_default=True)
@click.option(
    "--resume", "is_resuming", is_flag=True, help="Upload nothing: wait for what earlier imports have uploaded."
)
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, also where it costs much.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each file, and one for the sum.")
@click.pass_obj
def import_(session: Session, /, **options: Any) -> None:
    """Upload the photos in PATHS, folders or files, and wait until each is labelled, or rejected with a reason.

    \b
    photos import ~/Pictures
    photos import ~/Pictures --prefix holiday/ --exclude '*.png'
    photos import ~/Pictures --dry-run
    photos import --resume

    A photo has its path below the folder as its name. What was uploaded before is not uploaded again, also from a
    folder that was moved. After an interruption, run the same command again: it resumes. With --resume instead of
    PATHS nothing is uploaded: it waits for the labels of all that earlier imports have uploaded, or with --no-wait
    looks once what became of it.

    In a folder, what is no photo is skipped, and counted by suffix. A file that is named itself is imported also
    if it is hidden, and if it is no photo it is not uploaded, which the exit code says. A shell makes names of
    DIR/*: pass DIR, or leave videos out with --exclude.

    Exit code 0: all are labelled, or uploaded with --no-wait, but for empty files; 1: some cannot be labelled or
    uploaded as they are, which running it again does not change; 3: some are not uploaded, or not accounted for,
    and running it again may help; 130: stopped by Ctrl-C; 2: nothing could be done.
    """  # noqa: D301 - click reads \b
    asked = ImportOptions(**options)
    if asked.is_resuming and (asked.paths or asked.chooses):
        raise click.UsageError(
            "--resume goes with --no-wait and --json alone: it takes no PATHS and uploads nothing."
        )
    if not (asked.is_resuming or asked.paths):
        raise click.UsageError("Name folders or files in PATHS, or pass --resume.")
    shown = Console(stderr=True) if asked.is_json else session.console
    sys.exit(run_import(session.target(shown), asked, shown))


def journal_path(target: Target) -> Path:
    """Return the path of a pipeline's journal."""
    return state_path(target, "imported.sqlite")


def run_import(target: Target, options: ImportOptions, console: Console) -> int:
    """Import photos; return the exit code. Raises UserError where there is nothing to import."""
    try:
        return _import(target, options, console)
    except sqlite3.Error as error:
        path = journal_path(target)
        raise UserError(
            f"{path} cannot be written to ({error}): make room, and run it again to resume."
        ) from error


def _import(target: Target, options: ImportOptions, console: Console) -> int:
    keys = target.outputs.keys
    finder = PhotoFinder(keys.prefix + options.prefix, options.include, options.exclude, keys)
    with ExitStack() as opened:
        journal = opened.enter_context(Journal(journal_path(target)))
        if options.is_dry:  # which records what would be uploaded
            journal = opened.enter_context(journal.copied())
        room = None if options.is_resuming else QueueRoom(target)
        taken = None if options.is_dry else room
        importer = Importer(target, journal, room=taken, is_replacing=options.is_replacing, is_dry=options.is_dry)
        if options.is_resuming:
            importer.find_open()
        else:
            with ImportDisplay(console, is_dry=options.is_dry) as display:
                importer.find(finder, options.paths, display.found)
                importer.on_progress = display.look
                importer.look_at_known()
            if not options.is_dry:
                _agree(journal, target, options, room, console)
        with ImportDisplay(console, is_dry=options.is_dry) as display:
            importer.on_progress = display.show
            stop = importer.run(is_waiting=options.is_waiting and not options.is_dry)
        if options.is_dry:
            new, size = journal.counts().uploaded, journal.uploaded_bytes()
            show_plan(console, journal.counts().found, f"{new:,}", size, usd_of(target, new))
            warn_of_budget(room, new, console)
        counts = journal.counts()
        if options.is_resuming and not counts.found:
            console.print("Nothing is open: it is known what became of all that was imported from here.")
        else:
            show_summary(console, journal, finder)
        if stop:
            console.print(safe(stop.why), style="red")
        if count := counts.ends[End.UPLOADED]:
            console.print(resume_text(count), highlight=False)
        if options.is_json:
            _print_json(journal, finder)
        return _exit_code(counts, stop)


def _agree(
    journal: Journal, target: Target, options: ImportOptions, room: QueueRoom | None, console: Console
) -> None:
    """Print what an import is about to do, and ask where it may cost more than a dollar."""
    most, size = journal.to_upload()
    usd = usd_of(target, most)
    show_plan(console, journal.counts().found, f"up to {most:,}" if most > 1 else f"{most:,}", size, usd)
    warn_of_budget(room, most, console)
    if usd > ASK_ABOVE_USD and not options.is_sure:
        agree("Go on?")


def _exit_code(counts: ImportCounts, stop: Stop | None) -> int:
    if stop:
        return INTERRUPTED if stop.is_interruption else NOT_ALL_DONE
    ends = +counts.ends
    if ends.keys() & UNFINISHED:
        return NOT_ALL_DONE
    return _SOME_CANNOT_BE_LABELLED if ends.keys() & CANNOT_BE_LABELLED else 0


def _print_json(journal: Journal, finder: PhotoFinder) -> None:
    """Print a line of JSON for each file, in the order of paths, and one for the sum."""
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
        "skipped": [
            {"suffix": one.what, "files": count, "why": one.why} for one, count in most_frequent(finder.skipped)
        ],
        "folders_left_alone": finder.folders_left_alone,
        "skipped_folders": [
            {"name": one.what, "folders": count, "why": one.why}
            for one, count in most_frequent(finder.skipped_folders)
        ],
    }
    print(json.dumps(sums))


def resume_text(uploaded: int) -> str:
    """Return how to learn what became of photos that are uploaded and were not waited for."""
    what = "the one that is uploaded" if uploaded == 1 else f"the {uploaded:,} that are uploaded"
    return f"`photos import --resume` says later what became of {what}."


def show_plan(console: Console, found: int, new: str, size: int, usd: float) -> None:
    """Print what an import is about to do; `new`: how many photos it uploads, in words; "0": none."""
    cost = f", at {cost_text(usd)} ({PRICES})" if usd else ""
    amount = f", {size_text(size)}{cost}" if size else ""
    what = "none" if new == "0" else new
    console.print(f"{counted(found, 'photo')}, {what} to upload{amount}", highlight=False)
