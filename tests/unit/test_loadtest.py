"""The load test tells the truth: against a pipeline whose delays are known, and one that loses, stalls and lies."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loadtest.account import account, corrected
from loadtest.log import Invocation, invocations
from loadtest.measure import Measurement
from loadtest.mix import many_sizes, one_size
from loadtest.result_files import write
from loadtest.results import Setting, results
from loadtest.run import Plan, Runner
from loadtest.samples import End
from loadtest.schedule import PROFILES, intended_s
from loadtest.slo import objectives
from loadtest.summary import show
from loadtest.system_under_test import DeployedPipeline, Depth, LookResult
from photo_labels.library.target import Target, scrub_environment
from photo_labels.library.user_errors import UserError
from photo_labels.records.index import digest
from tests.fakes.stack import outputs_of_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

BUCKET = "b"


class Injected:
    """A pipeline that labels each photo after a delay that it chooses, and remembers when that was."""

    def __init__(self, delay_s: Callable[[int], float | None]) -> None:
        """`delay_s`: of a photo, by its number; None: it is dropped."""
        self._delay_s = delay_s
        self.visible_at: dict[str, float] = {}
        # By key; perf_counter.
        self.sent: list[str] = []
        self.dead: set[str] = set()
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
        done = LookResult(End.LABELLED, time.time() + self.event_ahead_s)
        return {key: done if self.visible_at.get(key, now + 1) <= now else None for key in keys}

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


def figures_of(runner: Runner, slo: str = "lost=0", **others: Any) -> dict[str, Any]:
    given_: Any = {"rows": (0, 0), "warmup": {"photos": 0}, "clock_ahead_s": 0.0, "counted_calls": None} | others
    setting = Setting("Nothing is real.", "local", len(runner.run.samples), 50.0, "steady", "photos", 0, 2)
    work = account(Injected(lambda _: 0.0), runner.run, BUCKET, wait=lambda _: None)
    return results(setting, runner.run, work, objectives(slo), [], **given_)


# ---------------------------------------------------------------- what is measured is what was injected


def test_given_known_delays_when_measured_then_each_lies_between_the_looks_and_the_percentiles_follow() -> None:
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


def test_given_uploads_that_hang_when_measured_then_the_generator_is_called_slow_and_latency_counts() -> None:
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


# ---------------------------------------------------------------- every photo is accounted for


def test_given_photos_that_are_dropped_when_measured_then_they_are_missing_and_the_objective_is_missed() -> None:
    system = Injected(lambda photo: None if photo % 10 == 3 else 0.01)
    system.dead = {"run/000003.jpg", "elsewhere/000013.jpg"}
    runner = executed(system, plan_of(np.zeros(40), patience_s=0.3))
    figures = figures_of(runner, "lost=0,p99<1ms,p50<10s")
    accounted = figures["accounted"]
    assert (accounted["missing"], accounted["dead_lettered"], accounted["labelled"]) == (3, 1, 36)
    assert accounted["sent"] == sum(accounted[end] for end in ("labelled", "rejected", "dead_lettered", "missing"))
    assert [verdict["met"] for verdict in figures["slo"]] == [False, False, True]


def test_given_uploads_that_are_refused_when_measured_then_they_were_not_sent_and_the_reason_is_told() -> None:
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


def test_given_an_interruption_when_running_then_what_was_sent_is_known_and_nothing_is_called_lost() -> None:
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


# ---------------------------------------------------------------- a pipeline on AWS


class Answers:
    """What S3 answers to PUTs, one after another."""

    def __init__(self, *codes: int) -> None:
        self._codes = iter(codes)
        self.urls: list[str] = []

    def send(self, request: Any) -> Any:
        self.urls.append(request.url)
        headers = {"x-amz-version-id": "v1"}
        return SimpleNamespace(status_code=next(self._codes), headers=headers, text="<Code>SlowDown</Code>")


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a pipeline in a region, whose PUTs S3 answers so."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    scrub_environment(os.environ)
    monkeypatch.setattr("loadtest.system_under_test._PUT_AGAIN_S", 0)
    names = ("KeyPrefix", "Bucket", "ImageLabelsTable", "LabelIndexTable", "QueueUrl", "DeadLetterQueueUrl")

    def give(region: str, *codes: int) -> tuple[Any, Answers]:
        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region)
        system: Any = DeployedPipeline(
            Target(session, None, "AWS", outputs_of_stack(dict.fromkeys(names, "photos"))), connections=1
        )
        system._http = answers = Answers(*codes)
        return system, answers

    return give


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "photos.s3.amazonaws.com"),
        ("eu-west-1", "photos.s3.eu-west-1.amazonaws.com"),
        ("ap-southeast-5", "photos.s3.ap-southeast-5.amazonaws.com"),
    ],
)
def test_given_a_region_when_sending_then_to_its_own_host_and_signed_as_every_region_takes_it(
    deployed: Callable[..., Any], region: str, host: str
) -> None:
    system, answers = deployed(region, 200)
    assert system.send("a b.jpg", b"photo") == 1
    [url] = answers.urls
    assert url.startswith(f"https://{host}/a%20b.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&")


def test_given_s3_that_is_busy_when_sending_then_again_and_it_is_counted(deployed: Callable[..., Any]) -> None:
    assert deployed("eu-west-1", 503, 500, 200)[0].send("a.jpg", b"photo") == 3
    for codes in ((503, 503, 503), (403,)):
        with pytest.raises(UserError, match=r"S3 refuses photos \(SlowDown\)"):
            deployed("eu-west-1", *codes)[0].send("a.jpg", b"photo")


def test_given_a_bucket_with_versions_when_cleaned_then_the_version_goes_and_what_stays_is_told(
    deployed: Callable[..., Any],
) -> None:
    system, _ = deployed("eu-west-1", 200)
    system.send("a.jpg", b"photo")
    with Stubber(system._s3) as stub:
        objects = [{"Key": "a.jpg", "VersionId": "v1"}, {"Key": "b.jpg"}]
        stub.add_response(
            "delete_objects",
            {"Errors": [{"Key": "b.jpg", "Code": "AccessDenied", "Message": "no"}]},
            {"Bucket": "photos", "Delete": {"Objects": objects, "Quiet": True}},
        )
        assert system.remove_objects(["a.jpg", "b.jpg"]) == {"b.jpg": "AccessDenied"}


# ---------------------------------------------------------------- what the function logged


def trace(photo: int, at: float, **others: Any) -> dict[str, Any]:
    stages = {
        name: round((at + number / 10) * 1000)
        for number, name in enumerate(("received", "recognised", "committed"))
    }
    facts = {"image": digest(f"{BUCKET}/run/{photo:06d}.jpg"), "end": "LABELLED", "receives": 1, "calls": 1}
    return facts | stages | others


def test_given_the_functions_log_when_accounted_then_stages_calls_and_duplicates_are_known() -> None:
    system = Injected(lambda _: 0.0)
    runner = executed(system, plan_of(np.zeros(4)))
    at = runner.run.started_at
    report = {"Billed Duration": 500.0, "Memory Size": 2048.0, "Max Memory Used": 57.0}
    twice = {"image": trace(1, at)["image"], "end": "DUPLICATE", "receives": 2, "calls": 0, "received": 0}
    system.lines = [
        Invocation([trace(0, at), trace(1, at)], report | {"Init Duration": 300.0}, throttles=2, size=1000),
        Invocation([trace(2, at, calls=3), trace(3, at), twice], report),
        Invocation([trace(99, at) | {"image": "somebody else's"}], report),
    ]
    samples, work = runner.run.samples, account(system, runner.run, BUCKET)
    assert (work.invocations, dict(work.batch_sizes), work.cold_starts_ms) == (2, {2: 1, 3: 1}, [300.0])
    assert (work.gb_seconds, work.throttles, work.peak_mb) == (2.0, 2, 57.0)
    assert samples.calls.tolist() == [1, 1, 3, 1]
    assert samples.duplicates.tolist() == [0, 1, 0, 0]
    assert samples.receives.tolist() == [1, 2, 1, 1]
    assert np.allclose(samples.recognised - samples.received, 0.1, atol=0.0011)
    assert np.allclose(samples.received, 0, atol=0.0011)


def test_given_a_log_that_arrives_late_when_accounted_then_it_is_waited_for() -> None:
    system = Injected(lambda _: 0.0)
    run = executed(system, plan_of(np.zeros(2))).run
    unfinished = [Invocation([trace(0, run.started_at)]), Invocation([trace(1, run.started_at)])]
    finished = [Invocation(one.photos, {"Billed Duration": 100.0}) for one in unfinished]
    arrived = iter([[], unfinished[:1], unfinished, finished[:1] + unfinished[1:], finished])
    system.invocations = lambda _since: iter(next(arrived))  # type: ignore[assignment,method-assign]
    assert account(system, run, BUCKET, wait=lambda _: None).billed_ms == 200
    assert run.unknown == []
    system.invocations = lambda _since: iter(unfinished[:1])  # type: ignore[assignment,method-assign]
    run.samples.committed.fill(np.nan)
    account(system, run, BUCKET, wait=lambda _: None)
    [unknown] = run.unknown
    assert "log of 1 photos and Lambda's report of 1 invocations did not arrive" in unknown


@pytest.mark.parametrize("ahead_s", [-30.0, 30.0])
def test_given_a_clock_that_is_wrong_when_accounted_then_the_log_is_read_from_the_beginning(
    ahead_s: float,
) -> None:
    system = Injected(lambda _: 0.0)
    run = executed(system, plan_of(np.zeros(2))).run
    asked: list[float] = []
    system.invocations = lambda since: iter(asked.append(since) or [])  # type: ignore[assignment,method-assign,func-returns-value]
    run.samples.event[:] = np.nan
    account(system, run, BUCKET, wait=lambda _: None)
    run.samples.event[:] = (run.samples.began + run.samples.returned) / 2 + ahead_s
    account(system, run, BUCKET, wait=lambda _: None)
    assert asked[0] == run.started_at - 900
    assert run.started_at + ahead_s - 5 < asked[-1] < run.started_at + ahead_s


def test_given_a_clock_that_is_ahead_when_corrected_then_events_fall_into_their_puts() -> None:
    system = Injected(lambda _: 0.0)
    runner = executed(system, plan_of(np.zeros(5)))
    samples = runner.run.samples
    samples.event[:] = (samples.began + samples.returned) / 2 + 30
    samples.committed[:] = samples.seen + 30
    assert abs(corrected(samples) - 30) < 1
    assert (samples.event >= samples.began - 0.001).all()
    assert (samples.event <= samples.returned + 0.001).all()
    assert corrected(samples) == 0, "once is enough"


class Logs:
    """CloudWatch Logs that answers with pages, by token as on AWS, or full and without one."""

    def __init__(self, events: list[dict[str, Any]], page: int, *, with_token: bool) -> None:
        self._events, self._page, self._with_token = events, page, with_token

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        found = [event for event in self._events if event["timestamp"] >= asked["startTime"]]
        start = int(asked.get("nextToken", 0))
        answer: dict[str, Any] = {"events": found[start : start + self._page]}
        if self._with_token and start + self._page < len(found):
            answer["nextToken"] = str(start + self._page)
        return answer


@pytest.mark.parametrize("with_token", [True, False])
def test_given_a_log_of_many_pages_when_read_then_each_invocation_is_there_once(
    monkeypatch: pytest.MonkeyPatch, *, with_token: bool
) -> None:
    monkeypatch.setattr("photo_labels.library.logs._MAX_EVENTS", 7)
    events = []
    for number in range(20):
        stream, at = f"stream-{number % 2}", 1000 + number // 3
        line = json.dumps({"Photos": [{"image": str(number)}], "RekognitionThrottles": [1.0]})
        report = (
            f"REPORT RequestId: {number}\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 1769 MB"
            "\tMax Memory Used: 57 MB\tInit Duration: 300.25 ms"
        )
        events += [{"logStreamName": stream, "timestamp": at, "message": said} for said in (line, report)]
    client: Any = Logs(events, 7, with_token=with_token)
    found = list(invocations(client, "group", 1000))
    assert sorted(int(one.photos[0]["image"]) for one in found) == list(range(20))
    assert {tuple(one.report.items()) for one in found} == {
        (
            ("Duration", 12.5),
            ("Billed Duration", 13.0),
            ("Memory Size", 1769.0),
            ("Max Memory Used", 57.0),
            ("Init Duration", 300.25),
        )
    }
    assert sum(one.throttles for one in found) == 20


# ---------------------------------------------------------------- schedules, objectives, photos


@given(st.sampled_from(sorted(PROFILES)), st.integers(1, 500), st.floats(0.5, 500))
def test_given_any_profile_when_planned_then_in_order_from_the_start_at_the_rate(
    profile: str, number: int, rate: float
) -> None:
    at = intended_s(number, rate, profile)
    assert len(at) == number
    assert at[0] == 0
    assert (np.diff(at) >= 0).all()
    assert at[-1] <= number / rate
    assert not intended_s(number, 0, profile).any()


def test_given_each_profile_when_planned_then_it_has_its_shape() -> None:
    assert len(set(intended_s(500, 50, "burst"))) == 2
    early, late = np.histogram(intended_s(400, 10, "ramp"), 2)[0]
    assert late > 2.5 * early
    spike = np.diff(intended_s(100, 10, "spike"))
    assert spike.min() * 5 == pytest.approx(spike.max())


def test_given_objectives_when_judged_then_by_their_own_figure() -> None:
    latency = {"p50": 300.0, "p90": 500.0, "p95": 999.0, "p99": None, "p99_9": 2000.0, "max": 2000.0}
    judged = [one.judged(latency, 2) for one in objectives("p95<1s, p95<999ms,p99<2s,p99.9<2.5s,lost=0,lost<3")]
    assert [one["met"] for one in judged] == [True, False, False, True, False, True]


@pytest.mark.parametrize("text", ["p95", "p96<1s", "p95<1", "lost", "speed>3", "p95<-1s"])
def test_given_an_objective_that_nobody_knows_when_read_then_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="SLO does not know"):
        objectives(text)


def test_given_a_size_when_photos_are_made_then_of_that_size_and_a_photo() -> None:
    [body] = one_size("2KB").bodies
    assert len(body) == 2000
    assert body.startswith(b"\xff\xd8")
    for bad in ("", "big", "1KB", "16MB", "-3", "2.2.2KB"):
        with pytest.raises(UserError, match="SIZE"):
            one_size(bad)


def test_given_a_seed_when_photos_are_chosen_then_always_the_same_of_many_sizes() -> None:
    mix = many_sizes()
    assert len({len(body) for body in mix.bodies}) > 20
    assert mix.choose(50, 1) == mix.choose(50, 1) != mix.choose(50, 2)


# ---------------------------------------------------------------- reports

HOSTILE = '<script>alert(1)</script> {{ 7 * 7 }} [red]x[/red] [/y] "@blue"'


def test_given_a_run_when_written_then_json_csv_and_a_page_that_needs_no_network(tmp_path: Path) -> None:
    system = Injected(lambda _: 0.05)
    runner = executed(system, plan_of(intended_s(30, 100, "steady")))
    warmup = {"photos": 0, "cold_starts": 0, "latency_ms": {"p50": None, "max": None}}
    figures = figures_of(runner, warmup=warmup, slo="p95<1s,lost=0")
    figures["not_sent_because"] = {HOSTILE: 1}
    figures["setting"]["photos"] = HOSTILE
    write(Measurement(runner.run, figures), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == figures
    with (tmp_path / "samples.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["key"] for line in lines] == [runner.run.plan.key(photo) for photo in range(30)]
    assert [float(line["seen_s"]) for line in lines] == pytest.approx(runner.run.samples.seen, abs=1e-6)
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "7 * 7" in page
    assert "<script src" not in page
    assert "<link" not in page


def test_given_a_run_in_which_nothing_was_seen_when_shown_then_it_says_so(tmp_path: Path) -> None:
    runner = executed(Injected(lambda _: None), plan_of(np.zeros(3), patience_s=0.05))
    warmup = {"photos": 0, "cold_starts": 0, "latency_ms": {"p50": None, "max": None}}
    figures = figures_of(runner, warmup=warmup, slo="p95<1s,lost=0")
    write(Measurement(runner.run, figures), tmp_path)
    assert "NaN" not in (tmp_path / "results.json").read_text()
    console = Console(record=True, width=300)
    figures["not_sent_because"], figures["setting"]["photos"] = {HOSTILE: 1}, HOSTILE
    figures["unknown"] = [HOSTILE]
    show(console, figures)
    said = console.export_text()
    assert said.count(HOSTILE) == 3
    assert "3 sent = 0 labelled + 0 rejected + 0 dead-lettered + 3 missing" in said
    assert "MISSED  lost=0 (measured 3)" in said
