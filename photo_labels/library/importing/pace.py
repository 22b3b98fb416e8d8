"""The number of concurrent uploads: as many as make the import faster, and no more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST, _LEAST, MOST = 8, 2, 64
_WINDOW_S = 1.0
# So much more in a window, or more uploads at a time were no use.
_BETTER = 1.05
_STEP = 1.5
# After a step that was no use, before the next.
_HOLD_WINDOWS = 10


class Pace:
    """Tries more at a time again and again, and keeps what is faster; a request to slow down halves it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.at_a_time = _FIRST
        self._began = clock()
        self._done = 0
        # What is gone back to if more is no faster: how many, and the rate with them.
        self._before: tuple[int, float] | None = None
        self._hold = 0

    def done(self) -> None:
        """Count an upload that succeeded."""
        self._done += 1
        elapsed_s = self._clock() - self._began
        if elapsed_s >= _WINDOW_S:
            self._step(self._done / elapsed_s)
            self._began, self._done = self._clock(), 0

    def slow_down(self) -> None:
        """Halve the number: S3 asked for it."""
        self.at_a_time = max(_LEAST, self.at_a_time // 2)
        self._before, self._hold = None, _HOLD_WINDOWS

    def _step(self, rate: float) -> None:
        if self._before and rate <= self._before[1] * _BETTER:
            self.at_a_time, self._before, self._hold = self._before[0], None, _HOLD_WINDOWS
        elif self._hold:
            self._hold -= 1
        elif self.at_a_time < MOST:
            self._before = (self.at_a_time, rate)
            self.at_a_time = min(MOST, round(self.at_a_time * _STEP))
