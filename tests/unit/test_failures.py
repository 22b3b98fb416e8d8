"""`photos failures` and `photos redrive` on moto: reasons for people, and nothing lost on the way back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from chaos.envelopes import of_event_bridge
from photo_labels import cli
from photo_labels.commands.failures import _COUNTED
from photo_labels.library.failures import NOT_DELIVERED, RECEIVED_TOO_OFTEN, Failure, Failures, Redriven
from photo_labels.library.queues import photos_of, without_photos
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.user_errors import UserError
from photo_labels.records.formats import REASONS_WITHOUT_ALARM
from photo_labels.records.messages import within_limits
from tests.fakes.aws import aws_error
from tests.fakes.move_tasks import MoveTasks
from tests.fakes.stack import queue_of
from tests.unit.deployed import BUCKET, document, put, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.target import Target

HOSTILE = "esc\x1b[31m [bold]x[/bold]\n.jpg"


def dead_letter(target: Target, body: str, **attributes: str) -> str:
    """Put a message into the DLQ, with the function's attributes, or as SQS itself moves it."""
    given: Any = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    message_id: str = target.client("sqs").send_message(
        QueueUrl=target.outputs.labelling.dead_letter_queue_url, MessageBody=body, MessageAttributes=given
    )["MessageId"]
    return message_id


def notification(key: str) -> str:
    return json.dumps({"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]})


def left(target: Target, queue: str) -> list[str]:
    """Bodies in a queue, which it empties."""
    sqs, url, found = target.client("sqs"), queue_of(target, queue), []
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in received:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found)


def redrive(target: Target, reason: str | None = None) -> Redriven:
    with Reconciler(target, None) as reconciler:
        return Failures(target, pause=lambda _: None).redrive(reason, reconciler)


@pytest.fixture
def without_task(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A pipeline whose SQS moves nothing by itself."""
    monkeypatch.setattr(Failures, "_start_task", lambda *_: False)
    return target


def test_given_rejected_photos_and_dead_letters_when_listed_then_each_with_its_reason(target: Target) -> None:
    store(target, document("good.jpg", {"Cat": 98.0}))
    store(target, document("bad.png", {}, status="REJECTED", reason="InvalidImageFormatException", detail="No."))
    dead_letter(target, "{", Reason="InvalidJson", Detail="The message body is not JSON.")
    dead_letter(target, notification("a+photo%2B.jpg"))
    dead_letter(
        target, json.dumps({"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "b.jpg"})
    )
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


@pytest.fixture
def by_event_bridge(target: Target) -> Target:
    """A pipeline whose events come by EventBridge, which has put one where it puts what it cannot deliver."""
    sqs = target.client("sqs")
    queue = sqs.create_queue(QueueName="undelivered")["QueueUrl"]
    record: dict[str, Any] = {"eventName": "ObjectCreated:Put", "eventTime": "2026-11-23T06:00:00Z"}
    record |= {"s3": {"bucket": {"name": BUCKET}, "object": {"key": "a+b.jpg", "sequencer": "01"}}}
    # EventBridge's user guide, "Using dead-letter queues to process undelivered events".
    texts = {
        "RULE_ARN": "arn:aws:events:eu-central-1:123456789012:rule/photo-labels-photos",
        "TARGET_ARN": "arn:aws:sqs:eu-central-1:123456789012:photo-labels-photos",
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "Access to the resource is denied.",
    }
    sqs.send_message(
        QueueUrl=queue,
        MessageBody=of_event_bridge(record),
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in texts.items()},
    )
    labelling = replace(target.outputs.labelling, undelivered_queue_url=queue)
    return replace(target, outputs=replace(target.outputs, labelling=labelling))


def test_given_an_event_that_was_not_delivered_when_listed_then_its_photo_and_why(by_event_bridge: Target) -> None:
    [failure] = Failures(by_event_bridge).dead_letters()
    assert (failure.what, failure.reason, failure.tries) == (f"{BUCKET}/a b.jpg", NOT_DELIVERED, None)
    assert "(NO_PERMISSIONS): Access to the resource is denied." in failure.detail


@pytest.mark.parametrize("reason", [None, NOT_DELIVERED])
def test_given_an_event_that_was_not_delivered_when_redriven_then_it_is_moved_by_hand(
    by_event_bridge: Target, monkeypatch: pytest.MonkeyPatch, reason: str | None
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Failures, "_start_task", lambda _, queue: asked.append(queue))
    assert redrive(by_event_bridge, reason).messages == 1
    [body] = left(by_event_bridge, "BulkQueueUrl")
    assert photos_of(body) == [f"{BUCKET}/a b.jpg"]
    assert by_event_bridge.outputs.labelling.undelivered_queue_url not in asked, "SQS refuses it"
    assert list(Failures(by_event_bridge).dead_letters()) == []


def test_given_dead_letters_when_listed_then_they_can_be_seen_by_others_at_once(target: Target) -> None:
    for number in range(25):
        dead_letter(target, f"{number}")
    assert len(list(Failures(target).dead_letters())) == 25
    for failure in Failures(target).dead_letters():
        assert failure.body  # and left half-way
        break
    assert len(left(target, "DeadLetterQueueUrl")) == 25


@pytest.mark.parametrize("body", ["", "null", "[]", '{"Records": 1}', '{"key": 1}', "[" * 100_000, "é" * 1000])
def test_given_a_dead_letter_that_nobody_understands_when_listed_then_its_beginning_is_shown(
    target: Target, body: str
) -> None:
    dead_letter(target, body or " ")
    [failure] = Failures(target).dead_letters()
    assert len(failure.what) <= 201


def test_given_failures_when_redriven_then_photos_are_asked_for_and_messages_moved(without_task: Target) -> None:
    target = without_task
    store(target, document("bad.png", {}, status="REJECTED", reason="Bad"))
    bodies = sorted(notification(f"{number}.jpg") for number in range(23))
    for body in bodies:
        dead_letter(target, body)
    redriven = redrive(target)
    assert (redriven.photos, redriven.messages, redriven.by_task) == (1, 23, False)
    sent = left(target, "BulkQueueUrl")
    [asked] = [one for one in map(json.loads, sent) if one.get("action")]
    assert (asked["key"], asked["force"]) == ("bad.png", True)
    assert [one for one in sent if "Records" in one] == bodies
    assert left(target, "DeadLetterQueueUrl") == []


def test_given_a_reason_when_redriven_then_only_those_and_the_others_stay_in_view(target: Target) -> None:
    store(target, document("bad.png", {}, status="REJECTED", reason="Bad"))
    store(target, document("large.png", {}, status="REJECTED", reason="ImageTooLargeException"))
    for number in range(12):
        dead_letter(target, f"{number}", Reason="InvalidJson")
    dead_letter(target, notification("a.jpg"))
    redriven = redrive(target, RECEIVED_TOO_OFTEN)
    assert (redriven.photos, redriven.messages, dict(redriven.left)) == (0, 1, {"InvalidJson": 12})
    assert left(target, "BulkQueueUrl") == [notification("a.jpg")]
    assert redrive(target, "Bad").photos == 1
    assert len(left(target, "DeadLetterQueueUrl")) == 12


def test_given_messages_that_come_back_as_malformed_when_redriven_then_it_ends(
    without_task: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = without_task
    for number in range(15):
        dead_letter(target, f"{number}", Reason="InvalidJson")
    move, moved = Failures._move, 0

    def and_dead_lettered_again(self: Failures, dead_letters: str, look: Any, failures: Any) -> None:
        nonlocal moved
        moved += len(failures)
        assert moved <= 15
        move(self, dead_letters, look, failures)
        for failure in failures:
            dead_letter(target, failure.body, Reason="InvalidJson")

    monkeypatch.setattr(Failures, "_move", and_dead_lettered_again)
    assert redrive(target).messages == 15
    assert len(left(target, "DeadLetterQueueUrl")) == 15


@pytest.mark.parametrize("stopped_at", ["send_message_batch", "delete_message_batch"])
def test_given_it_is_stopped_half_way_when_redriven_again_then_nothing_is_lost(
    without_task: Target, monkeypatch: pytest.MonkeyPatch, stopped_at: str
) -> None:
    target = without_task
    bodies = {notification(f"{number}.jpg") for number in range(25)}
    for body in bodies:
        dead_letter(target, body)
    failures = Failures(target)
    real, calls = getattr(failures._sqs, stopped_at), 0

    def stopped(**request: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(**request)

    monkeypatch.setattr(failures._sqs, stopped_at, stopped)
    with Reconciler(target, None) as reconciler, pytest.raises(KeyboardInterrupt):
        failures.redrive(None, reconciler)
    redrive(target)
    assert set(left(target, "BulkQueueUrl")) == bodies
    assert left(target, "DeadLetterQueueUrl") == []


def test_given_messages_that_sqs_refuses_when_redriven_then_they_stay_and_it_is_said(
    without_task: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = without_task
    for number in range(3):
        dead_letter(target, f"{number}")
    failures = Failures(target)
    send = failures._sqs.send_message_batch

    def one_fails(**request: Any) -> Any:
        send(**(request | {"Entries": request["Entries"][1:]}))
        return {"Failed": [{"Id": request["Entries"][0]["Id"], "Code": "InternalError", "SenderFault": False}]}

    monkeypatch.setattr(failures._sqs, "send_message_batch", one_fails)
    with Reconciler(target, None) as reconciler, pytest.raises(UserError, match=r"InternalError.*none is lost"):
        failures.redrive(None, reconciler)
    assert len(left(target, "BulkQueueUrl")) == 2
    assert len(left(target, "DeadLetterQueueUrl")) == 1


QUEUES = {"DeadLetterQueueUrl": "BulkQueueUrl", "ConvertDeadLetterQueueUrl": "BulkConvertQueueUrl"}


@pytest.fixture
def tasks(target: Target, monkeypatch: pytest.MonkeyPatch) -> MoveTasks:
    """SQS with move tasks, its queues as the template has them."""
    sqs = target.client("sqs")
    for dead_letters, queue in QUEUES.items():
        url = queue_of(target, dead_letters)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 100})
        sqs.set_queue_attributes(QueueUrl=queue_of(target, queue), Attributes={"RedrivePolicy": policy})
    return MoveTasks(sqs)


def move(target: Target, tasks: MoveTasks, pause: Callable[[float], None] | None = None) -> Redriven:
    failures = Failures(target, pause=pause or tasks.pass_time)
    failures._sqs = tasks
    with Reconciler(target, None) as reconciler:
        return failures.redrive(None, reconciler)


def test_given_sqs_with_a_move_task_when_all_is_redriven_then_it_moves_them(
    target: Target, tasks: MoveTasks
) -> None:
    bodies = sorted(notification(f"{number}.jpg") for number in range(35))
    for body in bodies:
        dead_letter(target, body)
    dead_letter(
        target, "{", Reason="InvalidJson"
    )  # of the function's making: SQS does not know where it came from
    sqs = target.client("sqs")
    sqs.send_message(QueueUrl=target.outputs.converting.dead_letter_queue_url, MessageBody=notification("b.heic"))
    redriven = move(target, tasks)
    assert (redriven.by_task, redriven.messages, redriven.photos) == (True, 37, 0)
    assert left(target, "BulkQueueUrl") == sorted([*bodies, "{"])
    assert left(target, "BulkConvertQueueUrl") == [notification("b.heic")]
    dead_letter(target, notification("c.jpg"))
    assert move(target, tasks).messages == 1, "of this task, and not of the ones before"
    assert [task.status for task in tasks.tasks] == ["COMPLETED"] * 4


def test_given_a_move_task_when_its_watcher_is_stopped_then_the_next_one_goes_on_watching(
    target: Target, tasks: MoveTasks
) -> None:
    for number in range(25):
        dead_letter(target, notification(f"{number}.jpg"))

    def stopped(_seconds: float) -> None:
        tasks.pass_time()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(target, tasks, stopped)
    assert move(target, tasks).messages == 25
    assert len(left(target, "BulkQueueUrl")) == 25
    assert len(tasks.tasks) == 2, "one for each queue"


def test_given_a_move_task_to_another_queue_when_redriven_then_it_is_left_alone(
    target: Target, tasks: MoveTasks
) -> None:
    dead_letter(target, notification("a.jpg"))
    failures = Failures(target)
    elsewhere = failures._arn(target.client("sqs").create_queue(QueueName="elsewhere")["QueueUrl"])
    tasks.start_message_move_task(
        SourceArn=failures._arn(target.outputs.labelling.dead_letter_queue_url), DestinationArn=elsewhere
    )
    with pytest.raises(UserError, match=r"moving these dead letters to elsewhere.*try again later"):
        move(target, tasks)


def test_given_a_move_task_that_fails_when_watched_then_it_is_said_and_the_others_stay(
    target: Target, tasks: MoveTasks
) -> None:
    for number in range(25):
        dead_letter(target, notification(f"{number}.jpg"))

    def deleted_meanwhile(_seconds: float) -> None:
        tasks.pass_time()
        if len(target.client("sqs").list_queues()["QueueUrls"]) == 7:
            target.client("sqs").delete_queue(QueueUrl=target.outputs.labelling.bulk_queue_url)

    with pytest.raises(
        UserError, match=r"moved 10 messages and stopped \(AWS.SimpleQueueService.NonExistentQueue\)"
    ):
        move(target, tasks, deleted_meanwhile)
    assert len(left(target, "DeadLetterQueueUrl")) == 15


def test_given_a_move_task_that_somebody_cancels_when_watched_then_its_end_is_waited_for(
    target: Target, tasks: MoveTasks
) -> None:
    for number in range(35):
        dead_letter(target, notification(f"{number}.jpg"))
    states = []

    def cancelled_meanwhile(_seconds: float) -> None:
        tasks.pass_time()
        [task] = tasks.tasks
        if task.status == "RUNNING":
            tasks.cancel_message_move_task(TaskHandle=task.shown()["TaskHandle"])
        states.append(task.status)

    with pytest.raises(UserError, match=r"moved 20 messages and stopped \(CANCELLED\)"):
        move(target, tasks, cancelled_meanwhile)
    assert states == ["CANCELLING", "CANCELLED"]
    assert len(left(target, "DeadLetterQueueUrl")) == 15


def test_given_a_queue_that_is_nobodys_dead_letter_queue_when_redriven_then_sqs_says_so(
    target: Target,
) -> None:
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        move(target, MoveTasks(target.client("sqs")))


def test_given_dead_letters_as_large_as_sqs_takes_when_redriven_then_in_several_calls(
    without_task: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = without_task
    failures = Failures(target)
    sizes = [2**20, 2**20 - 9, 9, 1, 400_000, 400_000, 248_575, 1]
    bodies = [f"{number}" + "é" * ((size - 1) // 2) + "x" * ((size - 1) % 2) for number, size in enumerate(sizes)]
    assert [len(body.encode()) for body in bodies] == sizes
    taken: list[list[str]] = []

    def send(QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - SQS's names
        total = sum(len(one["MessageBody"].encode()) for one in Entries)
        if total > 2**20:
            message = f"Batch requests cannot be longer than 1048576 bytes. You have sent {total} bytes."
            raise aws_error("AWS.SimpleQueueService.BatchRequestTooLong", message)
        taken.append([one["MessageBody"] for one in Entries])
        return {"Successful": [{"Id": one["Id"]} for one in Entries]}

    monkeypatch.setattr(failures._sqs, "send_message_batch", send)
    look: Any = SimpleNamespace(delete=lambda _messages: {})
    failures._move(
        target.outputs.labelling.dead_letter_queue_url,
        look,
        [Failure("dead letter", "", "", "", datetime.now(UTC), body=body) for body in bodies],
    )
    assert [body for batch in taken for body in batch] == bodies
    assert [len(batch) for batch in taken] == [1, 2, 1 + 3, 1]


def test_given_many_small_messages_when_sent_then_ten_at_a_time() -> None:
    assert [len(batch) for batch in within_limits([1] * 25)] == [10, 10, 5]
    assert list(within_limits([])) == []


def test_given_dead_letters_that_sqs_does_not_delete_when_redriven_then_it_is_said(
    without_task: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter(without_task, notification("a.jpg"))
    failures = Failures(without_task)
    failed = {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}
    monkeypatch.setattr(failures._sqs, "delete_message_batch", lambda **_: failed)
    with Reconciler(without_task, None) as reconciler, pytest.raises(UserError, match=r"InternalError.*try again"):
        failures.redrive(None, reconciler)
    assert left(without_task, "BulkQueueUrl") == [notification("a.jpg")]


def test_given_a_message_as_large_as_sqs_takes_when_a_photo_is_taken_out_then_it_is_no_larger() -> None:
    records = [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": f"{number}.jpg"}}} for number in range(100)]
    body = json.dumps({"Records": records}, separators=(",", ":"))
    assert len(without_photos(body, lambda photo: photo.endswith("/7.jpg"))) < len(body)


def test_given_sqs_without_a_move_task_when_all_is_redriven_then_by_hand(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letter(target, notification("a.jpg"))
    failures = Failures(target)

    def unknown(**_: str) -> None:
        raise ClientError({"Error": {"Code": "InvalidAction"}}, "StartMessageMoveTask")

    monkeypatch.setattr(failures._sqs, "start_message_move_task", unknown)
    with Reconciler(target, None) as reconciler:
        assert failures.redrive(None, reconciler).messages == 1


def test_given_the_commands_when_there_are_failures_then_they_say_what_to_know(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(Failures, "_start_task", lambda *_: False)
    monkeypatch.setattr("photo_labels.commands.redrive.QueueRoom", lambda _: None)
    run = CliRunner().invoke
    nothing = run(cli.photos, ["failures"])
    assert nothing.exit_code == 0, nothing.output
    assert "There are no failures." in nothing.output
    store(target, document(HOSTILE, {}, status="REJECTED", reason="ImageTooLargeException", detail="15 MB."))
    dead_letter(target, notification("a.jpg"))
    found = run(cli.photos, ["failures"])
    assert found.exit_code == 1
    assert r"esc\x1b[31m [bold]x[/bold]\n.jpg" in found.output
    assert "ImageTooLargeException: 15 MB." in found.output
    assert "received 1 time: photos/a.jpg" in found.output
    assert "ImageTooLargeException" not in run(cli.photos, ["failures", "--reason", RECEIVED_TOO_OFTEN]).output
    assert "ReceivedTooOften" in run(cli.photos, ["redrive", "--dry-run"]).output
    assert left(target, "BulkQueueUrl") == []
    assert "sent back: 1 rejected photo, 1 dead letter" in run(cli.photos, ["redrive"]).output
    assert len(left(target, "BulkQueueUrl")) == 2


@pytest.mark.parametrize("command", [["failures"], ["redrive"], ["redrive", "--dry-run"]])
def test_given_a_reason_that_none_has_when_asked_for_then_it_is_said_which_there_are(
    without_task: Target, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: without_task)
    monkeypatch.setattr("photo_labels.commands.redrive.QueueRoom", lambda _: None)
    for key in ("a.jpg", "b.jpg"):
        store(without_task, document(key, {}, status="REJECTED", reason="UnknownFormat", detail="No."))
    run = CliRunner().invoke
    said = run(cli.photos, [*command, "--reason", "broken"])
    assert (said.exit_code, said.output.splitlines()[-1]) == (
        0,
        "No failure has the reason broken; there is UnknownFormat (2).",
    )
    assert "UnknownFormat" in run(cli.photos, ["failures", "--reason", "unknownformat"]).output


def test_given_json_when_listed_then_lines_and_what_was_counted_and_what_estimated(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    store(target, document(HOSTILE, {}, status="REJECTED", reason="ImageTooLargeException", detail="15 MB."))
    for key in ("a.jpg", "b.jpg"):
        dead_letter(target, notification(key))
    # Somebody else looks at one of them.
    target.client("sqs").receive_message(QueueUrl=target.outputs.labelling.dead_letter_queue_url)
    listed = CliRunner().invoke(cli.photos, ["failures", "--json"])
    assert listed.exit_code == 1
    rejected, dead, counts = map(json.loads, listed.stdout.splitlines())
    assert (rejected["what"], rejected["tries"]) == (f"{BUCKET}/{HOSTILE}", None)
    assert (dead["kind"], dead["reason"]) == ("dead letter", RECEIVED_TOO_OFTEN)
    assert (counts["dead_letters_looked_at"], counts["dead_letters_not_looked_at_estimated"]) == (1, 1)
    assert {one["count"] for one in counts["counts"]} == {1}
    assert "1 of about 2 dead letters looked at" in listed.stderr
    assert "1 of about 2 dead letters looked at" in CliRunner().invoke(cli.photos, ["redrive", "--dry-run"]).output


def test_given_dead_letters_of_both_queues_when_redriven_then_each_goes_to_its_own_queue(
    without_task: Target,
) -> None:
    dead_letter(without_task, notification("a.jpg"))
    sqs = without_task.client("sqs")
    sqs.send_message(
        QueueUrl=without_task.outputs.converting.dead_letter_queue_url, MessageBody=notification("b.heic")
    )
    assert {one.what for one in Failures(without_task).dead_letters()} == {f"{BUCKET}/a.jpg", f"{BUCKET}/b.heic"}
    assert redrive(without_task).messages == 2
    assert left(without_task, "BulkQueueUrl") == [notification("a.jpg")]
    assert left(without_task, "BulkConvertQueueUrl") == [notification("b.heic")]


def test_given_items_of_somebody_elses_when_listed_then_they_are_left_out(target: Target) -> None:
    put(target, "ImageLabels", {"ImageID": f"{BUCKET}/theirs", "Status": "REJECTED"})
    assert list(Failures(target).rejected()) == []


def test_given_files_that_are_no_photos_when_listed_then_they_are_counted_and_shown_where_asked_for(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    run = CliRunner().invoke
    for number in range(1_204):
        store(target, document(f"{number}.mov", {}, status="REJECTED", reason="NotAPhoto", detail="A video."))
    quiet = run(cli.photos, ["failures"])
    assert (quiet.exit_code, "There are no failures." in quiet.output) == (0, True)
    line = "1,204 files are no photos: `photos failures --reason NotAPhoto` lists them"
    assert " ".join(quiet.output.split()).endswith(line)
    store(target, document("bad.png", {}, status="REJECTED", reason="Bad", detail="No."))
    some = run(cli.photos, ["failures"])
    assert (some.exit_code, "bad.png" in some.output, ".mov" in some.output) == (1, True, False)
    asked = run(cli.photos, ["failures", "--reason", "NotAPhoto"])
    assert (asked.exit_code, asked.output.count(".mov"), "bad.png" in asked.output) == (1, 1_204, False)
    assert "lists them" not in asked.output


def test_given_photos_that_are_too_small_when_listed_then_they_are_counted_and_shown_where_asked_for(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    run = CliRunner().invoke
    store(target, document("film.mov", {}, status="REJECTED", reason="NotAPhoto", detail="A video."))
    store(target, document("1.jpg", {}, status="REJECTED", reason="TooSmall", detail="The photo has 64 x 48."))
    one = run(cli.photos, ["failures"])
    assert (one.exit_code, "There are no failures." in one.output) == (0, True)
    assert " ".join(one.output.split()).endswith(
        "1 file is no photo: `photos failures --reason NotAPhoto` lists it "
        "1 photo is too small: `photos failures --reason TooSmall` lists it"
    )
    store(target, document("2.jpg", {}, status="REJECTED", reason="TooSmall", detail="The photo has 48 x 64."))
    line = "2 photos are too small: `photos failures --reason TooSmall` lists them"
    assert line in " ".join(run(cli.photos, ["failures"]).output.split())
    asked = run(cli.photos, ["failures", "--reason", "TooSmall"])
    assert (asked.exit_code, asked.output.count("TooSmall: The photo has")) == (1, 2)
    assert "film.mov" not in asked.output


def test_given_reasons_without_alarm_when_listed_then_each_has_its_words() -> None:
    assert _COUNTED.keys() == REASONS_WITHOUT_ALARM


@pytest.mark.parametrize("reason", sorted(REASONS_WITHOUT_ALARM))
def test_given_what_no_alarm_rings_for_when_redriven_then_only_where_its_reason_is_given(
    without_task: Target, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    target = without_task
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    store(target, document("film.mov", {}, status="REJECTED", reason=reason))
    store(target, document("bad.png", {}, status="REJECTED", reason="Bad"))
    assert reason not in CliRunner().invoke(cli.photos, ["redrive", "--dry-run"]).output
    assert redrive(target).photos == 1
    assert [json.loads(one)["key"] for one in left(target, "BulkQueueUrl")] == ["bad.png"]
    assert redrive(target, reason).photos == 1
    assert [json.loads(one)["key"] for one in left(target, "BulkQueueUrl")] == ["film.mov"]
