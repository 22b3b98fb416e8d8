"""Live photos first: which lane a photo takes, and that nothing is lost or paid for twice on its way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from handler.lanes import BULK, LIVE, by_lane, converting_lanes, labelling_lanes
from handler.rate_limiter import RateLimiter, SlotRequest
from tests.fakes.aws import aws_error
from tests.fakes.dynamodb import DynamoDB
from tests.fakes.world import BUCKET, SETTINGS, Function, Photo, World, failing

if TYPE_CHECKING:
    from handler.report import Report

WITH_LANES = replace(
    SETTINGS,
    overflow_queue_url="overflow",
    bulk_queue_url="bulk",
    bulk_convert_queue_url="bulk-convert",
    rekognition_tps=5.0,
)
CAT = Photo({"Cat": 98.0})
MARKED = replace(CAT, metadata={"photo-labels": "bulk"})


class Calls:
    """Counts calls, and refuses one of them if told so."""

    def __init__(self, refused: str = "") -> None:
        self.made: list[str] = []
        self._refused = refused

    def __call__(self, operation: str, _parameters: dict[str, Any]) -> None:
        self.made.append(operation)
        if operation == self._refused:
            raise aws_error("AccessDenied", status=403)


def is_busy(world: World, for_s: float) -> None:
    """All slots are booked for so long."""
    end = world.clock.seconds() + for_s
    world.tables.items["LabelQuota"][("DetectLabels",)] = {
        "Operation": {"S": "DetectLabels"},
        "NextTurn": {"N": f"{end:.6f}"},
    }


def receive(world: World, *photos: tuple[str, Photo], lane: str = "Live", calls: Calls | None = None) -> Report:
    function = Function(world, calls, settings=WITH_LANES)
    return function.receive(*(world.message(world.put(key, photo)) for key, photo in photos), lane=lane)


def received_by(world: World, queue: str, lane: str) -> Report:
    """What was forwarded to a queue is received there."""
    bodies = world.sent.pop(queue)
    return Function(world, settings=WITH_LANES).receive(*(world.message(body) for body in bodies), lane=lane)


def test_given_a_slot_at_once_when_live_photos_come_then_s3_is_not_asked_whose_they_are(world: World) -> None:
    calls = Calls()
    assert failing(receive(world, ("a.jpg", MARKED), calls=calls)) == set()
    assert world.found("Cat") == {"a.jpg"}
    assert "HeadObject" not in calls.made


def test_given_no_slot_at_once_when_photos_come_then_marked_ones_go_to_bulk_and_others_wait(world: World) -> None:
    is_busy(world, for_s=0.3)
    calls = Calls()
    report = receive(world, ("imported.jpg", MARKED), ("mine.jpg", CAT), calls=calls)
    assert failing(report) == set()
    assert world.found("Cat") == {"mine.jpg"}
    assert calls.made.count("HeadObject") == 2
    assert failing(received_by(world, "bulk", "Bulk")) == set()
    assert world.found("Cat") == {"mine.jpg", "imported.jpg"}
    assert sorted(world.recognised) == ["imported.jpg", "mine.jpg"]


def test_given_no_slot_within_a_second_when_live_photos_come_then_they_overflow(world: World) -> None:
    is_busy(world, for_s=2.0)
    assert failing(receive(world, ("a.jpg", CAT))) == set()
    assert world.document("a.jpg") is None
    assert failing(received_by(world, "overflow", "Overflow")) == set()
    assert world.found("Cat") == {"a.jpg"}


@pytest.mark.parametrize(("lane", "queue"), [("Overflow", "overflow"), ("Bulk", "bulk")])
def test_given_no_slot_before_the_deadline_when_others_come_then_they_are_sent_anew_not_received_again(
    world: World, lane: str, queue: str
) -> None:
    is_busy(world, for_s=12.0)
    assert failing(receive(world, ("a.jpg", CAT), lane=lane)) == set()
    world.clock.pause(15)
    assert failing(received_by(world, queue, lane)) == set()
    assert world.recognised == ["a.jpg"]


def test_given_a_bulk_queue_that_refuses_when_forwarding_then_the_record_comes_back(world: World) -> None:
    is_busy(world, for_s=0.3)
    report = receive(world, ("a.jpg", MARKED), calls=Calls("SendMessageBatch"))
    assert len(failing(report)) == 1
    assert list(world.visibility) == [report.messages[0].receipt_handle]


def test_given_an_event_that_is_forwarded_when_newer_ones_come_then_the_newest_stays(world: World) -> None:
    is_busy(world, for_s=0.3)
    receive(world, ("a.jpg", MARKED))
    world.clock.pause(5)
    receive(world, ("a.jpg", Photo({"Dog": 97.0})))
    assert failing(received_by(world, "bulk", "Bulk")) == set()
    assert (world.found("Cat"), world.found("Dog")) == (set(), {"a.jpg"})


@pytest.mark.parametrize(("photo", "queue"), [(CAT, "convert"), (MARKED, "bulk-convert")])
def test_given_a_heic_when_live_then_it_takes_no_slot_here_and_goes_to_its_lane_of_the_converter(
    world: World, photo: Photo, queue: str
) -> None:
    calls = Calls()
    assert failing(receive(world, ("a.heic", photo), calls=calls)) == set()
    assert list(world.sent) == [queue]
    assert "UpdateItem" not in calls.made
    assert "DetectLabels" not in calls.made


def test_given_a_heic_when_bulk_then_it_stays_bulk_and_nobody_asks(world: World) -> None:
    calls = Calls()
    receive(world, ("a.heic", CAT), lane="Bulk", calls=calls)
    assert list(world.sent) == ["bulk-convert"]
    assert "HeadObject" not in calls.made


def test_given_a_photo_without_a_name_for_it_when_rekognition_refuses_then_its_mark_decides(world: World) -> None:
    refused = replace(MARKED, error="InvalidImageFormatException", decodes=True)
    receive(world, ("a.jpg", refused), ("b.jpg", replace(refused, metadata={})))
    assert {queue: len(bodies) for queue, bodies in world.sent.items()} == {"bulk-convert": 1, "convert": 1}


@pytest.mark.parametrize("error", ["403", "400"])
def test_given_an_object_that_s3_does_not_show_when_no_slot_is_free_then_nothing_is_lost(
    world: World, error: str
) -> None:
    is_busy(world, for_s=0.3)
    report = receive(world, ("a.jpg", replace(CAT, head_error=error)))
    document = world.document("a.jpg")
    assert bool(failing(report)) == (error == "403")
    assert (document is not None and document["Status"] == "REJECTED") == (error == "400")


def test_given_a_gone_object_when_no_slot_is_free_then_its_document_says_so(world: World) -> None:
    record = world.put("a.jpg", MARKED)
    world.remove("a.jpg")
    is_busy(world, for_s=0.3)
    report = Function(world, settings=WITH_LANES).receive(world.message(record))
    assert failing(report) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"


def test_given_a_reconcile_message_when_no_slot_is_free_then_it_is_forwarded_as_one(world: World) -> None:
    world.put("a.jpg", MARKED)
    is_busy(world, for_s=0.3)
    body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "a.jpg", "force": True}
    calls = Calls()
    Function(world, calls, settings=WITH_LANES).receive(world.message(body))
    [sent] = world.sent["bulk"]
    assert json.loads(sent) == body | {"askedAt": world.clock.now.isoformat()}
    assert calls.made.count("HeadObject") == 1


def test_given_a_table_of_slots_that_refuses_when_photos_come_then_each_is_labelled_at_an_equal_share(
    world: World,
) -> None:
    assert failing(receive(world, ("a.jpg", CAT), calls=Calls("UpdateItem"))) == set()
    assert world.found("Cat") == {"a.jpg"}


@pytest.mark.parametrize(
    ("arn", "lane"),
    [
        ("arn:aws:sqs:eu-central-1:123456789012:overflow", "Overflow"),
        ("arn:aws:sqs:eu-central-1:123456789012:bulk", "Bulk"),
        ("arn:aws:sqs:eu-central-1:123456789012:queue", "Live"),
        ("arn:aws:sqs:us-west-2:123456789012:of-their-own", "Live"),
        (None, "Live"),
    ],
)
def test_given_a_record_when_it_came_from_a_queue_then_that_is_its_lane(
    world: World, arn: str | None, lane: str
) -> None:
    record = world.message(world.put("a.jpg", CAT))
    if arn:
        record.raw_event["eventSourceARN"] = arn
    [(found, records)] = by_lane([record], labelling_lanes(WITH_LANES))
    assert (found.priority.name, records) == (lane, [record])


def test_given_failures_in_a_lane_when_backed_off_then_in_the_queue_that_they_came_from(world: World) -> None:
    queues: list[str] = []

    def hook(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels":
            raise aws_error("AccessDeniedException")
        if operation == "ChangeMessageVisibilityBatch":
            queues.append(parameters["QueueUrl"])

    function = Function(world, hook, settings=WITH_LANES)
    for number, lane in enumerate(("Live", "Overflow", "Bulk")):
        function.receive(world.message(world.put(f"{number}.jpg", CAT)), lane=lane)
    assert queues == ["queue", "overflow", "bulk"]


def test_given_the_converter_when_it_has_lanes_then_each_sends_what_gets_no_slot_to_itself() -> None:
    settings = replace(WITH_LANES, queue_url="convert", bulk_queue_url="bulk-convert", convert_queue_url=None)
    assert [(lane.queue_url, lane.no_slot_url, lane.priority) for lane in converting_lanes(settings)] == [
        ("convert", "convert", LIVE),
        ("bulk-convert", "bulk-convert", BULK),
    ]


def test_given_slots_that_are_due_when_bulk_takes_them_then_a_live_photo_waits_for_one_at_most(
    world: World,
) -> None:
    """Bulk in one environment without end, live in another now and then."""
    environments = [
        RateLimiter(DynamoDB(world.tables), "LabelQuota", tps=5, environments=2, clock=world.clock.seconds)  # type: ignore[arg-type]
        for _ in range(2)
    ]
    waits = []
    for _ in range(50):
        environments[0].acquire(SlotRequest(BULK), world.clock.deadline(60), 6.0)
        before = world.clock.seconds()
        environments[1].acquire(SlotRequest(LIVE, max_wait_s=1.0), world.clock.deadline(60), 6.0)
        waits.append(world.clock.seconds() - before)
    assert max(waits) <= 0.2 + 1e-3
