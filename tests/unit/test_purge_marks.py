"""Purges beside the function, on strict fakes: what happened before is never labelled, what happens after always is.

A model says what has to be there: by the times of changes, requests and purges alone, it knows the end of every
photo, in whatever order events arrive, however often, and wherever a purge was stopped.
"""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.decisions import SkipReason
from photo_labels.library.auditing.findings import compared
from photo_labels.library.purge import Chosen, Purged, Purger
from photo_labels.library.s3_clock import last_millisecond
from photo_labels.records.documents import Document, iso
from tests.fakes.bucket import BUCKET, S3, Photo
from tests.fakes.dynamodb import DynamoDB
from tests.fakes.in_turn import InTurnExecutor
from tests.fakes.queues import SQS, Queue
from tests.fakes.stack import outputs_of_stack
from tests.fakes.world import Function, World, failing

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

KEYS = ("a b+ü.jpg", "a/../%s.png", "zz")
PHOTO = Photo(labels={"Cat": 98.5, "Animal": 99.0})
HEIC = Photo(labels={"Cat": 98.5}, error="InvalidImageFormatException", decodes=True)
EVERYTHING = Chosen(bucket=BUCKET, prefix="")
DEAD_LETTERS = ("dead-letters", "convert-dead-letters")


class StopError(Exception):
    """Somebody pulls the plug."""


class Stage:
    """A pipeline, its events, and when what happened to which photo."""

    def __init__(self) -> None:
        self.world = World()
        # By key: when it last changed, and when somebody last asked for it.
        self.changed: dict[str, datetime] = {}
        self.asked: dict[str, datetime] = {}
        # When the last purge began that came to its end; before which nothing is to be labelled.
        self.purged: datetime | None = None
        self.events: list[SQSRecord] = []

    def put(self, key: str, photo: Photo = PHOTO) -> SQSRecord:
        self.changed[key] = self.world.clock.now
        self.events.append(self.world.message(self.world.put(key, photo)))
        return self.events[-1]

    def remove(self, key: str) -> None:
        self.changed[key] = self.world.clock.now
        self.events.append(self.world.message(self.world.remove(key)))

    def ask(self, key: str) -> SQSRecord:
        self.asked[key] = self.world.clock.now
        body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": key, "force": False}
        self.events.append(self.world.message(body))
        return self.events[-1]

    def deliver(self, *events: SQSRecord) -> None:
        assert failing(Function(self.world).receive(*events)) == set()

    def purge(self, chosen: Chosen = EVERYTHING, hook: Callable[[str], None] = lambda _: None) -> Purged:
        """Purge photos whose objects stay; `hook` is called before each call to AWS."""
        world, times = self.world, list[datetime]()

        def called(operation: str, _parameters: dict[str, Any]) -> None:
            world.clock.pause(0.01)
            times.append(world.clock.now)
            hook(operation)

        queues = {url: Queue(world.clock.seconds, random.Random(0)) for url in DEAD_LETTERS}
        fakes: dict[str, Any] = {
            "s3": S3(world.bucket, called, page=2),
            "dynamodb": DynamoDB(world.tables, called, page=2),
            "sqs": SQS(queues, called),
        }
        urls = dict(zip(("DeadLetterQueueUrl", "ConvertDeadLetterQueueUrl"), DEAD_LETTERS, strict=True))
        tables = {"ImageLabelsTable": "ImageLabels", "LabelIndexTable": "LabelIndex"}
        target: Any = SimpleNamespace(
            client=lambda name, **_: fakes[name], outputs=outputs_of_stack({"Bucket": BUCKET} | urls | tables)
        )
        purger = Purger(
            target,
            chosen,
            pause=world.clock.pause,
            clock=world.clock.seconds,
            executor=lambda _: InTurnExecutor(),
        )
        purged = purger.run(lambda _: None)
        self.purged = times[0].replace(microsecond=0) + timedelta(seconds=1)
        return purged

    def check(self) -> None:
        """Compare what is there with what has to be, once all events are delivered."""
        world = self.world
        documents = {document["Key"]: document for document in world.tables.plain("ImageLabels")}
        rows = {row["CommitID"] for row in world.tables.plain("LabelIndex")}
        assert rows == {one["CommitID"] for one in documents.values() if one["Labels"]}
        for key in self.changed.keys() | self.asked.keys():
            is_present = world.bucket.present(key) is not None
            moments = [times[key] for times in (self.changed, self.asked) if key in times]
            is_wanted = self.purged is None or max(moments) >= self.purged
            document = documents.get(key)
            if is_present and is_wanted:
                assert document
                assert document["Status"] == "LABELLED", key
            else:
                assert document is None or document["Status"] == "REMOVED", key
            assert (key in world.found("Cat")) == (is_present and is_wanted)


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove", "ask", "purge", "stopped purge", "busy purge", "deliver"]),
        st.sampled_from(KEYS),
        st.integers(0, 40),
        st.floats(0.001, 3.0),
    ),
    min_size=2,
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(steps, st.integers(0, 2**32), st.integers(0, 5))
def test_given_any_order_of_events_and_purges_when_all_are_delivered_then_the_times_decide(
    happenings: list[tuple[str, str, int, float]], seed: int, duplicates: int
) -> None:
    stage, dice = Stage(), random.Random(seed)
    for what, key, number, pause_s in happenings:
        stage.world.clock.pause(pause_s)
        happen(stage, what, key, number, dice)
    stage.world.clock.pause(5)
    waiting = stage.events + dice.choices(stage.events, k=duplicates if stage.events else 0)
    dice.shuffle(waiting)
    while waiting:
        batch = {event.message_id: event for event in waiting[:3]}
        stage.deliver(*batch.values())
        waiting = waiting[3:]
    stage.check()


def happen(stage: Stage, what: str, key: str, number: int, dice: random.Random) -> None:
    match what:
        case "put":
            stage.put(key)
        case "remove":
            stage.remove(key)
        case "ask":
            stage.ask(key)
        case "deliver" if stage.events:
            stage.deliver(dice.choice(stage.events))
        case "purge":
            stage.purge()
        case "busy purge":
            stage.purge(hook=Uploading(stage, key, number))
        case "stopped purge":
            stop_and_purge(stage, number)


def stop_and_purge(stage: Stage, after_calls: int) -> None:
    """Purge, but be stopped after so many calls to AWS, and purge again."""
    left = after_calls

    def stopping(_operation: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StopError

    with suppress(StopError):
        stage.purge(hook=stopping)
    stage.purge()


class Uploading:
    """Somebody uploads a photo while a purge is at one of its calls, after S3's clock was asked."""

    def __init__(self, stage: Stage, key: str, number: int) -> None:
        self.stage, self.key, self.number = stage, key, number
        self.calls = 0

    def __call__(self, _operation: str) -> None:
        self.calls += 1
        if self.calls == self.number // 2 + 3:
            event = self.stage.put(self.key)
            if self.number % 2:
                self.stage.deliver(event)


@pytest.mark.parametrize("stopped_at", range(1, 40))
def test_given_a_purge_that_is_stopped_at_any_call_when_run_again_then_it_ends_the_same(stopped_at: int) -> None:
    def end(number: int | None) -> Any:
        stage = Stage()
        for key in KEYS:
            stage.deliver(stage.put(key))
        stage.put("waits.jpg")
        stage.put(KEYS[0])
        stage.world.clock.pause(2)
        if number:
            stop_and_purge(stage, number)
        else:
            stage.purge()
        paid = len(stage.world.recognised)
        stage.deliver(*stage.events)
        assert len(stage.world.recognised) == paid, "nothing is paid for after a purge"
        stage.check()
        marks = stage.world.tables.plain("ImageLabels")
        differing = {"CommitID", "PurgedAt", "LabelledAt", "ExpiresAt"}
        return sorted(str({n: v for n, v in one.items() if n not in differing}) for one in marks)

    assert end(stopped_at) == end(None)


@pytest.mark.parametrize("at_call", range(40))
@pytest.mark.parametrize("is_delivered", [False, True])
def test_given_an_upload_at_any_call_of_a_purge_when_all_is_delivered_then_it_is_labelled(
    at_call: int, is_delivered: bool
) -> None:
    stage = Stage()
    for key in KEYS:
        stage.deliver(stage.put(key))
    stage.put("waits.jpg")
    stage.world.clock.pause(2)
    stage.purge(hook=Uploading(stage, KEYS[at_call % 3], 2 * at_call + is_delivered))
    stage.deliver(*stage.events)
    stage.check()


def test_given_many_photos_that_wait_when_purged_then_no_call_is_made_for_any_of_them() -> None:
    stage = Stage()
    events = [stage.put(f"{number}.jpg") for number in range(150)]
    stage.world.clock.pause(1)
    assert stage.purge() == Purged(unlabelled=150)
    for start in range(0, 150, 10):
        report = Function(stage.world).receive(*events[start : start + 10])
        assert {one.skip_reason for one in report.outcomes.values()} == {SkipReason.PURGED}
    assert stage.world.recognised == []
    assert stage.world.tables.plain("LabelIndex") == []


@pytest.mark.parametrize("of", ["new", "labelled", "reconciled"])
def test_given_a_photo_that_is_being_labelled_when_purged_then_its_labels_are_not_written(of: str) -> None:
    """The function has read the tables before the mark was there, and pays in vain."""
    stage = Stage()
    event = stage.put("a.jpg")
    if of == "labelled":
        stage.deliver(event)
    if of in {"labelled", "reconciled"}:
        stage.world.clock.pause(1)
        event = stage.put("a.jpg") if of == "labelled" else stage.ask("a.jpg")

    def purging(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels":
            stage.world.clock.pause(1)
            stage.purge()

    report = Function(stage.world, purging).receive(event)
    assert failing(report) == ({event.message_id} if of == "reconciled" else set())
    stage.deliver(event)
    stage.check()


def test_given_a_request_that_is_handed_over_when_purged_meanwhile_then_it_is_not_asked_for_anew() -> None:
    """SQS counts the message to the second function as sent after the purge."""
    stage = Stage()
    stage.put("a.jpg", HEIC)
    asked = stage.ask("a.jpg")

    def purging(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels":
            stage.world.clock.pause(1)
            stage.purge()
            stage.world.clock.pause(1)

    Function(stage.world, purging).receive(asked)
    [body] = stage.world.forwarded
    report = Function(stage.world, is_converting=True).receive(stage.world.message(body), seconds=60)
    assert {one.skip_reason for one in report.outcomes.values()} == {SkipReason.PURGED}
    stage.check()


def test_given_an_old_version_that_is_deleted_when_the_photo_was_purged_then_it_stays_purged() -> None:
    """As a lifecycle rule for versions that are not current does."""
    stage = Stage()
    stage.world.bucket.set_versioning("Enabled")
    stage.put("a.jpg")
    stage.deliver(stage.put("a.jpg"))
    stage.world.clock.pause(1)
    stage.purge()
    old = stage.world.bucket.stacks["a.jpg"][0].id
    removal = stage.world.bucket.delete_version("a.jpg", old) | {"eventName": "LifecycleExpiration:Delete"}
    report = Function(stage.world).receive(stage.world.message(removal))
    assert {one.skip_reason for one in report.outcomes.values()} == {SkipReason.PURGED}
    stage.check()


def test_given_a_photo_that_is_removed_after_a_purge_when_told_then_an_ordinary_tombstone_is_left() -> None:
    stage = Stage()
    stage.deliver(stage.put("a.jpg"))
    stage.world.clock.pause(1)
    stage.purge()
    stage.remove("a.jpg")
    stage.deliver(stage.events[-1])
    document = stage.world.document("a.jpg")
    assert document
    assert (document["Status"], "PurgedAt" in document) == ("REMOVED", False)


@pytest.mark.parametrize("uploaded_s", [0.0, 0.5, 0.999, 1.0, 1.4])
def test_given_the_second_of_a_purge_when_uploaded_then_event_and_last_modified_agree(uploaded_s: float) -> None:
    """S3 tells the time, and Last-Modified, in whole seconds, and that of events in milliseconds."""
    stage = Stage()
    begins_at = stage.world.clock.now
    stage.world.clock.pause(0.2)
    until = last_millisecond(S3(stage.world.bucket), BUCKET, stage.world.clock.pause)
    assert until == begins_at + timedelta(seconds=0.999)
    assert stage.world.clock.now > until
    stage.world.clock.now = begins_at + timedelta(seconds=uploaded_s)
    event_time = stage.put("a.jpg")
    mark = Document(BUCKET, "a.jpg", "0", "REMOVED", iso(until), purged_at=iso(until))
    version = stage.world.bucket.present("a.jpg")
    assert version
    is_before = uploaded_s < 1
    assert event_time
    assert mark.was_purged_after(stage.changed["a.jpg"]) is is_before
    assert mark.was_purged_after(version.modified) is is_before
    assert (compared(mark, "e", version.modified.astimezone(UTC)) is None) is is_before
