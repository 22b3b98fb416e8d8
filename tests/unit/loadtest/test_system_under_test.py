"""A pipeline on AWS, and what its function logged."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from botocore.stub import Stubber

from loadtest.accounting import account, corrected
from loadtest.log import Invocation, invocations
from loadtest.system_under_test import DeployedPipeline
from photo_labels.library.target import Target, scrub_environment
from photo_labels.library.user_errors import UserError
from photo_labels.records.index import digest
from tests.fakes.stack import outputs_of_stack

if TYPE_CHECKING:
    from collections.abc import Callable

from tests.unit.loadtest.shared import BUCKET, Injected, executed, plan_of


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


def test_given_bucket_with_versions_when_cleaned_then_version_goes_and_what_stays_is_told(
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
