"""Promises 6 to 8: the order of writing, batches, the deadline."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.aws import aws_error
from tests.fakes.dynamodb import index_of
from tests.fakes.world import BUCKET, SETTINGS, Function, Photo, World, failing
from tests.unit.promises.shared import CAT, Refuse, documents


def test_given_an_overwrite_when_committed_then_the_replaced_rows_are_gone(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.put("a.jpg", Photo(labels={"Dog": 99.0}))))
    [rows] = index_of(world.tables).values()
    assert [row["Label"] for row in rows] == ["Dog", "@taken/2026"]


def test_given_commit_written_although_its_answer_was_lost_then_its_old_rows_go_all_same(
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
    assert [row["Label"] for row in rows] == ["Dog", "@taken/2026"]


def test_given_rows_that_cannot_be_written_when_received_then_no_document_is_committed(world: World) -> None:
    refuse = Refuse("BatchWriteItem", aws_error("AccessDeniedException"), times=9)
    report = Function(world, refuse).receive(world.message(world.put("a.jpg", CAT), name="m"))
    assert failing(report) == {"m"}
    assert documents(world) == []


def test_given_document_inserted_although_its_answer_was_lost_then_it_counts_as_committed(
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


def test_given_unprocessed_items_and_keys_when_received_then_they_are_resent(world: World) -> None:
    rounds = iter(range(10**6))
    function = Function(world, unprocessed=lambda entries: entries // 2 if next(rounds) % 3 else entries)
    photo = Photo(labels={f"Label {number}": 99.0 for number in range(40)})
    report = function.receive(
        *(world.message(world.put(f"{number}.jpg", photo)) for number in range(10)), seconds=600
    )
    assert failing(report) == set()
    assert len(world.found("Label 39")) == 10


def test_given_items_that_stay_unprocessed_when_received_then_record_fails_before_deadline(
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


def test_given_thread_that_hangs_when_deadline_comes_then_it_is_left(
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
