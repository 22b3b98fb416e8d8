"""The faults: what can fail where, and how both processes know of it.

`python -m chaos` writes the present faults into a file, which the function with faults (chaos/faulty_function.py)
reads before each of its calls; it writes a line into another file for each fault that it has injected.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# The environment variable with the file's path.
FILE = "CHAOS_FAULTS"

# All calls of the functions with their services, in about the order in which they are made.
CALLS = {
    "BatchGetItem": "dynamodb",
    "UpdateItem": "dynamodb",
    "DetectLabels": "rekognition",
    "BatchWriteItem": "dynamodb",
    "BatchExecuteStatement": "dynamodb",
    "PutItem": "dynamodb",
    "DeleteItem": "dynamodb",
    "HeadObject": "s3",
    "GetObject": "s3",
    "SendMessage": "sqs",
    "SendMessageBatch": "sqs",
    "ChangeMessageVisibilityBatch": "sqs",
}
# What can happen to any call, and to which share of them; half of those without an answer take effect.
KINDS = {
    "throttled": 0.5,
    "500": 0.5,
    "503": 0.5,
    "denied": 0.5,
    "timeout": 0.3,
    "reset": 0.5,
    "truncated": 0.5,
    "slower": 0.5,
    "out of memory": 0.1,
    "out of time": 0.05,
    "killed before": 0.1,
    "killed after": 0.1,
}
# What can also happen to calls about many items: some are left unprocessed.
PARTIAL = {"half left": 0.7, "all left": 0.5}
BATCHES = ("BatchGetItem", "BatchWriteItem", "BatchExecuteStatement")

ENVIRONMENT, DELIVERY = "environment", "delivery"
# What can happen to an environment, and in which share of its invocations: killed before its work or after it, or
# frozen for so long that its connections have ended. A cold start is not its own doing: `python -m chaos` kills
# those that are frozen.
ENVIRONMENTS = {"killed first": 0.1, "killed last": 0.1, "stale sockets": 0.5, "cold start": 0.0}
# How SQS can deliver, and which share of the records: once more when it was done, once more while it is worked on
# (with all of its batch), or so late that others come first.
DELIVERIES = {"twice": 0.3, "overlapping": 0.1, "out of order": 0.3}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault in one place: a call, the environment or the delivery."""

    place: str
    kind: str
    share: float

    @property
    def name(self) -> str:
        return f"{self.place}: {self.kind}"


def every_fault() -> list[Fault]:
    """All faults, in a fixed order."""
    kinds = {call: KINDS | (PARTIAL if call in BATCHES else {}) for call in CALLS}
    kinds |= {ENVIRONMENT: ENVIRONMENTS, DELIVERY: DELIVERIES}
    return [Fault(place, kind, share) for place in kinds for kind, share in kinds[place].items()]


class Switch:
    """The faults that are on, for both processes; the file is replaced atomically."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._injected = file.with_suffix(".injected")
        self._stamp = 0
        self._on: dict[str, Fault] = {}

    def turn_on(self, *faults: Fault) -> None:
        """Turn these faults on, and all others off."""
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps([asdict(fault) for fault in faults]))
        new.replace(self.file)

    def drawn(self, place: str) -> Fault | None:
        """Return the fault that is on in a place, in its share of the cases, and record that it is injected."""
        fault = self._fault_in(place)
        if fault is None or random.random() >= fault.share:
            return None
        self.note(fault)
        return fault

    def _fault_in(self, place: str) -> Fault | None:
        stamp = self.file.stat().st_mtime_ns
        if stamp != self._stamp:
            self._stamp = stamp
            faults = [Fault(**one) for one in json.loads(self.file.read_text())]
            self._on = {fault.place: fault for fault in faults}
        return self._on.get(place)

    def note(self, fault: Fault) -> None:
        """Record that a fault was injected: one line a write, so that several processes can append."""
        with self._injected.open("ab", buffering=0) as file:
            os.write(file.fileno(), fault.name.encode() + b"\n")

    def injected(self) -> Counter[str]:
        """Count injected faults by name."""
        return Counter(self._injected.read_text().splitlines()) if self._injected.exists() else Counter()
