"""Metadata come from strangers: whatever is in them, the answer is one, and the work has an end."""

from __future__ import annotations

import struct
import sys
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from photo_labels.records.metadata.reading import Metadata, metadata_of
from tests.photo_files import encoded
from tests.unit.metadata.files import (
    EXIF,
    GPS,
    LONG,
    MAKE,
    MODEL,
    ORIGINAL,
    ORIGINAL_OFFSET,
    PICTURE,
    TAKEN,
    box,
    cr3,
    exif,
    gps,
    heif,
    jpeg,
    raf,
    text,
    xmp,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# Of Python's and of C's functions, for one photo. A usual one takes about 500.
MAX_CALLS = 150_000
PLACE = gps("N", (48, 1, 51, 1, 0, 1), "E", (2, 1, 0, 1, 0, 1))
ALL = exif({MAKE: text("Canon"), MODEL: text("80D"), EXIF: (LONG, {ORIGINAL: text(TAKEN)}), GPS: (LONG, PLACE)})
PACKET = xmp('photoshop:DateCreated="2019-07-14" exif:GPSLatitude="1,2.5N" exif:GPSLongitude="1,2,3E"')
PHOTOS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: jpeg(ALL, PACKET),
    "JPEG, XMP alone": lambda: jpeg(packet=PACKET),
    "HEIF": lambda: heif(ALL, PACKET),
    "AVIF": lambda: encoded(PICTURE, "AVIF", exif=ALL, xmp=PACKET),
    "TIFF": lambda: ALL,
    "CR3": lambda: cr3(ALL, ALL, exif(PLACE), PACKET),
    "RAF": lambda: raf(jpeg(ALL, PACKET)),
    "WebP": lambda: encoded(PICTURE, "WEBP", exif=ALL, xmp=PACKET),
    "PNG": lambda: encoded(PICTURE, "PNG", exif=ALL),
}
BEGINNINGS = (
    b"",
    b"\xff\xd8\xff\xe1",
    b"\0\0\0\x18ftypheic",
    b"II*\0",
    b"MM\0+",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\0\0\0\0WEBP",
    b"FUJIFILMCCD-RAW ",
    b"8BPS",
)


@cache
def photo(kind: str) -> bytes:
    return PHOTOS[kind]()


def read(content: bytes, size: int | None = None) -> Metadata:
    """Read a photo as its callers do, with the range that is asked for, and check the answer."""
    found = metadata_of(content, size)
    if found.more:
        start, length = found.more
        assert start >= len(content)
        assert 0 < length <= 64 * 1024
        assert size is None or start + length <= size
        found = metadata_of(content, size, (start, content[:length]))
    assert found.taken_at is None or 1826 <= datetime.fromisoformat(found.taken_at).year <= 2200
    assert found.camera is None or (found.camera.isprintable() and 0 < len(found.camera) <= 100)
    if found.location:
        latitude, longitude = found.location
        assert abs(latitude) <= 90
        assert abs(longitude) <= 180
    return found


@given(beginning=st.sampled_from(BEGINNINGS), rest=st.binary(max_size=600), size=st.none() | st.integers(0, 2**64))
@settings(max_examples=500, deadline=None)
def test_given_any_bytes_when_read_then_there_is_an_answer(
    beginning: bytes, rest: bytes, size: int | None
) -> None:
    read(beginning + rest, size)


@pytest.mark.parametrize("kind", PHOTOS)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_given_a_photo_with_other_bytes_in_it_when_read_then_there_is_an_answer(
    kind: str, data: st.DataObject
) -> None:
    spoilt = bytearray(photo(kind)[:4096])
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff\xff\xff\xff", bytes(8)]))
        spoilt[at : at + len(piece)] = piece
    read(bytes(spoilt), len(photo(kind)))


@pytest.mark.parametrize("kind", PHOTOS)
def test_given_a_photo_that_is_cut_off_anywhere_when_read_then_there_is_an_answer(kind: str) -> None:
    whole = photo(kind)
    for length in range(min(len(whole), 3_000)):
        read(whole[:length], len(whole))
        read(whole[:length], length)


@pytest.mark.parametrize("kind", PHOTOS)
def test_given_a_photo_with_any_byte_at_its_highest_when_read_then_there_is_an_answer(kind: str) -> None:
    whole = photo(kind)[:2_048]
    for at in range(len(whole)):
        read(whole[:at] + b"\xff" + whole[at + 1 :], len(whole))


@given(
    order=st.sampled_from("<>"),
    time=st.datetimes(datetime(1826, 1, 1), datetime(2200, 12, 31)),  # noqa: DTZ001
    minutes=st.none() | st.integers(-14 * 60, 14 * 60),
    camera=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=60),
    north=st.integers(-89, 89),
    east=st.integers(1, 179),
    seconds=st.integers(0, 5_999),
)
@settings(deadline=None)
@example(order="<", time=datetime(2000, 2, 29), minutes=-1, camera="a", north=-89, east=1, seconds=0)  # noqa: DTZ001
def test_given_exif_of_any_values_when_read_then_they_come_back(
    *, order: str, time: datetime, minutes: int | None, camera: str, north: int, east: int, seconds: int
) -> None:
    sign, offset = "-" if (minutes or 0) < 0 else "+", abs(minutes or 0)
    told = f"{sign}{offset // 60:02}:{offset % 60:02}" if minutes is not None else ""
    entries = {ORIGINAL: text(f"{time:%Y:%m:%d %H:%M:%S}"), ORIGINAL_OFFSET: text(told or "   :  ")}
    place = gps("S" if north < 0 else "N", (abs(north), 1, 30, 1, seconds, 100), "E", (east, 1, 0, 1, 0, 1))
    found = read(jpeg(exif({MODEL: text(camera), EXIF: (LONG, entries), GPS: (LONG, place)}, order)))
    latitude = abs(north) + Decimal("0.5") + Decimal(seconds) / 360_000
    expected = (latitude * (-1 if north < 0 else 1)).quantize(Decimal("0.000001")), Decimal(east)
    assert (found.camera, found.location) == (camera, expected)
    written = time.replace(microsecond=0).isoformat() + told
    assert found.taken_at == (None if written.startswith("1970-01-01T00:00:00") else written)


def items(count: int, size: int = 20) -> bytes:
    """HEIF that says it has so many items, each of them EXIF."""
    infe = struct.pack(">I4sBxxxHH4s", size, b"infe", 2, 1, 0, b"Exif").ljust(size, b"\0")
    iinf = box(b"iinf", b"\1\0\0\0" + struct.pack(">I", count) + infe * count)
    iloc = box(
        b"iloc", b"\2\0\0\0\x44\0" + struct.pack(">I", count) + struct.pack(">IHHHII", 1, 0, 0, 1, 0, 9) * count
    )
    return box(b"ftyp", b"heic") + box(b"meta", bytes(4) + iinf + iloc)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a directory that is its own EXIF and GPS": lambda: (
        b"II*\0\x08\0\0\0" + struct.pack("<HHHIIHHII", 2, EXIF, LONG, 1, 8, GPS, LONG, 1, 8)
    ),
    "65,535 entries": lambda: (
        b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", ORIGINAL, 2, 2**32 - 1, 8) * 20_000
    ),
    "no end of empty boxes": lambda: box(b"ftyp", b"heic") * 15_000,
    "10,000 items": lambda: items(10_000),
    "four billion items, none there": lambda: items(1).replace(struct.pack(">I", 1), b"\xff\xff\xff\xff"),
    "extents without width": lambda: items(100).replace(b"\2\0\0\0\x44\0", b"\2\0\0\0\0\0"),
    "no end of empty segments": lambda: b"\xff\xd8" + b"\xff\xe1\0\2" * 60_000,
    "no end of bytes that fill up": lambda: b"\xff\xd8" + b"\xff" * 250_000,
    "no end of empty chunks": lambda: b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0iTXt\0\0\0\0" * 20_000,
    "no end of empty chunks of WebP": lambda: b"RIFF\0\0\0\0WEBP" + b"XMP \0\0\0\0" * 30_000,
    "no end of image resources": lambda: (
        b"8BPS".ljust(26, b"\0") + bytes(4) + b"\xff" * 4 + b"8BIM".ljust(12, b"\0") * 20_000
    ),
    "XMP of names alone": lambda: b"\xff\xd8" + jpeg(packet=b" exif:GPSLatitude" * 3_800)[2:],
    "XMP of spaces": lambda: jpeg(packet=(b" xmp:CreateDate=" + b" " * 190) * 300),
    "XMP of 250 KB": lambda: exif({700: (1, b"<xmpMM:Pantry " * 17_000)}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_given_a_photo_made_to_take_long_when_read_then_the_work_has_an_end(kind: str) -> None:
    content, calls = HOSTILE[kind](), 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        metadata_of(content[: 256 * 1024], len(content))
    finally:
        sys.setprofile(None)
    assert 0 < calls < MAX_CALLS
