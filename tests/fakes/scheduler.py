"""Runs programs side by side, one step at a time, in every order there is.

A program is a function that gets a `step` to call before everything that others could see. Steps are granted
one by one by the test, so an order is a list of choices, and all orders are found by running again and again
with another choice at the last point that has one left (stateless model checking, depth first).
"""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Step = Callable[[], None]
    Program = Callable[[Step], None]

_PATIENCE_S = 30.0


class _Runner:
    """One program in a thread of its own, stopped before each of its steps."""

    def __init__(self, program: Program) -> None:
        self._state = threading.Condition()
        self._waiting = False
        self._granted = False
        self._error: BaseException | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._run, args=(program,), daemon=True)
        self._thread.start()
        self._until_stopped()

    def advance(self) -> None:
        """Grant one step; returns when the program stands before the next one, or has ended."""
        with self._state:
            self._waiting, self._granted = False, True
            self._state.notify_all()
        self._until_stopped()

    def _until_stopped(self) -> None:
        with self._state:
            if not self._state.wait_for(lambda: self._waiting or self.ended, _PATIENCE_S):
                raise TimeoutError("a program neither steps nor ends")
        if self._error:
            raise self._error

    def _step(self) -> None:
        with self._state:
            self._waiting = True
            self._state.notify_all()
            if not self._state.wait_for(lambda: self._granted, _PATIENCE_S):
                raise TimeoutError("a step was never granted")
            self._granted = False

    def _run(self, program: Program) -> None:
        try:
            program(self._step)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            self._error = error
        with self._state:
            self.ended = True
            self._state.notify_all()


def every_order(
    scenario: Callable[[], Sequence[Program]], most_switches: int | None = None
) -> Iterator[tuple[int, ...]]:
    """Run fresh programs from `scenario` in every order; returns the order after each run has ended.

    `most_switches` keeps to the orders in which a program that could go on gives way that often at most.
    """
    prefix: list[int] = []
    while True:
        taken: list[tuple[int, list[int]]] = []
        runners = [_Runner(program) for program in scenario()]
        while able := [number for number, runner in enumerate(runners) if not runner.ended]:
            if most_switches is not None and _switches(taken) >= most_switches and taken[-1][0] in able:
                able = [taken[-1][0]]
            choice = prefix[len(taken)] if len(taken) < len(prefix) else able[0]
            taken.append((choice, able))
            runners[choice].advance()
        yield tuple(choice for choice, _ in taken)
        while taken and taken[-1][0] == taken[-1][1][-1]:
            taken.pop()
        if not taken:
            return
        last, able = taken.pop()
        prefix = [choice for choice, _ in taken] + [able[able.index(last) + 1]]


def _switches(taken: list[tuple[int, list[int]]]) -> int:
    """How often a program that was able to go on gave way to another."""
    return sum(before != choice and before in able for (before, _), (choice, able) in pairwise(taken))
