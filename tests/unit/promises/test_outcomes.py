"""Promises 3 and 5: duplicates, permanent and transient errors."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from handler.decisions import SkipReason
from handler.events import read_message
from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, SETTINGS, Function, Photo, World, failing
from tests.unit.promises.shared import CAT, COMMITS, DOG, Refuse, documents


def test_given_a_labelled_photo_when_its_event_comes_again_then_nothing_is_paid(world: World) -> None:
    event = world.put("cat.jpg", CAT)
    function = Function(world)
    function.receive(world.message(event))
    report = function.receive(world.message(event))
    assert failing(report) == set()
    assert report.outcomes[f"{BUCKET}/cat.jpg"].skip_reason is SkipReason.DUPLICATE
    assert world.recognised == ["cat.jpg"]


def test_given_labelled_photos_when_some_keys_are_unprocessed_at_first_then_nothing_is_paid(
    world: World,
) -> None:
    events = [world.put(f"{number}.jpg", CAT) for number in range(10)]
    Function(world).receive(*map(world.message, events))
    rounds = itertools.count()
    again = Function(world, unprocessed=lambda entries: entries // 2 if next(rounds) < 3 else 0)
    assert failing(again.receive(*map(world.message, events))) == set()
    assert len(world.recognised) == 10


@pytest.mark.parametrize("most", [1, 3])
def test_given_a_batch_when_received_then_no_more_calls_are_in_flight_than_are_set(
    world: World, most: int
) -> None:
    lock, flying, peak, together = threading.Lock(), 0, 0, threading.Barrier(most)

    def watch(operation: str, _parameters: dict[str, Any]) -> None:
        nonlocal flying, peak
        if operation != "DetectLabels":
            return
        with lock:
            flying += 1
            peak = max(peak, flying)
        together.wait(10)  # so many there must be
        with lock:
            flying -= 1

    settings = replace(SETTINGS, rekognition_concurrency=most)
    events = [world.put(f"{number}.jpg", CAT) for number in range(9)]
    assert failing(Function(world, watch, settings=settings).receive(*map(world.message, events))) == set()
    assert peak == most


def test_given_a_newer_document_when_an_older_event_comes_then_it_changes_nothing(world: World) -> None:
    older, newer = world.put("cat.jpg", CAT), world.put("cat.jpg", replace(CAT, labels={"Dog": 99.0}))
    function = Function(world)
    function.receive(world.message(newer))
    function.receive(world.message(older))
    assert (world.found("Dog"), world.found("Cat")) == ({"cat.jpg"}, set())
    assert world.recognised == ["cat.jpg"]


@pytest.mark.parametrize(
    ("older", "newer"), [("0A", "0A01"), ("00550000", "0055AED6"), ("0055AED6DCD902", "0055AED6DCD903")]
)
def test_given_sequencers_of_any_length_when_compared_as_strings_then_the_order_is_s3s(
    world: World, older: str, newer: str
) -> None:
    def sequencer(value: str) -> str:
        record = world.put("a", CAT)
        record["s3"]["object"]["sequencer"] = value
        [event] = read_message(world.message(record)).events
        assert event.sequencer
        return event.sequencer

    width = max(len(older), len(newer))
    assert older.ljust(width, "0") < newer.ljust(width, "0")
    assert sequencer(older) < sequencer(newer)
    assert sequencer(older) == sequencer(older + "000")


@pytest.mark.parametrize(
    "code", ["ImageTooLargeException", "InvalidImageFormatException", "InvalidParameterException"]
)
def test_given_a_photo_that_rekognition_refuses_when_received_then_it_is_rejected_alone(
    world: World, code: str
) -> None:
    nobody_converts = replace(SETTINGS, convert_queue_url=None)
    report = Function(world, settings=nobody_converts).receive(
        world.message(world.put("bad.jpg", Photo(error=code))), world.message(world.put("cat.jpg", CAT))
    )
    assert failing(report) == set()
    document = world.document("bad.jpg")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", code)
    assert document["Detail"].startswith(("The photo", "The file", "Rekognition"))
    assert world.found("Cat") == {"cat.jpg"}


@pytest.mark.parametrize(
    "error",
    [
        aws_error("ThrottlingException"),
        aws_error("ProvisionedThroughputExceededException"),
        aws_error("InternalServerError", status=500),
        ReadTimeoutError(endpoint_url="https://rekognition"),
    ],
    ids=lambda error: str(error)[:40],
)
@pytest.mark.parametrize("operation", ["DetectLabels", "BatchGetItem", "BatchWriteItem", *COMMITS])
def test_given_a_passing_fault_when_received_then_it_is_waited_out(
    world: World, error: Exception, operation: str
) -> None:
    if operation == "PutItem":
        Function(world).receive(world.message(world.put("cat.jpg", Photo())))
    refuse = Refuse(operation, error, times=3, table="ImageLabels" if operation == "PutItem" else None)
    report = Function(world, refuse).receive(world.message(world.put("cat.jpg", CAT)))
    assert failing(report) == set()
    assert world.found("Cat") == {"cat.jpg"}
    assert refuse.left == 0


@pytest.mark.parametrize("operation", ["DetectLabels", "BatchGetItem", "BatchWriteItem", *COMMITS])
def test_given_a_refused_permission_when_received_then_the_record_comes_back(world: World, operation: str) -> None:
    if operation == "PutItem":
        Function(world).receive(world.message(world.put("cat.jpg", Photo())))
    event = world.put("cat.jpg", CAT)
    table = "ImageLabels" if operation == "PutItem" else None
    # Claims are read with the documents, which are read alone where that is refused.
    times = 2 if operation == "BatchGetItem" else 1
    refuse = Refuse(operation, aws_error("AccessDeniedException"), times, table)
    assert failing(Function(world, refuse).receive(world.message(event, name="m"))) == {"m"}
    assert world.found("Cat") == set()
    assert refuse.calls.count(operation) == (2 if table else times), "a claim is put as well"
    assert failing(Function(world).receive(world.message(event, name="m"))) == set()
    assert world.found("Cat") == {"cat.jpg"}


@pytest.mark.parametrize(
    ("photo", "status", "reason"),
    [
        (Photo(size=0), "REJECTED", "EmptyObject"),
        (Photo(storage_class="GLACIER"), "REJECTED", "ArchivedObject"),
        (Photo(head_error="400"), "REJECTED", "CustomerKey"),
    ],
)
def test_given_an_invalid_s3_object_when_s3_is_asked_then_it_says_why(
    world: World, photo: Photo, status: str, reason: str
) -> None:
    record = world.put("a.jpg", photo)
    del record["s3"]["object"]["size"]
    assert failing(Function(world).receive(world.message(record))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Reason"]) == (status, reason)


def test_given_an_object_that_is_gone_when_its_creation_comes_then_it_is_a_tombstone(world: World) -> None:
    event = world.put("a.jpg", CAT)
    world.remove("a.jpg")
    assert failing(Function(world).receive(world.message(event))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"
    assert document["ExpiresAt"] == int((world.clock.now + timedelta(days=60)).timestamp())


def test_given_a_version_that_is_gone_when_its_creation_comes_then_what_is_there_is_labelled(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    event = world.put("a.jpg", CAT)
    world.put("a.jpg", DOG)
    world.bucket.delete_version("a.jpg", "v1")
    assert failing(Function(world).receive(world.message(event))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], document["ETag"], document["Sequencer"]) == ("v2", "etag-2", "0000000001")
    assert world.found("Dog") == {"a.jpg"}


def test_given_a_version_that_is_gone_when_what_is_there_goes_too_then_the_record_comes_back(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    event = world.put("a.jpg", CAT)
    world.put("a.jpg", DOG)
    world.bucket.delete_version("a.jpg", "v1")

    def meanwhile(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels" and parameters["Image"]["S3Object"].get("Version") == "v2":
            world.bucket.delete_version("a.jpg", "v2")

    assert failing(Function(world, meanwhile).receive(world.message(event, name="m"))) == {"m"}
    assert failing(Function(world).receive(world.message(event, name="m"))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"


@pytest.mark.parametrize("head", [Photo(head_error="403"), CAT])
def test_given_an_invalid_s3_object_when_s3_gives_no_reason_then_the_record_comes_back(
    world: World, head: Photo
) -> None:
    refuse = Refuse("DetectLabels", aws_error("InvalidS3ObjectException"))
    report = Function(world, refuse).receive(world.message(world.put("a.jpg", head), name="m"))
    assert failing(report) == {"m"}
    assert documents(world) == []
