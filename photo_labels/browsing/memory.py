"""A limit for the memory that photos take, however many are requested."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class MemoryBudget:
    """A number of bytes that threads share, first come, first served, so that none waits for ever."""

    def __init__(self, most_bytes: int) -> None:
        self._most = self._free = most_bytes
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size_bytes: int) -> Iterator[None]:
        """Take so many bytes as soon as they are free, and give them back. What is larger than all goes alone."""
        size_bytes = min(size_bytes, self._most)
        self._wait_for(size_bytes)
        try:
            yield
        finally:
            with self._changed:
                self._free += size_bytes
                self._changed.notify_all()

    def _wait_for(self, size_bytes: int) -> None:
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is turn and self._free >= size_bytes)
                self._free -= size_bytes
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
