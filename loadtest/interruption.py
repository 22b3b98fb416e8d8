"""Ctrl-C and SIGTERM as a flag.

As an exception it may be raised inside a lock of the main thread's, which then is never released: threads that
wait for it, and so the process, would never end.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """While it is entered, in the main thread, these signals are noted and do nothing else."""

    def __init__(self) -> None:
        self.wanted = False
        self._before: list[Any] = []

    def __enter__(self) -> Self:
        self._before = [signal.signal(one, self._note) for one in _SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(one, handler)

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self.wanted = True
