"""Metadata never cost a photo, and what is there of its pixels counts."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from local.request import Refusal
from local.request import decoded as decoded_by_rekognition
from photo_labels.records.decoder import viewable
from photo_labels.records.decoders import exif
from photo_labels.records.decoders.bare import without_metadata
from photo_labels.records.formats import PHOTO_FORMATS
from tests.photo_files import encoded, of_format
from tests.unit.decoders.seen import CAT, is_like, refusal, seen

if TYPE_CHECKING:
    from collections.abc import Callable

GARBAGE = b"Exif\0\0 and nothing that anybody could read"


def with_segment(marker: int, content: bytes) -> bytes:
    """A JPEG with a segment of metadata in front."""
    jpeg = encoded(CAT, "JPEG", quality=95)
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content + jpeg[2:]


def with_chunk(kind: bytes, content: bytes, crc: int | None = None) -> bytes:
    """A PNG with a chunk of metadata in front of its pixels."""
    png = encoded(CAT, "PNG")
    crc = zlib.crc32(kind + content) if crc is None else crc
    return png[:33] + struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc) + png[33:]


def exif_with(orientation: int, order: bytes = b"II", magic: int = 42) -> bytes:
    code = "<" if order != b"MM" else ">"
    return b"Exif\0\0" + order + struct.pack(code + "HIHHHIHHI", magic, 8, 1, 274, 3, 1, orientation, 0, 0)


SPOILT: dict[str, Callable[[], bytes]] = {
    "JPEG, EXIF in no byte order": lambda: with_segment(0xE1, exif_with(6, b"IJ")),
    "JPEG, EXIF as BigTIFF": lambda: with_segment(0xE1, exif_with(6, magic=43)),
    "JPEG, EXIF that is garbage": lambda: with_segment(0xE1, GARBAGE),
    "JPEG, EXIF that is cut off": lambda: with_segment(0xE1, exif_with(6)[:18]),
    "JPEG, EXIF far away": lambda: with_segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "JPEG, XMP that is garbage": lambda: with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta \xff\xfe"),
    "JPEG, ICC that is garbage": lambda: with_segment(0xE2, b"ICC_PROFILE\0\x07\x03 garbage"),
    "JPEG, index of several pictures": lambda: with_segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff garbage"),
    "JPEG, Photoshop's blocks": lambda: with_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\xff\xff\xff\xff"),
    "JPEG, Adobe's segment of nothing": lambda: with_segment(0xEE, b""),
    "JPEG, a segment whose length is wrong": lambda: with_segment(0xE1, GARBAGE).replace(
        struct.pack(">H", 2 + len(GARBAGE)), struct.pack(">H", 40_000), 1
    ),
    "PNG, EXIF that is garbage": lambda: with_chunk(b"eXIf", GARBAGE),
    "PNG, ICC that is garbage": lambda: with_chunk(b"iCCP", b"name\0\0garbage"),
    "PNG, text of 2 MB in a thousandth of it": lambda: with_chunk(
        b"zTXt", b"a\0\0" + zlib.compress(bytes(2 * 10**6))
    ),
    "PNG, text in no encoding": lambda: with_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0\xff\xfe"),
    "PNG, text with a wrong checksum": lambda: with_chunk(b"tEXt", b"a\0b", crc=1),
    "PNG, resolution of a byte": lambda: with_chunk(b"pHYs", b"\0"),
    "PNG, animation of nothing": lambda: with_chunk(b"acTL", b""),
    "PNG, gamma of nothing": lambda: with_chunk(b"gAMA", b""),
    "WEBP, EXIF that is garbage": lambda: encoded(CAT, "WEBP", exif=GARBAGE, quality=95),
    "AVIF, EXIF that is garbage": lambda: encoded(CAT, "AVIF", exif=exif_with(1)).replace(b"II*", b"IJ*"),
    "TIFF, XMP that is garbage": lambda: encoded(CAT, "TIFF", tiffinfo={700: b"\xff\xfe<x:xmpmeta"}),
    "HEIF, EXIF that is garbage": lambda: encoded(CAT, "HEIF", exif=GARBAGE, quality=90),
}


@pytest.mark.parametrize("name", SPOILT)
def test_given_broken_metadata_when_decoded_then_all_of_the_photo_is_seen(name: str) -> None:
    facts, shown = seen(SPOILT[name]())
    assert (facts["orientation"], facts["is_truncated"]) == (1, False)
    assert is_like(shown, CAT)


@pytest.mark.parametrize("name", SPOILT)
def test_given_broken_metadata_when_thumbnails_are_made_then_there_is_one(name: str) -> None:
    assert Image.open(io.BytesIO(viewable(io.BytesIO(SPOILT[name]()), 100))).height == 80


@pytest.mark.parametrize("name", [name for name in SPOILT if name.startswith(("JPEG", "PNG"))])
def test_given_broken_metadata_when_the_local_rekognition_decodes_then_it_sees_the_photo(name: str) -> None:
    assert is_like(decoded_by_rekognition(SPOILT[name]()), CAT)


def test_given_broken_metadata_and_an_orientation_beside_them_when_decoded_then_that_counts() -> None:
    turned = encoded(CAT.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif_with(6), quality=95)
    # Pillow stumbles over it, and the photo is decoded without its metadata.
    spoilt = turned[:2] + b"\xff\xee\0\2" + b"\xff\xe2\0\x12MPF\0II*\0\x08\0\0\0\xff\xff" + turned[2:]
    facts, shown = seen(spoilt)
    assert facts["orientation"] == 6
    assert is_like(shown, CAT)


def test_given_a_png_with_text_beyond_all_limits_when_decoded_then_it_is_seen() -> None:
    text = PngImagePlugin.PngInfo()
    for number in range(70):
        text.add_text(f"note {number}", "a" * 1_000_000, zip=True)
    assert is_like(seen(encoded(CAT, "PNG", pnginfo=text))[1], CAT)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def test_given_an_avif_as_old_encoders_write_it_when_made_bare_then_it_is_as_decoders_take_it() -> None:
    colour, alpha = b"\0\1\2\1\2", b"\0\2\2\3\4"  # which properties belong to items 1 and 2
    apart = b"".join(box(b"ipma", bytes(4) + struct.pack(">I", 1) + one) for one in (colour, alpha))
    items = b"".join(
        box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", number, 0, b"av01") + b"\0") for number in (1, 2)
    )
    refers = box(b"iref", bytes(4) + box(b"auxl", struct.pack(">HHH", 2, 1, 1)))
    file = box(b"ftyp", b"avif") + box(b"meta", bytes(4) + items + refers + apart)
    bare = without_metadata(file, "AVIF")
    assert bare is not None
    assert len(bare) == len(file)  # pixels stay where they are
    assert (bare.count(b"ipma"), bare.count(b"av01"), bare.count(b"none")) == (1, 1, 1)
    at = bare.index(b"ipma")
    assert bare[at + 4 :] == bytes(4) + struct.pack(">I", 2) + colour + alpha + bytes(16)


# Orientation


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"Exif\0\0"]), st.sampled_from([b"II*\0", b"MM\0*", b"II+\0"])
)
def test_given_any_bytes_when_read_as_exif_then_an_orientation_comes_out(
    data: bytes, prefix: bytes, start: bytes
) -> None:
    assert exif.orientation(prefix + start + data) in range(1, 9)
    assert exif.orientation(data) == 1 or data[:2] in {b"II", b"MM"} or data.startswith(b"Exif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", [b"II", b"MM"])
def test_given_exif_of_either_byte_order_when_read_then_its_orientation_is(orientation: int, order: bytes) -> None:
    assert exif.orientation(exif_with(orientation, order)) == orientation


# Pixels that are there


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_given_a_jpeg_without_its_end_when_decoded_then_all_is_seen_and_it_says_so(missing: int) -> None:
    facts, shown = seen(encoded(CAT, "JPEG", quality=95)[:-missing])
    assert facts["is_truncated"]
    assert is_like(shown, CAT)


def test_given_a_cut_jpeg_when_the_local_rekognition_decodes_then_it_refuses() -> None:
    with pytest.raises(Refusal, match="image format"):
        decoded_by_rekognition(encoded(CAT, "JPEG")[:-2])


def test_given_a_progressive_jpeg_that_is_cut_when_decoded_then_what_is_there_is_seen() -> None:
    data = encoded(CAT, "JPEG", progressive=True, quality=95)
    facts, shown = seen(data[: len(data) * 2 // 3])
    assert facts["is_truncated"]
    assert is_like(shown, CAT)  # less sharp


# Any bytes

MUTABLE = {name: of_format(name, CAT.resize((96, 96))) for name in (one.name for one in PHOTO_FORMATS)}
changes = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=30)


def changed(name: str, places: list[tuple[int, int]], length: int) -> bytes:
    data = bytearray(MUTABLE[name])
    for place, byte in places:
        # Most in what stands in front of the pixels: that is where structure is.
        data[place % (min(len(data), 600) if place % 3 else len(data))] = byte
    return bytes(data[: max(64, length % (2 * len(data)))])


@given(st.sampled_from(sorted(MUTABLE)), changes, st.integers(0, 10**6))
@settings(deadline=None, max_examples=300)
def test_given_any_change_when_decoded_then_a_picture_or_a_sentence_comes_out(
    name: str, places: list[tuple[int, int]], length: int
) -> None:
    said = refusal(changed(name, places, length))
    assert said.endswith(".")
    assert "index out of range" not in said


@given(st.sampled_from(["JPEG", "PNG"]), changes, st.integers(0, 10**6))
@settings(deadline=None, max_examples=300)
def test_given_any_change_when_the_local_rekognition_decodes_then_it_answers(
    name: str, places: list[tuple[int, int]], length: int
) -> None:
    refused = 400
    try:
        decoded_by_rekognition(changed(name, places, length))
    except Refusal as answer:
        refused = answer.status
    assert refused == 400


@given(st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF"]), changes, st.integers(0, 10**6))
@settings(deadline=None)
def test_given_any_change_when_metadata_are_taken_away_then_it_ends(
    name: str, places: list[tuple[int, int]], length: int
) -> None:
    data = changed(name, places, length)
    bare = without_metadata(data, name)
    assert bare is not None
    assert len(bare) <= len(data) + 1_000
