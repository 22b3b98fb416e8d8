"""What an attacker, or a bug, can put into the queue and the bucket, each time a little different."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pillow_heif
from PIL import Image

from chaos.envelopes import in_sns, of_event_bridge

if TYPE_CHECKING:
    from collections.abc import Callable

_HTML = b"<!doctype html><script>alert('{0.__class__} %s %n ${jndi:ldap://x}')</script>"


def _s3(**parts: Any) -> dict[str, Any]:
    """Return a valid S3 record but for what is given."""
    found = {"key": "a.jpg", "size": 1, "eTag": "e", "sequencer": "0055AED6DCD90281E5"} | parts.pop("object", {})
    whole = {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "s3": {"bucket": {"name": "bucket"}, "object": found},
    }
    return whole | parts


def _records(number: int, *records: Any) -> str:
    return json.dumps({"number": number, "Records": list(records)})


def _reconcile(number: int, **parts: Any) -> str:
    message = {"source": "photo-labels", "action": "reconcile", "bucket": "b", "key": "k", "number": number}
    return json.dumps(message | parts)


# Malformed bodies: each has to arrive in the dead-letter queue unchanged.
MESSAGES: tuple[Callable[[int], str], ...] = (
    lambda number: f"{number} is {{no}} JSON %s <b>",
    lambda number: "[" * 100_000 + str(number),
    lambda number: json.dumps({"number": number, "much": "a" * 250_000}),
    lambda number: json.dumps([number]),
    lambda number: f'{{"number": {number}, "Records": 1e999}}',
    _records,
    lambda number: _records(number, None, [], "text", -1),
    lambda number: _records(number, _s3(object={"key": {"$gt": ""}})),
    lambda number: _records(number, _s3(object={"key": ""})),
    lambda number: _records(number, _s3(object={"key": "%FF%FE"} | {"size": -1})),
    lambda number: _records(number, _s3(object={"key": "k" * 1025})),
    lambda number: _records(number, _s3(object={"size": 10**400})),
    lambda number: _records(number, _s3(object={"eTag": ["e"]})),
    lambda number: _records(number, _s3(eventTime="the day before yesterday")),
    lambda number: _records(number, _s3(eventName="ObjectRestore:Completed")),
    lambda number: _records(number, _s3(s3={"bucket": {"name": "../other"}, "object": {"key": "k"}})),
    lambda number: _records(number, *([_s3(s3=[])] * 2_000)),
    lambda number: _reconcile(number, action="delete"),
    lambda number: _reconcile(number, key=None),
    lambda number: _reconcile(number, force="yes"),
    lambda number: _reconcile(number, bucket="b\ud800"),
    lambda number: json.dumps({"number": number, "TopicArn": "arn", "Message": "{}"}),
    lambda number: in_sns(f"{number} is no JSON"),
    lambda number: in_sns(_records(number, None)),
    lambda number: json.dumps(
        {"number": number, "Type": "SubscriptionConfirmation", "TopicArn": "arn", "Message": ""}
    ),
    lambda number: json.dumps({"number": number, "detail-type": "Object Created", "detail": {}}),
    lambda number: of_event_bridge(_s3(), number=number, detail={}),
    lambda number: of_event_bridge(_s3(), number=number, time=number),
    lambda number: of_event_bridge(_s3(), number=number, source="aws.ec2"),
    lambda number: of_event_bridge(_s3(), number=number, **{"detail-type": ["Object Created"]}),
    lambda number: of_event_bridge(_s3(object={"key": "k" * 1025}), number=number),
)


pillow_heif.register_heif_opener()


def _picture(width: int, height: int, format: str, mode: str = "L") -> bytes:  # noqa: A002 - as Pillow has it
    file = io.BytesIO()
    image = Image.new(mode, (width, height))
    image.paste("white", (0, 0, width // 2, height // 2))  # a picture of one colour is refused
    image.save(file, format)
    return file.getvalue()


# Objects that have to be rejected, by suffix.
NO_PHOTOS: dict[str, bytes] = {
    "html.jpg": _HTML,
    "empty.jpg": b"",
    "text.jpeg": b"photo " * 1000,
    "jpeg header.jpg": b"\xff\xd8\xff\xe0" + bytes(64),
    "10,001 px.png": _picture(10_001, 80, "PNG"),
    "79 px.jpg": _picture(79, 200, "JPEG"),
    "bomb.png": _picture(30_000, 30_000, "PNG", "1"),
}

# Photos that Rekognition does not read as they are, by suffix.
OTHER_FORMATS: dict[str, bytes] = {
    "IMG.HEIC": _picture(100, 100, "HEIF", "RGB"),
    "gif.png": _picture(100, 100, "GIF"),
    "webp.webp": _picture(100, 100, "WEBP"),
    "10,001 px.jpg": _picture(10_001, 1_000, "JPEG"),
}

# Names of photos that have to be labelled like any other. None has a line end: the IAM of the local cloud refuses
# those.
KEYS: tuple[str, ...] = (
    "../../../etc/passwd {}.jpg",
    "//{}//.//..jpg",
    "%2e%2e%00 {}.jpg",
    "<img src=x onerror=alert({})>.jpg",
    "{{0.__class__.__mro__}} %s %n {}.jpg",
    "'; DROP TABLE ImageLabels; -- {}.jpg",
    "línea ñ 写真 👩‍👩‍👧 {}.JPG",
    "a+b c%20d&e=f#{}?.jpg",
    "tab\tab {}.jpg",
    "=cmd|' /C calc'!A{}.jpg",
    "{:0>1024}",
    " {} ",
)
