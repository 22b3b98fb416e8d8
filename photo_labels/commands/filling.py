"""`photos backfill`: see to it that the functions may read, say what it costs, queue, and say what was done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.library.backfilling.backfill import Backfill, Place
from photo_labels.library.backfilling.granting import Grant
from photo_labels.library.costs import ASK_ABOVE_USD, USD_A_PHOTO
from photo_labels.library.reconciling import Reconciler
from photo_labels.library.target import state_path
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.display import BackfillDisplay, counted, safe, show_backfill
from photo_labels.terminal.ending import agree

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.library.target import Target


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    where: str | None
    # s3://bucket/prefix; None: all of the pipeline's own.
    is_all: bool = False
    is_forced: bool = False
    is_granting: bool = False
    is_dry: bool = False
    is_sure: bool = False
    is_anew: bool = False


def fill(target: Target, wanted: Wanted, console: Console) -> int:
    """Backfill; returns the exit code. Raises UserError where the functions could not read the photos."""
    place = _place(target, wanted)
    if place.bucket != target.outputs.bucket:
        _see_to_rights(target, place.bucket, wanted, console)
    backfill = Backfill(target, place, state_path(target, "backfill.json"))
    after = "" if wanted.is_anew or wanted.is_dry else backfill.stopped_after()
    if after:
        console.print(safe(f"goes on after {after}, where it was stopped; --anew begins at the first"))
    if wanted.is_dry or not (wanted.is_sure or target.is_local):
        with BackfillDisplay(console, "looking") as display:
            counts = backfill.count(after, display.show)
        usd = 0.0 if target.is_local else counts.wanted * USD_A_PHOTO
        show_backfill(console, place, counts, usd)
        if wanted.is_dry or not counts.wanted:
            return 0
        if usd > ASK_ABOVE_USD:
            agree("Go on?")
    try:
        with BackfillDisplay(console, "queueing") as display, Reconciler(target) as reconciler:
            counts = backfill.run(after, reconciler, display.show)
    except BaseException:  # credentials that have ended, Ctrl-C
        console.print("What is queued is labelled, and the same command goes on where it was.", style="red")
        raise
    if wanted.is_sure or target.is_local:
        show_backfill(console, place, counts, 0.0)
    queued = counted(counts.wanted, "photo")
    console.print(
        f"{queued} queued: labelled one after another; `{_what_is_left(target, place)}` tells what is left",
        highlight=False,
    )
    return 0


def _what_is_left(target: Target, place: Place) -> str:
    """An audit looks at the pipeline's own bucket."""
    return "photos audit" if place.bucket == target.outputs.bucket else f"photos backfill {place} --dry-run"


def _place(target: Target, wanted: Wanted) -> Place:
    own, own_prefix = target.outputs.bucket, target.outputs.key_prefix
    if wanted.where is None:
        return Place(own, own_prefix, wanted.is_all, wanted.is_forced)
    bucket, _, prefix = wanted.where.removeprefix("s3://").partition("/")
    if not wanted.where.startswith("s3://") or not bucket:
        raise UserError(f"{wanted.where} names no bucket: say s3://bucket, or s3://bucket/prefix.")
    if bucket == own and not prefix.startswith(own_prefix):
        raise UserError(
            f"The functions may read what begins with {own_prefix} only: say s3://{own}/{own_prefix}, or set "
            "the parameter KeyPrefix."
        )
    return Place(bucket, prefix, wanted.is_all, wanted.is_forced)


def _see_to_rights(target: Target, bucket: str, wanted: Wanted, console: Console) -> None:
    grant = Grant(target, bucket)
    grant.check_place()
    if grant.is_there():
        return
    if not wanted.is_granting:
        statements = json.dumps(grant.statements(), indent=2)
        raise UserError(
            f"The functions may not read {bucket}. --grant adds this to its policy, and keeps all that is there:\n"
            f"{statements}\n"
            "A bucket that is encrypted with a key of its own takes kms:Decrypt on that key, besides."
        )
    if wanted.is_dry:
        return
    grant.add()
    console.print(safe(f"the policy of {bucket} lets the functions read it now"))
