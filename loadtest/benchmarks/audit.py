"""`make bench-audit`: how long an audit takes, and how much memory, with a stand-in that takes 10 ms a call.

All is as it should be there: what is wrong takes a few calls a photo besides, and half a minute.
"""

from __future__ import annotations

import time

from rich.console import Console

from loadtest.benchmarks.arguments import whole_number
from loadtest.benchmarks.full_pipeline import LABELS_A_PHOTO, peak_mib, running
from loadtest.benchmarks.stand_in import take_record
from photo_labels.library.audit import Auditor
from photo_labels.library.auditing.checkpoint import Checkpoint
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run
from photo_labels.terminal.text import duration

_PHOTOS = 100_000
_LATENCY_MS = 10
_ESTIMATED = 1_000_000


def main(photos: int) -> None:
    """Measure, and print the results. Raises UserError where the audit finds anything."""
    console = Console(highlight=False)
    with running(photos, _LATENCY_MS) as (target, url, folder):
        auditor = Auditor(target, checkpoint=Checkpoint(folder / "audit.state", {}))
        before_mib = peak_mib()
        started, cpu_s = time.monotonic(), time.process_time()
        audit = auditor.run(lambda _: None)
        wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_s
        calls = take_record(url)
    if audit.found or (audit.objects, audit.documents.total()) != (photos, photos):
        raise UserError(f"The audit finds something else than there is: {audit}.")
    console.print(
        f"{photos:,} photos with {LABELS_A_PHOTO} labels each, {_LATENCY_MS} ms a call: {wall_s:.1f} s, "
        f"{photos / wall_s:,.0f} photos a second, {cpu_s:.1f} s of CPU"
    )
    console.print("calls: " + ", ".join(f"{name} {count:,}" for name, count in sorted(calls.items())))
    console.print(f"peak memory {peak_mib():.0f} MiB, {before_mib:.0f} before the audit")
    console.print(f"so a million photos take {duration(wall_s * _ESTIMATED / photos)}")


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-audit")
