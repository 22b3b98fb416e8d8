"""`make bench-limits`: what this machine lets through, by the function and by a bare one, in one run.

A bare function (`bare_function.py`) makes the same calls and decides nothing: no other could be much faster here,
where the local AWS, the load test and the function share the cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import psutil
from rich.console import Console
from rich.table import Column, Table

from loadtest import target as targets
from loadtest.benchmarks.arguments import whole_number
from loadtest.cpu import PARTIES
from loadtest.measure import Order, throughput
from loadtest.mix import many_sizes, one_size
from loadtest.results import quantiles
from loadtest.wording import number
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from loadtest.cpu import Use
    from loadtest.run import Run

_FUNCTIONS = {"ours": None, "bare": "loadtest.benchmarks.bare_function.handler"}
_RATE = 50.0
_STEADY = (500, 3_000)
_AT_ONCE = (500, 5_000, 50_000)


def main(most: int) -> None:
    """Measure, up to a number of photos, and print three tables.

    Steady loads first: what tens of thousands of photos leave for the disk to do is in the way of others' latency.
    """
    console = Console()
    at_once = Table(
        "photos", "", "all seen after", "a second", "missing", "load test's memory",
        title="all at once, 2 KB each; recogniser answers at once", title_justify="left",
    )  # fmt: skip
    p50_ms, p99_ms = targets.LATENCY_MS["simulated"]
    steady = Table(
        "photos", "", "p50 ms", "beyond", "p99 ms", "beyond", "missing", "calls a photo",
        title=f"{_RATE:g} photos a second of many sizes; recogniser p50 {p50_ms} ms, p99 {p99_ms} ms",
        title_justify="left",
    )  # fmt: skip
    cpu = Table(
        Column("photos", no_wrap=True), "", *PARTIES, "all", "cores busy",
        title="whose CPU it takes, ms a photo", title_justify="left",
    )  # fmt: skip
    for photos, name, handler in _cases(_STEADY, most):
        row, use = _steady(photos, handler, console)
        steady.add_row(f"{photos:,}", name, *row)
        cpu.add_row(f"{photos:,} at {_RATE:g}/s", name, *_shares(use, photos))
    for photos, name, handler in _cases(_AT_ONCE, most):
        row, use = _at_once(photos, handler, console)
        at_once.add_row(f"{photos:,}", name, *row)
        cpu.add_row(f"{photos:,} at once", name, *_shares(use, photos))
    for table in (steady, at_once, cpu):
        console.print(table)


def _cases(numbers: Sequence[int], most: int) -> Iterator[tuple[int, str, str | None]]:
    for photos in numbers:
        for name, handler in _FUNCTIONS.items():
            if photos <= most:
                yield photos, name, handler


def _at_once(photos: int, handler: str | None, console: Console) -> tuple[list[str], Use]:
    order = Order(photos, 0.0, "steady", one_size("2KB"), 0, 50, [], keep=True)
    with targets.own_cloud(0.0, "instant", 0, handler) as place:
        run, rate, use = throughput(place, order, console)
    took = f"{np.nanmax(run.samples.seen):.1f} s"
    console.log(f"{photos:,} at once, {handler or 'ours'}: {took}")
    return [took, number(rate), _missing(run), f"{psutil.Process().memory_info().rss / 2**20:.0f} MiB"], use


def _steady(photos: int, handler: str | None, console: Console) -> tuple[list[str], Use]:
    order = Order(photos, _RATE, "steady", many_sizes(), 0, round(_RATE), [], keep=True)
    with targets.own_cloud(_RATE, "simulated", 0, handler) as place:
        run, _, use = throughput(place, order, console)
        calls = place.calls(run.plan.prefix)
    cuts = quantiles(run.samples.latency_s * 1000)
    figures = [
        text
        for cut, usual in zip(("p50", "p99"), targets.LATENCY_MS["simulated"], strict=True)
        for text in (number(cuts[cut]), f"+ {(cuts[cut] or np.nan) - usual:.0f}")
    ]
    console.log(f"{photos:,} steadily, {handler or 'ours'}: p50 {figures[0]}, p99 {figures[2]}")
    return [*figures, _missing(run), number((calls or 0) / photos, 2)], use


def _missing(run: Run) -> str:
    return str(int((~run.samples.is_seen).sum()))


def _shares(use: Use, photos: int) -> list[str]:
    each = [seconds / photos * 1000 for seconds in use.cpu_s.values()]
    return [*(f"{one:.1f}" for one in each), f"{sum(each):.1f}", f"{use.busy:.0%}"]


if __name__ == "__main__":
    run(lambda: main(whole_number(max(_AT_ONCE))), "bench-limits")
