"""`photos`: the commands."""

from __future__ import annotations

import os
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from photos.auditing import Auditor, Problem, Repairer
from photos.bringing import Wanted, bring
from photos.display import (
    AuditDisplay,
    StatusDisplay,
    counted,
    hits_table,
    purged_text,
    safe,
    show_audit,
    show_document,
    show_failure,
    show_purged,
    show_reasons,
    show_redriven,
)
from photos.errors import TOLD, sentence
from photos.failures import Failures
from photos.filling import Wanted as Filling
from photos.filling import fill
from photos.mapping import Mappings
from photos.purging import Purger, beginning_with, named
from photos.reading import Reader, candidates
from photos.reconciling import Reconciler
from photos.target import DEFAULT_STACK, Target, aws_target, local_target

console = Console()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--local", is_flag=True, help="Use the local cloud (make up), not AWS. Or PHOTOS_TARGET=local.")
@click.option("--stack", default=DEFAULT_STACK, show_default=True, help="The pipeline's stack on AWS.")
@click.option("--region", help="The stack's region; otherwise that of your AWS settings.")
@click.option("--profile", help="The profile of your AWS settings.")
@click.pass_context
def photos(context: click.Context, local: bool, stack: str, region: str | None, profile: str | None) -> None:
    """Label photos and find them again."""
    # Not now: `photos import --help` needs no credentials.
    if local or os.environ.get("PHOTOS_TARGET") == "local":
        context.obj = local_target
    else:
        context.obj = lambda: aws_target(stack, region, profile)


def _target(context: click.Context, shown: Console = console) -> Target:
    target: Target = context.obj()
    shown.print(safe(target.description), style="dim")
    return target


@photos.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--prefix", default="", help="Put before the name of each photo in the bucket, say holiday/.")
@click.option("--include", multiple=True, metavar="GLOB", help="Only photos whose name or path matches.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No photos whose name or path matches.")
@click.option("--replace", "is_replacing", is_flag=True, help="Upload over other photos of that name, too.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what would be uploaded, and what it would cost.")
@click.option("--wait/--no-wait", "is_waiting", default=True, help="Wait for the labels.", show_default=True)
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, whatever it costs.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each file, and one for the sum.")
@click.pass_context
def import_(context: click.Context, /, **wanted: Any) -> None:
    """Upload the photos in PATHS, folders or files, and wait until each is labelled, or rejected with a reason.

    A photo has its path below the folder as its name. What was uploaded before is not uploaded again, also from a
    folder that was moved; stopped by whatever, the same command goes on where it was.

    Exit code 0: all are labelled, or uploaded with --no-wait; 1: some cannot be labelled; 3: some are not
    uploaded, or not accounted for: running it again may help; 130: stopped by Ctrl-C; 2: nothing could be done.
    """
    asked = Wanted(**wanted)
    shown = Console(stderr=True) if asked.is_json else console
    context.exit(bring(_target(context, shown), asked, shown))


@photos.command()
@click.argument("image")
@click.pass_context
def show(context: click.Context, image: str) -> None:
    """Show what is known about IMAGE: a key, bucket/key, or s3://bucket/key."""
    target = _target(context)
    bucket = target.outputs["Bucket"]
    wanted = candidates(bucket, image)
    documents = Reader(target).documents(wanted)
    document = next((documents[one] for one in wanted if one in documents), None)
    if document is None:
        console.print(safe(f"Nothing is known of {image}: it is not in {bucket}, or not labelled yet."))
        context.exit(1)
    show_document(console, document)


@photos.command()
@click.argument("label")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 100),
    default=0,
    help="Only labels at least this sure.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The most photos shown.")
@click.pass_context
def search(context: click.Context, label: str, min_confidence: float, limit: int) -> None:
    """Find the photos with LABEL, the surest first."""
    target = _target(context)
    reader = Reader(target)
    for name in dict.fromkeys((label, label.title())):
        hits = reader.search(name, min_confidence, limit)
        if hits:
            console.print(hits_table(hits, name))
            more = f", the first {limit}" if len(hits) == limit else ""
            console.print(safe(f"{counted(len(hits), 'photo')} with {name}{more}"))
            return
    console.print(safe(f"No photo is labelled {label}."))
    context.exit(1)


@photos.command()
@click.argument("where", metavar="[s3://BUCKET/PREFIX]", default="")
@click.option(
    "--all", "is_all", is_flag=True, help="Also what is labelled; the function skips what is up to date."
)
@click.option(
    "--force", "is_forced", is_flag=True, help="With --all: label everything again, and pay for it again."
)
@click.option("--grant", "is_granting", is_flag=True, help="Let the functions read another bucket, by its policy.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what would be labelled, and what it would cost.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not look first, and do not ask, whatever it costs.")
@click.option("--anew", "is_anew", is_flag=True, help="Do not go on where it was stopped.")
@click.pass_context
def backfill(context: click.Context, /, **wanted: Any) -> None:
    """Have photos labelled that were in a bucket before the pipeline, or were missed.

    Looks at every object of the place, or of the pipeline's own bucket, compares it with its document, and queues
    what has none or changed since; no faster than the queue empties, so that new photos do not wait for them.
    Stopped, the same command goes on where it was.

    After a change of MinConfidence or MaxLabels: --all. Exit code 0: all is queued; 130: stopped by Ctrl-C.
    """
    asked = Filling(**wanted)
    if asked.is_forced and not asked.is_all:
        raise click.UsageError("--force goes with --all: what has no document is labelled in any case.")
    context.exit(fill(_target(context), asked, console))


@photos.command()
@click.argument("images", metavar="[IMAGE]...", nargs=-1)
@click.option("--prefix", help="All photos whose keys begin with this, or s3://bucket/this.")
@click.option("--objects", "with_objects", is_flag=True, help="Also the photos themselves, in all their versions.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.pass_context
def purge(
    context: click.Context, images: tuple[str, ...], prefix: str | None, with_objects: bool, is_sure: bool
) -> None:
    """Remove what is known of photos: documents, index rows, and messages that wait in the queues.

    IMAGE is a key, bucket/key, or s3://bucket/key. Without --objects the photos stay in the bucket: a backfill
    would label them again. By prefix, all documents are read once to count and once to remove.
    """
    if bool(images) == (prefix is not None):
        raise click.UsageError("Name photos, or a --prefix.")
    target = _target(context)
    chosen = named(target, images) if prefix is None else beginning_with(target, prefix)
    purger = Purger(target, chosen)
    with StatusDisplay(console, "looking") as display:
        there = purger.count(with_objects=with_objects)
    show_purged(console, "There are", there, with_objects=with_objects)
    if not is_sure:
        click.confirm("Remove them, and messages about them?", abort=True)
    with StatusDisplay(console, "removing") as display:
        purged = purger.run(with_objects=with_objects, tell=lambda one: display.tell(purged_text(one)))
    show_purged(console, "Removed", purged, with_objects=with_objects)


@photos.command()
@click.option("--repair", is_flag=True, help="Ask the function for the truth about what is wrong.")
@click.option("--list", "is_listed", is_flag=True, help="Name everything that is wrong.")
@click.pass_context
def audit(context: click.Context, repair: bool, is_listed: bool) -> None:
    """Compare the bucket with the documents, and the documents with the index.

    What changed in the last ten minutes may still be in the queue, and is no finding. Looks at every object and
    document: AWS bills a HeadObject for each photo, and reading both tables.

    Exit code 0: all is as it should be; 1: something is wrong, or was.
    """
    target = _target(context)
    auditor = Auditor(target)
    with AuditDisplay(console, "auditing") as display, Reconciler(target) as reconciler:
        repairer = Repairer(target, reconciler)

        def report(problem: Problem) -> None:
            if is_listed:
                display.list(problem)
            if repair:
                repairer.mend(problem)

        found = auditor.run(report, display.show)
    show_audit(console, found)
    if repair and found.found:
        console.print(
            f"{counted(reconciler.sent, 'photo')} will be looked at by the function, "
            f"{counted(repairer.rows_removed, 'row')} removed. Audit again when the queue is empty.",
            highlight=False,
        )
    context.exit(1 if found.found else 0)


@photos.command()
@click.option("--reason", help="Only those with this reason.")
@click.pass_context
def failures(context: click.Context, reason: str | None) -> None:
    """List rejected photos and dead letters, with the reason, when, and how often they were tried.

    Reads the whole table of documents. Exit code 0: there are none; 1: there are some.
    """
    failed = Failures(_target(context))
    counts: Counter[tuple[str, str]] = Counter()
    for failure in chain(failed.rejected(), failed.dead_letters()):
        if reason in {None, failure.reason}:
            counts[failure.kind, failure.reason] += 1
            show_failure(console, failure)
    show_reasons(console, counts)
    context.exit(1 if counts else 0)


@photos.command()
@click.option("--reason", help="Only those with this reason, as `photos failures` has it.")
@click.option("--dry-run", is_flag=True, help="Only count what would be sent back.")
@click.pass_context
def redrive(context: click.Context, reason: str | None, dry_run: bool) -> None:
    """Send rejected photos and dead letters back to be labelled, after their cause is mended.

    Each photo costs one Rekognition call. It can be stopped and started again: nothing is lost, and what is sent
    twice is done once.
    """
    target = _target(context)
    failed = Failures(target)
    if dry_run:
        everything = chain(failed.rejected(), failed.dead_letters())
        show_reasons(
            console, Counter((one.kind, one.reason) for one in everything if reason in {None, one.reason})
        )
        return
    with Reconciler(target) as reconciler:
        redriven = failed.redrive(reason, reconciler)
    show_redriven(console, redriven)


@photos.command()
@click.pass_context
def pause(context: click.Context) -> None:
    """Stop labelling: photos wait in the queue, for ten days at most, and none is lost."""
    Mappings(_target(context)).switch(on=False)
    console.print("Paused: photos wait in the queue, for ten days at most. `photos resume` goes on with them.")


@photos.command()
@click.pass_context
def resume(context: click.Context) -> None:
    """Go on labelling what has waited, and what comes."""
    Mappings(_target(context)).switch(on=True)
    console.print("Resumed: what has waited is labelled now.")


def main() -> None:
    """The console script: what is a person's to mend is said in a sentence, without a traceback."""
    try:
        photos.main(prog_name="photos", standalone_mode=True)
    except TOLD as error:
        Console(stderr=True).print(safe(f"photos: {sentence(error)}"), soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:  # photos search … | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
