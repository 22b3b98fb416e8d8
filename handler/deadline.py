"""The time left in an invocation, and calls that never outlive it.

The clients make one attempt a call (`handler.clients`): this module alone tries again.
"""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, TypeVar

from photo_labels.records.errors import AWS_ERRORS, OutOfTimeError, TransientError, code_of, is_worth_retrying_now

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_FIRST_PAUSE_S = 0.05
_MAX_PAUSE_S = 2.0


class Deadline:
    """Counts down to the moment by which an invocation must have answered.

    It asks Lambda instead of a clock because Lambda freezes an environment between invocations: a
    thread that wakes up in a later invocation finds its own deadline closed, whatever any clock says.
    """

    def __init__(
        self,
        remaining_ms: Callable[[], float],
        *,
        reserve_s: float = 0.0,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._remaining_ms = remaining_ms
        self._reserve_s = reserve_s
        self._closed = threading.Event()
        self._pause = pause or self._closed.wait

    def earlier(self, seconds: float) -> Deadline:
        """Return the same deadline, `seconds` earlier: what comes after it has that time for itself."""
        sooner = Deadline(self._remaining_ms, reserve_s=self._reserve_s + seconds, pause=self._pause)
        sooner._closed = self._closed
        return sooner

    def briefly(self, seconds: float) -> Deadline:
        """Return one that is `seconds` away at most: what it is for is not worth more of a photo's time."""
        return self.earlier(max(0.0, self.remaining_s() - seconds))

    def close(self) -> None:
        """End the invocation for every thread that still looks at this deadline."""
        self._closed.set()

    def remaining_s(self) -> float:
        """Return the seconds left; 0 when closed or over."""
        if self._closed.is_set():
            return 0.0
        return max(0.0, self._remaining_ms() / 1000 - self._reserve_s)

    def require(self, longest_s: float) -> None:
        """Raise OutOfTimeError unless a call that takes at most `longest_s` fits in what is left."""
        if self.remaining_s() < longest_s:
            raise OutOfTimeError

    def pause(self, seconds: float, *, then_s: float = 0.0) -> None:
        """Wait, unless no time would be left for the `then_s` that follow: then raise OutOfTimeError now."""
        self.require(seconds + then_s)
        self._pause(seconds)
        self.require(then_s)


def backoff_s(attempt: int, first_s: float, longest_s: float) -> float:
    """Return exponential backoff with equal jitter: half fixed, half random. `attempt` counts from 1."""
    whole = min(longest_s, first_s * 2.0 ** min(attempt - 1, 30))
    return whole / 2 + random.random() * whole / 2


def pauses_s(attempt: int) -> float:
    """Return the pause before the next attempt inside an invocation."""
    return backoff_s(attempt, _FIRST_PAUSE_S, _MAX_PAUSE_S)


def call(function: Callable[[], T], deadline: Deadline, longest_s: float) -> T:
    """Call AWS until it answers or the deadline is near; `longest_s` is what one attempt can take at most.

    Throttles, 5xx, timeouts and lost connections are tried again after a jittered backoff. Whatever else AWS
    says is raised as it is. Raises OutOfTimeError where no attempt could be started, TransientError with the
    last error's code where the time for another was over.
    """
    attempt = 0
    while True:
        deadline.require(longest_s)
        attempt += 1
        try:
            return function()
        except AWS_ERRORS as error:
            if not is_worth_retrying_now(error):
                raise
            try:
                deadline.pause(pauses_s(attempt), then_s=longest_s)
            except OutOfTimeError:
                raise TransientError(code_of(error), str(error)) from error
