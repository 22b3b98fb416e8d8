"""What these tests share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest.accounting import account
from loadtest.results import Setting, results
from loadtest.run import Plan, Runner
from loadtest.samples import End
from loadtest.slo import objectives
from loadtest.system_under_test import Depth, LookResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from loadtest.log import Invocation


BUCKET = "b"


class Injected:
    """A pipeline that labels each photo after a delay that it chooses, and remembers when that was."""

    def __init__(self, delay_s: Callable[[int], float | None]) -> None:
        """`delay_s`: of a photo, by its number; None: it is dropped."""
        self._delay_s = delay_s
        # By key; perf_counter.
        self.visible_at: dict[str, float] = {}
        self.sent: list[str] = []
        self.dead: set[str] = set()
        # Keys whose documents say that their labels are another's.
        self.copied: set[str] = set()
        self.lines: list[Invocation] = []
        self.before_send: Callable[[str], None] = lambda _: None
        self.event_ahead_s = 0.0

    def send(self, key: str, body: bytes) -> int:
        self.before_send(key)
        self.sent.append(key)
        delay_s = self._delay_s(number_of(key))
        if delay_s is not None:
            self.visible_at[key] = time.perf_counter() + delay_s
        return 1

    def look(self, keys: Sequence[str]) -> dict[str, LookResult | None]:
        now = time.perf_counter()
        at_s = time.time() + self.event_ahead_s
        return {
            key: LookResult(End.LABELLED, at_s, key in self.copied)
            if self.visible_at.get(key, now + 1) <= now
            else None
            for key in keys
        }

    def depth(self) -> Depth:
        return Depth(0, 0, len(self.dead))

    def dead_letters(self, prefix: str) -> set[str]:
        return {key for key in self.dead if key.startswith(prefix)}

    def invocations(self, since_s: float) -> Iterator[Invocation]:
        yield from self.lines


def number_of(key: str) -> int:
    return int(key.removesuffix(".jpg")[-6:])


def plan_of(intended: Any, *, senders: int = 8, patience_s: float = 30.0) -> Plan:
    intended = np.asarray(intended, dtype=float)
    return Plan("run/", intended, [b"photo"], [0] * len(intended), senders, patience_s, patience_s)


def executed(system: Injected, plan: Plan) -> Runner:
    runner = Runner(system, plan)
    runner.execute(lambda _: None, every_s=0.01)
    return runner


def figures_of(
    runner: Runner, slo: str = "lost=0", lines: Sequence[Invocation] = (), **others: Any
) -> dict[str, Any]:
    given_: Any = {"rows": (0, 0), "warmup": {"photos": 0}, "clock_ahead_s": 0.0, "counted_calls": None} | others
    setting = Setting("Nothing is real.", "local", len(runner.run.samples), 50.0, "steady", "photos", 0, 0.0, 2)
    system = Injected(lambda _: 0.0)
    system.lines = list(lines)
    work = account(system, runner.run, BUCKET, wait=lambda _: None)
    return results(setting, runner.run, work, objectives(slo), [], **given_)
