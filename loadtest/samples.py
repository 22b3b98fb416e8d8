"""What a load test knows of each photo: one number for each stage, kept exactly, in columns."""

from __future__ import annotations

import csv
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int32]


class End(IntEnum):
    """How a photo ended."""

    PENDING = 0
    NOT_SENT = 1
    LABELLED = 2
    REJECTED = 3
    DEAD_LETTERED = 4
    MISSING = 5
    # The run was interrupted before it ended.
    UNDER_WAY = 6


# Columns in the order in which a photo goes through them, and what they are called; all in seconds.
STAGES = {
    "began": "PUT began",
    "returned": "PUT returned",
    "event": "S3's event",
    "received": "received by the function",
    "recognised": "recognised",
    "committed": "committed",
    "seen": "seen by a reader",
}


class Samples:
    """Columns by photo, in the order of sending; seconds since the start of the run, NaN where not known."""

    def __init__(self, intended: Floats, sizes: Ints) -> None:
        """`sizes`: in bytes."""
        number = len(intended)
        self.intended = intended
        self.size = sizes
        self.began, self.returned, self.event, self.received, self.recognised, self.committed, self.seen = (
            np.full(number, np.nan) for _ in STAGES
        )
        # When the last read began that did not find it: it became visible between then and `seen`.
        self.last_miss = np.full(number, np.nan)
        self.end: Ints = np.zeros(number, dtype=np.int32)
        # DetectLabels calls, as the function counts them.
        self.calls: Ints = np.zeros(number, dtype=np.int32)
        # The highest receive count that any of its messages had.
        self.receives: Ints = np.zeros(number, dtype=np.int32)
        # Deliveries that the function found to be done already, or lost against another.
        self.duplicates: Ints = np.zeros(number, dtype=np.int32)
        # Deliveries that the function passed on, to another lane or to be converted.
        self.forwards: Ints = np.zeros(number, dtype=np.int32)
        # Its labels were taken over from a photo of equal bytes: 0 or 1.
        self.copied: Ints = np.zeros(number, dtype=np.int32)

    def __len__(self) -> int:
        return len(self.intended)

    def column(self, stage: str) -> Floats:
        """The times of one of STAGES."""
        values: Floats = getattr(self, stage)
        return values

    def counted(self, end: End) -> int:
        return int(np.count_nonzero(self.end == end))

    @property
    def latency_s(self) -> Floats:
        """From the intended time of sending to a reader who sees the document, of photos that ended so."""
        return (self.seen - self.intended)[self.is_seen]

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        seen: NDArray[np.bool_] = ~np.isnan(self.seen)
        return seen

    def write_csv(self, file: TextIO, keys: list[str], copies: Mapping[int, int]) -> None:
        """One line for each photo, with all columns; empty where a time is not known.

        `copies`: photos that were sent with the bytes of an earlier one, with that one.
        """
        times = {"intended": self.intended, **{name: self.column(name) for name in STAGES}, "vain": self.last_miss}
        writer = csv.writer(file)
        names = [f"{name}_s" for name in times]
        writer.writerow(["key", "bytes", "end", *names, "calls", "receives", "duplicates", "copy_of", "copied"])
        for photo, key in enumerate(keys):
            seconds = ["" if np.isnan(one[photo]) else f"{one[photo]:.6f}" for one in times.values()]
            counts = [self.calls[photo], self.receives[photo], self.duplicates[photo]]
            original = keys[copies[photo]] if photo in copies else ""
            copied = [original, self.copied[photo]]
            writer.writerow([key, self.size[photo], End(self.end[photo]).name, *seconds, *counts, *copied])
