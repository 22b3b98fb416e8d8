"""What the function promises, one promise after another, against fakes that enforce AWS's rules."""

from __future__ import annotations

import itertools
import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError

from handler.decisions import SkipReason
from handler.events import Kind, read_message
from handler.messages import visibility_timeout_s
from tests.fakes.aws import aws_error
from tests.fakes.dynamodb import index_of
from tests.fakes.world import BUCKET, SETTINGS, Function, Photo, World, failing

if TYPE_CHECKING:
    from collections.abc import Callable

CAT = Photo(labels={"Cat": 98.5, "Animal": 99.0, "Dog": 42.0})
DOG = Photo(labels={"Dog": 99.0})
COMMITS = ["BatchExecuteStatement", "PutItem"]
# Of documents: those of images that had none, and all others.
HOSTILE_KEY = "space plus+file 100% ünï/../<b>{0}%s\n.jpg"


@pytest.fixture
def world() -> World:
    return World()


class Refuse:
    """A hook that answers the first `times` calls of an operation with an error."""

    def __init__(self, operation: str, error: Exception, times: int = 1) -> None:
        self.operation, self.error, self.left = operation, error, times
        self.calls: list[str] = []

    def __call__(self, operation: str, _parameters: dict[str, Any]) -> None:
        self.calls.append(operation)
        if operation == self.operation and self.left:
            self.left -= 1
            raise self.error


def documents(world: World) -> list[dict[str, Any]]:
    return world.tables.plain("ImageLabels")


# The plain way


def test_given_a_photo_when_received_then_it_is_found_by_its_labels(world: World) -> None:
    report = Function(world).receive(world.message(world.put(HOSTILE_KEY, CAT)))
    assert failing(report) == set()
    document = world.document(HOSTILE_KEY)
    assert document
    assert document["Status"] == "LABELLED"
    assert [label["Name"] for label in document["Labels"]] == ["Animal", "Cat"]
    assert document["Sequencer"] == "0000000001"
    assert (document["ETag"], document["Size"]) == ("etag-1", 100_000)
    assert document["EventTime"] == "2026-11-23T06:00:00.000Z"
    assert document["LabelModelVersion"] == "3.0"
    assert world.found("Cat") == {HOSTILE_KEY}
    assert world.found("Dog") == set()


def test_given_plain_photos_when_received_then_no_more_is_called_than_it_takes(world: World) -> None:
    calls = Refuse("nothing", RuntimeError())
    function = Function(world, calls)
    function.receive(*(world.message(world.put(f"{number}.jpg", CAT)) for number in range(10)))
    once = ["BatchExecuteStatement", "BatchGetItem", "BatchWriteItem"]
    assert calls.calls.count("DetectLabels") == 10
    assert set(calls.calls) == {*once, "DetectLabels"}
    calls.calls.clear()
    function.receive(world.message(world.put("0.jpg", DOG)))
    assert calls.calls == ["BatchGetItem", "DetectLabels", "BatchWriteItem", "PutItem", "BatchWriteItem"]


def test_given_a_photo_with_nothing_in_it_when_received_then_it_is_labelled_with_nothing(world: World) -> None:
    Function(world).receive(world.message(world.put("fog.jpg", Photo())))
    document = world.document("fog.jpg")
    assert document
    assert (document["Status"], document["Labels"]) == ("LABELLED", [])


def test_given_a_versioned_object_when_received_then_that_version_is_recognised(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    event = world.put("cat.jpg", CAT)
    world.put("cat.jpg", DOG)
    Function(world).receive(world.message(event))
    document = world.document("cat.jpg")
    assert document
    assert document["VersionId"] == "v1"
    assert world.found("Cat") == {"cat.jpg"}


# 1: nothing is skipped


def test_given_s3s_test_event_when_received_then_it_is_done(world: World) -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
    report = Function(world).receive(world.message(body))
    assert (failing(report), world.dead) == (set(), [])


S3_RECORD = World().put("cat.jpg", CAT)
HOPELESS = {
    "": "InvalidJson",
    "not JSON": "InvalidJson",
    "[" * 100_000: "InvalidJson",
    "[]": "UnknownMessage",
    "null": "UnknownMessage",
    "{}": "UnknownMessage",
    '{"Records": []}': "UnknownMessage",
    '{"Records": {"a": 1}}': "UnknownMessage",
    '{"Records": [7]}': "InvalidS3Record",
    '{"Records": [{}]}': "InvalidS3Record",
    '{"Type": "Notification", "TopicArn": "arn", "Message": "{}"}': "SnsEnvelope",
    '{"detail-type": "Object Created", "detail": {}}': "EventBridgeEvent",
    '{"source": "photo-labels", "action": "explode"}': "UnknownAction",
    '{"source": "photo-labels", "action": "reconcile", "bucket": "b"}': "InvalidObjectName",
    '{"source": "photo-labels", "action": "reconcile", "bucket": "b", "key": "k", "force": "yes"}': "InvalidReconcile",
    '{"source": "photo-labels", "action": "reconcile", "bucket": "b", "key": "\\ud800"}': "InvalidObjectName",
    json.dumps(
        {"source": "photo-labels", "action": "reconcile", "bucket": "b" * 256, "key": "k"}
    ): "InvalidObjectName",
    json.dumps({"Records": [S3_RECORD | {"eventName": "ObjectRestore:Completed"}]}): "UnknownEvent",
    json.dumps({"Records": [S3_RECORD | {"eventName": 7}]}): "InvalidS3Record",
    json.dumps({"Records": [S3_RECORD | {"eventTime": "soon"}]}): "InvalidS3Record",
    json.dumps({"Records": [S3_RECORD | {"eventTime": "0001-01-01T00:00:00+14:00"}]}): "InvalidS3Record",
    json.dumps({"Records": [S3_RECORD | {"s3": "text"}]}): "InvalidS3Record",
    json.dumps(
        {"Records": [S3_RECORD | {"s3": {"bucket": {"name": "b"}, "object": {"key": 7}}}]}
    ): "InvalidS3Record",
    json.dumps({"Records": [S3_RECORD | {"s3": {"bucket": {"name": "b"}, "object": {"key": ""}}}]}): (
        "InvalidObjectName"
    ),
    json.dumps({"Records": [S3_RECORD | {"s3": {"bucket": {"name": "b"}, "object": {"key": "k" * 1025}}}]}): (
        "InvalidObjectName"
    ),
    json.dumps(
        {"Records": [S3_RECORD | {"s3": {"bucket": {"name": "one"}, "object": {"key": "k", "size": 10**60}}}]}
    ): "InvalidS3Record",
    json.dumps(
        {
            "Records": [
                S3_RECORD | {"s3": {"bucket": {"name": "one"}, "object": {"key": "k", "eTag": "e" * 500_000}}}
            ]
        }
    ): "InvalidS3Record",
}


@pytest.mark.parametrize("name", ["eTag", "versionId"])
def test_given_half_a_character_in_an_event_when_received_then_it_is_hopeless_and_nothing_is_paid(
    world: World, name: str
) -> None:
    event = world.put("cat.jpg", CAT)
    event["s3"]["object"][name] = "\ud800"
    assert failing(Function(world).receive(world.message(event))) == set()
    [dead] = world.dead
    assert dead["MessageAttributes"]["Reason"]["StringValue"] == "InvalidS3Record"
    assert world.recognised == []


@pytest.mark.parametrize("left", [0, 1, 20, 50, 100, 150, 1000])
def test_given_a_hopeless_body_of_nearly_1_mib_when_received_then_it_is_in_the_dlq_with_what_fits(
    world: World, left: int
) -> None:
    body = "é" + "x" * (2**20 - 2 - left)
    assert failing(Function(world).receive(world.message(body))) == set()
    [dead] = world.dead
    assert dead["MessageBody"] == body
    assert set(dead["MessageAttributes"]) <= {"Reason", "SourceMessageId", "Detail"}
    assert ("Reason" in dead["MessageAttributes"]) == (left >= 50)


@pytest.mark.parametrize("body", HOPELESS, ids=lambda body: body[:60])
def test_given_a_hopeless_body_when_received_then_it_is_in_the_dlq_with_its_reason(
    world: World, body: str
) -> None:
    report = Function(world).receive(world.message(body), world.message(world.put("cat.jpg", CAT)))
    assert failing(report) == set()
    [dead] = world.dead
    assert dead["MessageBody"] == (body or " ")
    assert dead["MessageAttributes"]["Reason"]["StringValue"] == HOPELESS[body]
    assert len(dead["MessageAttributes"]["Detail"]["StringValue"]) > 20
    assert world.found("Cat") == {"cat.jpg"}


def test_given_a_dlq_that_refuses_when_a_hopeless_body_comes_then_the_record_fails(world: World) -> None:
    refuse = Refuse("SendMessage", aws_error("AccessDenied"))
    report = Function(world, refuse).receive(world.message("not JSON", name="m"))
    assert failing(report) == {"m"}


# 2: one record, several objects


def test_given_a_record_with_two_objects_when_one_fails_then_the_record_fails_and_the_other_is_kept(
    world: World,
) -> None:
    records = [world.put("bad.jpg", replace(CAT, error="AccessDeniedException")), world.put("good.jpg", CAT)]
    report = Function(world).receive(world.message({"Records": records}, name="m"))
    assert failing(report) == {"m"}
    assert world.found("Cat") == {"good.jpg"}


def test_given_a_record_with_a_hopeless_part_when_received_then_the_rest_is_labelled_and_the_part_buried(
    world: World,
) -> None:
    report = Function(world).receive(world.message({"Records": [world.put("cat.jpg", CAT), {}]}))
    assert failing(report) == set()
    assert world.found("Cat") == {"cat.jpg"}
    assert len(world.dead) == 1


def test_given_a_hopeless_part_when_the_rest_fails_then_it_is_buried_only_when_the_rest_is_done(
    world: World,
) -> None:
    record = {"Records": [world.put("cat.jpg", CAT), {}]}
    function = Function(world, Refuse("DetectLabels", aws_error("AccessDeniedException")))
    assert failing(function.receive(world.message(record, name="m"))) == {"m"}
    assert world.dead == []
    assert failing(function.receive(world.message(record, name="m"))) == set()
    assert len(world.dead) == 1


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("s3:ObjectCreated:Put", "2026-11-23T06:00:00.000Z"),
        ("ObjectCreated:Copy", "2026-11-23T06:00:00"),
        ("ObjectCreated:CompleteMultipartUpload", "2026-11-23T08:00:00+02:00"),
    ],
)
def test_given_names_and_times_as_s3_and_others_write_them_when_received_then_they_are_understood(
    world: World, name: str, time: str
) -> None:
    event = world.put("a.jpg", CAT) | {"eventName": name, "eventTime": time}
    assert failing(Function(world).receive(world.message(event))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["EventTime"] == "2026-11-23T06:00:00.000Z"


def test_given_events_of_one_object_in_a_batch_when_received_then_only_the_newest_is_paid(world: World) -> None:
    events = [world.put("cat.jpg", CAT), world.put("cat.jpg", replace(CAT, labels={"Dog": 99.0}))]
    report = Function(world).receive(*(world.message(event) for event in reversed(events)))
    assert failing(report) == set()
    assert world.recognised == ["cat.jpg"]
    assert (world.found("Dog"), world.found("Cat")) == ({"cat.jpg"}, set())


def test_given_events_of_one_object_when_the_newest_fails_then_all_its_records_fail(world: World) -> None:
    events = [world.put("cat.jpg", CAT), world.put("cat.jpg", replace(CAT, error="AccessDeniedException"))]
    report = Function(world).receive(*(world.message(event, name=f"m{n}") for n, event in enumerate(events)))
    assert failing(report) == {"m0", "m1"}


def test_given_a_thousand_objects_in_one_record_when_received_then_each_is_labelled(world: World) -> None:
    records = [world.put(f"{number}.jpg", CAT) for number in range(1000)]
    report = Function(world).receive(world.message({"Records": records}))
    assert failing(report) == set()
    assert len(world.found("Cat")) == 1000


# 3: duplicates


def test_given_a_labelled_photo_when_its_event_comes_again_then_nothing_is_paid(world: World) -> None:
    event = world.put("cat.jpg", CAT)
    function = Function(world)
    function.receive(world.message(event))
    report = function.receive(world.message(event))
    assert failing(report) == set()
    assert report.outcomes[f"{BUCKET}/cat.jpg"].skip_reason is SkipReason.DUPLICATE
    assert world.recognised == ["cat.jpg"]


def test_given_labelled_photos_when_some_of_their_documents_stay_unread_at_first_then_nothing_is_paid(
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


# 5: permanent and transient errors


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
    refuse = Refuse(operation, error, times=3)
    report = Function(world, refuse).receive(world.message(world.put("cat.jpg", CAT)))
    assert failing(report) == set()
    assert world.found("Cat") == {"cat.jpg"}
    assert refuse.left == 0


@pytest.mark.parametrize("operation", ["DetectLabels", "BatchGetItem", "BatchWriteItem", *COMMITS])
def test_given_a_refused_permission_when_received_then_the_record_comes_back(world: World, operation: str) -> None:
    if operation == "PutItem":
        Function(world).receive(world.message(world.put("cat.jpg", Photo())))
    event = world.put("cat.jpg", CAT)
    refuse = Refuse(operation, aws_error("AccessDeniedException"))
    assert failing(Function(world, refuse).receive(world.message(event, name="m"))) == {"m"}
    assert world.found("Cat") == set()
    assert refuse.calls.count(operation) == 1
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
    assert failing(Function(world).receive(world.message(world.put("a.jpg", photo)))) == set()
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
    assert document["ExpiresAt"] == int((world.clock.now + timedelta(days=30)).timestamp())


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


# 6: order of writing


def test_given_an_overwrite_when_committed_then_the_replaced_rows_are_gone(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.put("a.jpg", Photo(labels={"Dog": 99.0}))))
    [rows] = index_of(world.tables).values()
    assert [row["Label"] for row in rows] == ["Dog"]


def test_given_a_commit_that_was_written_although_its_answer_was_lost_then_its_old_rows_go_all_the_same(
    world: World,
) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    function = Function(world)
    put_item = function.fakes.dynamodb.put_item
    lost = iter([True])

    def answer_lost(**parameters: Any) -> Any:
        answer = put_item(**parameters)
        if next(lost, False):
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return answer

    function.fakes.dynamodb.put_item = answer_lost
    report = function.receive(world.message(world.put("a.jpg", Photo(labels={"Dog": 99.0}))))
    assert report.outcomes[f"{BUCKET}/a.jpg"].committed_at
    [rows] = index_of(world.tables).values()
    assert [row["Label"] for row in rows] == ["Dog"]


def test_given_rows_that_cannot_be_written_when_received_then_no_document_is_committed(world: World) -> None:
    refuse = Refuse("BatchWriteItem", aws_error("AccessDeniedException"), times=9)
    report = Function(world, refuse).receive(world.message(world.put("a.jpg", CAT), name="m"))
    assert failing(report) == {"m"}
    assert documents(world) == []


def test_given_a_document_that_was_inserted_although_its_answer_was_lost_then_it_counts_as_committed(
    world: World,
) -> None:
    function = Function(world)
    insert = function.fakes.dynamodb.batch_execute_statement
    lost = iter([True])

    def answer_lost(**parameters: Any) -> Any:
        answer = insert(**parameters)
        if next(lost, False):
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return answer

    function.fakes.dynamodb.batch_execute_statement = answer_lost
    report = function.receive(world.message(world.put("a.jpg", CAT)))
    assert report.outcomes[f"{BUCKET}/a.jpg"].committed_at
    assert world.found("Cat") == {"a.jpg"}


def test_given_thirty_new_photos_in_one_record_when_committed_then_each_call_has_25_at_most(world: World) -> None:
    records = [world.put(f"{number}.jpg", CAT) for number in range(30)]
    assert failing(Function(world).receive(world.message({"Records": records}))) == set()
    assert len(world.found("Cat")) == 30


# 7: batches


def test_given_unprocessed_items_and_keys_when_received_then_they_are_resent(world: World) -> None:
    rounds = iter(range(10**6))
    function = Function(world, unprocessed=lambda entries: entries // 2 if next(rounds) % 3 else entries)
    photo = Photo(labels={f"Label {number}": 99.0 for number in range(40)})
    report = function.receive(
        *(world.message(world.put(f"{number}.jpg", photo)) for number in range(10)), seconds=600
    )
    assert failing(report) == set()
    assert len(world.found("Label 39")) == 10


def test_given_items_that_stay_unprocessed_when_received_then_the_record_fails_before_the_deadline(
    world: World,
) -> None:
    started = world.clock.now
    function = Function(world, unprocessed=lambda entries: entries)
    report = function.receive(world.message(world.put("a.jpg", CAT), name="m"))
    assert failing(report) == {"m"}
    assert world.clock.now - started < timedelta(seconds=20)


def test_given_labels_beyond_400_kb_when_received_then_boxes_go_first(world: World) -> None:
    function = Function(world, settings=replace(SETTINGS, max_labels=1000))
    box = {"Left": 0.1234567, "Top": 0.1234567, "Width": 0.1234567, "Height": 0.1234567}
    detect = function.fakes.rekognition.detect_labels

    def crowded(**parameters: Any) -> Any:
        answer = detect(**parameters)
        for label in answer["Labels"]:
            label["Instances"] = [{"Confidence": 99.123456, "BoundingBox": box}] * 20
        return answer

    function.fakes.rekognition.detect_labels = crowded
    labels = {f"Label {number}": 99.0 for number in range(300)}
    records = [
        world.message(world.put("crowd.jpg", Photo(labels=labels))),
        world.message(world.put("cat.jpg", CAT)),
    ]
    assert failing(function.receive(*records)) == set()
    crowd, cat = world.document("crowd.jpg"), world.document("cat.jpg")
    assert crowd
    assert cat
    assert len(crowd["Labels"]) == 300
    assert crowd["Labels"][0]["Instances"] == []
    assert len(cat["Labels"][0]["Instances"]) == 20


def test_given_labels_that_never_fit_when_received_then_only_that_photo_is_rejected(world: World) -> None:
    function = Function(world, settings=replace(SETTINGS, max_labels=1000))
    labels = {f"{number}" + "x" * 1000: 99.0 for number in range(500)}
    records = [world.message(world.put("big.jpg", Photo(labels=labels))), world.message(world.put("cat.jpg", CAT))]
    assert failing(function.receive(*records)) == set()
    big = world.document("big.jpg")
    assert big
    assert (big["Status"], big["Reason"]) == ("REJECTED", "DocumentTooLarge")
    assert world.found("Cat") == {"cat.jpg"}


# 8: the deadline


@pytest.mark.parametrize(
    "operation", ["DetectLabels", "BatchGetItem", "BatchWriteItem", "BatchExecuteStatement", "SendMessage"]
)
def test_given_a_service_that_stays_throttled_when_received_then_the_record_fails_in_time(
    world: World, operation: str
) -> None:
    started = world.clock.now
    refuse = Refuse(operation, aws_error("ThrottlingException"), times=10**6)
    records = [world.message(world.put("a.jpg", CAT), name="m"), world.message("not JSON", name="h")]
    failed = failing(Function(world, refuse).receive(*records))
    assert failed == ({"h"} if operation == "SendMessage" else {"m"})
    assert world.clock.now - started < timedelta(seconds=20)


def test_given_no_time_left_when_received_then_no_call_is_started_and_all_comes_back(world: World) -> None:
    refuse = Refuse("nothing", RuntimeError())
    report = Function(world, refuse).receive(world.message(world.put("a.jpg", CAT), name="m"), seconds=1)
    assert failing(report) == {"m"}
    assert refuse.calls == []


def test_given_a_thread_that_hangs_when_the_deadline_comes_then_it_is_left_and_its_result_never_written(
    world: World,
) -> None:
    release, reached = threading.Event(), threading.Event()

    def hang(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels" and parameters["Image"]["S3Object"]["Name"] == "hangs.jpg":
            world.clock.pause(20)
            reached.set()
            release.wait()

    records = [
        world.message(world.put("cat.jpg", CAT), name="good"),
        world.message(world.put("hangs.jpg", CAT), name="hangs"),
    ]
    settings = replace(SETTINGS, rekognition_concurrency=1)  # so that the good one is through before
    report = Function(world, hang, settings=settings).receive(*records)
    assert reached.is_set()
    assert "hangs" in failing(report)
    written = documents(world)
    release.set()
    Function(world).receive(world.message(world.put("other.jpg", CAT)))
    assert [one for one in documents(world) if one["Key"] != "other.jpg"] == written
    assert world.document("hangs.jpg") is None


# 9: removals


def test_given_a_labelled_photo_when_it_is_removed_then_it_is_a_tombstone_and_not_found(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.remove("a.jpg")))
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"
    assert "ExpiresAt" in document
    assert not document.keys() & {"ETag", "Size", "VersionId", "MinConfidence", "MaxLabels"}
    assert world.tables.plain("LabelIndex") == []


@pytest.mark.parametrize("name", ["LifecycleExpiration:Delete", "LifecycleExpiration:DeleteMarkerCreated"])
def test_given_a_lifecycle_expiration_when_received_then_it_is_a_removal(world: World, name: str) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.remove("a.jpg") | {"eventName": name}))
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"


def test_given_a_removal_when_the_object_is_there_again_then_its_own_event_is_waited_for(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    removal = world.remove("a.jpg")
    world.put("a.jpg", DOG)
    report = function.receive(world.message(removal))
    assert report.outcomes[f"{BUCKET}/a.jpg"].skip_reason is SkipReason.STILL_THERE
    assert (world.found("Cat"), world.recognised) == ({"a.jpg"}, ["a.jpg"])


def test_given_a_removal_when_what_is_there_is_under_its_owners_key_then_that_is_said(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    world.put("a.jpg", replace(CAT, head_error="400"))
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", DOG)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", "CustomerKey")
    assert not document.keys() & {"ETag", "Size", "VersionId"}
    assert world.found("Dog") == set()


def test_given_a_versioned_photo_that_was_deleted_when_the_marker_is_removed_then_it_is_labelled_again(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.remove("a.jpg")))
    assert world.found("Cat") == set()
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    assert world.found("Cat") == {"a.jpg"}


def test_given_the_newest_version_when_it_is_removed_then_the_one_before_is_labelled(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.put("a.jpg", DOG)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    assert (world.found("Cat"), world.found("Dog")) == ({"a.jpg"}, set())
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], document["ETag"]) == ("v1", "etag-1")


def test_given_an_old_version_when_it_is_removed_then_nothing_is_paid(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    for photo in (DOG, CAT):
        function.receive(world.message(world.put("a.jpg", photo)))
    report = function.receive(world.message(world.bucket.delete_version("a.jpg", "v1")))
    assert report.outcomes[f"{BUCKET}/a.jpg"].skip_reason is SkipReason.UP_TO_DATE
    assert (world.found("Cat"), len(world.recognised)) == ({"a.jpg"}, 2)
    document = world.document("a.jpg")
    assert document
    assert (document["Sequencer"], document["VersionId"]) == ("0000000003", "v2")
    assert len(world.tables.plain("LabelIndex")) == 2


def test_given_an_older_event_that_looked_before_when_what_came_back_was_told_of_then_it_is_not_written_over(
    world: World,
) -> None:
    """The photo is deleted and undeleted; whoever heard of the deletion saw it gone, and commits last."""
    world.bucket.set_versioning("Enabled")
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    removal = world.remove("a.jpg")

    def undelete(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "PutItem" and world.bucket.present("a.jpg") is None:
            undeletion = world.bucket.delete_version("a.jpg", "v2")
            assert failing(Function(world).receive(world.message(undeletion))) == set()

    assert failing(Function(world, undelete).receive(world.message(removal))) == set()
    assert world.found("Cat") == {"a.jpg"}


def test_given_a_removal_before_the_creation_of_what_was_removed_when_both_came_then_the_version_below_is_labelled(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    creation = world.put("a.jpg", DOG)
    removal = world.bucket.delete_version("a.jpg", "v2")
    for event in (removal, creation):
        assert failing(function.receive(world.message(event))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], world.found("Cat"), world.found("Dog")) == ("v1", {"a.jpg"}, set())


@pytest.mark.parametrize("named", [{}, {"versionId": "null"}])
def test_given_a_photo_from_before_versioning_when_it_is_undeleted_then_it_is_labelled_again(
    world: World, named: dict[str, str]
) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    world.bucket.set_versioning("Enabled")
    function.receive(world.message(world.remove("a.jpg")))
    undeletion = world.bucket.delete_version("a.jpg", "v1")
    assert failing(function.receive(world.message(undeletion))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], world.found("Cat")) == ("null", {"a.jpg"})


def test_given_a_photo_from_before_versioning_when_a_newer_version_is_deleted_then_it_has_its_own_labels(
    world: World,
) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    world.bucket.set_versioning("Enabled")
    function.receive(world.message(world.put("a.jpg", DOG)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v1")))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], document["ETag"]) == ("null", "etag-1")
    assert (world.found("Cat"), world.found("Dog")) == ({"a.jpg"}, set())


def test_given_an_event_that_says_null_when_received_then_no_version_of_that_name_is_asked_for(
    world: World,
) -> None:
    world.bucket.set_versioning("Suspended")
    event = world.put("a.jpg", CAT)
    event["s3"]["object"]["versionId"] = "null"
    assert failing(Function(world).receive(world.message(event))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], world.found("Cat")) == ("null", {"a.jpg"})


def test_given_equal_bytes_in_two_versions_when_the_newer_is_removed_then_the_document_names_the_older(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    function, photo = Function(world), replace(CAT, etag="the same")
    for _ in range(2):
        function.receive(world.message(world.bucket.put("a.jpg", photo)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["VersionId"] == "v1"


def test_given_a_removal_and_a_reconcile_message_when_the_photo_is_there_then_it_is_handed_over_to_be_labelled(
    world: World,
) -> None:
    photo = replace(CAT, error="InvalidImageFormatException", decodes=True)
    world.put("a.heic", photo)
    removal = world.remove("a.heic")
    world.put("a.heic", photo)
    reconcile = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "a.heic"}
    Function(world).receive(world.message(removal), world.message(reconcile))
    [body] = world.forwarded
    Function(world, is_converting=True).receive(world.message(body), seconds=60)
    assert world.found("Cat") == {"a.heic"}


def test_given_an_event_older_than_a_day_when_the_object_is_gone_then_it_is_not_resurrected(world: World) -> None:
    event = world.put("a.jpg", CAT)
    world.remove("a.jpg")
    world.clock.now += timedelta(days=2)
    Function(world).receive(world.message(event))
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"
    assert world.recognised == []


def test_given_an_event_older_than_a_day_when_the_object_is_there_then_what_is_there_is_labelled(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    event = world.put("a.jpg", CAT)
    world.put("a.jpg", DOG)
    world.clock.now += timedelta(days=2)
    Function(world).receive(world.message(event))
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], document["ETag"], document["Sequencer"]) == ("v2", "etag-2", "0000000001")
    assert world.found("Dog") == {"a.jpg"}


# 10: when failed records come back


def test_given_failed_records_when_reported_then_they_come_back_by_their_receive_count(world: World) -> None:
    refuse = Refuse("DetectLabels", aws_error("AccessDeniedException"), times=9)
    records = [
        world.message(world.put(f"{count}.jpg", CAT), receive_count=count, name=f"m{count}")
        for count in (1, 5, 100)
    ]
    Function(world, refuse).receive(*records)
    visibility = world.visibility
    assert 1 <= visibility["receipt-m1"] <= 2
    assert 16 <= visibility["receipt-m5"] <= 32
    assert 150 <= visibility["receipt-m100"] <= 300


def test_given_visibility_that_cannot_be_set_when_reported_then_the_records_still_fail(world: World) -> None:
    def refuse(operation: str, _parameters: dict[str, Any]) -> None:
        if operation in {"DetectLabels", "ChangeMessageVisibilityBatch"}:
            raise aws_error("AccessDeniedException")

    report = Function(world, refuse).receive(world.message(world.put("a.jpg", CAT), name="m"))
    assert failing(report) == {"m"}
    assert report.not_backed_off == {"m": "AccessDeniedException"}


def test_given_an_outage_when_every_receive_fails_then_nothing_is_dead_lettered_for_hours() -> None:
    shortest_s = sum(min(visibility_timeout_s(count) for _ in range(20)) for count in range(1, 101))
    assert shortest_s > 3.5 * 3600


# 11: the quota


def test_given_a_quota_when_a_batch_comes_then_calls_keep_to_it(world: World) -> None:
    times: list[float] = []

    def watch(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels":
            times.append(world.clock.now.timestamp())

    settings = replace(SETTINGS, rekognition_tps=10, max_concurrency=5, rekognition_concurrency=1)
    records = [world.message(world.put(f"{number}.jpg", CAT)) for number in range(10)]
    report = Function(world, watch, settings=settings).receive(*records)
    assert failing(report) == set()
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(gap == pytest.approx(0.1, abs=0.001) for gap in gaps)


# 12: reconciliation


def reconcile(world: World, key: str, *, force: bool = False) -> Any:
    body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": key, "force": force}
    return world.message(body)


def test_given_an_object_without_a_document_when_reconciled_then_it_is_labelled_with_sequencer_0(
    world: World,
) -> None:
    world.put(HOSTILE_KEY, CAT)
    Function(world).receive(reconcile(world, HOSTILE_KEY))
    document = world.document(HOSTILE_KEY)
    assert document
    assert (document["Status"], document["Sequencer"], document["ETag"]) == ("LABELLED", "0", "etag-1")
    assert world.found("Cat") == {HOSTILE_KEY}


def test_given_an_object_when_reconciled_then_its_document_has_what_s3_says_of_it(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    world.put("a.jpg", replace(CAT, size=4711))
    uploaded = world.clock.now
    world.clock.now += timedelta(hours=1)
    Function(world).receive(reconcile(world, "a.jpg"))
    document = world.document("a.jpg")
    assert document
    assert (document["ETag"], document["Size"], document["VersionId"]) == ("etag-1", 4711, "v1")
    assert document["EventTime"] == uploaded.isoformat(timespec="milliseconds")[:23] + "Z"


def test_given_a_message_without_force_when_reconciled_then_it_is_not_forced(world: World) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "a.jpg"}
    Function(world).receive(world.message(body))
    assert world.recognised == ["a.jpg"]


def test_given_reconciliations_at_one_moment_when_committed_then_only_the_rows_of_the_last_are_there(
    world: World,
) -> None:
    world.put("a.jpg", CAT)
    commits = []
    for _ in range(3):
        Function(world).receive(reconcile(world, "a.jpg", force=True))
        document = world.document("a.jpg")
        assert document
        commits.append(document["CommitID"])
    assert len(set(commits)) == 3
    assert {row["CommitID"] for row in world.tables.plain("LabelIndex")} == {commits[-1]}


def test_given_an_object_under_its_owners_key_when_reconciled_then_it_is_rejected(world: World) -> None:
    world.put("a.jpg", replace(CAT, head_error="400"))
    assert failing(Function(world).receive(reconcile(world, "a.jpg"))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", "CustomerKey")


def test_given_a_document_that_is_up_to_date_when_reconciled_then_nothing_is_paid(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(reconcile(world, "a.jpg"))
    assert world.recognised == ["a.jpg"]


def test_given_force_when_reconciled_then_it_is_labelled_again_and_keeps_its_sequencer(world: World) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    function = Function(world, settings=replace(SETTINGS, min_confidence=99.0))
    function.receive(reconcile(world, "a.jpg", force=True))
    document = world.document("a.jpg")
    assert document
    assert document["Sequencer"] == "0000000001"
    assert [row["Label"] for row in world.tables.plain("LabelIndex")] == ["Animal"]


@pytest.mark.parametrize("setting", [{"min_confidence": 40.0}, {"max_labels": 1}])
def test_given_other_model_settings_when_reconciled_then_it_is_labelled_again(
    world: World, setting: dict[str, Any]
) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    Function(world, settings=replace(SETTINGS, **setting)).receive(reconcile(world, "a.jpg"))
    assert world.recognised == ["a.jpg", "a.jpg"]


def test_given_an_object_that_is_gone_when_reconciled_then_it_is_a_tombstone(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    world.remove("a.jpg")
    function.receive(reconcile(world, "a.jpg"))
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Sequencer"]) == ("REMOVED", "0000000001")
    assert world.tables.plain("LabelIndex") == []


class Meanwhile:
    """A hook that lets something happen before the first commit."""

    def __init__(self, happen: Callable[[], object]) -> None:
        self.happen: Callable[[], object] | None = happen

    def __call__(self, operation: str, _parameters: dict[str, Any]) -> None:
        if operation in COMMITS and self.happen:
            happen, self.happen = self.happen, None
            happen()


def test_given_a_document_written_meanwhile_when_reconciled_then_it_stays_and_is_looked_at_again(
    world: World,
) -> None:
    world.put("a.jpg", CAT)
    function = Function(world, Meanwhile(lambda: Function(world).receive(world.message(world.put("a.jpg", DOG)))))
    assert failing(function.receive(reconcile(world, "a.jpg"))) != set()
    assert (world.found("Dog"), world.found("Cat")) == ({"a.jpg"}, set())
    assert [row["Label"] for row in world.tables.plain("LabelIndex")] == ["Dog"]
    assert failing(function.receive(reconcile(world, "a.jpg"))) == set()
    assert world.recognised == ["a.jpg"] * 2


@pytest.mark.parametrize("is_with_event", [False, True])
def test_given_a_late_event_when_a_reconciliation_loses_to_it_then_the_truth_is_still_told(
    world: World, is_with_event: bool
) -> None:
    """The object is gone, of which no event tells; a late one of its upload commits before the reconciliation."""
    older, late = world.put("a.jpg", CAT), world.put("a.jpg", DOG)
    function = Function(world, Meanwhile(lambda: late_event(world, late)))
    world.remove("a.jpg")
    messages = [reconcile(world, "a.jpg"), *([world.message(older)] if is_with_event else [])]
    assert failing(function.receive(*messages)) == {message.message_id for message in messages}
    assert world.found("Dog") == {"a.jpg"}
    assert failing(function.receive(*messages)) == set()
    assert (world.found("Dog"), world.found("Cat")) == (set(), set())
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"


def late_event(world: World, event: dict[str, Any]) -> None:
    """Rekognition saw the object while it was there."""
    world.put("a.jpg", DOG)
    Function(world).receive(world.message(event))
    world.remove("a.jpg")


def test_given_a_document_that_is_purged_when_a_forced_reconciliation_is_under_way_then_it_ends_with_its_rows(
    world: World,
) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))

    def purge() -> None:
        for table in ("LabelIndex", "ImageLabels"):
            world.tables.items[table].clear()

    function = Function(world, Meanwhile(purge))
    assert failing(function.receive(reconcile(world, "a.jpg", force=True))) != set()
    assert world.tables.plain("LabelIndex") == []
    assert failing(function.receive(reconcile(world, "a.jpg", force=True))) == set()
    assert world.found("Cat") == {"a.jpg"}


def test_given_two_deliveries_of_one_event_when_both_were_paid_for_then_the_loser_deletes_its_own_rows_only(
    world: World,
) -> None:
    event = world.put("a.jpg", CAT)
    function = Function(world, Meanwhile(lambda: Function(world).receive(world.message(event))))
    report = function.receive(world.message(event))
    assert report.outcomes[f"{BUCKET}/a.jpg"].skip_reason is SkipReason.DUPLICATE
    assert world.found("Cat") == {"a.jpg"}
    assert len(world.tables.plain("LabelIndex")) == 2


def test_given_an_event_and_a_reconciliation_when_handed_over_together_then_they_stay_together(
    world: World,
) -> None:
    event = world.put("a.heic", replace(CAT, error="InvalidImageFormatException", decodes=True))
    Function(world).receive(world.message(event), reconcile(world, "a.heic", force=True))
    [body] = world.forwarded
    [forwarded] = read_message(world.message(body)).events
    assert (forwarded.kind, forwarded.sequencer, forwarded.force) == (Kind.RECONCILE, "0000000001", True)
    Function(world, is_converting=True).receive(world.message(body), seconds=60)
    document = world.document("a.heic")
    assert document
    assert (document["Sequencer"], world.found("Cat")) == ("0000000001", {"a.heic"})


def test_given_equal_bytes_that_changed_in_between_when_reconciled_then_they_are_looked_at_again(
    world: World,
) -> None:
    """Rekognition saw the dog; of its upload and the cat's second no event tells, and the cat's ETag is as before."""
    cat = replace(CAT, etag="cat")
    event = world.bucket.put("a.jpg", cat)
    world.clock.pause(60)
    world.put("a.jpg", DOG)
    Function(world).receive(world.message(event))
    world.clock.pause(60)
    world.bucket.put("a.jpg", cat)
    assert failing(Function(world).receive(reconcile(world, "a.jpg"))) == set()
    assert (world.found("Cat"), world.found("Dog")) == ({"a.jpg"}, set())


# What is not ours


@pytest.mark.parametrize("item", [{}, {"Status": "LABELLED", "Sequencer": "zz"}, {"Labels": "none"}])
def test_given_an_item_of_somebody_elses_when_photos_are_read_with_it_then_only_its_own_waits(
    world: World, item: dict[str, str]
) -> None:
    name = f"{BUCKET}/occupied.jpg"
    foreign = {"ImageID": {"S": name}} | {attribute: {"S": text} for attribute, text in item.items()}
    world.tables.items["ImageLabels"][name,] = foreign
    events = [world.message(world.put(f"{key}.jpg", CAT), name=key) for key in ("occupied", "free")]
    assert failing(Function(world).receive(*events)) == {"occupied"}
    assert (world.found("Cat"), world.recognised) == ({"free.jpg"}, ["free.jpg"])
    assert world.tables.items["ImageLabels"][name,] == foreign
    del world.tables.items["ImageLabels"][name,]
    assert failing(Function(world).receive(*events)) == set()
    assert world.found("Cat") == {"free.jpg", "occupied.jpg"}


def test_given_a_sequencer_that_no_sort_key_could_hold_when_received_then_it_is_reconciled(world: World) -> None:
    event = world.put("a.jpg", CAT)
    event["s3"]["object"]["sequencer"] = "A" * 1000
    others = [world.put(f"{number}.jpg", CAT) for number in range(5)]
    assert failing(Function(world).receive(*map(world.message, [event, *others]))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Sequencer"] == "0"


def test_given_an_s3_record_without_a_sequencer_when_received_then_it_is_reconciled(world: World) -> None:
    record = world.put("a.jpg", CAT)
    del record["s3"]["object"]["sequencer"]
    [event] = read_message(world.message(record)).events
    assert event.kind is Kind.RECONCILE
    Function(world).receive(world.message(record))
    assert world.found("Cat") == {"a.jpg"}


def test_given_an_event_and_a_reconciliation_in_one_batch_when_received_then_it_is_paid_once(world: World) -> None:
    event = world.put("a.jpg", CAT)
    report = Function(world).receive(reconcile(world, "a.jpg"), world.message(event))
    assert failing(report) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Sequencer"] == "0000000001"
    assert world.recognised == ["a.jpg"]


# Bugs


def test_given_a_bug_in_one_photo_when_received_then_only_its_record_fails(world: World) -> None:
    refuse = Refuse("DetectLabels", ZeroDivisionError("a bug"))
    settings = replace(SETTINGS, rekognition_concurrency=1)
    records = [world.message(world.put(f"{number}.jpg", CAT), name=f"m{number}") for number in range(3)]
    report = Function(world, refuse, settings=settings).receive(*records)
    assert failing(report) == {"m0"}
    assert isinstance(report.outcomes[f"{BUCKET}/0.jpg"].error, ZeroDivisionError)
    assert world.found("Cat") == {"1.jpg", "2.jpg"}
