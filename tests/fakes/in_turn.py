"""An executor without threads, for tests whose calls have an order."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any


class InTurnExecutor(Executor):
    """Runs what it is given at once, by itself."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
