"""`photos purge`: remove the documents and index rows of photos, and the photos themselves where asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from photo_labels.commands import GIVEN
from photo_labels.library.purge import Chosen, Purger, beginning_with, named
from photo_labels.terminal.ending import agree
from photo_labels.terminal.status_line import StatusLine
from photo_labels.terminal.text import counted, safe, size_text

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.commands import Session
    from photo_labels.library.purge import Purged
    from photo_labels.library.target import Target


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
    """Remove the data about photos: documents, index rows, and dead letters.

    \b
    photos purge holiday/img_0001.jpg
    photos purge s3://my-bucket/holiday/img_0001.jpg
    photos purge --prefix holiday/

    IMAGE is a key, bucket/key, or s3://bucket/key. What happened to the photos until now is not labelled any more,
    also if it still waits in a queue; what is uploaded from now on is. Without --objects the photos stay in the
    bucket. For 60 days neither a backfill nor an audit brings them back, but `photos backfill --all --force` does.

    By prefix, all documents are read and the bucket is listed, once to count and once to remove.
    """  # noqa: D301 - click reads \b
    objects, is_sure = asked.pop("objects"), asked.pop("is_sure")
    target = session.target()
    purger = Purger(target, _chosen(target, **asked), objects)
    with PurgeDisplay(session.console, "looking", "photo") as display:
        there = purger.count(display.show)
    show_there(session.console, there)
    if not is_sure:
        agree("Remove them, and dead letters about them?" if there.is_any else "Remove dead letters about them?")
    try:
        with PurgeDisplay(session.console, "removing", "photo", about=there.photos) as display:
            purger.run(display.show)
    finally:  # also where credentials have ended, or after Ctrl-C
        show_removed(session.console, purger.purged)


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


class PurgeDisplay(StatusLine):
    """Shows how many photos were counted, or removed."""

    def show(self, purged: Purged) -> None:
        self.tell(purged.photos, *purged_parts(purged))


def purged_parts(purged: Purged) -> list[str]:
    """Return what is there, or was removed, by kind; what there is none of is left out."""
    kinds = (
        (purged.documents, counted(purged.documents, "document")),
        (purged.rows, counted(purged.rows, "index row")),
        (purged.unlabelled, f"{counted(purged.unlabelled, 'photo')} without labels"),
        (purged.messages, counted(purged.messages, "dead letter")),
        (purged.objects, f"{counted(purged.objects, 'object')} of {size_text(purged.size)}"),
    )
    return [text for count, text in kinds if count]


def show_there(console: Console, there: Purged) -> None:
    """Print what a purge is about."""
    parts = ", ".join(purged_parts(there))
    console.print(f"To remove: {parts}" if parts else "Nothing is known of these photos.", highlight=False)
    _show_others(console, there)


def show_removed(console: Console, purged: Purged) -> None:
    """Print what a purge did."""
    console.print(f"Removed: {', '.join(purged_parts(purged)) or 'nothing'}", highlight=False)
    _show_others(console, purged)


def _show_others(console: Console, purged: Purged) -> None:
    if purged.keys:
        among = " among them" if purged.photos > len(purged.keys) else ""
        console.print(safe(f"  {', '.join(purged.keys)}{among}"), soft_wrap=True)
    if purged.spared:
        what, stay = counted(purged.spared, "other object"), "it stays" if purged.spared == 1 else "they stay"
        console.print(
            f"Nothing is known of {what}: {stay}, unless --all-objects says otherwise.",
            highlight=False,
        )
    if purged.not_seen:
        console.print(
            f"About {counted(purged.not_seen, 'dead letter')} could not be looked at: the same command goes on.",
            highlight=False,
        )
