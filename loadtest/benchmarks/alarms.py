"""`make bench-alarms`: an import, and live photos meanwhile, on a local cloud with a quota: which alarms ring.

None may: it exits with 1 where one does. What CloudWatch would have is recorded, and the stack's alarms are
evaluated over it as CloudWatch does, minute by minute. A run of a few minutes says nothing of alarms that look at
more than those.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from pillow_heif import register_heif_opener
from rich.console import Console
from rich.table import Table

from loadtest.alarm_recorder import Recorder
from loadtest.benchmarks.arguments import whole_number
from loadtest.beside import BulkWork
from loadtest.mix import one_size
from loadtest.run import Plan, Runner
from loadtest.schedule import intended_s
from loadtest.system_under_test import DeployedPipeline
from loadtest.target import cloud_with_quota
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from loadtest.run import Run
    from local.cloud import LocalCloud

_PHOTOS = 20_000
_TPS = 25.0
# Uploaded a second, faster than they are labelled. More is too much for two cores beside all the rest: the live
# queue grows then, as it does on AWS with too few environments, and QueueDepth rings as it should.
_IMPORT_RATE = 30.0
_HEIC_SHARE = 0.01
_LIVE_RATE = 0.5
_LEAST_LIVE = 10
_PATIENCE_S = 120.0
_LOOK_S = 1.0
_SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "coffee.jpg"


def main(number: int) -> None:
    """Import, record, evaluate, and print what rang."""
    [photo] = one_size("2KB").bodies
    heics = max(1, round(number * _HEIC_SHARE))
    with (
        cloud_with_quota(_TPS) as cloud,
        BulkWork(cloud.target, "bulk/", photo) as jpegs_work,
        BulkWork(cloud.target, "bulk/", _heic(), ".heic") as heics_work,
    ):
        began = time.monotonic()
        with Recorder(cloud) as recorder:
            jpegs_work.start_import(number - heics, _IMPORT_RATE)
            heics_work.start_import(heics, _IMPORT_RATE * _HEIC_SHARE)
            live = _live(cloud, max(_LEAST_LIVE, round(number / _TPS * _LIVE_RATE)), photo)
            for work in (jpegs_work, heics_work):
                work.wait_until_forwarded()
                while work.waiting():
                    time.sleep(_LOOK_S)
        minutes = (time.monotonic() - began) / 60
        rung = recorder.rung()
    console = Console(highlight=False)
    console.print(_table(rung, f"{number:,} imported photos in {minutes:.1f} minutes, at {_TPS:g} calls a second"))
    console.print(f"{int(live.samples.is_seen.sum())} of {len(live.samples)} live photos labelled meanwhile")
    if any(rung.values()):
        sys.exit(1)


def _live(cloud: LocalCloud, number: int, photo: bytes) -> Run:
    plan = Plan(
        "live/",
        intended_s(number, _LIVE_RATE, "steady"),
        [photo],
        [0] * number,
        senders=4,
        patience_s=_PATIENCE_S,
        patience_with_messages_s=_PATIENCE_S,
        suffix=".jpg",
    )
    return Runner(DeployedPipeline(cloud.target, connections=4), plan).execute(lambda _: None)


def _heic() -> bytes:
    register_heif_opener()
    file = io.BytesIO()
    with Image.open(_SAMPLE) as sample:
        sample.save(file, "HEIF", quality=60)
    return file.getvalue()


def _table(rung: dict[str, list[float]], title: str) -> Table:
    table = Table("alarm", "rang", title=title, title_justify="left")
    for name, times in sorted(rung.items(), key=lambda one: (not one[1], one[0])):
        table.add_row(name, ", ".join(f"after {at_s / 60:.0f} min" for at_s in times) or "-")
    return table


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-alarms")
