"""The size of a JPEG or PNG by its header: what Pillow says, or nothing; never less than there is."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photo_labels.records.decoders.limits import SHORTEST_SIDE
from photo_labels.records.dimensions import size_by_header, why_too_small_by_header
from tests.photo_files import encoded

SIDES = st.integers(1, 200)


def picture(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    return Image.effect_noise(size, 60).convert(mode)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def exif_with_preview() -> bytes:
    """An APP1 segment in which there is a whole JPEG of 16 x 12 pixels."""
    preview = encoded(picture((16, 12)), "JPEG")
    directory = struct.pack(">HHHIIHHIII", 2, 0x0201, 4, 1, 44, 0x0202, 4, 1, len(preview), 0)
    first = struct.pack(">HI", 0, 14)
    return segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + first + directory + preview)


JPEG_OPTIONS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True},
    "with restarts": {"restart_marker_blocks": 1},
    "with a comment": {"comment": b"\xff\xc0 no frame"},
    "with a profile": {"icc_profile": bytes(70_000)},
    "turned": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"},
}
INSERTED = {
    "nothing": b"",
    "a preview": exif_with_preview(),
    "many segments": b"".join(segment(0xE0 + number, bytes(number * 100)) for number in range(16)),
    "what looks like frames": segment(0xE9, segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 3)) * 20),
    "filling bytes": b"\xff\xff\xff" + segment(0xFE, b"a comment"),
}


@given(width=SIDES, height=SIDES, mode=st.sampled_from(["RGB", "L", "CMYK"]))
@pytest.mark.parametrize("options", JPEG_OPTIONS)
@pytest.mark.parametrize("inserted", INSERTED)
@settings(max_examples=10, deadline=None)
def test_given_any_jpeg_when_its_header_is_read_then_its_size_is_that_of_pillow(
    options: str, inserted: str, width: int, height: int, mode: str
) -> None:
    plain = encoded(picture((width, height), mode), "JPEG", **JPEG_OPTIONS[options])
    file = plain[:2] + INSERTED[inserted] + plain[2:]
    assert Image.open(io.BytesIO(file)).size == (width, height)
    assert size_by_header(file) == (width, height)


@given(width=SIDES, height=SIDES, mode=st.sampled_from(["RGB", "L", "RGBA", "P", "1", "I;16"]))
@settings(max_examples=60, deadline=None)
def test_given_any_png_when_64_bytes_are_read_then_its_size_is_that_of_pillow(
    width: int, height: int, mode: str
) -> None:
    image = Image.new(mode, (width, height))
    assert size_by_header(encoded(image, "PNG")[:64]) == (width, height)


def interlaced(width: int, height: int) -> bytes:
    """A PNG whose header says that it is interlaced; of its pixels there is nothing."""
    file = bytearray(encoded(Image.new("L", (width, height)), "PNG"))
    file[28] = 1
    return bytes(file)


@pytest.mark.parametrize(
    "file",
    [
        encoded(picture((79, 90)), "PNG", save_all=True, append_images=[picture((20, 20))]),
        interlaced(79, 90),
        encoded(picture((79, 90)), "MPO", save_all=True, append_images=[picture((320, 240))]),
    ],
    ids=["APNG", "interlaced", "MPO"],
)
def test_given_a_file_of_several_pictures_when_read_then_the_first_is_what_counts(file: bytes) -> None:
    assert size_by_header(file) == (79, 90)


MAKERS = [
    encoded(picture((120, 90)), "JPEG"),
    encoded(picture((79, 90)), "JPEG", progressive=True),
    encoded(picture((90, 80)), "JPEG")[:2] + exif_with_preview() + encoded(picture((90, 80)), "JPEG")[2:],
    encoded(picture((120, 90)), "MPO", save_all=True, append_images=[picture((20, 20))]),
    encoded(picture((120, 90)), "PNG"),
    encoded(picture((120, 90)), "PNG", save_all=True, append_images=[picture((20, 20))]),
]


def opened(file: bytes) -> tuple[int, int] | None:
    """The size by Pillow; None: it does not open the file."""
    try:
        with Image.open(io.BytesIO(file), formats=("JPEG", "PNG", "MPO")) as image:
            return image.size
    except (OSError, SyntaxError, ValueError, EOFError, TypeError, IndexError, KeyError, struct.error):
        return None


def is_refused_wrongly(file: bytes) -> bool:
    """Whether what Pillow opens with both sides of 80 pixels is called too small."""
    size = opened(file)
    return why_too_small_by_header(file) is not None and size is not None and min(size) >= SHORTEST_SIDE


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of malformed metadata
@given(file=st.sampled_from(MAKERS), seed=st.integers(0, 2**32), changes=st.integers(1, 8))
@settings(max_examples=3_000, deadline=None)
def test_given_a_file_with_other_bytes_in_its_header_when_read_then_it_is_not_refused_wrongly(
    file: bytes, seed: int, changes: int
) -> None:
    dice, content = random.Random(seed), bytearray(file)
    for _ in range(changes):
        place = dice.randrange(min(len(content), 900))
        kind = dice.random()
        if kind < 0.6:
            content[place] = dice.choice(
                [0, 1, 2, 8, 79, 80, 0xC0, 0xC2, 0xDA, 0xD8, 0xE1, 0xFF, dice.randrange(256)]
            )
        elif kind < 0.8:
            del content[place : place + dice.randrange(1, 40)]
        else:
            content[place:place] = dice.choice(
                [b"\xff", b"\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0", b"\xff\xd8", b"\0"]
            )
    assert not is_refused_wrongly(bytes(content))


@given(file=st.sampled_from(MAKERS), length=st.integers(0, 2_000))
@settings(max_examples=500, deadline=None)
def test_given_a_file_that_is_cut_off_when_read_then_its_size_is_right_or_not_told(
    file: bytes, length: int
) -> None:
    assert size_by_header(file[:length]) in {size_by_header(file), None}


BEGINNINGS = st.sampled_from([b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])


@given(beginning=BEGINNINGS, rest=st.binary(max_size=400))
@settings(max_examples=2_000, deadline=None)
def test_given_any_bytes_when_read_then_there_is_no_size_or_a_positive_one(beginning: bytes, rest: bytes) -> None:
    size = size_by_header(beginning + rest)
    assert size is None or (len(size) == 2 and min(size) > 0)


FRAME = segment(0xC0, struct.pack(">BHHB", 8, 48, 64, 1) + b"\1\x11\0")
LARGE = segment(0xC0, struct.pack(">BHHB", 8, 480, 640, 1) + b"\1\x11\0")
SCAN = segment(0xDA, b"\1\1\0\0?\0")
SOI = b"\xff\xd8"


@pytest.mark.parametrize(
    "file",
    {
        "two frames": SOI + FRAME + LARGE + SCAN,
        "two frames of one size": SOI + FRAME + FRAME + SCAN,
        "no scan": SOI + FRAME,
        "the end before the scan": SOI + FRAME + b"\xff\xd9",
        "another beginning": SOI + SOI + FRAME + SCAN,
        "zeros between segments": SOI + segment(0xFE, b"") + b"\0\0" + FRAME + SCAN,
        "a segment of no length": SOI + b"\xff\xfe\0\0" + FRAME + SCAN,
        "a frame that is too short": SOI + segment(0xC0, b"\x08\0\x30\0") + SCAN,
        "the number of lines comes later": SOI + segment(0xC0, struct.pack(">BHHB", 8, 0, 64, 1)) + SCAN,
        "a lossless one": SOI + b"\xff\xc3" + FRAME[2:] + SCAN,
        "frames upon frames": SOI + b"\xff\xde" + FRAME[2:] + LARGE + SCAN,
        "a scan alone": SOI + SCAN,
        "nothing but filling": SOI + b"\xff" * 100,
        "Apple's own chunk first": b"\x89PNG\r\n\x1a\n\0\0\0\4CgBI" + bytes(40),
        "a PNG without sides": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40),
        "a PNG cut off": encoded(Image.new("L", (9, 9)), "PNG")[:23],
        "a GIF": encoded(Image.new("L", (9, 9)), "GIF"),
        "nothing": b"",
    }.items(),
    ids=lambda one: one[0],
)
def test_given_a_header_that_is_not_as_it_should_be_when_read_then_no_size_is_told(
    file: tuple[str, bytes],
) -> None:
    assert size_by_header(file[1]) is None


def test_given_the_frame_of_these_tests_when_it_is_as_it_should_be_then_its_size_is_told() -> None:
    assert size_by_header(SOI + FRAME + SCAN) == (64, 48)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((64, 48), "The photo has 64 x 48 pixels; Rekognition needs 80 on each side."),
        ((2_000, 79), "The photo has 2,000 x 79 pixels; Rekognition needs 80 on each side."),
        ((79, 80), "The photo has 79 x 80 pixels; Rekognition needs 80 on each side."),
        ((80, 80), None),
    ],
)
def test_given_a_side_below_80_when_asked_why_then_the_sentence_has_the_photos_numbers(
    kind: str, size: tuple[int, int], said: str | None
) -> None:
    assert why_too_small_by_header(encoded(Image.new("L", size), kind)) == said
