"""What an invocation logs and counts: one line for each image that was not plainly labelled, and EMF."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools import Logger, Metrics
from PIL import Image

from handler.telemetry import report_batch
from photo_labels.records.index import digest
from tests.fakes.aws import aws_error
from tests.fakes.world import SETTINGS, Function, Photo, World
from tests.photo_files import encoded

if TYPE_CHECKING:
    from handler.report import Report

CAT = Photo(labels={"Cat": 98.5})


@pytest.fixture
def world() -> World:
    return World()


class Telemetry:
    """What was told: log lines, and the samples of each metric."""

    def __init__(self, report: Report) -> None:
        metrics = Metrics(namespace="PhotoLabels", service="stack")
        metrics.clear_metrics()
        log = io.StringIO()
        # A name of its own: Powertools' loggers of one name share the stream of the first.
        report_batch(report, Logger(service=f"stack-{id(log)}", stream=log), metrics)
        self.emf: dict[str, Any] = {**metrics.serialize_metric_set()}
        metrics.clear_metrics()
        self.lines: list[dict[str, Any]] = [json.loads(line) for line in log.getvalue().splitlines()]

    def samples(self, metric: str) -> list[float]:
        found: list[float] = self.emf.get(metric, [])
        return found


def test_given_photos_plainly_labelled_when_told_then_nothing_is_logged_and_all_is_counted(world: World) -> None:
    records = [world.message(world.put(f"{number}.jpg", CAT)) for number in range(3)]
    world.clock.now += timedelta(seconds=7)
    told = Telemetry(Function(world).receive(*records))
    assert told.lines == []
    assert told.samples("ImagesLabelled") == [3.0]
    assert told.samples("ImagesRejected") == [0.0, 0.0, 0.0]
    assert told.samples("RekognitionCalls") == [3.0]
    assert told.samples("EndToEndLatency") == [7000.0] * 3
    assert told.samples("OldestPhotoAge") == [7.0]
    assert len(told.samples("RecognitionLatency")) == 3
    assert all(0 <= latency_ms < 1000 for latency_ms in told.samples("RecognitionLatency"))
    [directive] = told.emf["_aws"]["CloudWatchMetrics"]
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units["RecognitionLatency"] == units["EndToEndLatency"] == "Milliseconds"
    assert units["OldestPhotoAge"] == "Seconds"
    assert {unit for name, unit in units.items() if not name.endswith(("Latency", "Age"))} == {"Count"}


def test_given_every_kind_of_end_when_told_then_each_has_line_with_bucket_key_message(
    world: World,
) -> None:
    duplicate = world.put("again.jpg", CAT)
    Function(world).receive(world.message(duplicate))
    ends = {
        "again.jpg": duplicate,
        "text.jpg": world.put("text.jpg", Photo(error="InvalidParameterException")),
        "phone.heic": world.put("phone.heic", CAT),
        "gone.jpg": world.put("gone.jpg", CAT),
        "refused.jpg": world.put("refused.jpg", Photo(error="AccessDeniedException")),
        "cat.jpg": world.put("cat.jpg", CAT),
    }
    world.remove("gone.jpg")
    records = [world.message(event, name=f"m-{key}") for key, event in ends.items()]
    told = Telemetry(Function(world).receive(*records, world.message("garbage", name="m-garbage")))
    reasons = {line["key"]: line["reason"] for line in told.lines if "key" in line}
    assert reasons == {
        "again.jpg": "DUPLICATE",
        "text.jpg": "InvalidParameterException",
        "phone.heic": "Name",
        "gone.jpg": "NoObject",
        "refused.jpg": "AccessDeniedException",
    }
    for line in told.lines:
        if "key" in line:
            assert (line["bucket"], line["messageId"]) == ("photos", f"m-{line['key']}")
    [malformed] = [line for line in told.lines if line["messageId"] == "m-garbage"]
    assert malformed["reason"] == "InvalidJson"
    counts = {
        # All but the one that comes back: the one that is handed over, and the malformed one, have left this function.
        "MessagesEnded": 6,
        "ImagesLabelled": 1,
        "ImagesHandedOver": 1,
        "ImagesRemoved": 1,
        "RecordsFailed": 1,
        "DuplicateEvents": 1,
        "RekognitionCalls": 4,
        "RekognitionThrottles": 0,
    }
    assert {name: sum(told.samples(name)) for name in counts} == counts
    assert sorted(told.samples("ImagesRejected")) == [0.0, 0.0, 1.0]


def test_given_files_that_are_no_photos_when_told_then_they_are_counted_apart(world: World) -> None:
    files = {"a.mov": 5_000_000, "b.jpg.json": 300, "c/": 0, ".DS_Store": 6_148}
    records = [world.message(world.put(key, Photo(size=size))) for key, size in files.items()]
    told = Telemetry(Function(world).receive(*records))
    assert (told.samples("NotPhotos"), told.samples("ImagesRejected")) == ([4.0], [])
    assert {line["reason"] for line in told.lines} == {"NotAPhoto"}
    mixed = [world.message(world.put(key, photo)) for key, photo in (("d.mov", CAT), ("e.jpg", Photo(size=0)))]
    told = Telemetry(Function(world).receive(*mixed))
    assert (told.samples("NotPhotos"), told.samples("ImagesRejected")) == ([1.0], [1.0])


@pytest.mark.parametrize("lane", ["Live", "Overflow", "Bulk"])
def test_given_small_photos_when_told_then_they_are_counted_apart_and_no_alarm_counts_them(
    world: World, lane: str
) -> None:
    photos = {"a.jpg": replace(SMALL, size=2_000), "b.jpg": SMALL, "c.jpg": CAT, "d.mov": CAT}
    records = [world.message(world.put(key, photo)) for key, photo in photos.items()]
    told = Telemetry(Function(world, settings=LANES).receive(*records, lane=lane))
    assert (told.samples("SmallPhotos"), told.samples("NotPhotos")) == ([2.0], [1.0])
    assert told.samples("BulkImagesRejected") == [0.0]
    assert told.samples("ImagesRejected") == ([] if lane == "Bulk" else [0.0])
    assert {line["key"]: line["reason"] for line in told.lines} == {
        "a.jpg": "TooSmall",
        "b.jpg": "TooSmall",
        "d.mov": "NotAPhoto",
    }
    small = next(line for line in told.lines if line["key"] == "a.jpg")
    assert small["detail"] == "The photo has 64 x 48 pixels; Rekognition needs 80 on each side."


def test_given_a_photo_that_the_decoder_finds_too_small_when_told_then_it_counts_as_such(world: World) -> None:
    """Whatever says so: it is the reason that counts."""
    function = Function(
        world, is_converting=True, decoder=("printf", r'{"reason": "TooSmall", "detail": "No."}\n')
    )
    told = Telemetry(function.receive(world.message(world.put("a.webp", CAT))))
    assert (told.samples("SmallPhotos"), told.samples("ImagesRejected")) == ([1.0], [])


def test_given_photos_when_told_then_the_stages_of_each_are_told_beside_the_metrics(world: World) -> None:
    duplicate = world.put("again.jpg", CAT)
    Function(world).receive(world.message(duplicate))
    records = [
        world.message(duplicate),
        world.message(world.put("cat.jpg", CAT), receive_count=3),
        world.message(world.put("text.jpg", Photo(error="InvalidParameterException"))),
        world.message(world.put("large.jpg", Photo(size=20_000_000))),
        world.message(world.put("refused.jpg", Photo(error="AccessDeniedException"))),
    ]
    traces = Telemetry(Function(world).receive(*records)).emf["Photos"]
    now = round(world.clock.now.timestamp() * 1000)
    ends = {trace.pop("image"): trace for trace in traces}
    unread = {"receives": 1, "calls": 0, "received": now}
    written = {"receives": 1, "calls": 1, "received": now, "recognised": now, "committed": now}
    assert ends == {
        digest("photos/again.jpg"): unread | {"end": "DUPLICATE"},
        digest("photos/cat.jpg"): written | {"end": "LABELLED", "receives": 3},
        digest("photos/text.jpg"): written | {"end": "REJECTED"},
        digest("photos/large.jpg"): unread | {"end": "HANDED_OVER"},
        digest("photos/refused.jpg"): unread | {"end": "FAILED", "calls": 1},
    }


def test_given_throttling_when_told_then_calls_and_throttles_are_counted(world: World) -> None:
    refusals = iter([aws_error("ThrottlingException")] * 2)

    def hook(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels" and (refusal := next(refusals, None)):
            raise refusal

    told = Telemetry(Function(world, hook).receive(world.message(world.put("a.jpg", CAT))))
    assert (told.samples("RekognitionCalls"), told.samples("RekognitionThrottles")) == ([3.0], [2.0])


def test_given_a_bug_when_told_then_its_traceback_is_logged_as_an_error(world: World) -> None:
    def hook(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels":
            raise ZeroDivisionError("a bug")

    told = Telemetry(Function(world, hook).receive(world.message(world.put("a.jpg", CAT))))
    [line] = told.lines
    assert line["level"] == "ERROR"
    assert "ZeroDivisionError" in line["exception"]


def test_given_more_photos_than_emf_takes_samples_when_told_then_none_is_dropped(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [world.put(f"{number}.jpg", CAT) for number in range(250)]
    report = Function(world).receive(world.message({"Records": records}))
    metrics = Metrics(namespace="PhotoLabels", service="stack")
    metrics.clear_metrics()
    capsys.readouterr()
    report_batch(report, Logger(service="stack", stream=io.StringIO()), metrics)
    metrics.flush_metrics()
    blobs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(len(blob.get("RecognitionLatency", [])) for blob in blobs) == 250
    assert sum(sum(blob.get("ImagesLabelled", [])) for blob in blobs) == 250
    assert [len(blob["Photos"]) for blob in blobs if "Photos" in blob] == [100]
    assert all(set(blob["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]) == {"service"} for blob in blobs)


def test_given_index_rows_that_cannot_be_deleted_when_told_then_a_warning_says_so(world: World) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    writes = iter([None, aws_error("AccessDeniedException")])

    def hook(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "BatchWriteItem" and (refusal := next(writes)):
            raise refusal

    told = Telemetry(Function(world, hook).receive(world.message(world.put("a.jpg", CAT))))
    assert [(line["message"], line["reason"]) for line in told.lines] == [
        ("outdated index rows left", "AccessDeniedException")
    ]


def test_given_no_table_of_the_quota_when_told_then_one_line_for_the_batch_says_so(world: World) -> None:
    def hook(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "UpdateItem":
            raise aws_error("AccessDeniedException")

    records = [world.message(world.put(f"{number}.jpg", CAT)) for number in range(3)]
    told = Telemetry(Function(world, hook, settings=replace(SETTINGS, rekognition_tps=50.0)).receive(*records))
    assert told.samples("ImagesLabelled") == [3.0]
    assert [(line["level"], line["reason"]) for line in told.lines] == [("WARNING", "AccessDeniedException")]
    assert "LabelQuota" in told.lines[0]["message"]


def test_given_no_table_of_claims_when_told_then_one_line_for_the_batch_says_so(world: World) -> None:
    def hook(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "PutItem" and parameters["TableName"] == "ContentClaims":
            raise aws_error("AccessDeniedException")

    records = [world.message(world.put(f"{number}.jpg", CAT)) for number in range(3)]
    told = Telemetry(Function(world, hook).receive(*records))
    assert (told.samples("ImagesLabelled"), told.samples("ImagesCopied")) == ([3.0], [0.0])
    assert [(line["level"], line["reason"]) for line in told.lines] == [("WARNING", "AccessDeniedException")]
    assert "ContentClaims" in told.lines[0]["message"]


def test_given_a_copy_when_told_then_it_is_counted_among_the_labelled_and_apart(world: World) -> None:
    records = [world.put("a.jpg", CAT), world.put_copy("a.jpg", "b.jpg")]
    told = Telemetry(Function(world).receive(*map(world.message, records)))
    counts = ("ImagesLabelled", "ImagesCopied", "RekognitionCalls")
    assert [told.samples(name) for name in counts] == [[2.0], [1.0], [1.0]]


LANES = replace(
    SETTINGS, overflow_queue_url="overflow", bulk_queue_url="bulk", bulk_convert_queue_url="bulk-convert"
)
BROKEN = Photo(error="InvalidParameterException")
SMALL = replace(BROKEN, beginning=encoded(Image.new("L", (64, 48)), "JPEG"))
IMPORTED = replace(BROKEN, metadata={"photo-labels": "bulk"})


@pytest.mark.parametrize("lane", ["Live", "Overflow", "Bulk"])
def test_given_photos_sent_on_to_a_lane_when_told_then_their_messages_have_not_ended(
    world: World, lane: str
) -> None:
    function = Function(world, settings=replace(LANES, rekognition_tps=5.0))
    booked_until = {"Operation": {"S": "DetectLabels"}, "NextTurn": {"N": f"{world.clock.seconds() + 12:.6f}"}}
    world.tables.items["LabelQuota"][("DetectLabels",)] = booked_until
    told = Telemetry(function.receive(world.message(world.put("a.jpg", CAT)), lane=lane))
    assert (told.samples("ImagesForwarded"), told.samples("MessagesEnded")) == ([1.0], [0.0])


def test_given_the_function_that_converts_when_told_then_its_ends_have_a_metric_of_their_own(world: World) -> None:
    function = Function(world, is_converting=True)
    told = Telemetry(function.receive(world.message(world.put("a.mov", CAT))))
    assert (told.samples("ConvertMessagesEnded"), told.samples("MessagesEnded")) == ([1.0], [])


def test_given_bulk_work_when_rejected_then_it_is_counted_apart_from_live_photos(world: World) -> None:
    function = Function(world, settings=LANES)
    told = Telemetry(function.receive(world.message(world.put("a.jpg", BROKEN)), lane="Bulk"))
    assert (told.samples("BulkImagesRejected"), told.samples("ImagesRejected")) == ([1.0], [])
    told = Telemetry(function.receive(world.message(world.put("b.jpg", BROKEN))))
    assert (told.samples("BulkImagesRejected"), told.samples("ImagesRejected")) == ([0.0], [1.0])


def test_given_an_imported_photo_that_had_a_slot_at_once_when_rejected_then_it_is_bulk_work(world: World) -> None:
    told = Telemetry(Function(world, settings=LANES).receive(world.message(world.put("a.jpg", IMPORTED))))
    assert (told.samples("BulkImagesRejected"), told.samples("ImagesRejected")) == ([1.0], [])


def test_given_no_answer_of_s3_when_a_photo_is_rejected_then_it_counts_as_a_live_one(world: World) -> None:
    def hook(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "HeadObject":
            raise aws_error("AccessDenied", status=403)

    told = Telemetry(Function(world, hook, settings=LANES).receive(world.message(world.put("a.jpg", IMPORTED))))
    assert (told.samples("BulkImagesRejected"), told.samples("ImagesRejected")) == ([0.0], [1.0])
