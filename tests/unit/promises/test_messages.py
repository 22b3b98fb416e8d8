"""The plain way, and promises 1 and 2: nothing is skipped, one record may hold several objects."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chaos.envelopes import in_sns, of_event_bridge
from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, Function, Photo, World, failing
from tests.unit.promises.shared import CAT, DOG, HOSTILE_KEY, Refuse


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
    assert calls.calls.count("DetectLabels") == calls.calls.count("PutItem") == 10
    assert set(calls.calls) == {*once, "PutItem", "DetectLabels"}
    calls.calls.clear()
    function.receive(world.message(world.put("0.jpg", DOG)))
    to_label, to_clean_up = ["BatchGetItem", "PutItem", "DetectLabels"], ["BatchWriteItem", "DeleteItem"]
    assert calls.calls == [*to_label, "BatchWriteItem", "PutItem", *to_clean_up]


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


def test_given_s3s_test_event_when_received_then_it_is_done(world: World) -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
    report = Function(world).receive(world.message(body))
    assert (failing(report), world.dead) == (set(), [])


@pytest.mark.parametrize("is_in_sns", [False, True])
def test_given_a_photo_by_event_bridge_when_it_comes_and_goes_then_so_does_its_document(
    world: World, is_in_sns: bool
) -> None:
    def body(record: dict[str, Any]) -> str:
        return in_sns(of_event_bridge(record)) if is_in_sns else of_event_bridge(record)

    function = Function(world)
    assert failing(function.receive(world.message(body(world.put(HOSTILE_KEY, CAT))))) == set()
    document = world.document(HOSTILE_KEY)
    assert document
    assert (document["Status"], document["ETag"], document["Sequencer"]) == ("LABELLED", "etag-1", "0000000001")
    assert world.found("Cat") == {HOSTILE_KEY}
    assert failing(function.receive(world.message(body(world.remove(HOSTILE_KEY))))) == set()
    document = world.document(HOSTILE_KEY)
    assert document
    assert document["Status"] == "REMOVED"
    assert (world.found("Cat"), world.dead) == (set(), [])


def test_given_an_event_by_two_ways_when_received_then_it_is_paid_once(world: World) -> None:
    event, function = world.put("cat.jpg", CAT), Function(world)
    for body in (of_event_bridge(event), event, in_sns(json.dumps({"Records": [event]}))):
        assert failing(function.receive(world.message(body))) == set()
    assert world.recognised == ["cat.jpg"]


@pytest.mark.parametrize("kind", ["Object Tags Added", "Object Restore Completed", "Object Storage Class Changed"])
def test_given_a_rule_that_sends_more_when_received_then_it_is_done_without_a_call(
    world: World, kind: str
) -> None:
    calls = Refuse("nothing", RuntimeError())
    body = of_event_bridge(world.put("cat.jpg", CAT), **{"detail-type": kind})
    assert failing(Function(world, calls).receive(world.message(body))) == set()
    assert (calls.calls, world.dead) == ([], [])


S3_RECORD = World().put("cat.jpg", CAT)


MALFORMED = {
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
    in_sns("{}"): "UnknownMessage",
    in_sns("This is no notification."): "InvalidJson",
    in_sns('{"Records": [{}]}'): "InvalidS3Record",
    '{"Type": "SubscriptionConfirmation", "TopicArn": "arn", "Message": "You have chosen"}': "SnsSubscription",
    '{"Type": "UnsubscribeConfirmation", "TopicArn": "arn", "Message": "You have chosen"}': "SnsSubscription",
    '{"detail-type": "Object Created", "detail": {}}': "UnknownEvent",
    of_event_bridge(S3_RECORD, source="aws.ec2"): "UnknownEvent",
    of_event_bridge(S3_RECORD, **{"detail-type": "AWS API Call via CloudTrail"}): "UnknownEvent",
    of_event_bridge(S3_RECORD, **{"detail-type": ["Object Created"]}): "InvalidEventBridgeEvent",
    of_event_bridge(S3_RECORD, detail={}): "InvalidEventBridgeEvent",
    of_event_bridge(S3_RECORD, detail={"bucket": {"name": "b"}, "object": {"key": 7}}): "InvalidEventBridgeEvent",
    of_event_bridge(S3_RECORD, detail={"bucket": "b", "object": {"key": "k"}}): "InvalidS3Record",
    of_event_bridge(S3_RECORD, time="soon"): "InvalidS3Record",
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
def test_given_half_character_in_event_when_received_then_it_is_malformed_and_nothing_is_paid(
    world: World, name: str
) -> None:
    event = world.put("cat.jpg", CAT)
    event["s3"]["object"][name] = "\ud800"
    assert failing(Function(world).receive(world.message(event))) == set()
    [dead] = world.dead
    assert dead["MessageAttributes"]["Reason"]["StringValue"] == "InvalidS3Record"
    assert world.recognised == []


@pytest.mark.parametrize("left", [0, 1, 20, 50, 100, 150, 1000])
def test_given_malformed_body_of_nearly_1_mib_when_received_then_it_is_in_dlq_with_what_fits(
    world: World, left: int
) -> None:
    body = "é" + "x" * (2**20 - 2 - left)
    assert failing(Function(world).receive(world.message(body))) == set()
    [dead] = world.dead
    assert dead["MessageBody"] == body
    assert set(dead["MessageAttributes"]) <= {"Reason", "SourceMessageId", "Detail"}
    assert ("Reason" in dead["MessageAttributes"]) == (left >= 50)


@pytest.mark.parametrize("body", MALFORMED, ids=lambda body: body[:60])
def test_given_a_malformed_body_when_received_then_it_is_in_the_dlq_with_its_reason(
    world: World, body: str
) -> None:
    report = Function(world).receive(world.message(body), world.message(world.put("cat.jpg", CAT)))
    assert failing(report) == set()
    [dead] = world.dead
    assert dead["MessageBody"] == (body or " ")
    assert dead["MessageAttributes"]["Reason"]["StringValue"] == MALFORMED[body]
    assert len(dead["MessageAttributes"]["Detail"]["StringValue"]) > 20
    assert world.found("Cat") == {"cat.jpg"}


def test_given_a_dlq_that_refuses_when_a_malformed_body_comes_then_the_record_fails(world: World) -> None:
    refuse = Refuse("SendMessage", aws_error("AccessDenied"))
    report = Function(world, refuse).receive(world.message("not JSON", name="m"))
    assert failing(report) == {"m"}


def test_given_record_with_two_objects_when_one_fails_then_record_fails_and_other_is_kept(
    world: World,
) -> None:
    records = [world.put("bad.jpg", replace(CAT, error="AccessDeniedException")), world.put("good.jpg", CAT)]
    report = Function(world).receive(world.message({"Records": records}, name="m"))
    assert failing(report) == {"m"}
    assert world.found("Cat") == {"good.jpg"}


def test_given_record_with_malformed_part_when_received_then_rest_is_labelled(
    world: World,
) -> None:
    report = Function(world).receive(world.message({"Records": [world.put("cat.jpg", CAT), {}]}))
    assert failing(report) == set()
    assert world.found("Cat") == {"cat.jpg"}
    assert len(world.dead) == 1


def test_given_malformed_part_when_rest_fails_then_it_is_dead_lettered_only_when_rest_is_done(
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
def test_given_names_and_times_in_all_forms_when_received_then_they_are_understood(
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
