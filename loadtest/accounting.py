"""Joins what the function logged with what the load test saw from outside."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest.samples import End
from photo_labels.records.documents import image_id
from photo_labels.records.index import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.log import Invocation
    from loadtest.run import Run
    from loadtest.samples import Samples
    from loadtest.system_under_test import SystemUnderTest

# The longest that logs are waited for: CloudWatch Logs has them after seconds, as a rule.
_ARRIVAL_S = 60.0
_LOOK_S = 1.0
_SLACK_S = 1.0
# S3 takes no request of a clock that is further off.
_MAX_SKEW_S = 15 * 60
_DONE_ALREADY = {"DUPLICATE", "SUPERSEDED"}
_PASSED_ON = {"FORWARDED", "HANDED_OVER"}


@dataclass(slots=True)
class Work:
    """What the function did for a run, as it logged it."""

    invocations: int = 0
    # Photos of one invocation: how many invocations had so many.
    batch_sizes: Counter[int] = field(default_factory=Counter)
    cold_starts_ms: list[float] = field(default_factory=list)
    billed_ms: float = 0.0
    memory_mb: float = 0.0
    peak_mb: float = 0.0
    throttles: int = 0
    log_bytes: int = 0
    # Invocations whose last line, with what Lambda bills, has not arrived.
    unreported: int = 0

    @property
    def gb_seconds(self) -> float:
        return self.billed_ms / 1000 * self.memory_mb / 1024


def account(system: SystemUnderTest, run: Run, bucket: str, wait: Callable[[float], None] = time.sleep) -> Work:
    """Fill the samples' columns from the function's log; waits until it has every photo that has ended.

    What has not arrived after a minute is named in `run.unknown`. Raises what reading the log raises.
    """
    samples = run.samples
    digests = {digest(image_id(bucket, run.plan.key(photo))): photo for photo in range(len(samples))}
    ended = (samples.end == End.LABELLED) | (samples.end == End.REJECTED)
    patience = _ARRIVAL_S
    while True:
        for column in (samples.calls, samples.receives, samples.duplicates, samples.forwards):
            column.fill(0)
        work = Work()
        for invocation in system.invocations(_since(run)):
            _add(invocation, work, run, digests)
        untold = int(np.isnan(samples.committed[ended]).sum())
        if patience <= 0 and (untold or work.unreported):
            run.unknown.append(
                f"The function's log of {untold} photos and Lambda's report of {work.unreported} invocations "
                f"did not arrive within {_ARRIVAL_S:.0f} s: stages, calls and cost are without them."
            )
        if patience <= 0 or not (untold or work.unreported):
            return work
        wait(_LOOK_S)
        patience -= _LOOK_S


def _since(run: Run) -> float:
    """When the run began by AWS's clock, as well as it is known before the log was read; rather too early."""
    ahead_s, _ = skew_s(run.samples)
    return run.started_at + (ahead_s - _SLACK_S if np.isfinite(ahead_s) else -_MAX_SKEW_S)


def _add(invocation: Invocation, work: Work, run: Run, digests: dict[str, int]) -> None:
    ours = [(digests[trace["image"]], trace) for trace in invocation.photos if trace["image"] in digests]
    if not ours:  # somebody else's, or of the warm-up
        return
    work.invocations += 1
    work.batch_sizes[len(ours)] += 1
    work.log_bytes += invocation.size
    work.throttles += invocation.throttles
    report = invocation.report
    work.unreported += not report
    work.billed_ms += report.get("Billed Duration", 0.0)
    work.memory_mb = report.get("Memory Size", work.memory_mb)
    work.peak_mb = max(work.peak_mb, report.get("Max Memory Used", 0.0))
    if "Init Duration" in report:
        work.cold_starts_ms.append(report["Init Duration"])
    for photo, trace in ours:
        _trace(photo, trace, run.samples, run.started_at)


def _trace(photo: int, trace: dict[str, Any], samples: Samples, zero_s: float) -> None:
    samples.calls[photo] += trace["calls"]
    samples.receives[photo] = max(samples.receives[photo], trace["receives"])
    if trace["end"] in _DONE_ALREADY:
        samples.duplicates[photo] += 1
    elif trace["end"] in _PASSED_ON:
        samples.forwards[photo] += 1
    elif "committed" in trace:
        for stage in ("received", "recognised", "committed"):
            samples.column(stage)[photo] = trace[stage] / 1000 - zero_s


def skew_s(samples: Samples) -> tuple[float, float]:
    """Bounds of how far AWS's clock is ahead of ours: S3's event falls between a PUT's beginning and its end.

    S3 cuts its time to milliseconds, so that each bound has one of slack.
    """
    known = ~np.isnan(samples.event) & ~np.isnan(samples.returned)
    if not known.any():
        return -np.inf, np.inf
    return (
        float(np.max((samples.event - samples.returned)[known])),
        float(np.min((samples.event - samples.began)[known])) + 0.001,
    )


def corrected(samples: Samples) -> float:
    """Turn the times of AWS's clock into ours, where the two disagree; returns the seconds it was ahead."""
    low, high = skew_s(samples)
    if low <= 0 <= high:
        return 0.0
    ahead = (low + high) / 2
    for stage in ("event", "received", "recognised", "committed"):
        samples.column(stage)[:] -= ahead
    return ahead
