"""Photos in memory: never more than is allowed, each in its turn, and all that was taken is given back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photo_labels.browsing.memory import MemoryBudget
from tests.waiting import eventually

MOST = 100


class BrokenError(Exception):
    """What may happen while a photo is in memory."""


class Watched:
    """A budget of 100 bytes, and what is taken of it."""

    def __init__(self) -> None:
        self.budget = MemoryBudget(MOST)
        self.within: list[int] = []
        self.problems: list[str] = []
        self._lock = threading.Lock()

    def take(self, size: int) -> None:
        """Take so much; some break while they have it."""
        with suppress(BrokenError), self.budget.taken(size):
            with self._lock:
                self.within.append(min(size, MOST))
                if sum(self.within) > MOST:
                    self.problems.append(f"{self.within} at once")
            for _ in range(5):
                time.sleep(0)  # others may come in meanwhile
            with self._lock:
                self.within.remove(min(size, MOST))
            if size % 3 == 0:
                raise BrokenError


@given(st.lists(st.integers(0, 3 * MOST), max_size=40))
@settings(max_examples=30, deadline=None)
def test_given_any_sizes_when_many_threads_take_them_then_never_more_than_all(
    sizes: list[int],
) -> None:
    watched = Watched()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(watched.take, sizes))
    assert watched.problems == []
    with watched.budget.taken(MOST):
        pass


def test_given_small_ones_that_fit_when_a_large_one_came_first_then_it_is_its_turn() -> None:
    budget, order = MemoryBudget(MOST), list[str]()

    def take(name: str, size: int) -> None:
        with budget.taken(size):
            order.append(name)

    large = threading.Thread(target=take, args=("large", 10 * MOST))
    small = threading.Thread(target=take, args=("small", 1))
    with budget.taken(MOST // 2):
        large.start()
        eventually(lambda: len(budget._waiting) == 1)
        small.start()
        eventually(lambda: len(budget._waiting) == 2)
        assert order == []
    large.join()
    small.join()
    assert order == ["large", "small"]


def test_given_sizes_that_fit_when_taken_then_nobody_waits() -> None:
    budget, together = MemoryBudget(MOST), threading.Barrier(4, timeout=20)

    def take(_: int) -> None:
        with budget.taken(MOST // 4):
            together.wait()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(take, range(4)))


def test_given_somebody_interrupted_while_waiting_when_others_wait_then_it_is_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget = MemoryBudget(MOST)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(budget._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), budget.taken(1):
            pass
    with budget.taken(MOST):
        pass
