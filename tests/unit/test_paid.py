"""Labels are paid for once, also where they cannot be written at first; and not blindly while nothing can be."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handler.unwritten import _MAX_KEPT, UnwrittenLabels
from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, START, Function, Photo, World, failing
from tests.unit.deployed import document as document_of
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

CAT = Photo(labels={"Cat": 98.5})
DENIED = aws_error("AccessDeniedException")
RECONCILE = {
    "source": "photo-labels",
    "action": "reconcile",
    "bucket": BUCKET,
    "key": "pet.jpg",
    "force": True,
}
# Of the rows, and of the documents of images that had none.
WRITES = ["BatchWriteItem", "BatchExecuteStatement"]


class Outage:
    """A hook that refuses some operations while it is on."""

    def __init__(self, *operations: str) -> None:
        self.operations = operations
        self.is_on = True

    def __call__(self, operation: str, _parameters: dict[str, Any]) -> None:
        if self.is_on and operation in self.operations:
            raise DENIED


@pytest.fixture
def world() -> World:
    return World()


def reasons(report: Any) -> set[str]:
    return {getattr(one.error, "reason", "refused") for one in report.outcomes.values() if one.error}


def uploads(world: World, names: Sequence[str]) -> list[dict[str, Any]]:
    return [world.put(name, CAT) for name in names]


@pytest.mark.parametrize("operation", WRITES)
def test_given_unwritten_labels_when_the_message_comes_back_then_they_are_not_paid_for_again(
    world: World, operation: str
) -> None:
    outage = Outage(operation)
    function, event = Function(world, outage), world.put("cat.jpg", CAT)
    for receive_count in (1, 2, 3):
        assert failing(function.receive(world.message(event, receive_count=receive_count)))
    outage.is_on = False
    assert not failing(function.receive(world.message(event, receive_count=4)))
    assert world.found("Cat") == {"cat.jpg"}
    assert world.recognised == ["cat.jpg"]


@pytest.mark.parametrize("is_converting", [False, True])
def test_given_reconciled_photo_not_written_when_it_comes_back_then_it_is_not_paid_for_again(
    world: World, is_converting: bool
) -> None:
    outage = Outage("BatchWriteItem")
    function = Function(world, outage, is_converting=is_converting)
    world.put("cat.jpg", CAT)
    world.clock.pause(60)
    reconcile = {
        "source": "photo-labels",
        "action": "reconcile",
        "bucket": BUCKET,
        "key": "cat.jpg",
        "force": True,
    }
    function.receive(world.message(reconcile))
    outage.is_on = False
    assert not failing(function.receive(world.message(reconcile, receive_count=2)))
    assert world.recognised == ["cat.jpg"]
    document = world.document("cat.jpg")
    assert document
    assert document.get("Orientation") == (6 if is_converting else None)


def test_given_a_first_write_that_takes_all_time_when_others_end_then_they_are_paid_once(
    world: World,
) -> None:
    writing, names = threading.Event(), {f"{number}.jpg" for number in range(10)}
    is_failing = True

    def fail(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels" and parameters["Image"]["S3Object"]["Name"] != "0.jpg":
            writing.wait(10)
        if operation == "BatchWriteItem" and is_failing:
            writing.set()
            eventually(lambda: set(world.recognised) == names)
            raise aws_error("InternalServerError")

    function, events = Function(world, fail), uploads(world, sorted(names))
    assert failing(function.receive(*map(world.message, events)))
    is_failing = False
    while failing(function.receive(*map(world.message, events))):
        world.clock.pause(10)
    assert sorted(world.recognised) == sorted(names)


def test_given_photos_rejected_when_rows_cannot_be_written_then_no_more_are_paid_for_by_that(
    world: World,
) -> None:
    function = Function(world, Outage("BatchWriteItem"))
    function.receive(world.message(world.put("first.jpg", CAT)))
    for number in range(5):
        world.clock.pause(10)
        function.receive(world.message(world.put(f"{number} small.jpg", Photo(error="InvalidParameterException"))))
        function.receive(world.message(world.put(f"{number}.jpg", CAT)))
    assert len(world.recognised) == 1


def test_given_labels_that_were_not_written_when_the_photo_is_another_then_that_is_recognised(
    world: World,
) -> None:
    outage = Outage("BatchWriteItem")
    function = Function(world, outage)
    function.receive(world.message(world.put("pet.jpg", CAT)))
    outage.is_on = False
    world.clock.pause(10)
    function.receive(world.message(world.put("pet.jpg", Photo(labels={"Dog": 99.0}))))
    assert (world.found("Cat"), world.found("Dog")) == (set(), {"pet.jpg"})


@pytest.mark.parametrize("apart_s", [0.1, 60.0])
def test_given_unwritten_labels_when_equal_bytes_are_back_then_they_are_recognised_again(
    world: World, apart_s: float
) -> None:
    """Rekognition was shown what was there for a moment, between two uploads of the same bytes."""
    cat, outage = replace(CAT, etag="cat"), Outage("BatchWriteItem")

    def dog_for_a_moment(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels" and not world.recognised:
            world.clock.pause(apart_s)
            world.put("pet.jpg", Photo(labels={"Dog": 99.0}))
        outage(operation, parameters)

    function = Function(world, dog_for_a_moment)
    world.bucket.put("pet.jpg", cat)
    assert failing(function.receive(world.message(RECONCILE)))
    world.clock.pause(apart_s)
    world.bucket.put("pet.jpg", cat)
    outage.is_on = False
    world.clock.pause(10)
    assert not failing(function.receive(world.message(RECONCILE, receive_count=2)))
    assert (world.found("Cat"), world.found("Dog")) == ({"pet.jpg"}, set())


def test_given_writing_that_fails_when_photos_come_then_one_in_ten_seconds_is_paid_for(world: World) -> None:
    function = Function(world, Outage("BatchWriteItem"))
    function.receive(world.message(world.put("first.jpg", CAT)))
    for number, event in enumerate(uploads(world, [f"{number}.jpg" for number in range(60)])):
        report = function.receive(world.message(event, name=f"m{number}"))
        assert failing(report) == {f"m{number}"}
        world.clock.pause(1)
    assert len(world.recognised) == 1 + 5
    assert reasons(report) == {"WritesFail"}


def test_given_batch_while_writing_fails_when_it_is_received_then_one_photo_of_it_is_paid_for(
    world: World,
) -> None:
    function = Function(world, Outage("BatchWriteItem"))
    function.receive(world.message(world.put("first.jpg", CAT)))
    world.clock.pause(10)
    function.receive(*map(world.message, uploads(world, [f"{number}.jpg" for number in range(10)])))
    assert len(world.recognised) == 1 + 1


def test_given_writing_that_works_again_when_photos_come_then_the_first_opens_the_way_for_all(
    world: World,
) -> None:
    outage = Outage("BatchWriteItem")
    function = Function(world, outage)
    function.receive(world.message(world.put("first.jpg", CAT)))
    outage.is_on = False
    world.clock.pause(10)
    events = uploads(world, [f"{number}.jpg" for number in range(3)])
    for event in events:
        assert not failing(function.receive(world.message(event)))
    assert len(world.recognised) == 1 + 3


def test_given_writing_that_works_again_when_a_paid_one_comes_back_then_that_opens_the_way(world: World) -> None:
    outage = Outage("BatchWriteItem")
    function, first = Function(world, outage), world.put("first.jpg", CAT)
    function.receive(world.message(first))
    outage.is_on = False
    assert not failing(function.receive(world.message(first, receive_count=2)))
    assert not failing(function.receive(world.message(world.put("second.jpg", CAT))))


def test_given_one_photo_that_cannot_be_written_when_it_is_back_then_others_wait_ten_seconds(
    world: World,
) -> None:
    def refuse_one(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "BatchWriteItem" and "bad.jpg" in str(parameters):
            raise DENIED

    function, bad = Function(world, refuse_one), world.put("bad.jpg", CAT)
    for number, event in enumerate(uploads(world, ["1.jpg", "2.jpg", "3.jpg"])):
        function.receive(world.message(bad, receive_count=number + 1))
        world.clock.pause(10)
        assert not failing(function.receive(world.message(event)))
    assert world.recognised.count("bad.jpg") == 1


def test_given_labels_that_were_never_written_when_long_ago_then_they_are_asked_for_again(world: World) -> None:
    outage = Outage("BatchWriteItem")
    function, event = Function(world, outage), world.put("cat.jpg", CAT)
    function.receive(world.message(event))
    outage.is_on = False
    world.clock.now += timedelta(minutes=10)
    assert not failing(function.receive(world.message(event, receive_count=2)))
    assert world.recognised == ["cat.jpg"] * 2


def test_given_more_photos_than_are_kept_when_they_come_back_then_none_is_lost(world: World) -> None:
    outage = Outage("BatchWriteItem")
    function = Function(world, outage)
    events = uploads(world, [f"{number}.jpg" for number in range(120)])
    assert failing(function.receive(world.message({"Records": events})))
    outage.is_on = False
    while failing(function.receive(world.message({"Records": events}))):
        world.clock.pause(10)
    assert len(world.found("Cat")) == 120
    assert len(world.recognised) <= 120 + 20


def test_given_more_photos_than_are_kept_when_none_is_written_then_the_oldest_are_forgotten() -> None:
    unwritten = UnwrittenLabels(lambda: START)
    written = {number: document_of(f"{number}.jpg", {}) for number in range(_MAX_KEPT + 20)}
    for number, document in written.items():
        unwritten.record((document.image_id, "01", None, None, None), document, DENIED)
        assert unwritten.document((document.image_id, "01", None, None, None)) == document, number
    found = [unwritten.document((document.image_id, "01", None, None, None)) for document in written.values()]
    assert found == [None] * 20 + list(written.values())[20:]
