"""When, where and by which camera a photo was taken, of each format."""

from __future__ import annotations

import io
import struct
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from PIL import Image, PngImagePlugin

from photo_labels.records.metadata.reading import Metadata, metadata_of
from tests.photo_files import encoded
from tests.unit.metadata.files import (
    CHANGED,
    DIGITIZED,
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
    segment,
    taken,
    text,
    xmp,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PARIS = gps("N", (48, 1, 51, 1, 2964, 100), "E", (2, 1, 17, 1, 4020, 100))
IN_PARIS = (Decimal("48.858233"), Decimal("2.294500"))
ALL = exif(
    {
        MAKE: text("Canon"),
        MODEL: text("Canon EOS 80D"),
        CHANGED: text("2024:01:01 00:00:00"),
        EXIF: (LONG, {ORIGINAL: text(TAKEN), ORIGINAL_OFFSET: text("+02:00")}),
        GPS: (LONG, PARIS),
    }
)
FOUND = Metadata("2019-07-14T18:03:22+02:00", "Canon EOS 80D", IN_PARIS)
PACKET = xmp(
    'photoshop:DateCreated="2019-07-14T18:03:22+02:00" exif:GPSLatitude="48,51.494N" exif:GPSLongitude="2,17,40.2E"',
    "<tiff:Make>Canon</tiff:Make><tiff:Model>Canon EOS 80D</tiff:Model>",
)


def png(packet: bytes = b"", **options: object) -> bytes:
    told = PngImagePlugin.PngInfo()
    if packet:
        told.add_itxt("XML:com.adobe.xmp", packet.decode())
    return encoded(PICTURE, "PNG", pnginfo=told, **options)


def tiff_with(packet: bytes) -> bytes:
    return encoded(PICTURE, "TIFF", tiffinfo={700: packet})


def psd(kind: int, content: bytes) -> bytes:
    resource = b"8BIM" + struct.pack(">HH", kind, 0) + struct.pack(">I", len(content)) + content
    return b"8BPS\0\1".ljust(26, b"\0") + struct.pack(">II", 0, len(resource)) + resource


WITH_EXIF: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: jpeg(ALL),
    "JPEG, other segments first": lambda: b"\xff\xd8" + segment(0xE2, bytes(60_000)) + b"\xff" + jpeg(ALL)[2:],
    "JPEG, XMP of less": lambda: jpeg(ALL, xmp('photoshop:DateCreated="1999-01-01"')),
    "HEIF": lambda: heif(ALL),
    "AVIF": lambda: encoded(PICTURE, "AVIF", exif=ALL),
    "TIFF": lambda: ALL,
    "Olympus's raw file": lambda: b"IIRO" + ALL[4:],
    "Panasonic's raw file": lambda: b"IIU\0" + ALL[4:],
    "Fuji's raw file": lambda: raf(jpeg(ALL)),
    "Canon's raw file": lambda: cr3(
        exif({MAKE: text("Canon"), MODEL: text("Canon EOS 80D")}),
        exif({ORIGINAL: text(TAKEN), ORIGINAL_OFFSET: text("+02:00")}, ">"),
        exif(PARIS),
    ),
    "WebP": lambda: encoded(PICTURE, "WEBP", exif=ALL),
    "PNG": lambda: png(exif=ALL),
    "PSD": lambda: psd(1058, ALL),
}
WITH_XMP: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: jpeg(packet=PACKET),
    "HEIF": lambda: heif(packet=PACKET),
    "TIFF": lambda: tiff_with(PACKET),
    "CR3": lambda: cr3(b"", b"", b"", PACKET),
    "WebP": lambda: encoded(PICTURE, "WEBP", xmp=PACKET),
    "PNG": lambda: png(PACKET),
    "PSD": lambda: psd(1060, PACKET),
    "JPEG, EXIF of nothing": lambda: jpeg(exif({}), PACKET),
}


@pytest.mark.parametrize("kind", WITH_EXIF)
def test_given_a_photo_with_exif_when_read_then_time_camera_and_place_are_told(kind: str) -> None:
    photo = WITH_EXIF[kind]()
    assert metadata_of(photo, len(photo)) == FOUND


@pytest.mark.parametrize("kind", WITH_XMP)
def test_given_a_photo_with_xmp_when_read_then_time_camera_and_place_are_told(kind: str) -> None:
    photo = WITH_XMP[kind]()
    assert metadata_of(photo, len(photo)) == FOUND


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF", "GIF", "BMP"])
def test_given_a_photo_without_metadata_when_read_then_nothing_is_told(kind: str) -> None:
    photo = encoded(PICTURE, kind)
    assert metadata_of(photo, len(photo)) == Metadata()


def test_given_a_photo_that_was_changed_when_read_then_that_is_not_when_it_was_taken() -> None:
    assert metadata_of(jpeg(exif({CHANGED: text(TAKEN)}), xmp(f'xmp:ModifyDate="{TAKEN}"'))).taken_at is None


@pytest.mark.parametrize(
    ("told", "packet", "taken_at"),
    [
        ({ORIGINAL: TAKEN, DIGITIZED: "2020:01:02 03:04:05"}, "", "2019-07-14T18:03:22"),
        ({ORIGINAL: "0000:00:00 00:00:00", DIGITIZED: TAKEN}, "", "2019-07-14T18:03:22"),
        # A scan: when the photo was taken comes before when it was scanned.
        ({DIGITIZED: TAKEN}, 'photoshop:DateCreated="1972-05"', "1972-05-01T00:00:00"),
        ({DIGITIZED: TAKEN}, 'exif:DateTimeOriginal="1972-05-03T10:11"', "1972-05-03T10:11:00"),
        ({DIGITIZED: TAKEN}, 'xmp:CreateDate="2021-01-01"', "2019-07-14T18:03:22"),
        ({}, 'xmp:CreateDate="2021-01-01T00:00:01Z"', "2021-01-01T00:00:01+00:00"),
        ({}, "xap:CreateDate='2003-01-01T10:00:00.25-03:30'", "2003-01-01T10:00:00-03:30"),
        ({}, 'xmp:MetadataDate="2021-01-01"', None),
    ],
)
def test_given_several_times_when_read_then_the_one_of_the_photo_counts(
    told: dict[int, str], packet: str, taken_at: str | None
) -> None:
    data = exif({EXIF: (LONG, {tag: text(value) for tag, value in told.items()})})
    assert metadata_of(jpeg(data, xmp(packet))).taken_at == taken_at


def test_given_xmp_of_another_photo_when_read_then_it_tells_nothing_of_this_one() -> None:
    shown = "<rdf:li exif:GPSLatitude='48,51.5N' exif:GPSLongitude='2,17.7E'/>"
    source = "<rdf:li><photoshop:DateCreated>1999-01-01</photoshop:DateCreated></rdf:li>"
    packet = xmp(
        "",
        f"<Iptc4xmpExt:LocationShown>{shown}</Iptc4xmpExt:LocationShown><xmpMM:Pantry>{source}</xmpMM:Pantry>",
    )
    assert metadata_of(jpeg(packet=packet)) == Metadata()


def test_given_xmp_with_entities_when_read_then_none_is_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "2019-07-14"><!ENTITY b "&a;&a;">]>'
    assert metadata_of(jpeg(packet=bomb + xmp('photoshop:DateCreated="&b;"'))) == Metadata()


def test_given_heif_with_its_exif_far_away_when_read_then_that_range_is_asked_for() -> None:
    photo = heif(ALL, size=480)
    head = photo[:32_768]
    asked = metadata_of(head, len(photo))
    assert asked.taken_at is None
    assert asked.more is not None
    start, length = asked.more
    assert start >= len(head)
    assert start + length <= len(photo)
    assert length <= 64 * 1024
    assert metadata_of(head, len(photo), (start, photo[start : start + length])) == FOUND


def test_given_webp_with_its_exif_at_the_end_when_read_then_that_range_is_asked_for() -> None:
    photo = encoded(Image.effect_noise((480, 480), 200).convert("RGB"), "WEBP", quality=100, exif=ALL)
    asked = metadata_of(photo[:65_536], len(photo))
    assert asked.more is not None
    start, length = asked.more
    assert metadata_of(photo[:65_536], len(photo), (start, photo[start : start + length])) == FOUND


def test_given_tiff_with_its_directory_at_the_end_when_read_then_values_before_it_are_asked_for_too() -> None:
    photo = taken(far=300_000)
    asked = metadata_of(photo[:65_536], len(photo))
    assert asked == Metadata(more=(300_000 - 8192, len(photo) - 300_000 + 8192))
    start, length = asked.more or (0, 0)
    found = metadata_of(photo[:65_536], len(photo), (start, photo[start : start + length]))
    assert found == Metadata("2019-07-14T18:03:22", "Canon EOS 80D")


def test_given_a_directory_beyond_the_file_when_read_then_nothing_is_asked_for() -> None:
    photo = taken(far=300_000)[:65_536]
    assert metadata_of(photo, len(photo)) == Metadata()


def test_given_a_photo_that_pillow_writes_exif_into_when_read_then_it_is_told() -> None:
    told = Image.Exif()
    told[MAKE], told[MODEL] = "Apple", "iPhone 12"
    told.get_ifd(EXIF).update({ORIGINAL: TAKEN, ORIGINAL_OFFSET: "-07:00"})
    told.get_ifd(GPS).update({1: "S", 2: (33.0, 51.0, 24.48), 3: "W", 4: (70.0, 12.0, 0.0)})
    made = io.BytesIO()
    PICTURE.save(made, "JPEG", exif=told)
    assert metadata_of(made.getvalue()) == Metadata(
        "2019-07-14T18:03:22-07:00", "Apple iPhone 12", (Decimal("-33.856800"), Decimal("-70.200000"))
    )


def test_given_items_of_heif_in_the_box_of_data_when_read_then_they_are_found() -> None:
    data = struct.pack(">I", 6) + b"Exif\0\0" + ALL
    infe = box(b"infe", struct.pack(">BxxxHH4s", 2, 7, 0, b"Exif") + b"\0")
    iinf = box(b"iinf", bytes(4) + struct.pack(">H", 1) + infe)
    # Version 1, offsets and lengths of four bytes, construction method 1.
    iloc = box(b"iloc", struct.pack(">BxxxHHHHHHII", 1, 0x4400, 1, 7, 1, 0, 1, 0, len(data)))
    photo = box(b"ftyp", b"heic") + box(b"meta", bytes(4) + iinf + iloc + box(b"idat", data))
    assert metadata_of(photo, len(photo)) == FOUND
