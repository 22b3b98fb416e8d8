"""Virtual time: tasks that sleep and are woken in order, all in one thread."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable

# In the past: the tools take what was sent before now, by this machine's clock.
START = datetime(2025, 3, 1, 6, 0, tzinfo=UTC)
_MAX_WAKES = 200_000


class NeverEndsError(AssertionError):
    """Something comes back again and again."""


class Time:
    """Runs tasks; a task goes on until it sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleeping: list[tuple[float, int, greenlet]] = []
        self._numbers = itertools.count()
        self._hub = getcurrent()

    def now(self, skew_s: float = 0.0) -> datetime:
        return START + timedelta(seconds=self.now_s + skew_s)

    def start(self, task: Callable[[], None], in_s: float = 0.0) -> None:
        """Let a task begin; what it raises ends `run`."""
        self._wake_at(self.now_s + in_s, greenlet(task, parent=self._hub))

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass, and whatever happens in them; called by tasks."""
        end = self.now_s + max(0.0, seconds)
        if self._sleeping and self._sleeping[0][0] <= end:
            self._wake_at(end, getcurrent())
            self._hub.switch()
        else:
            self.now_s = end

    def run(self) -> None:
        """Run until no task is left. Raises what one of them raises, and NeverEndsError."""
        for _ in range(_MAX_WAKES):
            if not self._sleeping:
                return
            self.now_s, _, task = heappop(self._sleeping)
            task.switch()
        raise NeverEndsError

    def _wake_at(self, moment_s: float, task: greenlet) -> None:
        heappush(self._sleeping, (moment_s, next(self._numbers), task))
