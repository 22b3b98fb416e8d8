"""When and where photos were taken: read from the very object, beside its labels, and never at their cost."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from PIL import Image

from photo_labels.records.documents import TIME, TIME_AND_LOCATION
from photo_labels.records.messages import reconcile_message
from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, SETTINGS, START, Function, Photo, World, failing
from tests.unit.promises.shared import CAT, Refuse, reconcile

TIMED = replace(SETTINGS, photo_metadata=TIME)
PLACED = replace(SETTINGS, photo_metadata=TIME_AND_LOCATION)
_TAKEN = "2019:07:14 18:03:22"
_SAYS = {"TakenAt": "2019-07-14T18:03:22+02:00", "Camera": "Canon EOS 80D"}
_PLACE = {"Latitude": Decimal("48.1"), "Longitude": Decimal("-11.5")}
_NAMES = ("TakenAt", "Camera", "Location", "MetadataRead", "Timeline")


def jpeg() -> bytes:
    """A JPEG that says when, where and by which camera it was taken."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS 80D"
    exif.get_ifd(0x8769).update({0x9003: _TAKEN, 0x9011: "+02:00"})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 6.0, 0.0), 3: "W", 4: (11.0, 30.0, 0.0)})
    file = io.BytesIO()
    Image.new("L", (100, 100)).save(file, "JPEG", exif=exif)
    return file.getvalue()


PHOTO = replace(CAT, beginning=jpeg())


def says(world: World, key: str) -> dict[str, Any]:
    """Return what the document of a photo says of its metadata."""
    document = world.document(key)
    assert document
    assert document["Status"] == "LABELLED"
    return {name: document[name] for name in _NAMES if name in document}


def times(world: World) -> list[tuple[str, str]]:
    """Return the rows by time: partition, and time."""
    rows = world.tables.plain("LabelIndex")
    return [(row["Label"], row["Rank"].split("#")[0]) for row in rows if row["Label"].startswith("@")]


def receive(world: World, *records: Any, settings: Any = TIMED, **changes: Any) -> None:
    messages = [record if hasattr(record, "body") else world.message(record) for record in records]
    assert failing(Function(world, settings=settings, **changes).receive(*messages)) == set()


def test_given_a_photo_when_labelled_then_its_document_and_a_row_say_when_it_was_taken(world: World) -> None:
    calls = Refuse("nothing", RuntimeError())
    receive(world, world.put("a.jpg", PHOTO), hook=calls)
    assert says(world, "a.jpg") == _SAYS | {"MetadataRead": "time", "Timeline": "2019-07-14T18:03:22"}
    assert times(world) == [("@taken/2019", "2019-07-14T18:03:22")]
    assert calls.calls.count("GetObject") == 1
    assert world.found("Cat") == {"a.jpg"}


def test_given_places_are_wanted_when_labelled_then_the_document_has_it(world: World) -> None:
    receive(world, world.put("a.jpg", PHOTO), settings=PLACED)
    found = says(world, "a.jpg")
    assert (found["Location"], found["MetadataRead"]) == (_PLACE, "time location")


def test_given_nothing_is_wanted_when_labelled_then_nothing_is_read_and_the_upload_is_its_time(
    world: World,
) -> None:
    calls = Refuse("nothing", RuntimeError())
    receive(world, world.put("a.jpg", PHOTO), settings=SETTINGS, hook=calls)
    assert says(world, "a.jpg") == {"Timeline": "2026-11-23T06:00:00"}
    assert "GetObject" not in calls.calls


def test_given_a_photo_that_says_nothing_when_labelled_then_that_is_known(world: World) -> None:
    receive(world, world.put("a.jpg", CAT))
    assert says(world, "a.jpg") == {"MetadataRead": "time", "Timeline": "2026-11-23T06:00:00"}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InvalidRequest", 400),
        ("AccessDenied", 403),
        ("PreconditionFailed", 412),
        ("InvalidRange", 416),
        ("InternalError", 500),
        ("SlowDown", 503),
    ],
)
def test_given_an_error_of_s3_when_metadata_are_read_then_the_photo_is_labelled_all_the_same(
    world: World, code: str, status: int
) -> None:
    receive(world, world.put("a.jpg", PHOTO), hook=Refuse("GetObject", aws_error(code, status=status), times=99))
    assert says(world, "a.jpg") == {"Timeline": "2026-11-23T06:00:00"}
    assert world.clock.now - START < timedelta(seconds=10)


def test_given_a_photo_that_is_overwritten_when_metadata_are_read_then_not_those_of_the_other(
    world: World,
) -> None:
    event = world.put("a.jpg", CAT)
    later = world.put("a.jpg", PHOTO)
    receive(world, event)
    assert "TakenAt" not in says(world, "a.jpg")
    receive(world, later)
    assert says(world, "a.jpg")["TakenAt"] == _SAYS["TakenAt"]
    assert times(world) == [("@taken/2019", "2019-07-14T18:03:22")], "the row of the first is gone"


def test_given_a_version_when_metadata_are_read_then_of_that_version(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    asked: list[dict[str, Any]] = []

    def hook(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "GetObject":
            asked.append(parameters)

    event = world.put("a.jpg", PHOTO)
    world.put("a.jpg", CAT)
    receive(world, event, hook=hook)
    assert says(world, "a.jpg")["TakenAt"] == _SAYS["TakenAt"]
    assert [("VersionId" in one, "IfMatch" in one) for one in asked] == [(True, False)]


def test_given_a_photo_to_be_converted_when_labelled_then_its_bytes_are_downloaded_once(world: World) -> None:
    calls = Refuse("nothing", RuntimeError())
    heic = Photo({"Cat": 98.0}, error="InvalidImageFormatException", decodes=True)
    receive(world, world.put("a.heic", heic), is_converting=True, hook=calls)
    assert says(world, "a.heic")["MetadataRead"] == "time"
    assert calls.calls.count("GetObject") == 1


def test_given_a_copy_when_labelled_then_it_has_its_originals_time_and_is_not_read(world: World) -> None:
    receive(world, world.put("a.jpg", PHOTO))
    world.clock.pause(60)
    calls = Refuse("nothing", RuntimeError())
    receive(world, world.put_copy("a.jpg", "b.jpg"), hook=calls)
    assert says(world, "b.jpg") == says(world, "a.jpg")
    assert "GetObject" not in calls.calls
    assert len(times(world)) == 2


@pytest.mark.parametrize(("before", "after"), [(PLACED, TIMED), (TIMED, PLACED), (SETTINGS, TIMED)])
def test_given_other_settings_than_its_originals_when_a_copy_comes_then_it_has_what_is_wanted(
    world: World, before: Any, after: Any
) -> None:
    receive(world, world.put("a.jpg", PHOTO), settings=before)
    world.clock.pause(60)
    receive(world, world.put_copy("a.jpg", "b.jpg"), settings=after)
    found = says(world, "b.jpg")
    assert found["TakenAt"] == _SAYS["TakenAt"]
    assert ("Location" in found, found["MetadataRead"]) == (after is PLACED, after.photo_metadata)
    assert world.recognised == ["a.jpg"]


def test_given_a_document_of_before_when_reconciled_then_it_is_filled_in_and_nothing_is_paid(
    world: World,
) -> None:
    receive(world, world.put("a.jpg", PHOTO))
    item = world.tables.items["ImageLabels"][f"{BUCKET}/a.jpg",]
    for name in _NAMES:
        item.pop(name, None)
    rows = world.tables.items["LabelIndex"]
    for key in [key for key in rows if key[0].startswith("@")]:
        del rows[key]
    world.clock.pause(60)
    receive(world, reconcile(world, "a.jpg"))
    assert says(world, "a.jpg") == _SAYS | {"MetadataRead": "time", "Timeline": "2019-07-14T18:03:22"}
    assert times(world) == [("@taken/2019", "2019-07-14T18:03:22")]
    assert world.found("Cat") == {"a.jpg"}
    assert world.recognised == ["a.jpg"]
    calls = Refuse("nothing", RuntimeError())
    receive(world, reconcile(world, "a.jpg"), hook=calls)
    assert not {"GetObject", "PutItem", "BatchWriteItem"} & set(calls.calls), "it lacks nothing any more"


@pytest.mark.parametrize(
    ("before", "after", "has_place"), [(TIMED, PLACED, True), (PLACED, TIMED, False), (PLACED, SETTINGS, True)]
)
def test_given_another_setting_when_reconciled_then_the_place_is_as_it_says(
    world: World, before: Any, after: Any, has_place: bool
) -> None:
    receive(world, world.put("a.jpg", PHOTO), settings=before)
    world.clock.pause(60)
    receive(world, reconcile(world, "a.jpg"), settings=after)
    assert ("Location" in says(world, "a.jpg")) is has_place
    assert world.recognised == ["a.jpg"]


@pytest.mark.parametrize("keep_labels", [True, False])
def test_given_labels_of_other_settings_when_asked_to_keep_them_then_only_the_time_is_filled_in(
    world: World, keep_labels: bool
) -> None:
    receive(world, world.put("a.jpg", PHOTO), settings=SETTINGS)
    world.clock.pause(60)
    body = json.loads(reconcile_message(BUCKET, "a.jpg", keep_labels=keep_labels))
    receive(world, world.message(body), settings=replace(TIMED, max_labels=7))
    assert says(world, "a.jpg")["TakenAt"] == _SAYS["TakenAt"]
    assert world.recognised.count("a.jpg") == (1 if keep_labels else 2)


def test_given_labels_that_were_not_written_when_they_come_again_then_with_their_time(world: World) -> None:
    event = world.message(world.put("a.jpg", PHOTO))
    world.clock.pause(60)
    function = Function(world, Refuse("BatchExecuteStatement", aws_error("AccessDeniedException")), settings=TIMED)
    assert failing(function.receive(event))
    assert failing(function.receive(event)) == set()
    assert says(world, "a.jpg")["TakenAt"] == _SAYS["TakenAt"]
    assert world.recognised == ["a.jpg"]
