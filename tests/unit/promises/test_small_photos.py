"""Photos with a side below 80 pixels: light ones cost a look into their header, and no photo more than that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from PIL import Image

from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, SETTINGS, START, Function, Photo, World, failing
from tests.photo_files import encoded
from tests.unit.promises.shared import CAT, COMMITS, Refuse, documents, reconcile
from tests.unit.promises.test_not_photos import Calls, ended


def header(width: int, height: int, kind: str = "JPEG") -> bytes:
    return encoded(Image.new("L", (width, height)), kind)


SMALL = Photo(error="InvalidParameterException", beginning=header(64, 48), size=2_000)
SMALL_PNG = replace(SMALL, beginning=header(70, 2_000, "PNG"))
HEAVY = replace(SMALL, size=20_000)
LIGHT_CAT = replace(CAT, beginning=header(80, 80), size=2_000)
LIGHT, REFUSED = "bytes=0-19999", "bytes=0-262143"
LANES = replace(
    SETTINGS, overflow_queue_url="overflow", bulk_queue_url="bulk", bulk_convert_queue_url="bulk-convert"
)


def look(key: str, part: str, **more: str) -> tuple[str, dict[str, Any]]:
    return "GetObject", {"Bucket": BUCKET, "Key": key, "Range": part, **more}


@pytest.mark.parametrize("photo", [SMALL, SMALL_PNG, replace(SMALL, size=19_999)])
@pytest.mark.parametrize("key", ["a.jpg", "b.PNG", "no suffix", "dir/a b+ü.jpeg"])
def test_given_a_light_photo_that_is_too_small_when_received_then_rekognition_is_not_asked(
    world: World, key: str, photo: Photo
) -> None:
    calls = Calls()
    function = Function(world, calls, settings=LANES)
    assert ended(world, key, [function], world.put(key, photo)) == ("REJECTED", "TooSmall")
    assert calls.made == [look(key, LIGHT)]
    sides = "64 x 48" if photo.beginning == SMALL.beginning else "70 x 2,000"
    assert documents(world)[0]["Detail"] == f"The photo has {sides} pixels; Rekognition needs 80 on each side."


def test_given_no_slot_in_the_quota_when_a_light_small_photo_comes_then_it_ends_all_the_same(world: World) -> None:
    booked_until = {"Operation": {"S": "DetectLabels"}, "NextTurn": {"N": f"{world.clock.seconds() + 12:.6f}"}}
    world.tables.items["LabelQuota"][("DetectLabels",)] = booked_until
    function = Function(world, settings=replace(LANES, rekognition_tps=5.0))
    assert ended(world, "a.jpg", [function], world.put("a.jpg", SMALL)) == ("REJECTED", "TooSmall")
    assert world.clock.now == START


@pytest.mark.parametrize("key", ["a.jpg", "no suffix"])
def test_given_a_light_photo_that_is_large_enough_when_received_then_it_is_labelled(
    world: World, key: str
) -> None:
    calls = Calls()
    assert ended(world, key, [Function(world, calls)], world.put(key, LIGHT_CAT)) == ("LABELLED", "")
    assert calls.names == ["GetObject", "DetectLabels"]


@pytest.mark.parametrize(("key", "size"), [("a.jpg", 20_000), ("a.png", 5_000_000)])
def test_given_a_photo_that_is_not_light_when_received_then_nothing_is_asked_of_s3(
    world: World, key: str, size: int
) -> None:
    calls = Calls()
    photo = replace(CAT, size=size, beginning=header(64, 48))  # whatever it is: Rekognition reads it
    assert ended(world, key, [Function(world, calls)], world.put(key, photo)) == ("LABELLED", "")
    assert calls.names == ["DetectLabels"]


def test_given_a_light_photo_of_another_format_when_received_then_it_is_forwarded_unread(world: World) -> None:
    calls = Calls()
    function = Function(world, calls)
    function.receive(*[world.message(world.put(f"a.{suffix}", SMALL)) for suffix in ("heic", "webp", "gif")])
    assert (calls.made, len(world.forwarded)) == ([], 3)


@pytest.mark.parametrize("settings", [SETTINGS, LANES])
@pytest.mark.parametrize("key", ["a.jpg", "b.png"])
def test_given_a_heavier_small_photo_when_rekognition_refuses_it_then_its_header_says_why(
    world: World, key: str, settings: Any
) -> None:
    calls = Calls()
    function = Function(world, calls, settings=settings)
    assert ended(world, key, [function], world.put(key, HEAVY)) == ("REJECTED", "TooSmall")
    assert calls.names == ["DetectLabels", "GetObject"]
    assert calls.made[1] == look(key, REFUSED)
    assert documents(world)[0]["Detail"].startswith("The photo has 64 x 48 pixels")


@pytest.mark.parametrize("beginning", [CAT.beginning, header(80, 80), header(64, 48)[:300], b"\xff\xd8", b""])
def test_given_a_photo_that_is_refused_for_something_else_when_looked_into_then_it_says_that(
    world: World, beginning: bytes
) -> None:
    calls = Calls()
    photo = replace(HEAVY, beginning=beginning)
    reason = "InvalidParameterException"
    assert ended(world, "a.jpg", [Function(world, calls)], world.put("a.jpg", photo)) == ("REJECTED", reason)
    assert calls.names == ["DetectLabels", "GetObject"]
    assert "Rekognition says:" in documents(world)[0]["Detail"]


# What S3 does not show

TROUBLE = [
    aws_error("AccessDenied", status=403),
    aws_error("NoSuchKey", status=404),
    aws_error("InvalidRange", status=416),
    aws_error("KMS.DisabledException", status=400),
    aws_error("SlowDown", status=503),
    aws_error("InternalError", status=500),
    ReadTimeoutError(endpoint_url="https://s3"),
]


@pytest.mark.parametrize("error", TROUBLE, ids=lambda error: str(error)[:60])
def test_given_a_light_photo_that_s3_does_not_show_when_rekognition_reads_it_then_it_is_labelled(
    world: World, error: Exception
) -> None:
    always = Refuse("GetObject", error, times=1_000)
    assert ended(world, "a.jpg", [Function(world, always)], world.put("a.jpg", LIGHT_CAT)) == ("LABELLED", "")
    assert (world.clock.now - START).total_seconds() <= 2.0


@pytest.mark.parametrize("error", TROUBLE, ids=lambda error: str(error)[:60])
def test_given_a_refused_photo_that_s3_does_not_show_when_looked_into_then_its_reason_is_the_refusal(
    world: World, error: Exception
) -> None:
    always = Refuse("GetObject", error, times=1_000)
    record = world.put("a.jpg", HEAVY)
    assert ended(world, "a.jpg", [Function(world, always)], record) == ("REJECTED", "InvalidParameterException")


@pytest.mark.parametrize("photo", [SMALL, HEAVY])
def test_given_a_moment_of_trouble_when_a_small_photo_is_looked_into_then_it_is_waited_out(
    world: World, photo: Photo
) -> None:
    passing = Refuse("GetObject", aws_error("SlowDown", status=503), times=2)
    assert ended(world, "a.jpg", [Function(world, passing)], world.put("a.jpg", photo)) == ("REJECTED", "TooSmall")
    assert passing.calls.count("GetObject") == 3


# Events again, versions, and what is replaced meanwhile


@pytest.mark.parametrize("photo", [SMALL, HEAVY])
def test_given_a_small_photo_with_its_document_when_its_event_comes_again_then_nothing_is_asked(
    world: World, photo: Photo
) -> None:
    record = world.put("a.jpg", photo)
    ended(world, "a.jpg", [Function(world)], record)
    calls = Calls()
    ended(world, "a.jpg", [Function(world, calls)], record)
    assert calls.made == []
    Function(world, calls).receive(reconcile(world, "a.jpg"))
    assert calls.names == ["HeadObject"]


def test_given_labels_that_could_not_be_written_when_they_come_back_then_nothing_is_asked_again(
    world: World,
) -> None:
    calls, left = Calls(), [True]

    def hook(operation: str, parameters: dict[str, Any]) -> None:
        calls(operation, parameters)
        if operation in COMMITS and left[0]:
            raise aws_error("AccessDeniedException")

    function, message = Function(world, hook), world.message(world.put("a.jpg", LIGHT_CAT), name="m")
    assert failing(function.receive(message)) == {"m"}
    left[0] = False
    assert failing(function.receive(message)) == set()
    assert calls.names == ["GetObject", "DetectLabels"]
    assert world.found("Cat") == {"a.jpg"}


@pytest.mark.parametrize("photo", [SMALL, HEAVY])
def test_given_a_version_when_its_header_is_read_then_it_is_that_versions(world: World, photo: Photo) -> None:
    world.bucket.set_versioning("Enabled")
    record = world.put("a.jpg", photo)
    world.put("a.jpg", LIGHT_CAT)
    calls = Calls()
    assert ended(world, "a.jpg", [Function(world, calls)], record) == ("REJECTED", "TooSmall")
    assert calls.made[-1] == look("a.jpg", LIGHT if photo is SMALL else REFUSED, VersionId="v1")
    assert documents(world)[0]["VersionId"] == "v1"


def test_given_a_version_that_is_gone_when_received_then_the_one_that_is_there_decides(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    record = world.put("a.jpg", LIGHT_CAT)
    world.put("a.jpg", SMALL)
    world.bucket.delete_version("a.jpg", "v1")
    assert ended(world, "a.jpg", [Function(world)], record) == ("REJECTED", "TooSmall")
    assert documents(world)[0]["VersionId"] == "v2"


@pytest.mark.parametrize("small", [SMALL, HEAVY])
@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("in_order", [False, True])
def test_given_a_small_photo_and_another_of_its_name_when_received_then_the_newer_one_stays(
    world: World, small: Photo, is_last: bool, in_order: bool
) -> None:
    photos = [LIGHT_CAT, small] if is_last else [small, CAT]
    records = [world.put("a.jpg", photo) for photo in photos]
    for record in records if in_order else records[::-1]:
        assert failing(Function(world).receive(world.message(record))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == ("REJECTED" if is_last else "LABELLED")
    assert world.found("Cat") == (set() if is_last else {"a.jpg"})


@pytest.mark.parametrize("newer", [LIGHT_CAT, SMALL])
def test_given_a_photo_that_is_replaced_before_its_header_is_read_then_what_is_there_decides(
    world: World, newer: Photo
) -> None:
    """Its own event comes after it, and is of a newer sequencer."""
    older = world.put("a.jpg", SMALL if newer is LIGHT_CAT else HEAVY)
    record = world.put("a.jpg", newer)
    end = ("LABELLED", "") if newer is LIGHT_CAT else ("REJECTED", "TooSmall")
    assert ended(world, "a.jpg", [Function(world)], older) == end
    assert ended(world, "a.jpg", [Function(world)], record) == end


# The function that converts


def test_given_the_function_that_converts_when_a_light_photo_comes_then_it_is_downloaded_once(
    world: World,
) -> None:
    calls = Calls()
    photo = replace(LIGHT_CAT, decodes=True)
    assert ended(world, "a.jpg", [Function(world, calls, is_converting=True)], world.put("a.jpg", photo)) == (
        "LABELLED",
        "",
    )
    assert calls.names == ["GetObject", "DetectLabels"]
    assert "Range" not in calls.made[0][1]
