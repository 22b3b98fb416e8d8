"""`make bench-backfill`: how long it takes to queue a bucket's photos, with a stand-in that takes 10 ms a call.

Each has a document, which is read and compared, and each is queued: `photos backfill --all --force`.
"""

from __future__ import annotations

from rich.console import Console

from loadtest.benchmarks.arguments import whole_number
from loadtest.benchmarks.full_pipeline import BUCKET, measured, running
from photo_labels.library.backfilling.backfill import THREADS, Backfill, BackfillScope
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run

_PHOTOS = 100_000


def main(photos: int) -> None:
    """Measure, and print the results. Raises UserError where not all is queued."""
    with running(photos) as (target, url, folder), Reconciler(target, None, THREADS) as reconciler:
        scope = BackfillScope(BUCKET, "", is_all=True, is_forced=True)
        backfill = Backfill(target, scope, folder / "backfill.json")
        console = Console(highlight=False)
        measured(console, photos, "compared and queued", url, lambda: backfill.run("", reconciler, lambda _: None))
    if reconciler.sent != photos:
        raise UserError(f"Of {photos:,} photos {reconciler.sent:,} are queued.")


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-backfill")
