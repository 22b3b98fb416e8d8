"""One run: photos are sent at their intended times and looked for until each has ended, or nothing ends any more.

Three parties, each with threads of its own, that know nothing of each other but the samples: senders, which keep
to the schedule whatever the pipeline does; a reader, which looks for documents; and a gauge, which watches the
queues and this process's own CPU.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from loadtest.interruption import Interruption
from loadtest.mix import TAIL_BYTES, distinct
from loadtest.samples import End, Samples
from loadtest.system_under_test import MAX_LOOKED_AT
from photo_labels.library.user_errors import USER_FACING_ERRORS, user_message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from loadtest.samples import Floats, Ints
    from loadtest.system_under_test import Depth, SystemUnderTest

# Looks are made in such steps, for all photos that are due together: a look for each takes four times the CPU.
_TICK_S = 0.012
# One photo is looked for with each tick, or after so much of its age; not before others were ever seen.
_LOOK_SHARE = 0.02
# The first look comes after so much of the shortest time that any photo took.
_EAGER = 0.8
# Photos that are looked for at a time, the oldest: of a backlog of thousands the later ones are not done.
_LOOKED_FOR_AT_A_TIME = 1000
# A photo that was looked for so often does not keep others from being looked for.
_STALE_LOOKS = 30
# So many looks may fail one after another, with such a pause each, before it is given up.
_LOOKS_THAT_FAIL, _LOOK_AGAIN_S = 20, 0.5
_GAUGE_S = 0.25


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent, and when."""

    # Of all keys: no two runs share one.
    prefix: str
    intended: Floats
    bodies: Sequence[bytes]
    # Which of the bodies each photo is.
    chosen: Sequence[int]
    # Photos that are sent at a time.
    senders: int
    # When to give up: nothing has ended for so long, and no message is left.
    patience_s: float
    # The same while there are messages, which may come back after their visibility timeout.
    patience_with_messages_s: float
    suffix: str = ".jpg"
    # Photos that have the bytes of an earlier one, with that one.
    copies: Mapping[int, int] = field(default_factory=dict)

    def key(self, photo: int) -> str:
        return f"{self.prefix}{photo:06d}{self.suffix}"

    def body(self, photo: int) -> bytes:
        """Return a photo's bytes, which no other has but its copies."""
        original = self.copies.get(photo, photo)
        return distinct(self.bodies[self.chosen[original]], self.key(original))

    @property
    def sizes(self) -> Ints:
        originals = [self.copies.get(photo, photo) for photo in range(len(self.chosen))]
        return np.array([len(self.bodies[self.chosen[one]]) + TAIL_BYTES for one in originals], dtype=np.int32)


@dataclass(slots=True)
class Gauge:
    """Readings over time: seconds since the start, messages, and the share of one core that this process took."""

    at: list[float] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    own_cpu: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """What a run has found out so far."""

    plan: Plan
    samples: Samples
    # Epoch seconds.
    started_at: float = math.nan
    gauge: Gauge = field(default_factory=Gauge)
    # Why photos were not sent, and how many.
    refusals: dict[str, int] = field(default_factory=dict)
    # PUTs that were made again, because S3 could not take them at once.
    resent: int = 0
    # What could not be found out, a sentence each.
    unknown: list[str] = field(default_factory=list)
    interrupted: bool = False


class Runner:
    """Runs a plan against a pipeline."""

    def __init__(self, system: SystemUnderTest, plan: Plan) -> None:
        self._subject = system
        self.run = Run(plan, Samples(plan.intended, plan.sizes))
        self._zero = math.nan
        self._lock = threading.Lock()
        self._next = 0
        self._sent: deque[int] = deque()
        self._stopped = threading.Event()
        self._last_end = 0.0
        self._fastest_s = 0.0
        self._depth: Depth | None = None

    def now(self) -> float:
        """Seconds since `execute` was called."""
        return time.perf_counter() - self._zero

    def execute(self, show: Callable[[Runner], None], every_s: float = 0.1) -> Run:
        """Run to the end. `show` is called now and then; Ctrl-C ends the run, and what is known is kept.

        Raises what the reader or the senders raise: without them nothing can be said.
        """
        parties = [self._read, self._gauge] + [self._send] * self.run.plan.senders
        self._zero, self.run.started_at = time.perf_counter(), time.time()
        with Interruption() as interruption, ThreadPoolExecutor(len(parties)) as pool:
            jobs: list[Future[None]] = []
            try:
                jobs.extend(pool.submit(party) for party in parties)
                while not (interruption.wanted or self._is_over() or any(_has_failed(job) for job in jobs)):
                    show(self)
                    time.sleep(every_s)
            finally:
                self._stopped.set()
        self.run.interrupted = interruption.wanted
        for job in jobs:
            job.result()
        self._finish()
        show(self)
        return self.run

    def _send(self) -> None:
        plan, samples = self.run.plan, self.run.samples
        while not self._stopped.is_set():
            with self._lock:
                photo = self._next
                self._next += 1
            if photo >= len(samples):
                return
            while (early_s := plan.intended[photo] - self.now()) > 0:
                if self._stopped.wait(early_s):
                    return
            samples.began[photo] = self.now()
            try:
                attempts = self._subject.send(plan.key(photo), plan.body(photo))
            except USER_FACING_ERRORS as error:
                samples.end[photo] = End.NOT_SENT
                with self._lock:
                    why = user_message(error)
                    self.run.refusals[why] = self.run.refusals.get(why, 0) + 1
                continue
            samples.returned[photo] = samples.last_miss[photo] = self.now()
            if attempts > 1:
                with self._lock:
                    self.run.resent += attempts - 1
            self._sent.append(photo)

    def _read(self) -> None:
        """Look for photos until the run is over. Raises what looking raises, when it goes on doing so."""
        samples = self.run.samples
        due: list[tuple[int, int]] = []
        looks: dict[int, int] = {}
        stale = failed = 0
        while not self._stopped.is_set():
            while self._sent and len(due) - stale < _LOOKED_FOR_AT_A_TIME:
                photo = self._sent.popleft()
                heapq.heappush(due, (_tick(samples.returned[photo] + self._fastest_s), photo))
            tick = int(self.now() / _TICK_S)
            if not due or due[0][0] > tick:
                self._stopped.wait((tick + 1) * _TICK_S - self.now())
                continue
            photos: list[int] = []
            while due and due[0][0] <= tick and len(photos) < MAX_LOOKED_AT:
                photos.append(heapq.heappop(due)[1])
            asked = self.now()
            try:
                self._look(photos)
                failed = 0
            except USER_FACING_ERRORS:
                failed += 1
                if failed == _LOOKS_THAT_FAIL:
                    raise
                self._stopped.wait(_LOOK_AGAIN_S)
            for photo in photos:
                if samples.end[photo]:
                    stale -= looks.pop(photo, 0) >= _STALE_LOOKS
                    continue
                looks[photo] = looks.get(photo, 0) + 1
                stale += looks[photo] == _STALE_LOOKS
                age_s = asked - samples.returned[photo]
                heapq.heappush(due, (max(tick + 1, _tick(asked + _LOOK_SHARE * age_s)), photo))

    def _look(self, photos: list[int]) -> None:
        """Look once, and record which photos are there."""
        samples, plan = self.run.samples, self.run.plan
        asked = self.now()
        found = self._subject.look([plan.key(photo) for photo in photos])
        answered = self.now()
        for photo in photos:
            key = plan.key(photo)
            if key not in found:  # it was not read: nothing is known
                continue
            document = found[key]
            if document is None:
                samples.last_miss[photo] = asked
                continue
            samples.seen[photo] = self._last_end = answered
            self._fastest_s = min(self._fastest_s or math.inf, (asked - samples.returned[photo]) * _EAGER)
            samples.end[photo] = document.end
            samples.copied[photo] = document.is_copy
            if document.event_s is not None:
                samples.event[photo] = document.event_s - self.run.started_at

    def _gauge(self) -> None:
        gauge = self.run.gauge
        wall, cpu = self.now(), time.process_time()
        while not self._stopped.wait(_GAUGE_S):
            try:
                self._depth = self._subject.depth()
            except USER_FACING_ERRORS as error:
                self._note(f"The queues could not always be read ({user_message(error)}).")
                continue
            now, used = self.now(), time.process_time()
            gauge.at.append(now)
            gauge.waiting.append(self._depth.waiting)
            gauge.in_flight.append(self._depth.in_flight)
            gauge.own_cpu.append((used - cpu) / (now - wall))
            wall, cpu = now, used

    def _note(self, unknown: str) -> None:
        if unknown not in self.run.unknown:
            self.run.unknown.append(unknown)

    def _is_over(self) -> bool:
        """Tell whether every photo has ended, or the others cannot any more."""
        samples, plan = self.run.samples, self.run.plan
        if samples.end.all():
            return True
        if np.isnan(samples.returned).sum() > samples.counted(End.NOT_SENT):
            return False  # some are still to be sent
        quiet_s = self.now() - max(self._last_end, np.nanmax(samples.returned, initial=0.0))
        depth = self._depth
        has_messages = depth is None or depth.waiting + depth.in_flight > 0
        return bool(quiet_s > (plan.patience_with_messages_s if has_messages else plan.patience_s))

    def _finish(self) -> None:
        """Look for all the rest once more, and record of each that has not ended what became of it."""
        samples, plan = self.run.samples, self.run.plan
        rest = [int(photo) for photo in np.flatnonzero((samples.end == End.PENDING) & ~np.isnan(samples.returned))]
        for start in range(0, len(rest), MAX_LOOKED_AT):
            try:
                self._look(rest[start : start + MAX_LOOKED_AT])
            except USER_FACING_ERRORS as error:
                self._note(f"Not all photos could be looked for in the end ({user_message(error)}).")
        samples.end[np.isnan(samples.returned)] = End.NOT_SENT
        left = np.flatnonzero(samples.end == End.PENDING)
        if self.run.interrupted:
            samples.end[left] = End.UNDER_WAY
            return
        dead = self._dead_letters() if len(left) else set()
        for photo in left:
            samples.end[photo] = End.DEAD_LETTERED if plan.key(int(photo)) in dead else End.MISSING

    def _dead_letters(self) -> set[str]:
        try:
            return self._subject.dead_letters(self.run.plan.prefix)
        except USER_FACING_ERRORS as error:
            self._note(f"Dead letters could not be read ({user_message(error)}): they count as missing.")
            return set()


def _has_failed(job: Future[None]) -> bool:
    return job.done() and job.exception() is not None


def _tick(at_s: float) -> int:
    """Return the first tick after a time."""
    return math.ceil(at_s / _TICK_S)
