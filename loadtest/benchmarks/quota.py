"""`make bench-quota`: a backlog against a quota, half of which somebody else uses for a while.

All photos are there before the function begins, which is a faster arrival than any.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from infra.concurrency import concurrency_for
from loadtest.log import invocations
from loadtest.mix import distinct, one_size
from loadtest.target import ask_rekognition, cloud_with_quota
from photo_labels.library.mapping import Mappings
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from local.cloud import LocalCloud

_QUOTAS = (5.0, 20.0, 80.0)
# As many photos as the quota takes in that time.
_BACKLOG_S = 40
_WARM_S = 3.0
# When somebody else uses half of the quota, and when no more.
_HALVED_S, _RESTORED_S = 12.0, 30.0
# What is measured of both begins so much later.
_ADAPTED_S = 5.0
_SMALL = 10
_LOOK_S = 0.5


@dataclass(slots=True)
class Course:
    """The calls that were answered with labels, and those that were throttled, over time."""

    at: list[float] = field(default_factory=list)
    labelled: list[int] = field(default_factory=list)
    throttled: list[int] = field(default_factory=list)

    def rate(self, since_s: float, until_s: float) -> float:
        """Return the photos labelled a second between two moments."""
        inside = [number for number, at in enumerate(self.at) if since_s <= at <= until_s]
        first, last = inside[0], inside[-1]
        return (self.labelled[last] - self.labelled[first]) / (self.at[last] - self.at[first])

    def share_throttled(self) -> float:
        return self.throttled[-1] / (self.throttled[-1] + self.labelled[-1])


class Bench:
    """One local cloud with a quota."""

    def __init__(self, cloud: LocalCloud, tps: float) -> None:
        self._cloud, self._tps = cloud, tps
        self._bucket = cloud.target.outputs.bucket
        self._s3 = cloud.target.client("s3", connections=8)
        self._mapping = Mappings(cloud.target)
        [self._photo] = one_size("2KB").bodies
        self._sent = 0

    def small(self) -> tuple[float, float]:
        """Import a few photos while nothing else is there; return the seconds to the first and the last label."""
        started, before = time.monotonic(), self._answered()["ok"]
        self._upload(_SMALL)
        first_s = 0.0
        while (done := self._answered()["ok"] - before) < _SMALL:
            if done and not first_s:
                first_s = time.monotonic() - started
            time.sleep(0.02)
        return first_s, time.monotonic() - started

    def backlog(self, at: dict[float, float]) -> Course:
        """Let a backlog be labelled. `at`: seconds after the beginning, and the quota from then on."""
        self._mapping.switch(on=False)
        count = round(self._tps * _BACKLOG_S)
        self._upload(count)
        before, course, changes = self._answered(), Course(), dict(at)
        self._mapping.switch(on=True)
        started = time.monotonic()
        while not course.labelled or course.labelled[-1] < count:
            now_s = time.monotonic() - started
            for moment in [moment for moment in changes if moment <= now_s]:
                self._ask("settings", {"tps": changes.pop(moment)})
            answered = self._answered()
            course.at.append(now_s)
            course.labelled.append(answered["ok"] - before["ok"])
            course.throttled.append(answered["ThrottlingException"] - before["ThrottlingException"])
            time.sleep(_LOOK_S)
        return course

    def receives(self, since_s: float) -> Counter[int]:
        """Count photos by how often their message was received, once the log has them all."""
        target = self._cloud.target
        while True:
            receives: Counter[str] = Counter()
            for invocation in invocations(
                target.client("logs"), target.outputs.labelling.log_group, int(since_s * 1000)
            ):
                for photo in invocation.photos:
                    receives[photo["image"]] = max(receives[photo["image"]], photo["receives"])
            if len(receives) >= self._sent:
                return Counter(receives.values())
            time.sleep(_LOOK_S)

    def _upload(self, count: int) -> None:
        names = [f"quota/{number:06d}.jpg" for number in range(self._sent, self._sent + count)]
        self._sent += count
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._put, names))

    def _put(self, key: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=distinct(self._photo, key))

    def _answered(self) -> Counter[str]:
        return Counter(self._ask("calls")["outcomes"])

    def _ask(self, what: str, settings: dict[str, float] | None = None) -> dict[str, Any]:
        return ask_rekognition(f"{self._cloud.rekognition_url}/_rekognition/{what}", settings)


def _measure(tps: float) -> _Figures:
    with cloud_with_quota(tps) as cloud:
        bench, started = Bench(cloud, tps), time.time()
        first_s, tenth_s = bench.small()
        time.sleep(1)
        full = bench.backlog({})
        receives = bench.receives(started)
        halved = bench.backlog({_HALVED_S: tps / 2, _RESTORED_S: tps})
        all_receives = bench.receives(started)
    return _Figures(tps, first_s, tenth_s, full, max(receives), halved, max(all_receives))


@dataclass(frozen=True, slots=True)
class _Figures:
    """The figures of one quota."""

    tps: float
    first_s: float
    tenth_s: float
    full: Course
    receives: int
    halved: Course
    all_receives: int

    def alone(self) -> list[str]:
        course = self.full
        end_s = course.at[-1]
        return [
            f"{self.tps:g}",
            f"{concurrency_for(self.tps).bulk}",
            f"{self.first_s:.2f} s",
            f"{self.tenth_s:.1f} s",
            f"{course.rate(_WARM_S, end_s - 1) / self.tps:.0%}",
            f"{end_s:.0f} s",
            f"{course.share_throttled():.1%}",
            f"{self.receives}",
        ]

    def disturbed(self) -> list[str]:
        course = self.halved
        return [
            f"{self.tps:g}",
            f"{course.rate(_HALVED_S + _ADAPTED_S, _RESTORED_S) / (self.tps / 2):.0%}",
            f"{course.rate(_RESTORED_S + _ADAPTED_S, course.at[-1] - 1) / self.tps:.0%}",
            f"{course.share_throttled():.1%}",
            f"{self.all_receives}",
        ]


def main() -> None:
    """Measure each quota, and print two tables."""
    figures = [_measure(float(tps)) for tps in sys.argv[1:] or _QUOTAS]
    alone = Table(
        "calls a second", "envs", "first of 10", "last", "of quota", "all after", "throttled", "receives",
        title=f"10 photos, then a backlog of {_BACKLOG_S} s", title_justify="left",
    )  # fmt: skip
    disturbed = Table(
        "calls a second", "of the half", "of all again", "throttled", "receives",
        title=f"the same backlog; somebody takes half after {_HALVED_S:.0f} s, and gives it back after "
        f"{_RESTORED_S:.0f}; rates from {_ADAPTED_S:.0f} s later", title_justify="left",
    )  # fmt: skip
    for one in figures:
        alone.add_row(*one.alone())
        disturbed.add_row(*one.disturbed())
    Console().print(alone, disturbed)


if __name__ == "__main__":
    run(main, "bench-quota")
