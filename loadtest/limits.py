"""`make bench-limits`: what this machine lets through, by the function and by a bare one, in one run.

A bare function (loadtest/bare.py) makes the same calls and decides nothing: no other could be much faster here,
where the local AWS, the load test and the function share the cores.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from loadtest import place as places
from loadtest.measure import Order, throughput
from loadtest.mix import many_sizes, one_size
from loadtest.results import quantiles
from loadtest.words import number
from local.runtime import peak_mb

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = {"ours": None, "bare": "loadtest.bare.handler"}
_RATE = 50.0
_STEADY = (500, 3_000)
_AT_ONCE = (500, 5_000, 50_000)


def main(most: int) -> None:
    """Measure, up to a number of photos, and print two tables."""
    console = Console()
    at_once = Table(
        "photos", "function", "all seen after", "a second", "missing", "peak of the load test",
        title="all at once, 2 KB each; recogniser answers at once", title_justify="left",
    )  # fmt: skip
    for row in _at_once(most, console):
        at_once.add_row(*row)
    console.print(at_once)
    p50_ms, p99_ms = places.LATENCY_MS["simulated"]
    steady = Table(
        "photos", "function", "p50", "beyond", "p99", "beyond", "missing", "calls a photo",
        title=f"{_RATE:g} photos a second of many sizes; recogniser p50 {p50_ms} ms, p99 {p99_ms} ms",
        title_justify="left",
    )  # fmt: skip
    for row in _steady(most, console):
        steady.add_row(*row)
    console.print(steady)


def _steady(most: int, console: Console) -> Iterator[tuple[str, ...]]:
    mix, usual_ms = many_sizes(), places.LATENCY_MS["simulated"]
    for photos in _STEADY:
        for name, handler in _FUNCTIONS.items():
            if photos > most:
                continue
            order = Order(photos, _RATE, "steady", mix, 0, round(_RATE), [], keep=True)
            with places.own_cloud(_RATE, "simulated", 0, handler) as place:
                run, _ = throughput(place, order, console)
                calls = place.calls(run.plan.prefix)
            cuts = quantiles(run.samples.latency_s * 1000)
            figures = [
                text
                for cut, usual in zip(("p50", "p99"), usual_ms, strict=True)
                for text in (f"{number(cuts[cut])} ms", f"{(cuts[cut] or np.nan) - usual:.0f} ms")
            ]
            missing = int((~run.samples.is_seen).sum())
            console.log(f"{photos:,} steadily, {name}: p50 {figures[0]}, p99 {figures[2]}")
            yield f"{photos:,}", name, *figures, str(missing), number((calls or 0) / photos, 2)


def _at_once(most: int, console: Console) -> Iterator[tuple[str, ...]]:
    for photos in _AT_ONCE:
        for name, handler in _FUNCTIONS.items():
            if photos > most:
                continue
            order = Order(photos, 0.0, "steady", one_size("2KB"), 0, 50, [], keep=True)
            with places.own_cloud(0.0, "instant", 0, handler) as place:
                run, rate = throughput(place, order, console)
            missing = int((~run.samples.is_seen).sum())
            took = f"{np.nanmax(run.samples.seen):.1f} s"
            console.log(f"{photos:,} at once, {name}: {took}")
            yield f"{photos:,}", name, took, number(rate), str(missing), f"{peak_mb():.0f} MiB"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else max(_AT_ONCE))
