"""`make bench-live`: photos that arrive alone, while thousands are imported or backfilled.

For each quota: live photos at a fifth of it, alone; beside an import that uploads; beside the imported photos that
wait; beside as many backfilled ones; fifty at once beside those, and single ones after them. In the end phone
photos (HEIC) beside an import of such.
"""

from __future__ import annotations

import io
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pillow_heif import register_heif_opener
from rich.console import Console
from rich.table import Table

from loadtest.benchmarks.arguments import whole_number
from loadtest.beside import BulkWork
from loadtest.log import invocations
from loadtest.mix import one_size
from loadtest.run import Plan, Runner
from loadtest.schedule import intended_s
from loadtest.system_under_test import DeployedPipeline
from loadtest.target import ask_rekognition, cloud_with_quota
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from loadtest.run import Run
    from local.cloud import LocalCloud

_QUOTAS = (5.0, 20.0, 50.0)
_WAITING = 20_000
_LIVE_SHARE = 0.2
# Of each phase; and of live photos at least so many.
_PHASE_S, _LEAST = 60.0, 60
# What a phone syncs at once, and live photos after that.
_SYNCED, _AFTER = 50, 20
# Imported photos a second, while live ones are measured: what a line of 50 Mbit/s uploads, or this machine.
_IMPORT_RATE = {5.0: 30.0, 20.0: 60.0, 50.0: 40.0}
_HEICS = 300
_HEIC_RATE = 0.3
_SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "coffee.jpg"
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Phase:
    """Live photos of one phase, and what bulk work got meanwhile."""

    name: str
    live: Run
    # Answers of Rekognition a second to live photos and to bulk work, between the first and the last live one.
    live_rate: float
    bulk_rate: float


class Bench:
    """One local cloud with a quota."""

    def __init__(self, cloud: LocalCloud, tps: float) -> None:
        self._cloud, self._tps = cloud, tps
        self._system = DeployedPipeline(cloud.target, connections=16)
        self._phases = 0
        self.throttled = 0

    def measure(
        self, name: str, rate: float, photo: bytes, suffix: str = ".jpg", number: int | None = None
    ) -> Phase:
        """Send live photos at a rate (0: all at once), and follow each. `number`: of them; None: for a minute."""
        number = number or max(_LEAST, round(_PHASE_S * rate))
        self._phases += 1
        plan = Plan(
            f"live/{self._phases}/",
            intended_s(number, rate, "steady"),
            [photo],
            [0] * number,
            senders=16,
            patience_s=_PATIENCE_S,
            patience_with_messages_s=_PATIENCE_S,
            suffix=suffix,
        )
        before, began = self._calls(), time.monotonic()
        live = Runner(self._system, plan).execute(lambda _: None)
        seconds, after = time.monotonic() - began, self._calls()
        rates = {lane: (after[lane] - before[lane]) / seconds for lane in ("live", "bulk")}
        return Phase(name, live, rates["live"], rates["bulk"])

    def bulk_alone(self) -> float:
        """Return the calls a second while nothing but bulk work is there."""
        before, began = self._calls(), time.monotonic()
        time.sleep(_PHASE_S / 2)
        return (self._calls()["bulk"] - before["bulk"]) / (time.monotonic() - began)

    def most_receives(self, since_s: float) -> Counter[int]:
        """Count photos by how often a message of theirs was received, as far as the logs have them."""
        target, receives = self._cloud.target, dict[str, int]()
        logs = target.client("logs")
        for function in target.outputs.functions:
            for invocation in invocations(logs, function.log_group, int(since_s * 1000)):
                for photo in invocation.photos:
                    receives[photo["image"]] = max(receives.get(photo["image"], 0), photo["receives"])
        return Counter(receives.values())

    def calls_of_a_photo(self) -> float:
        """Return the calls for each photo that Rekognition was shown."""
        objects = self._ask("calls")["objects"]
        return float(sum(objects.values()) / len(objects))

    def dead_letters(self) -> int:
        return self._system.depth().dead

    def _calls(self) -> Counter[str]:
        answered = self._ask("calls")
        self.throttled = answered["outcomes"].get("ThrottlingException", 0)
        counts: Counter[str] = Counter()
        for name, count in answered["objects"].items():
            counts["live" if "/live/" in name else "bulk"] += count
        return counts

    def _ask(self, what: str) -> dict[str, Any]:
        return ask_rekognition(f"{self._cloud.rekognition_url}/_rekognition/{what}")


def _measure(tps: float, waiting: int, table: Table) -> str:
    """Measure one quota; returns what there is to say besides."""
    [photo] = one_size("2KB").bodies
    with cloud_with_quota(tps) as cloud, BulkWork(cloud.target, "bulk/", photo) as bulk:
        bench, started = Bench(cloud, tps), time.time()
        phases = [bench.measure("alone", _LIVE_SHARE * tps, photo)]
        rate = _IMPORT_RATE.get(tps, 30.0)
        bulk.start_import(waiting, rate)
        phases.append(bench.measure(f"beside an import, {rate:g} a second", _LIVE_SHARE * tps, photo))
        bulk.hurry()
        bulk.wait_until_forwarded()
        phases.append(bench.measure("beside imported ones that wait", _LIVE_SHARE * tps, photo))
        alone = bench.bulk_alone()
        bulk.backfill()
        phases.append(bench.measure("beside backfilled ones", _LIVE_SHARE * tps, photo))
        phases.append(bench.measure(f"{_SYNCED} at once, beside them", 0, photo, number=_SYNCED))
        phases.append(bench.measure("one by one, after those", _LIVE_SHARE * tps, photo, number=_AFTER))
        for phase in phases:
            table.add_row(f"{tps:g}", *_cells(phase, tps))
        table.add_row(
            *(f"{tps:g}", "bulk alone", "", "", "", "", "", f"{alone / tps:.0%}", f"{alone / tps:.0%}"),
            end_section=True,
        )
        receives = ", ".join(f"{count:,} {times} times" for times, count in bench.most_receives(started).items())
        return (
            f"{tps:g} a second: {bulk.waiting():,} wait still; photos received: {receives}; "
            f"{bench.dead_letters()} dead letters, {bench.calls_of_a_photo():.3f} calls a photo, "
            f"{bench.throttled} throttled"
        )


def _measure_heic(table: Table) -> None:
    register_heif_opener()
    file = io.BytesIO()
    with Image.open(_SAMPLE) as sample:
        sample.resize((4032, 3024)).save(file, "HEIF", quality=60)
    heic = file.getvalue()
    with cloud_with_quota(5.0) as cloud, BulkWork(cloud.target, "bulk/", heic, ".heic") as bulk:
        bench = Bench(cloud, 5.0)
        phases = [bench.measure("HEIC, alone", _HEIC_RATE, heic, ".heic")]
        bulk.start_import(_HEICS, 0)
        phases.append(bench.measure("HEIC, beside imported HEICs", _HEIC_RATE, heic, ".heic"))
        for phase in phases:
            table.add_row("5", *_cells(phase, 5.0))


def _cells(phase: Phase, tps: float) -> list[str]:
    samples = phase.live.samples
    cuts = [50, 95, 99, 100]
    quantiles = np.percentile(samples.latency_s, cuts) if samples.is_seen.any() else [np.nan] * len(cuts)
    used = (phase.live_rate + phase.bulk_rate) / tps
    return [
        phase.name,
        f"{int(samples.is_seen.sum())} of {len(samples)}",
        *(f"{seconds:.2f} s" for seconds in quantiles),
        f"{phase.bulk_rate / tps:.0%}",
        f"{used:.0%}",
    ]


def main() -> None:
    """Measure each quota, and print a table."""
    waiting = whole_number(_WAITING)
    quotas = [float(tps) for tps in sys.argv[2:]] or list(_QUOTAS)
    table = Table(
        "quota", "live photos", "seen", "p50", "p95", "p99", "max", "bulk", "used",
        title=f"Live photos at {_LIVE_SHARE:.0%} of the quota; {waiting:,} others", title_justify="left",
    )  # fmt: skip
    notes = [_measure(tps, waiting, table) for tps in quotas]
    _measure_heic(table)
    Console(width=110).print(table, *notes, sep="\n")


if __name__ == "__main__":
    run(main, "bench-live")
