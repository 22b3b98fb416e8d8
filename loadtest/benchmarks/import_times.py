"""What our cold start imports, by package."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections import defaultdict
from typing import TYPE_CHECKING

from loadtest.benchmarks.baseline_process import OURS, REPOSITORY, environment

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+([^\s.]+)", re.MULTILINE)


def by_package(stand_in_url: str, processes: int) -> dict[str, float]:
    """Import the function in fresh processes; median milliseconds of each package's own code.

    The package `handler` is also what makes the clients.
    """
    command = [str(OURS.python), "-X", "importtime", "-c", "import handler.app"]
    texts = (
        subprocess.run(
            command, cwd=REPOSITORY, env=environment(stand_in_url), check=True, capture_output=True, text=True
        ).stderr
        for _ in range(processes)
    )
    return medians(map(read, texts))


def read(text: str) -> dict[str, float]:
    """Sum up what `-X importtime` prints, in milliseconds."""
    packages: defaultdict[str, float] = defaultdict(float)
    for microseconds, package in _LINE.findall(text):
        packages[package] += int(microseconds) / 1000
    return packages


def medians(runs: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return each package's median, the dearest first."""
    packages: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        for package, cost_ms in run.items():
            packages[package].append(cost_ms)
    costs = {package: statistics.median(costs_ms) for package, costs_ms in packages.items()}
    return dict(sorted(costs.items(), key=lambda one: -one[1]))
