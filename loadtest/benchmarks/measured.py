"""The figures of a baseline, from what was measured in each batch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest.benchmarks.baseline_process import MEMORY_MB, BaselineError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loadtest.benchmarks.baseline_process import Invocation


@dataclass(frozen=True, slots=True)
class Measured:
    """One batch."""

    wall_ms: float
    cpu_ms: float
    # Of its DetectLabels calls, as the stand-in answered them.
    slowest_ms: float
    # For each image, from the start of the invocation until the stand-in had answered its document's write.
    committed_ms: tuple[float, ...]
    requests: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A baseline's, over all its batches of one size."""

    # What a batch takes longer than its slowest DetectLabels call, p50.
    beyond_ms: float
    committed_p50_ms: float
    committed_p99_ms: float
    # Of an image, as are the requests.
    cpu_ms: float
    requests: float
    # Images that a billed GB-second pays for.
    per_gb_second: float


def measured(invocation: Invocation, record: Mapping[str, Any]) -> Measured:
    """Join what a baseline and the stand-in measured. Raises BaselineError where images are missing."""
    images = record["images"].values()
    if not images or any(None in image.values() for image in images):
        raise BaselineError(f"It left images out: {record['images']}")
    return Measured(
        invocation.wall_ms,
        invocation.cpu_ms,
        max(image["answered"] - image["asked"] for image in images) * 1000,
        tuple((image["committed"] - invocation.started) * 1000 for image in images),
        sum(record["requests"].values()),
    )


def figures(batches: Sequence[Measured]) -> Figures:
    """Sum up at least one batch."""
    committed_ms = [one_ms for batch in batches for one_ms in batch.committed_ms]
    images = len(committed_ms)
    billed_s = sum(math.ceil(batch.wall_ms) for batch in batches) / 1000
    return Figures(
        beyond_ms=percentile([batch.wall_ms - batch.slowest_ms for batch in batches], 50),
        committed_p50_ms=percentile(committed_ms, 50),
        committed_p99_ms=percentile(committed_ms, 99),
        cpu_ms=sum(batch.cpu_ms for batch in batches) / images,
        requests=sum(batch.requests for batch in batches) / images,
        per_gb_second=images / (billed_s * MEMORY_MB / 1024),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a value that was measured: the smallest that so many per cent of all are not above."""
    return float(np.percentile(values, percent, method="inverted_cdf"))
