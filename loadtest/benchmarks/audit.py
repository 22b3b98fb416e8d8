"""`make bench-audit`: how long an audit takes, and how much memory, with a stand-in that takes 10 ms a call.

All is as it should be there: what is wrong takes a few calls a photo besides, and half a minute.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from loadtest.benchmarks.arguments import whole_number
from loadtest.benchmarks.full_pipeline import BUCKET, LABELS_A_PHOTO
from loadtest.benchmarks.stand_in import take_record
from local.child import Child
from photo_labels.library.audit import Auditor
from photo_labels.library.auditing.checkpoint import Checkpoint
from photo_labels.library.outputs import StackOutputs
from photo_labels.library.target import Target, local_session, scrub_environment
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run
from photo_labels.terminal.text import duration

_PHOTOS = 100_000
_LATENCY_MS = 10
_ESTIMATED = 1_000_000


def main(photos: int) -> None:
    """Measure, and print the results. Raises UserError where the audit finds anything."""
    console = Console(highlight=False)
    scrub_environment(os.environ)
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="photo-labels-")))
        module = ["-m", "loadtest.benchmarks.full_pipeline", "--exit-with-parent"]
        options = ["--photos", f"{photos}", "--latency-ms", f"{_LATENCY_MS}"]
        stand_in = Child([sys.executable, *module, *options], folder / "stand-in.log", os.environ)
        running.callback(stand_in.stop)
        url = json.loads(stand_in.first_line())["url"]
        auditor = Auditor(_target(url), checkpoint=Checkpoint(folder / "audit.state", {}))
        before_mib = _peak_mib()
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
    console.print(f"peak memory {_peak_mib():.0f} MiB, {before_mib:.0f} before the audit")
    console.print(f"so a million photos take {duration(wall_s * _ESTIMATED / photos)}")


def _target(url: str) -> Target:
    names = {"Bucket": BUCKET, "KeyPrefix": "", "ImageLabelsTable": "ImageLabels", "LabelIndexTable": "LabelIndex"}
    outputs = StackOutputs.from_stack(defaultdict(lambda: "x" * 36, names))
    return Target(local_session(), url, "stand-in", outputs)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-audit")
