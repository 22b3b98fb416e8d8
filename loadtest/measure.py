"""A load test from its first photo to its last figure: warm up, run, account, clean up."""

from __future__ import annotations

import math
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest import cpu
from loadtest.accounting import Work, account, corrected
from loadtest.cleaning import clean
from loadtest.display import ProgressDisplay
from loadtest.mix import copies
from loadtest.results import Setting, photos_a_second, quantiles, results
from loadtest.run import Plan, Runner
from loadtest.samples import End
from loadtest.schedule import intended_s
from loadtest.system_under_test import DeployedPipeline
from photo_labels.library.user_errors import USER_FACING_ERRORS, UserError, user_message
from photo_labels.records.messages import MAX_BACKOFF_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from loadtest.cpu import Use
    from loadtest.mix import PhotoMix
    from loadtest.run import Run
    from loadtest.slo import Objective
    from loadtest.target import LoadTestTarget
    from photo_labels.records.documents import Document

_SENDERS = 16
_SENDERS_AWS = 64
_PATIENCE_S = 30.0
# A message may be in backoff.
_PATIENCE_WITH_MESSAGES_S = MAX_BACKOFF_S + 100.0
# Documents that are read whole in the end, for their sizes and their rows.
_SAMPLED = 100


@dataclass(frozen=True, slots=True)
class Order:
    """What a load test is asked to do."""

    number: int
    # Photos a second; 0: all at once.
    rate: float
    profile: str
    mix: PhotoMix
    seed: int
    # Photos that are sent beforehand, at once.
    warmup: int
    objectives: list[Objective]
    keep: bool
    # The share of the photos that are copies of earlier ones.
    duplicates: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """A run with all its samples, and the figures."""

    run: Run
    figures: dict[str, Any]


@contextmanager
def measured(place: LoadTestTarget, order: Order, console: Console) -> Iterator[Measurement]:
    """Run a load test and return what it measured; then remove what it sent, unless that is to be kept.

    Raises UserError where no photo of the warm-up gets through, and KeyboardInterrupt when that is interrupted.
    """
    senders = _SENDERS if place.target.is_local else _SENDERS_AWS
    system = DeployedPipeline(place.target, connections=senders)
    prefix = f"{system.prefix}loadtest/{secrets.token_hex(4)}/"
    warmup = Runner(system, _plan(order, f"{prefix}warmup/", np.zeros(order.warmup), senders))
    runs = [warmup.run]
    try:
        with ProgressDisplay(console) as progress:
            warmed = _warm_up(system, warmup, progress)
            intended = intended_s(order.number, order.rate, order.profile)
            chosen = copies(order.number, order.duplicates, order.seed)
            runner = Runner(system, replace(_plan(order, f"{prefix}run/", intended, senders), copies=chosen))
            runs.append(runner.run)
            runner.execute(progress.running)
            progress.accounting()
            work = _accounted(system, runner.run)
        yield _outcome(system, place, order, runner.run, work=work, warmed=warmed)
    finally:
        if not (place.is_own or order.keep):
            clean(system, runs, prefix, console)


def _warm_up(system: DeployedPipeline, warmup: Runner, progress: ProgressDisplay) -> dict[str, Any]:
    """Warm up the environments; return the figures."""
    run = warmup.execute(progress.warming)
    if run.interrupted:
        raise KeyboardInterrupt
    samples = run.samples
    if len(samples) and not samples.is_seen.any():
        why = "; ".join(run.refusals) or (
            "look at the function's log group, "
            f"{system.target.outputs.labelling.log_group}, and at the dead-letter queue. Nothing else was sent."
        )
        raise UserError(f"None of {len(samples)} photos that were sent to warm up got through: {why}")
    return {
        "photos": len(samples),
        "seen": int(samples.is_seen.sum()),
        "cold_starts": len(_accounted(system, run).cold_starts_ms),
        "latency_ms": quantiles(samples.latency_s * 1000),
    }


def _accounted(system: DeployedPipeline, run: Run) -> Work:
    """Read the function's log; a run whose log cannot be read, or is not waited for, is one with less known."""
    try:
        return account(system, run, system.target.outputs.bucket)
    except USER_FACING_ERRORS as error:
        run.unknown.append(
            f"The function's log could not be read ({user_message(error)}): stages, calls and cost are without it."
        )
    except KeyboardInterrupt:
        run.interrupted = True
    return Work()


def _outcome(
    system: DeployedPipeline, place: LoadTestTarget, order: Order, run: Run, *, work: Work, warmed: dict[str, Any]
) -> Measurement:
    """Compute the figures; what cannot be read is left out, and said."""
    ahead_s = corrected(run.samples)
    documents: list[Document] = []
    rows = (0, 0)
    try:
        documents = system.documents(_some(run))
        rows = system.rows(documents)
    except USER_FACING_ERRORS as error:
        run.unknown.append(
            f"The tables could not be read ({user_message(error)}): index rows were not looked for."
        )
    figures = results(
        _setting(place, order),
        run,
        work,
        order.objectives,
        documents,
        rows=rows,
        warmup=warmed,
        clock_ahead_s=ahead_s,
        counted_calls=place.calls(run.plan.prefix),
    )
    return Measurement(run, figures)


def throughput(place: LoadTestTarget, order: Order, console: Console) -> tuple[Run, float | None, Use]:
    """Warm up and run; returns the photos a second that were seen, and the CPU that the run took.

    The function's log is not read. Raises KeyboardInterrupt.
    """
    system = DeployedPipeline(place.target, connections=_SENDERS)
    with ProgressDisplay(console) as progress:
        prefix = f"{system.prefix}loadtest/{secrets.token_hex(4)}/"
        warmup = _plan(order, f"{prefix}warmup/", np.zeros(order.warmup), _SENDERS)
        warmed = Runner(system, warmup).execute(progress.warming)
        intended = intended_s(order.number, order.rate, order.profile)
        before = cpu.used()
        run = Runner(system, _plan(order, f"{prefix}run/", intended, _SENDERS)).execute(progress.running)
        if warmed.interrupted or run.interrupted:
            raise KeyboardInterrupt
    return run, photos_a_second(run.samples), cpu.between(before, cpu.used())


def _plan(order: Order, prefix: str, intended: Any, senders: int) -> Plan:
    return Plan(
        prefix,
        intended,
        order.mix.bodies,
        order.mix.choose(len(intended), order.seed),
        senders,
        _PATIENCE_S,
        _PATIENCE_WITH_MESSAGES_S,
    )


def _setting(place: LoadTestTarget, order: Order) -> Setting:
    return Setting(
        simulated=place.simulated,
        target=place.target.description,
        number=order.number,
        rate=order.rate,
        profile=order.profile,
        photos=order.mix.description,
        seed=order.seed,
        duplicates=order.duplicates,
        concurrency=place.concurrency,
    )


def _some(run: Run) -> list[str]:
    """Return the keys of some labelled photos, evenly over the run."""
    labelled = np.flatnonzero(run.samples.end == End.LABELLED)
    chosen = labelled[:: max(1, math.ceil(len(labelled) / _SAMPLED))]
    return [run.plan.key(int(photo)) for photo in chosen]
