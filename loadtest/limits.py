"""`make bench-limits`: how many photos a second go through, for few and for many, beside a bare function.

The recogniser answers at once, all photos are sent at once, and each kind of function has a cloud of its own; what
remains is the function, the local AWS, and this machine. The bare function is as fast as any could be here.
"""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from loadtest import place as places
from loadtest.measure import Order, throughput
from loadtest.mix import one_size
from loadtest.words import number
from local.runtime import peak_mb

_SIZE = "2KB"
_FUNCTIONS = {"ours": None, "bare": "loadtest.bare.handler"}


def main(numbers: list[int]) -> None:
    """Run each number of photos through both functions, one after the other, and print a table."""
    console = Console()
    table = Table("photos", "function", "all searchable in", "a second", "missing", "load test's own peak")
    for photos in numbers:
        for name, handler in _FUNCTIONS.items():
            order = Order(photos, 0.0, "steady", one_size(_SIZE), 0, 50, [], keep=True)
            with places.own_cloud(0.0, "instant", 0, handler) as place:
                run, rate = throughput(place, order, console)
            took_s = float(run.samples.seen.max())
            missing = str(int((~run.samples.is_seen).sum()))
            table.add_row(f"{photos:,}", name, f"{took_s:.1f} s", number(rate), missing, f"{peak_mb():.0f} MiB")
    console.print(table)


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [500, 5_000, 50_000])
