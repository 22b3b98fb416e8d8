"""The CPU that a local cloud takes, by party: all of it is child processes of the load test."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import psutil

# By what the command line has; others: in the places of Rekognition and of Lambda itself.
_PARTIES = {
    "local.runtime": "function",
    "local/ministack_server.py": "ministack",
    "local.rekognition": "others",
    "local.environments": "others",
}
PARTIES = ("function", "ministack", "others", "load test")


@dataclass(slots=True)
class Use:
    """What was used between two moments."""

    wall_s: float
    # By party.
    cpu_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTIES, 0.0))

    @property
    def busy(self) -> float:
        """The share of all cores."""
        return sum(self.cpu_s.values()) / self.wall_s / (os.cpu_count() or 1)


def used() -> Use:
    """Read what was used until now, by the processes that there are."""
    use = Use(time.perf_counter())
    own = psutil.Process()
    for process in (own, *own.children(recursive=True)):
        try:
            line, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:  # it has ended
            continue
        party = next((party for text, party in _PARTIES.items() if text in line), "load test")
        use.cpu_s[party] += times.user + times.system
    return use


def between(first: Use, last: Use) -> Use:
    """Return what was used from one moment to another."""
    spent = {party: last.cpu_s[party] - first.cpu_s[party] for party in PARTIES}
    return Use(last.wall_s - first.wall_s, spent)
