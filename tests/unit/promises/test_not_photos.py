"""Files that are no photos cost nothing: no call to Rekognition, and no download of more than their first bytes."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody

from handler.objects import Objects
from photo_labels.records.errors import OutOfTimeError, TransientError
from photo_labels.records.formats import SIGNATURE_BYTES
from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, SETTINGS, Clock, Function, Photo, World, failing
from tests.unit.promises.shared import CAT, Refuse, documents, reconcile

if TYPE_CHECKING:
    from collections.abc import Sequence

MOVIE = Photo(error="InvalidImageFormatException", beginning=b"\0\0\0\x14ftypqt  \0\0\0\0qt  ".ljust(64, b"\0"))
TEXT = replace(MOVIE, beginning=b"[Desktop Entry]")
# A photo of a phone, which is converted.
HEIC = Photo(
    labels={"Cat": 98.5},
    error="InvalidImageFormatException",
    decodes=True,
    beginning=b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".ljust(64, b"\0"),
)
BY_NAME = [
    "IMG_0001.MOV",
    "VID_1.mp4",
    "photo.jpg.json",
    "a/IMG_0001.xmp",
    "IMG_E0001.AAE",
    "Takeout.zip",
    "a b+c%/.DS_Store",
    "Thumbs.db",
    "scan.pdf",
    "raw/IMG_1.X3F",
    "folder/",
    "photo.jpg/",
]
UNKNOWN = ["film", "a.jpg/film", ".jpg", "._IMG_0001.jpg", "photo.jpg~", "photo.jpg.part", "1.0", "ünï/日本", "a."]


class Calls:
    """A hook that keeps all calls to Rekognition and S3."""

    def __init__(self) -> None:
        self.made: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, operation: str, parameters: dict[str, Any]) -> None:
        if operation in {"DetectLabels", "GetObject", "HeadObject"}:
            self.made.append((operation, parameters))

    @property
    def names(self) -> list[str]:
        return [operation for operation, _ in self.made]


def ended(world: World, key: str, functions: Sequence[Function], record: dict[str, Any]) -> tuple[str, str]:
    """Status and reason of the document after these functions have received the record."""
    for function in functions:
        assert failing(function.receive(world.message(record), seconds=60)) == set()
    document = world.document(key)
    assert document
    return document["Status"], document.get("Reason", "")


@pytest.mark.parametrize("is_converting", [False, True])
@pytest.mark.parametrize("key", BY_NAME)
def test_given_a_name_of_no_photo_when_received_then_it_is_rejected_without_any_call(
    world: World, key: str, is_converting: bool
) -> None:
    calls = Calls()
    function = Function(world, calls, is_converting=is_converting)
    assert ended(world, key, [function], world.put(key, MOVIE)) == ("REJECTED", "NotAPhoto")
    assert (calls.made, world.forwarded, world.recognised) == ([], [], [])
    assert documents(world)[0]["Detail"].startswith("By its name it is a")


@pytest.mark.parametrize("is_converting", [False, True])
@pytest.mark.parametrize("file", [MOVIE, TEXT, replace(TEXT, size=1), replace(MOVIE, size=5 * 10**9)])
@pytest.mark.parametrize("key", UNKNOWN)
def test_given_a_name_that_says_nothing_when_received_then_its_first_bytes_decide(
    world: World, key: str, file: Photo, is_converting: bool
) -> None:
    calls = Calls()
    function = Function(world, calls, is_converting=is_converting)
    assert ended(world, key, [function], world.put(key, file)) == ("REJECTED", "NotAPhoto")
    # A light one is read as a whole, as it may be a photo that is too small.
    most = SIGNATURE_BYTES if is_converting or file.size > SIGNATURE_BYTES else 20_000
    assert calls.made == [("GetObject", {"Bucket": BUCKET, "Key": key, "Range": f"bytes=0-{most - 1}"})]
    assert (world.forwarded, world.recognised) == ([], [])
    assert "HEIF, WEBP" in documents(world)[0]["Detail"]


@pytest.mark.parametrize(
    ("key", "reason"), [("empty.jpg", "EmptyObject"), ("empty", "EmptyObject"), ("e.mov", "NotAPhoto")]
)
def test_given_an_empty_object_when_received_then_it_is_rejected_without_any_call(
    world: World, key: str, reason: str
) -> None:
    calls = Calls()
    assert ended(world, key, [Function(world, calls)], world.put(key, Photo(size=0))) == ("REJECTED", reason)
    assert calls.made == []


@pytest.mark.parametrize("key", UNKNOWN)
def test_given_a_photo_whose_name_says_nothing_when_received_then_it_is_labelled(world: World, key: str) -> None:
    calls = Calls()
    assert ended(world, key, [Function(world, calls)], world.put(key, CAT)) == ("LABELLED", "")
    assert calls.names == ["GetObject", "DetectLabels"]
    assert world.found("Cat") == {key}


@pytest.mark.parametrize("size", [100_000, 20_000_000])
def test_given_a_phones_photo_without_a_suffix_when_received_then_it_is_converted_at_once(
    world: World, size: int
) -> None:
    calls = Calls()
    Function(world, calls).receive(world.message(world.put("IMG_0001", replace(HEIC, size=size))))
    assert calls.names == ["GetObject"]
    [body] = world.forwarded
    assert failing(Function(world, is_converting=True).receive(world.message(body), seconds=60)) == set()
    assert world.found("Cat") == {"IMG_0001"}


@pytest.mark.parametrize("key", ["a.jpg", "a.JPEG", "b.Png"])
def test_given_a_photos_name_when_received_then_nothing_is_asked_of_s3(world: World, key: str) -> None:
    calls = Calls()
    ended(world, key, [Function(world, calls)], world.put(key, CAT))
    assert calls.names == ["DetectLabels"]


def test_given_no_queue_to_forward_to_when_a_phones_photo_comes_then_rekognition_says_why(world: World) -> None:
    function = Function(world, settings=replace(SETTINGS, convert_queue_url=None))
    assert ended(world, "IMG", [function], world.put("IMG", HEIC)) == ("REJECTED", "InvalidImageFormatException")


# What S3 does not show


@pytest.mark.parametrize("is_converting", [False, True])
@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (Photo(storage_class="GLACIER"), "ArchivedObject"),
        (Photo(head_error="400"), "CustomerKey"),
        (Photo(size=0), "EmptyObject"),
    ],
)
def test_given_a_file_that_s3_does_not_show_when_received_then_its_document_says_why(
    world: World, photo: Photo, reason: str, is_converting: bool
) -> None:
    record = world.put("film", photo)
    del record["s3"]["object"]["size"]
    function = Function(world, is_converting=is_converting)
    assert ended(world, "film", [function], record) == ("REJECTED", reason)


def test_given_a_file_that_is_gone_when_received_then_it_is_a_tombstone(world: World) -> None:
    record = world.put("film", MOVIE)
    world.remove("film")
    assert ended(world, "film", [Function(world)], record)[0] == "REMOVED"


def test_given_a_version_that_is_gone_when_received_then_what_is_there_decides(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    record = world.put("film", CAT)
    world.put("film", TEXT)
    world.bucket.delete_version("film", "v1")
    assert ended(world, "film", [Function(world)], record) == ("REJECTED", "NotAPhoto")
    assert documents(world)[0]["VersionId"] == "v2"


@pytest.mark.parametrize("code", ["AccessDenied", "PreconditionFailed", "InvalidRange", "NoSuchKey"])
def test_given_a_photo_that_s3_refuses_to_show_when_rekognition_reads_it_then_it_is_labelled(
    world: World, code: str
) -> None:
    status = {"AccessDenied": 403, "PreconditionFailed": 412, "InvalidRange": 416, "NoSuchKey": 404}[code]
    refuse = Refuse("GetObject", aws_error(code, status=status))
    assert ended(world, "cat", [Function(world, refuse)], world.put("cat", CAT)) == ("LABELLED", "")
    assert refuse.calls.count("GetObject") == 1


@pytest.mark.parametrize(
    "error",
    [
        aws_error("SlowDown", status=503),
        aws_error("SlowDown", status=429),
        aws_error("InternalError", status=500),
        ReadTimeoutError(endpoint_url="https://s3"),
    ],
    ids=lambda error: str(error)[:60],
)
def test_given_s3_in_trouble_when_looked_into_then_it_is_waited_out_and_else_the_record_comes_back(
    world: World, error: Exception
) -> None:
    record = world.put("film", TEXT)
    always = Refuse("GetObject", error, times=1_000)
    assert failing(Function(world, always).receive(world.message(record, name="m"))) == {"m"}
    assert documents(world) == []
    passing = Refuse("GetObject", error, times=2)
    assert ended(world, "film", [Function(world, passing)], record) == ("REJECTED", "NotAPhoto")
    assert passing.calls.count("GetObject") == 3


class Scripted:
    """An S3 whose answers are scripted: as many bytes as it says, or fewer."""

    def __init__(self, *answers: tuple[bytes, int]) -> None:
        self._answers = list(answers)

    def get_object(self, **_: Any) -> dict[str, Any]:
        content, length = self._answers.pop(0)
        return {"Body": StreamingBody(io.BytesIO(content), length), "ContentLength": length}


@pytest.mark.parametrize("cut", [b"", b"\xff", b"\xff\xd8"])
def test_given_an_answer_that_is_cut_off_when_read_then_it_is_asked_for_again(cut: bytes) -> None:
    client: Any = Scripted((cut, 64), (CAT.beginning, 64))
    assert Objects(client).beginning(BUCKET, "k", None, SIGNATURE_BYTES, Clock().deadline()) == CAT.beginning
    client = Scripted(*[(cut, 64)] * 1_000)
    with pytest.raises(TransientError, match="IncompleteRead"):
        Objects(client).beginning(BUCKET, "k", None, SIGNATURE_BYTES, Clock().deadline())


def test_given_a_storage_that_knows_no_ranges_when_read_then_only_the_first_bytes_are_taken() -> None:
    client: Any = Scripted((CAT.beginning + b"more" * 1_000, 4_064))
    assert Objects(client).beginning(BUCKET, "k", None, SIGNATURE_BYTES, Clock().deadline()) == CAT.beginning


def test_given_little_time_when_looked_into_then_nothing_is_asked() -> None:
    client: Any = Scripted()
    with pytest.raises(OutOfTimeError):
        Objects(client).beginning(BUCKET, "k", None, SIGNATURE_BYTES, Clock().deadline(5))


# Asked to look again


@pytest.mark.parametrize("key", ["film.mov", "film", "folder/"])
@pytest.mark.parametrize("force", [False, True])
def test_given_no_photo_when_reconciled_then_rekognition_is_not_asked(world: World, key: str, force: bool) -> None:
    calls = Calls()
    world.put(key, MOVIE)
    assert failing(Function(world, calls).receive(reconcile(world, key, force=force))) == set()
    document = world.document(key)
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", "NotAPhoto")
    assert "DetectLabels" not in calls.names
    assert calls.names.count("GetObject") <= 1


def test_given_no_photo_with_its_document_when_reconciled_then_it_is_up_to_date(world: World) -> None:
    ended(world, "film", [Function(world)], world.put("film", MOVIE))
    calls = Calls()
    Function(world, calls).receive(reconcile(world, "film"))
    assert calls.names == ["HeadObject"]


@pytest.mark.parametrize(("older", "newer"), [(MOVIE, CAT), (CAT, MOVIE)])
def test_given_a_file_replaced_by_another_kind_when_received_then_the_newer_one_stays(
    world: World, older: Photo, newer: Photo
) -> None:
    records = [world.put("file", older), world.put("file", newer)]
    Function(world).receive(world.message(records[1]))
    Function(world).receive(world.message(records[0]))
    assert world.found("Cat") == ({"file"} if newer is CAT else set())
