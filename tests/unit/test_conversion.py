"""What Rekognition does not read as it is: forwarded, converted, and labelled under the same promises."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from handler import conversion
from handler.conversion import Converter
from handler.events import Kind, ObjectEvent, body_of, read_message
from handler.lanes import LIVE
from handler.rate_limiter import SlotRequest
from handler.results import CallStats, S3Object
from photo_labels.records.errors import OutOfTimeError, PermanentError, TransientError
from tests.fakes.aws import aws_error
from tests.fakes.world import BUCKET, SETTINGS, Clock, Function, Photo, World, failing

if TYPE_CHECKING:
    from pathlib import Path

HEIC = Photo(labels={"Cat": 98.5, "Dog": 42.0}, error="InvalidImageFormatException", decodes=True)
BROKEN = replace(HEIC, decodes=False)


@pytest.fixture
def world() -> World:
    return World()


def convert(world: World, **options: Any) -> list[set[str]]:
    """Have the second function take all that was forwarded; gives what failed of each."""
    bodies = world.sent.pop("convert", [])
    return [
        failing(Function(world, is_converting=True, **options).receive(world.message(body), seconds=60))
        for body in bodies
    ]


# Handing over


@pytest.mark.parametrize("key", ["a.HEIC", "b.webp", "c.tiff", "d e+f%.avif"])
def test_given_a_name_that_says_it_when_received_then_rekognition_is_not_asked(world: World, key: str) -> None:
    report = Function(world).receive(world.message(world.put(key, HEIC)))
    assert failing(report) == set()
    assert (world.document(key), len(world.forwarded)) == (None, 1)
    assert sum(stats.calls for stats in report.call_stats.values()) == 0
    assert convert(world) == [set()]
    document = world.document(key)
    assert document
    assert (document["Status"], document["Orientation"]) == ("LABELLED", 6)
    assert world.found("Cat") == {key}


@pytest.mark.parametrize(
    ("photo", "calls"),
    [
        (HEIC, 1),
        (replace(HEIC, error="ImageTooLargeException"), 1),
        (replace(HEIC, size=15 * 2**20 + 1), 0),
        (replace(HEIC, error=None, size=15 * 2**20 + 1), 0),
    ],
)
def test_given_a_photo_of_another_format_or_size_when_received_then_it_is_converted(
    world: World, photo: Photo, calls: int
) -> None:
    report = Function(world).receive(world.message(world.put("a.jpg", photo)))
    assert sum(stats.calls for stats in report.call_stats.values()) == calls
    assert convert(world) == [set()]
    assert world.found("Cat") == {"a.jpg"}


def test_given_what_cannot_be_decoded_when_converted_then_it_is_rejected_with_decoders_reason(
    world: World,
) -> None:
    Function(world).receive(world.message(world.put("a.jpg", BROKEN)))
    assert convert(world) == [set()]
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", "BrokenPhoto")


def test_given_sqs_down_when_handing_over_then_the_record_comes_back(world: World) -> None:
    def hook(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "SendMessageBatch":
            raise aws_error("AccessDenied", status=403)

    messages = [world.message(world.put(key, HEIC), name=key) for key in ("a.heic", "b.jpg")]
    assert failing(Function(world, hook).receive(*messages)) == {"a.heic", "b.jpg"}
    assert world.forwarded == []


def test_given_a_reconcile_message_when_forwarded_then_it_is_one_still(world: World) -> None:
    world.put("a.heic", HEIC)
    body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "a.heic", "force": True}
    Function(world).receive(world.message(body))
    # SQS tells the second function only when it was forwarded.
    assert json.loads(world.forwarded[0]) == body | {"askedAt": "2026-11-23T06:00:00+00:00"}
    assert convert(world) == [set()]
    document = world.document("a.heic")
    assert document
    assert (document["Sequencer"], document["Status"]) == ("0", "LABELLED")


def test_given_a_photo_forwarded_twice_when_converted_then_it_is_paid_for_once(world: World) -> None:
    Function(world).receive(world.message(world.put("a.heic", HEIC)))
    world.sent["convert"] *= 2
    assert convert(world) == [set(), set()]
    assert world.recognised == ["a.heic"]


def test_given_a_photo_replaced_while_it_waits_when_converted_then_the_newer_one_stays(world: World) -> None:
    Function(world).receive(world.message(world.put("a.heic", HEIC)))
    Function(world).receive(world.message(world.put("a.heic", replace(HEIC, labels={"Dog": 99.0}))))
    world.forwarded.reverse()
    assert convert(world) == [set(), set()]
    assert (world.found("Dog"), world.found("Cat")) == ({"a.heic"}, set())


def test_given_a_photo_removed_while_it_waits_when_converted_then_it_is_a_tombstone(world: World) -> None:
    Function(world).receive(world.message(world.put("a.heic", HEIC)))
    world.remove("a.heic")
    assert convert(world) == [set()]
    document = world.document("a.heic")
    assert document
    assert document["Status"] == "REMOVED"


@pytest.mark.parametrize(
    ("photo", "reason"),
    [
        (Photo(size=0), "EmptyObject"),
        (Photo(storage_class="GLACIER"), "ArchivedObject"),
        (Photo(head_error="400"), "CustomerKey"),
    ],
)
def test_given_an_object_that_s3_does_not_give_when_converted_then_s3_tells_why(
    world: World, photo: Photo, reason: str
) -> None:
    record = world.put("a.heic", photo)
    del record["s3"]["object"]["size"]
    Function(world).receive(world.message(record))
    assert convert(world) == [set()]
    document = world.document("a.heic")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", reason)


events = st.builds(
    ObjectEvent,
    bucket=st.just(BUCKET),
    key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    kind=st.just(Kind.CREATED),
    sequencer=st.from_regex(r"[0-9A-F]{0,15}[1-9A-F]", fullmatch=True),
    time=st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
    etag=st.one_of(st.none(), st.text(min_size=1, max_size=40)),
    size=st.one_of(st.none(), st.integers(0, 5 * 10**12)),
    version_id=st.one_of(st.none(), st.text(min_size=1, max_size=40)),
)


@given(events)
def test_given_any_event_when_written_as_a_message_then_it_reads_as_the_same(event: ObjectEvent) -> None:
    assert read_message(World().message(body_of(event))).events == (event,)


@given(events, st.booleans())
def test_given_any_reconciliation_when_written_as_a_message_then_it_reads_as_the_same(
    event: ObjectEvent, force: bool
) -> None:
    asked = ObjectEvent(event.bucket, event.key, Kind.RECONCILE, force=force, asked_at=event.time)
    assert read_message(World().message(body_of(asked))).events == (asked,)
    told = replace(asked, sequencer=event.sequencer, time=event.time)
    assert read_message(World().message(body_of(told))).events == (told,)


# Decoders that crash, and photos that are too much


class Decoding:
    """A converter whose decoder is a shell script; it keeps count of its runs."""

    def __init__(self, folder: Path, world: World, script: str, client: Any = None) -> None:
        self._runs = folder / "runs"
        fakes = Function(world).fakes
        recogniser: Any = type("", (), {"detect_in": lambda _, jpeg, *__: jpeg})()
        command = ("sh", "-c", f"echo run >> {self._runs}; {script}")
        self._converter = Converter(client or fakes.s3, recogniser, command)
        self._clock = Clock()

    def run(self, key: str = "a.heic", seconds: float = 60.0) -> None:
        photo = S3Object(BUCKET, key, None)
        self._converter.detect(photo, SlotRequest(LIVE), self._clock.deadline(seconds), CallStats())

    @property
    def runs(self) -> int:
        return len(self._runs.read_text().splitlines()) if self._runs.exists() else 0


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("kill -SEGV $$", "ended by SIGSEGV"),
        ("echo 'Traceback' >&2; echo 'ValueError: no' >&2; exit 1", "ValueError: no"),
        ("exit 3", "exit code 3"),
    ],
)
def test_given_decoder_that_crashes_when_run_then_it_is_tried_again_and_photo_is_rejected(
    world: World, tmp_path: Path, script: str, why: str
) -> None:
    world.put("a.heic", HEIC)
    decoding = Decoding(tmp_path, world, script)
    with pytest.raises(PermanentError, match="DecoderCrashed") as raised:
        decoding.run()
    assert why in raised.value.detail
    assert decoding.runs == 2


def test_given_decoder_that_takes_too_much_cpu_when_run_then_photo_is_rejected(
    world: World, tmp_path: Path
) -> None:
    world.put("a.heic", HEIC)
    decoding = Decoding(tmp_path, world, "kill -XCPU $$")
    with pytest.raises(PermanentError, match="DecoderTooSlow"):
        decoding.run()
    assert decoding.runs == 1


def test_given_a_decoder_that_is_too_slow_when_run_then_the_photo_comes_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "_MAX_DECODE_S", 0.1)
    world.put("a.heic", HEIC)
    with pytest.raises(TransientError, match="DecoderTooSlow"):
        Decoding(tmp_path, world, "exec sleep 60").run()


def test_given_the_decoder_when_run_then_it_has_no_credentials(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    world.put("a.heic", BROKEN)
    with pytest.raises(PermanentError, match="BrokenPhoto"):
        Decoding(tmp_path, world, f"env > {tmp_path / 'env'}; cat").run()
    assert "AWS" not in (tmp_path / "env").read_text()


class Objects:
    """An S3 whose bodies are scripted: each is bytes, or what reading raises."""

    def __init__(self, *bodies: bytes | Exception, size: int | None = None) -> None:
        self._bodies, self._size = list(bodies), size

    def get_object(self, **_: Any) -> dict[str, Any]:
        body = self._bodies.pop(0)
        if isinstance(body, Exception):
            raise body
        size = self._size or len(body)
        return {"Body": StreamingBody(io.BytesIO(body), size), "ContentLength": size}


def test_given_a_file_that_is_too_large_when_converted_then_not_a_byte_is_read(
    world: World, tmp_path: Path
) -> None:
    with pytest.raises(PermanentError, match="FileTooLarge") as raised:
        Decoding(tmp_path, world, "cat", Objects(b"x", size=300_000_000)).run()
    assert "has 300 MB; at most 200" in raised.value.detail


@pytest.mark.parametrize(
    "trouble",
    [aws_error("SlowDown", status=503), ReadTimeoutError(endpoint_url="https://s3"), b"half"],
    ids=["SlowDown", "timeout", "cut off"],
)
def test_given_a_download_that_fails_when_tried_again_then_the_file_is_whole(
    world: World, tmp_path: Path, trouble: Any
) -> None:
    whole = json.dumps({"reason": "BrokenPhoto", "detail": "It is broken."}).encode() + b"\n"
    client = Objects(trouble, whole)
    if trouble == b"half":
        client._size = len(whole)
    with pytest.raises(PermanentError, match=r"^BrokenPhoto: It is broken\.$"):
        Decoding(tmp_path, world, "cat", client).run()


def test_given_little_time_when_converting_then_nothing_is_begun_that_could_outlive_it(
    world: World, tmp_path: Path
) -> None:
    world.put("a.heic", HEIC)
    decoding = Decoding(tmp_path, world, "cat")
    with pytest.raises(OutOfTimeError):
        decoding.run(seconds=5)
    assert decoding.runs == 0


def test_given_no_queue_to_forward_to_when_received_then_what_rekognition_refuses_is_rejected(
    world: World,
) -> None:
    settings = replace(SETTINGS, convert_queue_url=None)
    Function(world, settings=settings).receive(world.message(world.put("a.heic", HEIC)))
    document = world.document("a.heic")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", "InvalidImageFormatException")
