"""`photos failures` and `photos redrive` on moto: reasons for people, and nothing lost on the way back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from photos import cli
from photos.errors import UserError
from photos.failures import RECEIVED_TOO_OFTEN, Failures, Redriven
from photos.reconciling import Reconciler
from tests.unit.deployed import BUCKET, document, store

if TYPE_CHECKING:
    from photos.target import Target

HOSTILE = "esc\x1b[31m [bold]x[/bold]\n.jpg"


def bury(target: Target, body: str, **attributes: str) -> str:
    """Put a message into the DLQ, with the function's attributes, or as SQS itself moves it."""
    given: Any = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    message_id: str = target.client("sqs").send_message(
        QueueUrl=target.outputs["DeadLetterQueueUrl"], MessageBody=body, MessageAttributes=given
    )["MessageId"]
    return message_id


def notification(key: str) -> str:
    return json.dumps({"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]})


def left(target: Target, queue: str) -> list[str]:
    """Bodies in a queue, which it empties."""
    sqs, url, found = target.client("sqs"), target.outputs[queue], []
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in received:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found)


def redrive(target: Target, reason: str | None = None) -> Redriven:
    with Reconciler(target) as reconciler:
        return Failures(target, pause=lambda _: None).redrive(reason, reconciler)


@pytest.fixture
def without_task(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A pipeline whose SQS moves nothing by itself."""
    monkeypatch.setattr(Failures, "_start_task", lambda *_: False)
    return target


def test_given_rejected_photos_and_dead_letters_when_listed_then_each_with_its_reason(target: Target) -> None:
    store(target, document("good.jpg", {"Cat": 98.0}))
    store(target, document("bad.png", {}, status="REJECTED", reason="InvalidImageFormatException", detail="No."))
    bury(target, "{", Reason="InvalidJson", Detail="The message body is not JSON.")
    bury(target, notification("a+photo%2B.jpg"))
    bury(target, json.dumps({"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "b.jpg"}))
    failures = Failures(target)
    [rejected] = failures.rejected()
    assert (rejected.what, rejected.reason, rejected.detail) == (
        f"{BUCKET}/bad.png",
        "InvalidImageFormatException",
        "No.",
    )
    found = {failure.what: failure for failure in failures.dead_letters()}
    assert set(found) == {"{", f"{BUCKET}/a photo+.jpg", f"{BUCKET}/b.jpg"}
    assert (found["{"].reason, found["{"].tries) == ("InvalidJson", None)
    assert found[f"{BUCKET}/b.jpg"].reason == RECEIVED_TOO_OFTEN
    assert found[f"{BUCKET}/b.jpg"].tries == 1


def test_given_dead_letters_when_listed_then_they_can_be_seen_by_others_at_once(target: Target) -> None:
    for number in range(25):
        bury(target, f"{number}")
    assert len(list(Failures(target).dead_letters())) == 25
    for failure in Failures(target).dead_letters():
        assert failure.body  # and left half-way
        break
    assert len(left(target, "DeadLetterQueueUrl")) == 25


@pytest.mark.parametrize("body", ["", "null", "[]", '{"Records": 1}', '{"key": 1}', "[" * 100_000, "é" * 1000])
def test_given_a_dead_letter_that_nobody_understands_when_listed_then_its_beginning_is_shown(
    target: Target, body: str
) -> None:
    bury(target, body or " ")
    [failure] = Failures(target).dead_letters()
    assert len(failure.what) <= 201


def test_given_failures_when_redriven_then_photos_are_asked_for_and_messages_moved(without_task: Target) -> None:
    target = without_task
    store(target, document("bad.png", {}, status="REJECTED", reason="Bad"))
    bodies = sorted(notification(f"{number}.jpg") for number in range(23))
    for body in bodies:
        bury(target, body)
    redriven = redrive(target)
    assert (redriven.photos, redriven.messages, redriven.by_task) == (1, 23, False)
    sent = left(target, "QueueUrl")
    [asked] = [one for one in map(json.loads, sent) if one.get("action")]
    assert (asked["key"], asked["force"]) == ("bad.png", True)
    assert [one for one in sent if "Records" in one] == bodies
    assert left(target, "DeadLetterQueueUrl") == []


def test_given_a_reason_when_redriven_then_only_those_and_the_others_stay_in_view(target: Target) -> None:
    store(target, document("bad.png", {}, status="REJECTED", reason="Bad"))
    store(target, document("large.png", {}, status="REJECTED", reason="ImageTooLargeException"))
    for number in range(12):
        bury(target, f"{number}", Reason="InvalidJson")
    bury(target, notification("a.jpg"))
    redriven = redrive(target, RECEIVED_TOO_OFTEN)
    assert (redriven.photos, redriven.messages, dict(redriven.left)) == (0, 1, {"InvalidJson": 12})
    assert left(target, "QueueUrl") == [notification("a.jpg")]
    assert redrive(target, "Bad").photos == 1
    assert len(left(target, "DeadLetterQueueUrl")) == 12


def test_given_messages_that_come_back_as_hopeless_when_redriven_then_it_ends(
    without_task: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = without_task
    for number in range(15):
        bury(target, f"{number}", Reason="InvalidJson")
    move, moved = Failures._move, 0

    def and_buried_again(self: Failures, dead_letters: str, failures: Any) -> None:
        nonlocal moved
        moved += len(failures)
        assert moved <= 15
        move(self, dead_letters, failures)
        for failure in failures:
            bury(target, failure.body, Reason="InvalidJson")

    monkeypatch.setattr(Failures, "_move", and_buried_again)
    assert redrive(target).messages == 15
    assert len(left(target, "DeadLetterQueueUrl")) == 15


@pytest.mark.parametrize("stopped_at", ["send_message_batch", "delete_message_batch"])
def test_given_it_is_stopped_half_way_when_redriven_again_then_nothing_is_lost(
    without_task: Target, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    target = without_task
    bodies = {notification(f"{number}.jpg") for number in range(25)}
    for body in bodies:
        bury(target, body)
    failures = Failures(target)
    real, calls = getattr(failures._sqs, stopped_at), 0

    def stopped(**request: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(**request)

    monkeypatch.setattr(failures._sqs, stopped_at, stopped)
    with Reconciler(target) as reconciler, pytest.raises(KeyboardInterrupt):
        failures.redrive(None, reconciler)
    redrive(target)
    assert set(left(target, "QueueUrl")) == bodies
    assert left(target, "DeadLetterQueueUrl") == []


def test_given_messages_that_sqs_refuses_when_redriven_then_they_stay_and_it_is_said(
    without_task: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = without_task
    for number in range(3):
        bury(target, f"{number}")
    failures = Failures(target)
    send = failures._sqs.send_message_batch

    def one_fails(**request: Any) -> Any:
        send(**(request | {"Entries": request["Entries"][1:]}))
        return {"Failed": [{"Id": request["Entries"][0]["Id"], "Code": "InternalError", "SenderFault": False}]}

    monkeypatch.setattr(failures._sqs, "send_message_batch", one_fails)
    with Reconciler(target) as reconciler, pytest.raises(UserError, match=r"InternalError.*none is lost"):
        failures.redrive(None, reconciler)
    assert len(left(target, "QueueUrl")) == 2
    assert len(left(target, "DeadLetterQueueUrl")) == 1


class Task:
    """SQS with a move task of its own, as far as it is asked."""

    def __init__(self, sqs: Any, *ends: dict[str, Any]) -> None:
        self._sqs, self._ends = sqs, iter(ends)
        self.asked: list[dict[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def start_message_move_task(self, **asked: str) -> None:
        self.asked.append(asked)

    def list_message_move_tasks(self, **_: str) -> dict[str, Any]:
        return {"Results": [next(self._ends)]}


def test_given_sqs_with_a_move_task_when_all_is_redriven_then_it_moves_them(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = Failures(target, pause=lambda _: None)
    running = {"Status": "RUNNING", "ApproximateNumberOfMessagesMoved": 10}
    ended = {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": 42}
    task = Task(failures._sqs, running, ended, ended | {"ApproximateNumberOfMessagesMoved": 3})
    monkeypatch.setattr(failures, "_sqs", task)
    with Reconciler(target) as reconciler:
        redriven = failures.redrive(None, reconciler)
    assert (redriven.by_task, redriven.messages) == (True, 45)
    moves = {
        asked["SourceArn"].rpartition(":")[2]: asked["DestinationArn"].rpartition(":")[2] for asked in task.asked
    }
    assert moves == {"DeadLetterQueueUrl": "QueueUrl", "ConvertDeadLetterQueueUrl": "ConvertQueueUrl"}

    failed = Task(failures._sqs, {"Status": "FAILED", "FailureReason": "AccessDenied"})
    monkeypatch.setattr(failures, "_sqs", failed)
    with Reconciler(target) as reconciler, pytest.raises(UserError, match=r"stopped \(AccessDenied\)"):
        failures.redrive(None, reconciler)


def test_given_sqs_without_a_move_task_when_all_is_redriven_then_by_hand(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(target, notification("a.jpg"))
    failures = Failures(target)

    def unknown(**_: str) -> None:
        raise ClientError({"Error": {"Code": "InvalidAction"}}, "StartMessageMoveTask")

    monkeypatch.setattr(failures._sqs, "start_message_move_task", unknown)
    with Reconciler(target) as reconciler:
        assert failures.redrive(None, reconciler).messages == 1


def test_given_the_commands_when_there_are_failures_then_they_say_what_to_know(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(Failures, "_start_task", lambda *_: False)
    run = CliRunner().invoke
    nothing = run(cli.photos, ["failures"])
    assert nothing.exit_code == 0, nothing.output
    assert "There are no failures." in nothing.output
    store(target, document(HOSTILE, {}, status="REJECTED", reason="ImageTooLargeException", detail="15 MB."))
    bury(target, notification("a.jpg"))
    found = run(cli.photos, ["failures"])
    assert found.exit_code == 1
    assert r"esc\x1b[31m [bold]x[/bold]\n.jpg" in found.output
    assert "ImageTooLargeException: 15 MB." in found.output
    assert "received 1 time: photos/a.jpg" in found.output
    assert "ImageTooLargeException" not in run(cli.photos, ["failures", "--reason", RECEIVED_TOO_OFTEN]).output
    assert "ReceivedTooOften" in run(cli.photos, ["redrive", "--dry-run"]).output
    assert left(target, "QueueUrl") == []
    assert "sent back: 1 rejected photo, 1 dead letter" in run(cli.photos, ["redrive"]).output
    assert len(left(target, "QueueUrl")) == 2


def test_given_dead_letters_of_both_queues_when_redriven_then_each_goes_back_where_it_came_from(
    without_task: Target,
) -> None:
    bury(without_task, notification("a.jpg"))
    sqs = without_task.client("sqs")
    sqs.send_message(
        QueueUrl=without_task.outputs["ConvertDeadLetterQueueUrl"], MessageBody=notification("b.heic")
    )
    assert {one.what for one in Failures(without_task).dead_letters()} == {f"{BUCKET}/a.jpg", f"{BUCKET}/b.heic"}
    assert redrive(without_task).messages == 2
    assert left(without_task, "QueueUrl") == [notification("a.jpg")]
    assert left(without_task, "ConvertQueueUrl") == [notification("b.heic")]
