"""The faults: what happens to which of the function's calls, and how both sides know of it.

`python -m chaos` writes what is on into a file, which the function with faults (chaos/faulty.py) reads before each
of its calls; it writes a line into another for each fault that it has injected.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE = "CHAOS_FAULTS"
"""The environment variable with the file's path."""

CALLS = {
    "BatchGetItem": "dynamodb",
    "DetectLabels": "rekognition",
    "BatchWriteItem": "dynamodb",
    "BatchExecuteStatement": "dynamodb",
    "PutItem": "dynamodb",
    "HeadObject": "s3",
    "DeleteItem": "dynamodb",
    "SendMessage": "sqs",
    "ChangeMessageVisibilityBatch": "sqs",
}
"""All calls of the function, and whose they are, in about the order in which it makes them."""
KINDS = {
    "throttled": 0.5,
    "500": 0.5,
    "503": 0.5,
    "access denied": 0.5,
    "timeout": 0.3,
    "connection reset": 0.5,
    "truncated body": 0.5,
    "ten times slower": 0.5,
    "killed before": 0.1,
    "killed after": 0.1,
    "out of time": 0.05,
}
"""What can happen to any call, and to which share of them; half of those with no answer are done all the same."""
PARTIAL = {"half unprocessed": 0.7, "all unprocessed": 0.5}
"""What can happen to calls about many items, besides."""
BATCHES = ("BatchGetItem", "BatchWriteItem", "BatchExecuteStatement")


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault in one call."""

    call: str
    kind: str
    share: float

    @property
    def name(self) -> str:
        return f"{self.call}: {self.kind}"


def every_fault() -> list[Fault]:
    """All faults, in a fixed order."""
    return [
        Fault(call, kind, share)
        for call in CALLS
        for kind, share in (KINDS | (PARTIAL if call in BATCHES else {})).items()
    ]


class Switch:
    """What is on, on both sides; the file is replaced whole, so that nobody reads half of it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._injected = file.with_suffix(".injected")
        self._stamp = 0
        self._on: dict[str, Fault] = {}

    def turn_on(self, *faults: Fault) -> None:
        """Turn on these, and all others off."""
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps([asdict(fault) for fault in faults]))
        new.replace(self._file)

    def fault_of(self, call: str) -> Fault | None:
        """Give the fault that is on for a call."""
        stamp = self._file.stat().st_mtime_ns
        if stamp != self._stamp:
            self._stamp = stamp
            faults = [Fault(**one) for one in json.loads(self._file.read_text())]
            self._on = {fault.call: fault for fault in faults}
        return self._on.get(call)

    def note(self, fault: Fault) -> None:
        """Note that a fault was injected; whole lines, of as many processes as there are."""
        with self._injected.open("ab", buffering=0) as file:
            os.write(file.fileno(), fault.name.encode() + b"\n")

    def injected(self) -> Counter[str]:
        """Count injected faults by name."""
        return Counter(self._injected.read_text().splitlines()) if self._injected.exists() else Counter()
