"""A load test from its first photo to its last figure: warm up, run, account, clean up."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from loadtest import cpu
from loadtest.account import account, corrected
from loadtest.display import Progress
from loadtest.results import Setting, photos_a_second, quantiles, results
from loadtest.run import Plan, Runner
from loadtest.samples import End
from loadtest.schedule import intended_s
from loadtest.subject import Deployed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from loadtest.cpu import Use
    from loadtest.mix import Mix
    from loadtest.place import Place
    from loadtest.run import Run
    from loadtest.slo import Objective

_SENDERS = 16
_SENDERS_AWS = 64
_PATIENCE_S = 30.0
_PATIENCE_WITH_MESSAGES_S = 400.0
"""A message may be in backoff for five minutes."""
_SAMPLED = 100
"""Documents that are read whole in the end, for their sizes and their rows."""
_CLEANED_S = 300.0


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    number: int
    rate: float
    """Photos a second; 0: all at once."""
    profile: str
    mix: Mix
    seed: int
    warmup: int
    """Photos that are sent beforehand, at once."""
    objectives: list[Objective]
    keep: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run with all its samples, and the figures."""

    run: Run
    figures: dict[str, Any]


def measure(place: Place, order: Order, console: Console) -> Outcome:
    """Do it, and remove what was sent, unless it is to be kept or goes with its cloud."""
    senders = _SENDERS if place.target.is_local else _SENDERS_AWS
    subject = Deployed(place.target, connections=senders)
    prefix = f"{subject.prefix}loadtest/{secrets.token_hex(4)}/"
    warmup_plan = _plan(order, f"{prefix}warmup/", np.zeros(order.warmup), senders)
    plan = _plan(order, f"{prefix}run/", intended_s(order.number, order.rate, order.profile), senders)
    runs = []
    try:
        with Progress(console) as progress:
            warmup = Runner(subject, warmup_plan)
            runs.append(warmup.run)
            if warmup.execute(progress.warming).interrupted:
                raise KeyboardInterrupt
            warmed = account(subject, warmup.run, place.target.outputs["Bucket"])
            runner = Runner(subject, plan)
            runs.append(runner.run)
            run = runner.execute(progress.running)
            progress.accounting()
            work = account(subject, run, place.target.outputs["Bucket"])
        ahead_s = corrected(run.samples)
        documents = subject.documents(_some(run))
        figures = results(
            _setting(place, order),
            run,
            work,
            order.objectives,
            documents,
            rows=subject.rows(documents),
            warmup={
                "photos": order.warmup,
                "cold_starts": len(warmed.cold_starts_ms),
                "latency_ms": quantiles(warmup.run.samples.latency_s * 1000),
            },
            clock_ahead_s=ahead_s,
            counted_calls=place.calls(plan.prefix),
        )
        return Outcome(run, figures)
    finally:
        if not (place.is_own or order.keep):
            _clean(subject, [key for run in runs for key in _sent(run)], prefix, console)


def throughput(place: Place, order: Order, console: Console) -> tuple[Run, float | None, Use]:
    """Warm up and run; gives the photos a second that were seen, and the CPU that the run took.

    The function's log is left alone.
    """
    subject = Deployed(place.target, connections=_SENDERS)
    with Progress(console) as progress:
        prefix = f"{subject.prefix}loadtest/{secrets.token_hex(4)}/"
        Runner(subject, _plan(order, f"{prefix}warmup/", np.zeros(order.warmup), _SENDERS)).execute(
            progress.warming
        )
        before = cpu.used()
        intended = intended_s(order.number, order.rate, order.profile)
        run = Runner(subject, _plan(order, f"{prefix}run/", intended, _SENDERS)).execute(progress.running)
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


def _setting(place: Place, order: Order) -> Setting:
    return Setting(
        simulated=place.simulated,
        target=place.target.description,
        number=order.number,
        rate=order.rate,
        profile=order.profile,
        photos=order.mix.description,
        seed=order.seed,
        concurrency=place.concurrency,
    )


def _some(run: Run) -> list[str]:
    """Keys of some labelled photos, evenly over the run."""
    labelled = np.flatnonzero(run.samples.end == End.LABELLED)
    chosen = labelled[:: max(1, len(labelled) // _SAMPLED)]
    return [run.plan.key(int(photo)) for photo in chosen]


def _sent(run: Run) -> list[str]:
    return [run.plan.key(int(photo)) for photo in np.flatnonzero(~np.isnan(run.samples.began))]


def _clean(subject: Deployed, keys: Sequence[str], prefix: str, console: Console) -> None:
    """Remove photos; their removal makes the function delete the rows, and the tombstones are deleted then."""
    left = list(keys)
    try:
        with console.status(f"removing {len(keys)} photos") as status:
            subject.remove_objects(keys)
            end = time.monotonic() + _CLEANED_S
            while (left := subject.remove_tombstones(left)) and time.monotonic() < end:
                status.update(f"removing {len(keys)} photos: {len(left)} documents left")
                time.sleep(1)
    finally:
        if left:
            console.print(
                f"{len(left)} photos below {prefix} are not wholly removed. Delete what is left of them in S3; "
                "the function makes tombstones of their documents, which expire after 30 days.",
                style="yellow",
            )
