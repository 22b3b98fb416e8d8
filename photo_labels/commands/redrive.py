"""`photos redrive`: send rejected photos and dead letters back to be labelled."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import click
from rich.text import Text

from photo_labels.commands import GIVEN
from photo_labels.commands.failures import show_reasons, show_seen
from photo_labels.library.failures import Failures
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.retention import QueueRoom
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.commands import Session
    from photo_labels.library.failures import Redriven


@click.command()
@click.option("--reason", type=GIVEN, help="Only those with this reason, as `photos failures` has it.")
@click.option("--dry-run", is_flag=True, help="Only count what would be sent back.")
@click.pass_obj
def redrive(session: Session, reason: str | None, dry_run: bool) -> None:
    """Send rejected photos and dead letters back to be labelled, after the cause is fixed.

    \b
    photos redrive --dry-run
    photos redrive --reason ArchivedObject

    Each photo costs one Rekognition call. It can be interrupted and run again: nothing is lost, and what is sent
    twice is labelled once. Files that are no photos, and photos that are too small, are sent back with --reason
    NotAPhoto or TooSmall only.
    """  # noqa: D301 - click reads \b
    target = session.target()
    failed = Failures(target)
    if dry_run:
        everything = chain(failed.rejected(), failed.dead_letters())
        show_reasons(
            session.console, Counter((one.kind, one.reason) for one in everything if one.is_asked_for(reason))
        )
        show_seen(session.console, failed.seen)
        return
    with Reconciler(target, QueueRoom(target)) as reconciler:
        redriven = failed.redrive(reason, reconciler)
    show_redriven(session.console, redriven)


def show_redriven(console: Console, redriven: Redriven) -> None:
    """Print what was sent back, and what was not."""
    photos, messages = counted(redriven.photos, "rejected photo"), counted(redriven.messages, "dead letter")
    task = ", by SQS itself" if redriven.by_task else ""
    console.print(f"sent back: {photos}, {messages}{task}", highlight=False)
    for reason, count in redriven.left.most_common():
        console.print(Text(f"left: {counted(count, 'dead letter')}, ") + safe(reason))
    if redriven.not_seen:
        console.print(
            f"About {counted(redriven.not_seen, 'dead letter')} could not be looked at: the same command goes on.",
            highlight=False,
        )
