"""`make bench-backfill`: how long it takes to queue a bucket's photos, with a stand-in that takes 10 ms a call.

Each has a document, which is read and compared, and each is queued: `photos backfill --all --force`.
"""

from __future__ import annotations

import time

from rich.console import Console

from loadtest.benchmarks.arguments import whole_number
from loadtest.benchmarks.full_pipeline import BUCKET, peak_mib, running
from loadtest.benchmarks.stand_in import take_record
from photo_labels.library.backfilling.backfill import THREADS, Backfill, BackfillScope
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run
from photo_labels.terminal.text import duration

_PHOTOS = 100_000
_LATENCY_MS = 10
_ESTIMATED = 1_000_000


def main(photos: int) -> None:
    """Measure, and print the results. Raises UserError where not all is queued."""
    console = Console(highlight=False)
    with running(photos, _LATENCY_MS) as (target, url, folder):
        backfill = Backfill(
            target, BackfillScope(BUCKET, "", is_all=True, is_forced=True), folder / "backfill.json"
        )
        before_mib = peak_mib()
        started, cpu_s = time.monotonic(), time.process_time()
        with Reconciler(target, None, THREADS) as reconciler:
            counts = backfill.run("", reconciler, lambda _: None)
        wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_s
        calls = take_record(url)
    if (counts.objects, reconciler.sent) != (photos, photos):
        raise UserError(f"Of {photos:,} photos {reconciler.sent:,} are queued.")
    console.print(
        f"{photos:,} photos compared and queued, {_LATENCY_MS} ms a call: {wall_s:.1f} s, "
        f"{photos / wall_s:,.0f} photos a second, {cpu_s:.1f} s of CPU"
    )
    console.print("calls: " + ", ".join(f"{name} {count:,}" for name, count in sorted(calls.items())))
    console.print(f"peak memory {peak_mib():.0f} MiB, {before_mib:.0f} before")
    console.print(f"so a million photos take {duration(wall_s * _ESTIMATED / photos)}")


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-backfill")
