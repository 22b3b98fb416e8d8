"""Photos of every kind become JPEGs that Rekognition reads, and strangers' files harm nobody."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageCms, ImageOps

from tests.photo_files import encoded
from tests.unit.decoders.seen import CAT, is_like

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "HEIF"]
ORIENTATION = 0x0112
# What a camera writes down for each orientation of an upright photo.
TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class Decode:
    """The decoder in its process, as the function runs it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "photo"

    def __call__(self, data: bytes) -> tuple[dict[str, Any], Image.Image]:
        facts, jpeg = self.answer(data)
        assert "reason" not in facts, facts
        image = Image.open(io.BytesIO(jpeg))
        assert (image.format, image.mode) == ("JPEG", "RGB")
        return facts, image

    def refusal(self, data: bytes) -> dict[str, Any]:
        facts, jpeg = self.answer(data)
        assert jpeg == b""
        assert facts.keys() == {"reason", "detail"}, facts
        return facts

    def answer(self, data: bytes, before: str = "") -> tuple[dict[str, Any], bytes]:
        self._file.write_bytes(data)
        program = f"from photo_labels.records import decoder\n{before}\ndecoder.main()"
        with self._file.open("rb") as photo:
            done = subprocess.run(
                [sys.executable, "-c", program], stdin=photo, capture_output=True, timeout=60, check=False
            )
        assert done.returncode == 0, done.stderr
        line, _, jpeg = done.stdout.partition(b"\n")
        return json.loads(line), jpeg


@pytest.fixture
def decode(tmp_path: Path) -> Decode:
    return Decode(tmp_path)


# Formats and modes


@pytest.mark.parametrize("kind", FORMATS)
def test_given_a_photo_in_any_format_when_decoded_then_it_is_the_same_picture(decode: Decode, kind: str) -> None:
    facts, image = decode(encoded(CAT, kind))
    stored = {"format": kind, "width": CAT.width, "height": CAT.height}
    assert facts == stored | {"orientation": 1, "is_truncated": False}
    assert is_like(image, CAT)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("1", "TIFF"),
        ("LAB", "TIFF"),
        ("YCbCr", "JPEG"),
    ],
)
def test_given_a_photo_in_any_mode_when_decoded_then_it_is_rgb(decode: Decode, mode: str, kind: str) -> None:
    image = CAT.quantize(256) if mode == "P" else CAT.convert(mode if mode != "LAB" else "RGB")
    if mode == "LAB":
        image = ImageCms.applyTransform(  # type: ignore[assignment]
            CAT,
            ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
        )
    _, shown = decode(encoded(image, kind))
    assert is_like(shown, CAT if mode == "LAB" else image.convert("RGB"))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_given_16_bits_when_decoded_then_it_is_not_white(decode: Decode, kind: str) -> None:
    grey = CAT.convert("L")
    deep = Image.frombytes("I;16", grey.size, b"".join(struct.pack("<H", value * 257) for value in grey.tobytes()))
    _, shown = decode(encoded(deep, kind))
    assert is_like(shown, grey)


def test_given_floats_when_decoded_then_they_are_scaled(decode: Decode) -> None:
    grey = CAT.convert("L")
    _, shown = decode(encoded(grey.convert("F").point(lambda value: value * 0.001 - 0.1), "TIFF"))
    assert is_like(shown, ImageOps.autocontrast(grey))


def test_given_what_is_transparent_when_decoded_then_it_is_white(decode: Decode) -> None:
    clear = CAT.convert("RGBA")
    left = (0, 0, CAT.width // 2, CAT.height)
    clear.paste((0, 0, 0, 0), left)
    for kind in ("PNG", "WEBP", "TIFF"):
        _, shown = decode(encoded(clear, kind))
        assert is_like(shown.crop(left), Image.new("RGB", CAT.size, "white").crop(left))


def test_given_several_frames_when_decoded_then_the_first_counts(decode: Decode) -> None:
    others = [Image.new("RGB", CAT.size, colour) for colour in ("red", "green")]
    for kind in ("GIF", "TIFF", "WEBP"):
        _, shown = decode(encoded(CAT, kind, save_all=True, append_images=others))
        assert is_like(shown, CAT)


# Upright, and of a size that Rekognition takes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP", "HEIF", "AVIF"])
def test_given_an_orientation_when_decoded_then_the_photo_is_upright(
    decode: Decode, kind: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = CAT.transpose(TURNED[orientation]) if orientation in TURNED else CAT.copy()
    stored.info["exif"] = exif.tobytes()  # where the encoder of HEIF looks for how to turn it
    facts, shown = decode(encoded(stored, kind, **({} if kind == "HEIF" else {"exif": exif})))
    assert is_like(shown, CAT)
    # libheif has turned it already, by what the file says itself.
    assert facts["orientation"] == (1 if kind == "HEIF" else orientation)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_given_a_png_with_an_orientation_when_decoded_then_it_is_as_stored(
    decode: Decode, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    facts, shown = decode(encoded(CAT, "PNG", exif=exif))
    assert is_like(shown, CAT)  # as Rekognition takes it
    assert facts["orientation"] == 1


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_given_an_orientation_that_there_is_not_when_decoded_then_it_is_as_it_is(
    decode: Decode, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    facts, shown = decode(encoded(CAT, "JPEG", exif=exif))
    assert is_like(shown, CAT)
    assert facts["orientation"] == 1


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((10_008, 2_016), (2048, 413)),
        ((80, 80), (80, 80)),
        ((12_000, 300), (3200, 80)),
        ((300, 12_000), (80, 3200)),
        ((2048, 2049), (2047, 2048)),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_given_a_size_when_decoded_then_it_is_one_that_shows_enough(
    decode: Decode, size: tuple[int, int], shown: tuple[int, int], kind: str
) -> None:
    facts, image = decode(encoded(CAT.resize(size), kind))
    assert (facts["width"], facts["height"]) == size
    assert image.size == shown


def test_given_a_large_heif_when_decoded_piece_by_piece_then_no_seam_is_seen(decode: Decode) -> None:
    large = CAT.resize((CAT.width * 10, CAT.height * 10), Image.Resampling.BICUBIC)
    _, shown = decode(encoded(large, "HEIF", quality=90, enc_params={"preset": "ultrafast"}))
    assert shown.width == 2048
    assert is_like(shown, CAT.resize(shown.size, Image.Resampling.BICUBIC))


# What is no photo, and what shall not be decoded


def bomb(width: int, height: int) -> bytes:
    """A PNG that is all black, in a thousandth of its size."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = b"\0" * (1 + 3 * width)
    pixels = b"".join(packer.compress(row) for _ in range(min(height, 1000))) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_given_a_decompression_bomb_when_decoded_then_it_is_refused_before(decode: Decode) -> None:
    facts, _ = decode.answer(
        bomb(16_000, 16_000), "from PIL import PngImagePlugin as png; png.PngImageFile.load = 0"
    )
    assert facts["reason"] == "PhotoTooLarge"
    assert "16,000 x 16,000 pixels; at most 250,000,000" in facts["detail"]


def test_given_too_little_memory_when_decoded_then_it_says_so(decode: Decode) -> None:
    facts, jpeg = decode.answer(bomb(9_000, 9_000), f"decoder.MEMORY_BYTES = {200 * 2**20}")
    assert (facts["reason"], jpeg) == ("PhotoTooLarge", b"")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "UnknownFormat"),
        (b"hello", "UnknownFormat"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "UnknownFormat"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "UnknownFormat"),
        (b"\xff\xd8\xff", "BrokenPhoto"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "BrokenPhoto"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "UnknownFormat"),
    ],
)
def test_given_what_is_no_photo_when_decoded_then_it_is_refused(decode: Decode, data: bytes, reason: str) -> None:
    refusal = decode.refusal(data)
    assert refusal["reason"] == reason
    assert refusal["detail"].endswith(".")


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "HEIF"])
def test_given_half_a_photo_of_which_nothing_can_be_read_when_decoded_then_it_is_broken(
    decode: Decode, kind: str
) -> None:
    data = encoded(CAT, kind)
    assert decode.refusal(data[: len(data) // 2])["reason"] == "BrokenPhoto"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "BMP"])
def test_given_half_a_photo_when_decoded_then_what_is_there_counts(decode: Decode, kind: str) -> None:
    data = encoded(CAT, kind, **({"interlace": False} if kind == "GIF" else {}))
    _, whole = decode(data)
    facts, shown = decode(data[: len(data) // 2])
    assert facts["is_truncated"]
    there = (
        (0, CAT.height * 3 // 4, CAT.width, CAT.height) if kind == "BMP" else (0, 0, CAT.width, CAT.height // 4)
    )
    assert is_like(shown.crop(there), whole.crop(there))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("seed", range(4))
def test_given_a_spoilt_file_when_decoded_then_there_is_an_answer(decode: Decode, kind: str, seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(encoded(CAT.resize((200, 133)), kind))
    for _ in range(dice.choice([1, 10, 100])):
        data[dice.randrange(len(data))] = dice.randrange(256)
    facts, jpeg = decode.answer(bytes(data))
    assert ("reason" in facts) == (jpeg == b"")
