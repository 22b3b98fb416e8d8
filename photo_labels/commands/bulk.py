"""Commands about many photos: bring them in, have them labelled, forget them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photo_labels.commands import GIVEN, GIVEN_PATH
from photo_labels.commands.bringing import Wanted, bring
from photo_labels.commands.filling import Wanted as Filling
from photo_labels.commands.filling import fill
from photo_labels.library.purging import Chosen, Purger, beginning_with, named
from photo_labels.terminal.display import StatusDisplay, purged_text, show_purged
from photo_labels.terminal.ending import agree

if TYPE_CHECKING:
    from photo_labels.commands import Session
    from photo_labels.library.target import Target


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=GIVEN_PATH)
@click.option("--prefix", default="", help="Put before the name of each photo in the bucket, say holiday/.")
@click.option("--include", type=GIVEN, multiple=True, metavar="GLOB", help="Only photos whose name or path fits.")
@click.option("--exclude", type=GIVEN, multiple=True, metavar="GLOB", help="No photos whose name or path fits.")
@click.option("--replace", "is_replacing", is_flag=True, help="Upload over other photos of that name, too.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what would be uploaded, and what it would cost.")
@click.option("--wait/--no-wait", "is_waiting", default=True, help="Wait for the labels.", show_default=True)
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, whatever it costs.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each file, and one for the sum.")
@click.pass_obj
def import_(session: Session, /, **wanted: Any) -> None:
    """Upload the photos in PATHS, folders or files, and wait until each is labelled, or rejected with a reason.

    A photo has its path below the folder as its name. What was uploaded before is not uploaded again, also from a
    folder that was moved; stopped by whatever, the same command goes on where it was.

    Exit code 0: all are labelled, or uploaded with --no-wait; 1: some cannot be labelled; 3: some are not
    uploaded, or not accounted for: running it again may help; 130: stopped by Ctrl-C; 2: nothing could be done.
    """
    asked = Wanted(**wanted)
    shown = Console(stderr=True) if asked.is_json else session.console
    sys.exit(bring(session.target(shown), asked, shown))


@click.command()
@click.argument("where", metavar="[s3://BUCKET/PREFIX]", type=GIVEN, required=False)
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
@click.pass_obj
def backfill(session: Session, /, **wanted: Any) -> None:
    """Have photos labelled that were in a bucket before the pipeline, or were missed.

    Looks at every object of the place, or of the pipeline's own bucket, compares it with its document, and queues
    what has none or changed since; no faster than the queue empties, so that new photos do not wait for them.
    Stopped, the same command goes on where it was.

    After a change of MinConfidence or MaxLabels: --all. Exit code 0: all is queued; 130: stopped by Ctrl-C.
    """
    asked = Filling(**wanted)
    if asked.is_forced and not asked.is_all:
        raise click.UsageError("--force goes with --all: what has no document is labelled in any case.")
    sys.exit(fill(session.target(), asked, session.console))


@click.command()
@click.argument("images", metavar="[IMAGE]...", type=GIVEN, nargs=-1)
@click.option("--prefix", help="All photos whose keys begin with this, or s3://bucket/this.")
@click.option("--everything", "is_everything", is_flag=True, help="All photos of the bucket, or of s3://bucket/.")
@click.option(
    "--objects",
    "objects",
    flag_value="known",
    help="Also the photos themselves, in all their versions: objects that have a document.",
)
@click.option("--all-objects", "objects", flag_value="all", help="Also objects of which nothing is known.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.pass_obj
def purge(session: Session, /, **asked: Any) -> None:
    """Remove what is known of photos: documents, index rows, and messages that wait in the queues.

    IMAGE is a key, bucket/key, or s3://bucket/key. Without --objects the photos stay in the bucket: a backfill
    would label them again. By prefix, all documents are read once to count and once to remove.
    """
    objects, is_sure = asked.pop("objects"), asked.pop("is_sure")
    target = session.target()
    purger = Purger(target, _chosen(target, **asked), objects)
    with StatusDisplay(session.console, "looking") as display:
        there = purger.count()
    show_purged(session.console, "There are", there, objects)
    if not is_sure:
        agree("Remove them, and messages about them?")
    try:
        with StatusDisplay(session.console, "removing") as display:
            purger.run(lambda one: display.tell(purged_text(one)))
    finally:  # also where credentials have ended, or after Ctrl-C
        show_purged(session.console, "Removed", purger.purged, objects)


def _chosen(target: Target, images: tuple[str, ...], prefix: str | None, *, is_everything: bool) -> Chosen:
    """Find out which photos are meant; an empty prefix, say of a variable that is not set, means none."""
    if sum((bool(images), prefix is not None or is_everything)) != 1:
        raise click.UsageError("Name photos, or a --prefix, or say --everything.")
    if images:
        return named(target, images)
    chosen = beginning_with(target, prefix or "")
    if not chosen.prefix and not is_everything:
        raise click.UsageError(f"--prefix {prefix!r} is all of {chosen.bucket}: if it is meant, say --everything.")
    if chosen.prefix and is_everything:
        raise click.UsageError(f"--prefix {prefix!r} is not everything: leave one of them out.")
    return chosen
