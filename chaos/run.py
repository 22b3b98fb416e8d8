"""One run: a fault is turned on and off again, then the next, while photos flow; and then it becomes quiet."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

import psutil

from chaos.faults import ENVIRONMENT, Fault, every_fault
from chaos.traffic import AFTER, RATE, Traffic
from photo_labels.library.queues import depth
from photo_labels.records.messages import VISIBILITY_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.faults import Switch
    from local.cloud import LocalCloud

_ON_S = 4.0
# After each fault, until what is sent then is quick again.
_OFF_AT_LEAST_S, _MAX_OFF_S = 2.0, 60.0
# The longest that the end is waited for: what a kill has hidden comes back after two minutes, and again.
_MAX_QUIET_S = 900.0
_KILL_EVERY_S = 0.2

_COLD_START = Fault(ENVIRONMENT, "cold start", 0.0)
# Calls that the function makes only if another one fails.
_NEEDS = {
    "ChangeMessageVisibilityBatch": Fault("DetectLabels", "denied", 0.3),
}


def plan(number: int, seed: int) -> list[tuple[Fault, ...]]:
    """Return the faults phase by phase: some of all, or each once and then two or three at a time."""
    chance = random.Random(seed)
    alone = [(fault,) for fault in every_fault()]
    phases = round(number / (RATE * (_ON_S + _OFF_AT_LEAST_S))) or len(alone)
    chosen = chance.sample(alone, min(phases, len(alone)))
    return chosen + [
        tuple(chance.sample(every_fault(), chance.randint(2, 3))) for _ in range(phases - len(chosen))
    ]


class ChaosRun:
    """Goes through the phases of a plan."""

    def __init__(self, cloud: LocalCloud, switch: Switch, phases: list[tuple[Fault, ...]], seed: int) -> None:
        self._cloud = cloud
        self._switch = switch
        self._phases = phases
        self._ended: dict[str, float] = {}
        self.traffic = Traffic(cloud.target, seed)
        # Epoch seconds.
        self.started = time.time()

    def go(self, tell: Callable[[str], None]) -> None:
        """Run all phases, and wait until nothing is in flight."""
        self._shorten_visibility()
        traffic = self.traffic
        traffic.start()
        try:
            time.sleep(_OFF_AT_LEAST_S)
            for number, faults in enumerate(self._phases, 1):
                name = " + ".join(fault.name for fault in faults)
                flowing = f"{traffic.uploads:,} uploads, {traffic.waited_for} under way"
                tell(f"{number} of {len(self._phases)}: {name}; {flowing}")
                traffic.phase = name
                self._keep_on(faults)
                traffic.phase = AFTER + name
                self._ended[name] = time.monotonic()
                self._wait_until_quick()
            traffic.stop_acting()
            self._wait_until_quiet(tell)
        finally:
            traffic.stop()
            self._switch.turn_on()

    def _shorten_visibility(self) -> None:
        """Set the converting queue's visibility timeout to the other queue's, which is shorter."""
        target = self._cloud.target
        attributes: Any = {"VisibilityTimeout": str(VISIBILITY_TIMEOUT_S)}
        target.client("sqs").set_queue_attributes(
            QueueUrl=target.outputs.converting.queue_url, Attributes=attributes
        )

    def slow_for(self) -> dict[str, float]:
        """Return for how long after each fault's end photos took more than a second."""
        late = dict.fromkeys(self._ended, 0.0)
        for thing in self.traffic.things.values():
            name = thing.phase.removeprefix(AFTER)
            if thing.phase.startswith(AFTER) and not thing.is_quick:
                late[name] = max(late[name], thing.put_at - self._ended[name])
        return late

    def _keep_on(self, faults: tuple[Fault, ...]) -> None:
        self._switch.turn_on(*(_NEEDS[fault.place] for fault in faults if fault.place in _NEEDS), *faults)
        end = time.monotonic() + _ON_S
        while time.monotonic() < end:
            if _COLD_START in faults:
                self._kill_frozen()
            time.sleep(_KILL_EVERY_S)
        self._switch.turn_on()

    def _kill_frozen(self) -> None:
        """Kill the idle environments, so that the next event starts one."""
        for process in psutil.Process().children(recursive=True):
            try:
                if process.status() == psutil.STATUS_STOPPED:
                    process.kill()
                    self._switch.note(_COLD_START)
            except psutil.NoSuchProcess:
                continue

    def _wait_until_quick(self) -> None:
        """Wait until the photos of the last two seconds were searchable within one second each."""
        began = time.monotonic()
        while (now := time.monotonic()) < began + _MAX_OFF_S:
            self.traffic.check()
            if now > began + _OFF_AT_LEAST_S and self.traffic.is_quick(now - 2, now - 1):
                return
            time.sleep(0.1)

    def _wait_until_quiet(self, tell: Callable[[str], None]) -> None:
        """Wait until every document is there and no message is left, or until none can come any more."""
        end = time.monotonic() + _MAX_QUIET_S
        sqs, outputs = self._cloud.target.client("sqs"), self._cloud.target.outputs
        while time.monotonic() < end:
            self.traffic.check()
            left = sum(sum(depth(sqs, queue)) for queue in outputs.queue_urls)
            if not left and not self.traffic.waited_for:
                return
            tell(f"waiting until it is quiet: {left} messages, {self.traffic.waited_for} photos not there yet")
            time.sleep(1)
