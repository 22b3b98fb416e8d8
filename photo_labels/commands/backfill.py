"""`photos backfill`: check that the functions may read the bucket, say what it costs, queue what is missing."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from photo_labels.commands import GIVEN
from photo_labels.library.backfilling.backfill import THREADS, Backfill, BackfillScope
from photo_labels.library.backfilling.bucket_policy import Grant
from photo_labels.library.costs import ASK_ABOVE_USD, PRICES, usd_of
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.retention import QueueRoom
from photo_labels.library.state_files import state_path
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.budget_text import warn_of_budget
from photo_labels.terminal.ending import agree
from photo_labels.terminal.skipped_text import show_skipped
from photo_labels.terminal.status_line import StatusLine
from photo_labels.terminal.text import cost_text, counted, duration, safe, some

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.commands import Session
    from photo_labels.library.backfilling.backfill import BackfillCounts, BackfillProgress
    from photo_labels.library.target import Target


@dataclass(frozen=True, slots=True)
class BackfillOptions:
    """The options of a backfill."""

    # s3://bucket/prefix; None: all of the pipeline's own.
    where: str | None
    is_all: bool = False
    is_forced: bool = False
    is_granting: bool = False
    is_dry: bool = False
    is_sure: bool = False
    is_anew: bool = False


@click.command()
@click.argument("where", metavar="[s3://BUCKET/PREFIX]", type=GIVEN, required=False)
@click.option(
    "--all", "is_all", is_flag=True, help="Also photos with labels; the function skips those that are up to date."
)
@click.option(
    "--force",
    "is_forced",
    is_flag=True,
    help="With --all: label everything again, purged photos too, and pay for it again.",
)
@click.option("--grant", "is_granting", is_flag=True, help="Let the functions read another bucket, by its policy.")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what would be labelled, and what it would cost.")
@click.option("--yes", "is_sure", is_flag=True, help="Skip the count of costs, and the question.")
@click.option("--anew", "is_anew", is_flag=True, help="Begin at the first object, not where it was interrupted.")
@click.pass_obj
def backfill(session: Session, /, **options: Any) -> None:
    """Label photos that were in a bucket before the pipeline, or were missed.

    \b
    photos backfill --dry-run
    photos backfill
    photos backfill s3://my-bucket/2019/ --dry-run

    Looks at every object there, or of the pipeline's own bucket, compares it with its document, and queues
    what has none or changed since. It ends when all is queued: photos that are uploaded meanwhile do not wait for
    them. No more is queued than is labelled within 10 days. After an interruption, run the same command again: it
    resumes.

    After a change of MinConfidence, MaxLabels, filters of labels or ImageProperties: --all. Photos that were
    purged and did not change since are left out, for 60 days; --all --force brings them back. Exit code 0: all is
    queued; 3: no more may wait, it says when the same command goes on; 130: stopped by Ctrl-C.
    """  # noqa: D301 - click reads \b
    asked = BackfillOptions(**options)
    if asked.is_forced and not asked.is_all:
        raise click.UsageError("--force goes with --all: what has no document is labelled in any case.")
    sys.exit(run_backfill(session.target(), asked, session.console))


def run_backfill(target: Target, options: BackfillOptions, console: Console) -> int:
    """Backfill; return the exit code. Raises UserError where the functions could not read the photos."""
    place = _place(target, options)
    if place.bucket != target.outputs.bucket:
        _check_permissions(target, place.bucket, options, console)
    backfill = Backfill(target, place, state_path(target, "backfill.json"))
    after = "" if options.is_anew or options.is_dry else backfill.stopped_after()
    if after:
        console.print(safe(f"resumes after {after}; --anew begins at the first object"))
    room, about = QueueRoom(target), None
    if options.is_dry or not (options.is_sure or target.is_local):
        with BackfillDisplay(console, "looking", "photo") as display:
            counts = backfill.count(after, display.show)
        about, usd = counts.objects, usd_of(target, counts.to_label)
        show_backfill(console, place, counts, usd)
        warn_of_budget(room, counts.to_label, console)
        if options.is_dry or not counts.wanted:
            return 0
        if usd > ASK_ABOVE_USD:
            agree("Go on?")
    try:
        with (
            BackfillDisplay(console, "queueing", "photo", about=about) as display,
            Reconciler(target, room, THREADS) as reconciler,
        ):
            counts = backfill.run(after, reconciler, display.show)
    except BaseException:  # credentials that have ended, no more room, Ctrl-C
        sent = reconciler.sent
        queued = f"{counted(sent, 'photo')} queued will be labelled" if sent else "No photo is queued"
        console.print(f"{queued}; the same command resumes.", style="red", highlight=False)
        raise
    if options.is_sure or target.is_local:
        show_backfill(console, place, counts, 0.0)
    console.print(queued_text(counts.wanted, _when_done(room), _what_is_left(target, place)), highlight=False)
    return 0


def queued_text(queued: int, when: str, command: str) -> str:
    """Return what was queued, when it will be labelled, and which command tells what is left."""
    if not queued:
        return "nothing to queue"
    return f"{counted(queued, 'photo')} queued: {when}; `{command}` tells what is left"


def _when_done(room: QueueRoom) -> str:
    """Say when all that waits will be labelled; what was only now queued shows in no rate of the last minutes."""
    seconds = room.labelled_in_s()
    return f"labelled in about {duration(seconds)}" if seconds else "labelled one after another"


def _what_is_left(target: Target, place: BackfillScope) -> str:
    """Return the command that shows what is left: an audit covers only the pipeline's own bucket."""
    return "photos audit" if place.bucket == target.outputs.bucket else f"photos backfill {place} --dry-run"


def _place(target: Target, options: BackfillOptions) -> BackfillScope:
    own, keys = target.outputs.bucket, target.outputs.keys
    if options.where is None:
        return BackfillScope(own, keys.prefix, options.is_all, options.is_forced, keys.suffixes)
    bucket, _, prefix = options.where.removeprefix("s3://").partition("/")
    if not options.where.startswith("s3://") or not bucket:
        raise UserError(f"{options.where} names no bucket: say s3://bucket, or s3://bucket/prefix.")
    if bucket == own and not prefix.startswith(keys.prefix):
        raise UserError(
            f"The functions may read what begins with {keys.prefix} only: say s3://{own}/{keys.prefix}, or set "
            "the parameter KeyPrefix."
        )
    suffixes = keys.suffixes if bucket == own else ()
    return BackfillScope(bucket, prefix, options.is_all, options.is_forced, suffixes)


def _check_permissions(target: Target, bucket: str, options: BackfillOptions, console: Console) -> None:
    grant = Grant(target, bucket)
    grant.check_place()
    if grant.is_there():
        return
    if not options.is_granting:
        statements = json.dumps(grant.statements(), indent=2)
        raise UserError(
            f"The functions may not read {bucket}. --grant adds this to its policy, and keeps all that is there:\n"
            f"{statements}\n"
            "A bucket that is encrypted with a key of its own takes kms:Decrypt on that key, besides."
        )
    if options.is_dry:
        return
    grant.add()
    console.print(safe(f"the policy of {bucket} lets the functions read it now"))


class BackfillDisplay(StatusLine):
    """Shows the progress of a backfill."""

    def show(self, progress: BackfillProgress) -> None:
        counts = progress.counts
        self.tell(counts.objects, f"{counts.wanted:,} to be labelled", f"at {progress.key}")


def show_backfill(console: Console, place: BackfillScope, counts: BackfillCounts, usd: float) -> None:
    """Print what was found, and what labelling it costs."""
    parts = [finding.counted(count) for finding, count in counts.found.items() if count]
    if counts.purged:
        parts.append(f"{counts.purged:,} purged")
    if counts.dateless:
        parts.append(f"{counts.dateless:,} labelled without a date, which is filled in and not paid for")
    fitting = counts.objects - sum(counts.found.values()) - counts.purged - counts.dateless
    if fitting:
        parts.append(f"{fitting:,} labelled or rejected before")
    sums = ", ".join([some(counts.objects, "photo"), *parts])
    console.print(safe(f"{place}: {sums}"), highlight=False, soft_wrap=True)
    show_skipped(console, "file", counts.skipped)
    if usd:
        console.print(
            f"{counts.to_label:,} to be labelled, at {cost_text(usd)} ({PRICES})",
            highlight=False,
        )
