"""`photos redrive`: send rejected photos and dead letters back to be labelled."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import click
from rich.text import Text

from photo_labels.commands import GIVEN
from photo_labels.commands.failures import show_none_of, show_reasons, show_seen
from photo_labels.library.failures import Failures
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.retention import QueueRoom
from photo_labels.terminal.status_line import StatusLine
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
        _show_what_would_be(session.console, failed, reason)
        return
    with (
        StatusLine(session.console, "sending back", "failure") as display,
        Reconciler(target, QueueRoom(target)) as reconciler,
    ):
        redriven = failed.redrive(
            reason,
            reconciler,
            lambda one: display.tell(one.photos + one.messages, counted(one.messages, "dead letter")),
        )
    show_redriven(session.console, redriven, reason)


def _show_what_would_be(console: Console, failed: Failures, reason: str | None) -> None:
    wanted: Counter[tuple[str, str]] = Counter()
    others: Counter[str] = Counter()
    with StatusLine(console, "looking", "failure") as display:
        for number, one in enumerate(chain(failed.rejected(), failed.dead_letters()), 1):
            display.tell(number)
            if one.is_asked_for(reason):
                wanted[one.kind, one.reason] += 1
            else:
                others[one.reason] += 1
    if reason and not wanted:
        show_none_of(console, reason, others)
    else:
        show_reasons(console, wanted)
    show_seen(console, failed.seen)


def show_redriven(console: Console, redriven: Redriven, reason: str | None) -> None:
    """Print what was sent back, those of a reason or all, and what was not."""
    task = ", by SQS itself" if redriven.by_task else ""
    kinds = (
        (redriven.photos, counted(redriven.photos, "rejected photo")),
        (redriven.messages, f"{counted(redriven.messages, 'dead letter')}{task}"),
    )
    if parts := [text for count, text in kinds if count]:
        console.print(f"sent back: {', '.join(parts)}", highlight=False)
    elif reason:
        show_none_of(console, reason, redriven.left + redriven.left_photos)
    else:
        console.print("Nothing to send back: there are no failures that another try could help.")
    for other, count in redriven.left.most_common() if parts else ():
        console.print(Text(f"left: {counted(count, 'dead letter')}, ") + safe(other))
    if redriven.not_seen:
        console.print(
            f"About {counted(redriven.not_seen, 'dead letter')} could not be looked at: the same command goes on.",
            highlight=False,
        )
