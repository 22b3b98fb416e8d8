"""`photos status` on moto: what CloudWatch has, what the queues hold, what rings."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from rich.console import Console

from photo_labels import cli
from photo_labels.commands.status import status_table
from photo_labels.library.budget import BudgetStatus
from photo_labels.library.status import COUNTED, Queue, Status, StatusReader
from photo_labels.library.target import Target
from photo_labels.records.budget import Budget, Counted
from photo_labels.terminal.text import duration
from tests.unit.deployed import put

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "holidays"


@contextmanager
def scripted(monkeypatch: pytest.MonkeyPatch, **more: str) -> Iterator[Stubber]:
    """The pipeline's function, for five calls a second and with more in its environment; all else is scripted."""
    client = boto3.client("lambda", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    usual = Target.client

    def instead(self: Target, service: str, **options: Any) -> Any:
        return client if service == "lambda" else usual(self, service, **options)

    monkeypatch.setattr(Target, "client", instead)
    variables = {"REKOGNITION_TPS": "5", "POWERTOOLS_SERVICE_NAME": STACK} | more
    with Stubber(client) as stub:
        stub.add_response("get_function_configuration", {"Environment": {"Variables": variables}})
        yield stub


@pytest.fixture
def functions(target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """The pipeline's function; its mappings are scripted by each test."""
    with scripted(monkeypatch) as stub:
        yield stub


def mappings(stub: Stubber, *states: str) -> None:
    for state in states:
        stub.add_response("get_event_source_mapping", {"State": state})


def measured(target: Target, **values: float) -> None:
    """Have CloudWatch know metrics, of three minutes ago."""
    data: Any = [
        {
            "MetricName": name,
            "Dimensions": [{"Name": "service", "Value": STACK}],
            "Timestamp": datetime.now(UTC) - timedelta(minutes=3),
            "Value": value,
        }
        for name, value in values.items()
    ]
    target.client("cloudwatch").put_metric_data(Namespace="PhotoLabels", MetricData=data)


def ringing(target: Target, *names: str) -> None:
    cloudwatch = target.client("cloudwatch")
    for name in names:
        alarm: Any = {"AlarmName": name, "AlarmDescription": f"{name} says what to do.", "EvaluationPeriods": 1}
        alarm |= {"ComparisonOperator": "GreaterThanThreshold", "MetricName": "m", "Namespace": "n"}
        cloudwatch.put_metric_alarm(**alarm, Period=60, Statistic="Sum", Threshold=1.0)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")


def test_given_a_pipeline_at_work_when_looked_at_then_all_of_it_is_told(
    target: Target, functions: Stubber
) -> None:
    mappings(functions, *["Enabled"] * 5)
    measured(target, ImagesLabelled=300, RekognitionCalls=600, RekognitionThrottles=2, OldestPhotoAge=45)
    for _ in range(3):
        target.client("sqs").send_message(QueueUrl=target.outputs.labelling.queue_url, MessageBody="photo")
    target.client("sqs").send_message(QueueUrl=target.outputs.converting.dead_letter_queue_url, MessageBody="dead")
    ringing(target, f"{STACK}-DeadLetters", f"{STACK}-test-QueueDepth", "others-DeadLetters")
    status = StatusReader(target).read()
    assert (status.photos, status.converting) == (Queue(3, 0, 0), Queue(0, 0, 1))
    assert (status.counts["ImagesLabelled"], status.counts["ImagesRejected"]) == (300, 0)
    assert (status.photos_a_second, status.calls_a_second, status.tps) == (1.0, 2.0, 5.0)
    assert status.oldest_s == 45
    assert status.gone_in_s == 3.0
    assert set(status.alarms) == {"DeadLetters"}


def test_given_what_was_longer_ago_when_looked_at_then_it_is_not_counted(
    target: Target, functions: Stubber
) -> None:
    mappings(functions, *["Enabled"] * 5)
    measured(target, ImagesLabelled=300)
    status = StatusReader(target, lambda: time.time() + 1200).read()
    assert status.counts["ImagesLabelled"] == 0
    assert status.oldest_s is None


@pytest.mark.parametrize(
    ("backlog", "labelled", "tps", "is_on", "gone_in_s"),
    [
        (0, 0, 5.0, True, 0.0),
        (600, 300, 5.0, True, 600.0),
        (600, 0, 5.0, True, 120.0),
        (600, 0, 0.0, True, None),
        (600, 300, 5.0, False, None),
    ],
)
def test_given_backlog_when_asked_when_it_is_gone_then_by_rate_or_quota_or_nobody_knows(
    backlog: int, labelled: int, tps: float, is_on: bool, gone_in_s: float | None
) -> None:
    counts = dict.fromkeys(COUNTED, 0) | {"ImagesLabelled": labelled}
    none = Queue(0, 0, 0)
    status = Status(none, none, Queue(backlog, 0, 0), none, none, is_on, counts, None, tps, {})
    assert status.gone_in_s == gone_in_s


@pytest.mark.parametrize(
    ("backlog", "labelled", "told"),
    [
        (100_000, 3, "gone in 5.6 h at the quota, 115.7 days at the last 5 minutes' rate"),
        (100_000, 1_500, "gone in about 5.6 h"),
        (2, 3, "gone in about 3 min"),
        (100_000, 0, "gone in about 5.6 h"),
    ],
)
def test_given_what_was_only_now_queued_when_asked_when_it_is_gone_then_both_rates_are_told(
    backlog: int, labelled: int, told: str
) -> None:
    counts = dict.fromkeys(COUNTED, 0) | {"ImagesLabelled": labelled}
    none = Queue(0, 0, 0)
    status = Status(none, none, Queue(backlog, 0, 0), none, none, True, counts, None, 5.0, {})
    console = Console(width=200)
    with console.capture() as captured:
        console.print(status_table(status))
    assert f"backlog          {told}" in captured.get()


def test_given_photos_rejected_live_and_of_bulk_work_when_asked_then_both_count() -> None:
    counts = {
        "ImagesLabelled": 560,
        "ImagesRejected": 1,
        "BulkImagesRejected": 8,
        "SmallPhotos": 30,
        "ImagesRemoved": 1,
    }
    none = Queue(0, 0, 0)
    status = Status(none, none, none, none, none, True, dict.fromkeys(COUNTED, 0) | counts, None, 5.0, {})
    # Those that are too small have ended, too.
    assert (status.rejected, status.photos_a_second) == (9, 2.0)


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return CliRunner().invoke(cli.photos, ["status", *arguments])


def test_given_the_command_when_paused_and_an_alarm_rings_then_it_says_so_and_exits_with_1(
    target: Target, functions: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings(functions, "Disabled")
    ringing(target, f"{STACK}-QueueDepth")
    ended = run(target, monkeypatch)
    assert ended.exit_code == 1
    assert "paused: photos resume continues" in ended.output
    assert f"QueueDepth: {STACK}-QueueDepth says what to do." in ended.output


def test_given_the_command_when_asked_for_json_then_it_is_a_line(
    target: Target, functions: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings(functions, *["Enabled"] * 5)
    ended = run(target, monkeypatch, "--json")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["photos"] == {"waiting": 0, "in_hand": 0, "dead": 0}


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (9000, "2.5 h"), (200_000, "2.3 days")]
)
def test_given_seconds_when_told_then_a_person_can_grasp_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


# The budget


@pytest.fixture
def with_budget(target: Target, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A pipeline with a budget of 100 calls a day and 150 a month, of which 100 were made today."""
    outputs = replace(target.outputs, label_quota_table="LabelQuota")
    key: Any = [{"AttributeName": "Operation", "KeyType": "HASH"}]
    types: Any = [{"AttributeName": "Operation", "AttributeType": "S"}]
    target.client("dynamodb").create_table(
        TableName="LabelQuota", KeySchema=key, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST"
    )
    today = int(f"{datetime.now(UTC):%Y%m%d}")
    put(
        target,
        "LabelQuota",
        {"Operation": "DetectLabels", "CountedOn": today, "CallsOfDay": 100, "CallsOfMonth": 120},
    )
    with scripted(monkeypatch, DAILY_BUDGET_PHOTOS="100", MONTHLY_BUDGET_PHOTOS="150") as stub:
        # The live lane is on, the next is off.
        mappings(stub, "Enabled", "Disabled", "Disabled", "Enabled", "Disabled")
        yield replace(target, outputs=outputs)


def test_given_a_spent_budget_when_looked_at_then_it_says_until_when_and_nobody_has_paused(
    with_budget: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = {"Operation": f"SwitchedOff {with_budget.outputs.stack}"}
    put(with_budget, "LabelQuota", note)
    ended = run(with_budget, monkeypatch)
    assert ended.exit_code == 0, ended.output
    said = " ".join(ended.output.split())
    assert (
        "100 of 100 calls today, 120 of 150 calls this month (UTC); spent: labelling goes on by itself at" in said
    )
    assert "labelling on" in said


def test_given_a_spent_budget_and_a_pause_when_looked_at_then_it_is_paused(
    with_budget: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(with_budget, monkeypatch, "--json")
    assert ended.exit_code == 0, ended.output
    status = json.loads(ended.stdout.splitlines()[-1])
    assert not status["is_on"]
    assert status["budget"].pop("spent_until").endswith("T00:00:00+00:00")
    assert status["budget"] == {
        "daily": 100,
        "monthly": 150,
        "calls_of_day": 100,
        "calls_of_month": 120,
        "left": 0,
    }


@pytest.mark.parametrize(
    ("waiting", "gone_in_s", "lost"),
    [(0, 0.0, 0), (100, 86_400.0 + 20, 0), (1200, 12 * 86_400.0 + 20, 100), (10**6, None, 998_900)],
)
def test_given_a_backlog_beyond_the_budget_when_asked_then_what_sqs_deletes_first_is_told(
    waiting: int, gone_in_s: float | None, lost: int
) -> None:
    midnight = datetime(2026, 11, 3, tzinfo=UTC)
    budget = BudgetStatus(Budget(daily=100), Counted(20261103, 100, 100), midnight)
    counts = dict.fromkeys(COUNTED, 0)
    none = Queue(0, 0, 0)
    status = Status(none, none, Queue(waiting, 0, 0), none, none, True, counts, None, 5.0, {}, budget)
    assert status.gone_in_s == (None if gone_in_s is None else pytest.approx(gone_in_s))
    assert status.lost_after(12) == lost
