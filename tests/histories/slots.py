"""`make bench-slots`: the rate limiter at quotas of up to 2,000 calls a second, in virtual time.

    python -m tests.histories.slots [TPS ...]

As many environments as the deploy tool sets work on bulk work without end, in batches of ten; live photos come at a
fifth of the quota, and the events of an import at twice the quota. DynamoDB takes 1,000 writes a second of one item
(developer guide, "Designing partition keys"), each in 5 ms, and throttles the others. Rekognition takes 350 ms.
"""

from __future__ import annotations

import random
import sys
from collections import Counter, deque
from contextlib import suppress
from heapq import heappop
from typing import TYPE_CHECKING, Any, Self

from greenlet import getcurrent
from rich.console import Console
from rich.table import Table

from handler.deadline import Deadline
from handler.lanes import BULK, LIVE, MAX_AHEAD_S
from handler.rate_limiter import NoSlotError, SlotRequest, SplitRateLimiter, limiter_of
from infra.concurrency import concurrency_for
from photo_labels.records.errors import TransientError
from tests.fakes.aws import aws_error
from tests.fakes.dynamodb import DynamoDB, Tables
from tests.histories.clock import Time

if TYPE_CHECKING:
    from greenlet import greenlet

_QUOTAS = (5.0, 50.0, 500.0, 1000.0, 2000.0)
_WARM_S, _MEASURED_S = 3.0, 10.0
_WRITES_A_SECOND = 1000
_UPDATE_S, _HEAD_S, _RECOGNISE_S, _BETWEEN_S = 0.005, 0.02, 0.35, 0.03
_BATCH = 10
_LIVE_SHARE, _IMPORT_SHARE = 0.2, 2.0
_TIMEOUT_S, _THEN_S = 15.0, 6.0


class _Clock(Time):
    """Virtual time that ends."""

    def run_until(self, end_s: float) -> None:
        while self._sleeping and self._sleeping[0][0] < end_s:
            self.now_s, _, task = heappop(self._sleeping)
            task.switch()

    def wait(self) -> None:
        """Stop the present task until `wake`."""
        self._hub.switch()

    def wake(self, task: greenlet) -> None:
        self._wake_at(self.now_s, task)


class _Lock:
    """A lock of tasks."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._is_held = False
        self._waiting: deque[greenlet] = deque()

    def __enter__(self) -> Self:
        while self._is_held:
            self._waiting.append(getcurrent())
            self._clock.wait()
        self._is_held = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_held = False
        if self._waiting:
            self._clock.wake(self._waiting.popleft())


class Pipeline:
    """Environments around one item."""

    def __init__(self, tps: float, seed: int = 0) -> None:
        self.clock = _Clock()
        self._tps = tps
        self._dice = random.Random(seed)
        random.seed(seed)  # the limiter's own jitter
        self._tables = Tables()
        # By item: writes that it takes now, and since when.
        self._allowed: dict[str, tuple[float, float]] = {}
        self.bulk_calls = self.live_calls = self.throttled = self.shares = 0
        self.writes: Counter[str] = Counter()
        self.live_waits_s: list[float] = []
        self._bulk = concurrency_for(tps).bulk
        self._live = [self._limiter() for _ in range(concurrency_for(tps).live)]

    def run(self) -> None:
        """Run, and count what happens after a few seconds."""
        for _ in range(self._bulk):
            self.clock.start(self._bulk_environment, self._dice.random())
        self.clock.start(lambda: self._arrive(_LIVE_SHARE * self._tps, self._live_photo))
        self.clock.start(lambda: self._arrive(_IMPORT_SHARE * self._tps / _BATCH, self._imported_batch))
        self.clock.run_until(_WARM_S + _MEASURED_S)

    @property
    def is_measured(self) -> bool:
        return self.clock.now_s >= _WARM_S

    def _limiter(self) -> SplitRateLimiter:
        client: Any = DynamoDB(self._tables, self._update)
        limiter = limiter_of(
            client,
            "LabelQuota",
            tps=self._tps,
            environments=2 * self._bulk,
            waiting_environments=self._bulk,
            clock=lambda: 1.7e9 + self.clock.now_s,
        )
        pieces: list[Any] = [limiter, *limiter._parts]
        for one in pieces:
            one._lock = _Lock(self.clock)
        return limiter

    def _update(self, _operation: str, parameters: dict[str, Any]) -> None:
        """Take the time of an update, before it is done, or refuse it."""
        self.clock.sleep(_UPDATE_S)
        now_s, item = self.clock.now_s, parameters["Key"]["Operation"]["S"]
        left, since_s = self._allowed.get(item, (float(_WRITES_A_SECOND), now_s))
        left = min(_WRITES_A_SECOND, left + (now_s - since_s) * _WRITES_A_SECOND)
        self._allowed[item] = max(0.0, left - 1), now_s
        if left < 1:
            self.throttled += self.is_measured
            raise aws_error("ProvisionedThroughputExceededException")
        self.writes[item] += self.is_measured

    def _deadline(self) -> Deadline:
        end_s = self.clock.now_s + _TIMEOUT_S
        return Deadline(lambda: (end_s - self.clock.now_s) * 1000, pause=self.clock.sleep)

    def _bulk_environment(self) -> None:
        limiter = self._limiter()
        while True:
            left, waiter = [_BATCH], getcurrent()

            def photo(left: list[int] = left, waiter: greenlet = waiter) -> None:
                with suppress(NoSlotError, TransientError):
                    self.shares += limiter.acquire(SlotRequest(BULK), self._deadline(), _THEN_S) is not None
                    self.bulk_calls += self.is_measured
                    self.clock.sleep(_RECOGNISE_S)
                left[0] -= 1
                if not left[0]:
                    self.clock.wake(waiter)

            for _ in range(_BATCH):
                self.clock.start(photo)
            self.clock.wait()
            self.clock.sleep(_BETWEEN_S)

    def _arrive(self, rate: float, what: Any) -> None:
        while True:
            self.clock.sleep(self._dice.expovariate(rate))
            self.clock.start(what)

    def _live_photo(self) -> None:
        limiter, began_s = self._dice.choice(self._live), self.clock.now_s
        try:
            limiter.acquire(SlotRequest(LIVE, 0.0), self._deadline(), _THEN_S)
        except NoSlotError:
            self.clock.sleep(_HEAD_S)
            with suppress(NoSlotError):
                limiter.acquire(SlotRequest(LIVE, MAX_AHEAD_S), self._deadline(), _THEN_S)
        if self.is_measured:
            self.live_calls += 1
            self.live_waits_s.append(self.clock.now_s - began_s)

    def _imported_batch(self) -> None:
        """Ten events of an import: the first asks for a slot, and the others know that there is none."""
        with suppress(NoSlotError):
            self._dice.choice(self._live).acquire(SlotRequest(LIVE, 0.0), self._deadline(), _THEN_S)
            self.bulk_calls += self.is_measured


def main() -> None:
    """Simulate, and print a table."""
    table = Table(
        "calls a second", "used", "bulk", "live waits p50", "p95", "items", "writes of one", "throttled",
        title="The rate limiter, in virtual time", title_justify="left",
    )  # fmt: skip
    for tps in [float(one) for one in sys.argv[1:]] or _QUOTAS:
        pipeline = Pipeline(tps)
        pipeline.run()
        waits_ms = sorted(1000 * wait for wait in pipeline.live_waits_s)
        calls = pipeline.bulk_calls + pipeline.live_calls
        table.add_row(
            f"{tps:g}",
            f"{calls / _MEASURED_S / tps:.0%}",
            f"{pipeline.bulk_calls / _MEASURED_S / tps:.0%}",
            f"{waits_ms[len(waits_ms) // 2]:.0f} ms",
            f"{waits_ms[len(waits_ms) * 95 // 100]:.0f} ms",
            f"{len(pipeline.writes)}",
            f"{max(pipeline.writes.values()) / _MEASURED_S:,.0f} a second",
            f"{pipeline.throttled / (pipeline.throttled + pipeline.writes.total()):.1%}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
