"""`make bench-endurance`: the environments minute by minute, at a steady rate: nothing may grow.

The first minutes are those in which connections are made and caches fill; what matters is the rest.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from loadtest import target as targets
from loadtest.benchmarks.arguments import whole_number
from loadtest.measure import Order, throughput
from loadtest.mix import many_sizes
from loadtest.wording import number
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.run import Run

_RATE = 20.0
_MINUTES = 20
_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Look:
    """All environments at one moment; of several, the largest of each."""

    # Seconds, as `time.monotonic` has them.
    at: float
    environments: int
    memory_mb: float
    threads: int
    # Open file descriptors: sockets, pipes and files.
    files: int
    sockets: int


def look() -> Look:
    """Look at the processes of the environments; skip one that ends in the meantime."""
    seen = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "local.runtime" in process.cmdline():
                memory_mb = process.memory_info().rss / 2**20
                sockets = len(process.net_connections(kind="inet"))
                seen.append((memory_mb, process.num_threads(), process.num_fds(), sockets))
        except psutil.Error:
            continue
    memory_mb, threads, files, sockets = (
        (max(column) for column in zip(*seen, strict=True)) if seen else (0.0, 0, 0, 0)
    )
    return Look(time.monotonic(), len(seen), memory_mb, threads, files, sockets)


def main(minutes: int) -> None:
    """Measure, and print a table with a line for each minute."""
    console, looks, is_over = Console(), list[Look](), threading.Event()

    def watch() -> None:
        while not is_over.wait(_EVERY_S):
            looks.append(look())

    order = Order(round(minutes * 60 * _RATE), _RATE, "steady", many_sizes(), 0, round(_RATE), [], keep=True)
    with targets.own_cloud(_RATE, "simulated", 0) as place:
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            run, _, _ = throughput(place, order, console)
            ended = time.monotonic()
        finally:
            is_over.set()
            watcher.join()
    console.print(_table(run, looks, ended - np.nanmax(run.samples.seen), minutes))
    console.print(f"{len(run.samples):,} photos, {int((~run.samples.is_seen).sum())} missing", highlight=False)


def _table(run: Run, looks: Sequence[Look], started: float, minutes: int) -> Table:
    table = Table(
        "minute", "p50 ms", "p99 ms", "environments", "MiB", "threads", "files", "sockets",
        title=f"{_RATE:g} photos a second; of the environments, the largest figures of the minute",
        title_justify="left",
    )  # fmt: skip
    samples = run.samples
    for minute in range(minutes):
        begin, end = minute * 60.0, minute * 60.0 + 60.0
        sent = (samples.intended >= begin) & (samples.intended < end) & samples.is_seen
        latency_ms = (samples.seen - samples.intended)[sent] * 1000
        during = [one for one in looks if begin <= one.at - started < end]
        table.add_row(
            f"{minute + 1}",
            number(float(np.percentile(latency_ms, 50))),
            number(float(np.percentile(latency_ms, 99))),
            *(
                f"{max(getattr(one, name) for one in during):.0f}"
                for name in ("environments", "memory_mb", "threads", "files", "sockets")
            ),
        )
    return table


if __name__ == "__main__":
    run(lambda: main(whole_number(_MINUTES, "MINUTES")), "bench-endurance")
