"""What is measured is what was injected, and every photo is accounted for."""

from __future__ import annotations

import itertools
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from botocore.exceptions import ClientError

from loadtest.run import Runner
from loadtest.samples import End
from loadtest.schedule import intended_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.system_under_test import LookResult

from tests.unit.loadtest.shared import Injected, executed, figures_of, number_of, plan_of


def test_given_known_delays_when_measured_then_each_lies_between_looks_and_percentiles_follow() -> None:
    delays = np.random.default_rng(1).lognormal(-2.5, 0.6, 120)
    system = Injected(lambda photo: float(delays[photo]))
    runner = executed(system, plan_of(intended_s(120, 100, "steady")))
    samples = runner.run.samples
    true = np.array([system.visible_at[runner.run.plan.key(photo)] for photo in range(120)]) - runner._zero
    true = np.maximum(true, samples.returned)  # a sender may sleep after its photo was sent
    assert (samples.last_miss <= true).all(), "it was looked for in vain before it was visible"
    assert (true <= samples.seen).all(), "and seen after"
    assert (samples.end == End.LABELLED).all()
    measured = figures_of(runner)["latency_ms"]
    for name, cut in {"p50": 50, "p90": 90, "p99": 99, "max": 100}.items():
        low, exact, high = (
            np.percentile(times - samples.intended, cut, method="higher") * 1000
            for times in (samples.last_miss, true, samples.seen)
        )
        assert measured[name] == high
        assert low <= exact <= high


def test_given_a_pipeline_that_stalls_when_measured_then_every_photo_of_the_stall_shows_it() -> None:
    """Coordinated omission: a generator that waits for answers would have sent nothing meanwhile."""
    system = Injected(lambda _: max(0.0, 0.6 - runner.now()))
    plan = plan_of(intended_s(80, 100, "steady"))
    runner = Runner(system, plan)
    runner.execute(lambda _: None, every_s=0.01)
    latency = runner.run.samples.latency_s
    stalled = plan.intended < 0.6
    assert (latency[stalled] >= 0.6 - plan.intended[stalled]).all()


def test_given_uploads_that_hang_when_measured_then_generator_is_called_slow() -> None:
    system = Injected(lambda _: 0.0)
    hung = threading.Event()

    def hang(_: str) -> None:
        if not hung.is_set():
            threading.Timer(0.5, hung.set).start()
        hung.wait(10)

    system.before_send = hang
    runner = executed(system, plan_of(intended_s(50, 200, "steady"), senders=2))
    samples, figures = runner.run.samples, figures_of(runner)
    began = samples.began[2:]
    assert (began >= samples.returned[:2].min()).all(), "both senders were busy"
    assert (samples.latency_s >= samples.returned[:2].min() - samples.intended).all()
    assert figures["generator"]["was_bottleneck"]
    assert figures["generator"]["late"] >= 40


def test_given_photos_dropped_when_measured_then_they_are_missing_and_objective_is_missed() -> None:
    system = Injected(lambda photo: None if photo % 10 == 3 else 0.01)
    system.dead = {"run/000003.jpg", "elsewhere/000013.jpg"}
    runner = executed(system, plan_of(np.zeros(40), patience_s=0.3))
    figures = figures_of(runner, "lost=0,p99<1ms,p50<10s")
    accounted = figures["accounted"]
    assert (accounted["missing"], accounted["dead_lettered"], accounted["labelled"]) == (3, 1, 36)
    assert accounted["sent"] == sum(accounted[end] for end in ("labelled", "rejected", "dead_lettered", "missing"))
    assert [verdict["met"] for verdict in figures["slo"]] == [False, False, True]


def test_given_uploads_refused_when_measured_then_they_were_not_sent_and_reason_is_told() -> None:
    system = Injected(lambda _: 0.01)

    def refuse(key: str) -> None:
        if number_of(key) < 5:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no rights"}}, "PutObject")

    system.before_send = refuse
    runner = executed(system, plan_of(np.zeros(20)))
    figures = figures_of(runner, "p50<30s,p95<30s,lost=0")
    assert [verdict["met"] for verdict in figures["slo"]] == [True, False, True]
    assert figures["accounted"]["sent"] == figures["accounted"]["labelled"] == 15
    assert figures["not_sent_because"] == {"AWS refuses PutObject: no rights": 5}


def test_given_interruption_when_running_then_what_was_sent_is_known() -> None:
    system = Injected(lambda photo: 0.0 if photo < 5 else None)
    runner = Runner(system, plan_of(intended_s(1000, 100, "steady")))

    def interrupt(runner: Runner) -> None:
        if runner.run.samples.is_seen.sum() >= 5 and len(system.sent) > 5 and not runner.run.interrupted:
            signal.raise_signal(signal.SIGINT)

    run = runner.execute(interrupt, every_s=0.01)
    assert run.interrupted
    sent = set(system.sent)
    for photo in range(1000):
        assert (run.plan.key(photo) in sent) == (run.samples.end[photo] != End.NOT_SENT)
    figures = figures_of(runner, "lost=0,p99<30s")
    accounted = figures["accounted"]
    assert accounted["under_way"] == len(sent) - 5 > 0
    assert accounted["missing"] == 0
    assert all(verdict["met"] for verdict in figures["slo"])


def test_given_an_interruption_when_starting_then_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    submit, started = ThreadPoolExecutor.submit, itertools.count()

    def interrupt(pool: ThreadPoolExecutor, job: Any) -> Any:
        if next(started) == 5:
            signal.raise_signal(signal.SIGINT)
        return submit(pool, job)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupt)
    before = signal.getsignal(signal.SIGINT)
    assert executed(Injected(lambda _: 0.0), plan_of(intended_s(1000, 100, "steady"))).run.interrupted
    assert signal.getsignal(signal.SIGINT) is before


REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no rights"}}, "BatchGetItem")


def test_given_a_reader_that_keeps_failing_when_running_then_it_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.run._LOOK_AGAIN_S", 0)
    system = Injected(lambda _: 0.0)

    def refused(_: Sequence[str]) -> dict[str, LookResult | None]:
        raise REFUSED

    system.look = refused  # type: ignore[assignment,method-assign]
    with pytest.raises(ClientError, match="BatchGetItem"):
        executed(system, plan_of(np.zeros(3)))


def test_given_looks_that_fail_or_are_not_answered_when_running_then_only_reads_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("loadtest.run._LOOK_AGAIN_S", 0)
    system, looks = Injected(lambda _: 0.0), itertools.count()
    look = system.look

    def sometimes(keys: Sequence[str]) -> dict[str, LookResult | None]:
        number = next(looks)
        if number < 3:
            raise REFUSED
        return {} if number < 6 else look(keys)  # as with UnprocessedKeys

    system.look = sometimes  # type: ignore[method-assign]
    samples = executed(system, plan_of(np.zeros(3))).run.samples
    assert samples.is_seen.all()
    assert (samples.last_miss == samples.returned).all(), "none was ever read in vain"


def test_given_queues_that_cannot_be_read_when_running_then_the_run_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("loadtest.run._GAUGE_S", 0.01)
    system = Injected(lambda photo: 0.01 if photo else None)

    def refused(*_: object) -> Any:
        raise REFUSED

    system.depth = system.dead_letters = refused  # type: ignore[assignment,method-assign]
    figures = figures_of(executed(system, plan_of(np.zeros(3), patience_s=0.3)))
    assert (figures["accounted"]["labelled"], figures["accounted"]["missing"]) == (2, 1)
    queues, dead_letters, _log = figures["unknown"]
    assert "The queues could not always be read (AWS refuses BatchGetItem: no rights)" in queues
    assert "Dead letters could not be read" in dead_letters
