"""Make any photo a JPEG that Rekognition reads: upright, RGB, small. Runs in a process of its own.

    python -m photo_labels.records.decoder < PHOTO > ANSWER

The answer is a line of JSON, and after it the JPEG. Where there is none, the line has `reason` and `detail`.
Photo decoders crash on malformed files, and strangers make such files: so this process has no credentials and
limits of its own, and `handler.conversion` waits for it. Only it imports Pillow.
"""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import sys
import warnings
from typing import TYPE_CHECKING, Any, BinaryIO

import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError

from photo_labels.records.formats import PHOTO_FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

_PILLOW_FORMATS = tuple(one.name for one in PHOTO_FORMATS if one.name != "HEIF")
# The largest sensors of phones have 200 million.
MAX_PIXELS = 250_000_000
_CPU_S = 30
MEMORY_BYTES = 1_500 * 2**20
MAX_SIDE, _SHORTEST_SIDE = 2048, 80
# What makes a photo upright, by its orientation (EXIF 2.32, tag 274).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIGNATURE_BYTES = 64


class UndecodableError(Exception):
    """No photo comes out of this file: `reason` for machines, `detail` for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def main() -> None:
    """Decode the seekable file on stdin; answer on stdout, to which nothing else may write."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    jpeg = b""
    try:
        facts, jpeg = decoded(sys.stdin.buffer)
    except UndecodableError as error:
        facts = {"reason": error.reason, "detail": error.detail}
    except MemoryError:
        facts = {"reason": "PhotoTooLarge", "detail": "There is not enough memory to decode the photo."}
    with answers:
        answers.write(json.dumps(facts).encode() + b"\n" + jpeg)


def decoded(file: BinaryIO, longest_side: int = MAX_SIDE) -> tuple[dict[str, Any], bytes]:
    """Return what the photo was (format, width, height, EXIF orientation), and a JPEG of at most that size.

    Raises UndecodableError.
    """
    warnings.simplefilter("ignore")  # about broken metadata, which the pixels do not depend on
    Image.MAX_IMAGE_PIXELS = None  # checked here, before anything is decoded
    try:
        beginning = file.read(_SIGNATURE_BYTES)
        file.seek(0)
        # AVIF is HEIF, too, but with another codec, which Pillow has and pillow-heif has not.
        is_heif = pillow_heif.is_supported(beginning) and b"avif" not in beginning
        facts, image = (_from_heif if is_heif else _from_pillow)(file, longest_side)
        turn = _TURNS.get(_orientation(image))
        small = _scaled(_rgb(image, longest_side), longest_side)
    except UnidentifiedImageError as error:
        raise UndecodableError("UnknownFormat", "The file is no photo in a format that is known here.") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        RuntimeError,
        struct.error,
    ) as error:
        # What Pillow and libheif raise for broken files.
        raise UndecodableError("BrokenPhoto", f"The file is broken: {error!s:.200}.") from error
    jpeg = io.BytesIO()
    (small if turn is None else small.transpose(turn)).save(jpeg, "JPEG", quality=90)
    return facts, jpeg.getvalue()


def _from_pillow(file: BinaryIO, longest_side: int) -> tuple[dict[str, Any], Image.Image]:
    image = Image.open(file, formats=_PILLOW_FORMATS)
    _check(image.size)
    facts = _facts(image.format or "", image.size, _orientation(image))
    # A JPEG is decoded at a half, a quarter or an eighth where that is enough: in a fraction of time and memory.
    image.draft("RGB", _target(image.size, longest_side))
    image.load()
    return facts, image


def _from_heif(file: BinaryIO, longest_side: int) -> tuple[dict[str, Any], Image.Image]:
    """Decode the primary image, which libheif has turned upright; scaled piece by piece.

    As a whole, Pillow would hold it a second time, with four bytes for each pixel.
    """
    heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)
    _check(heif.size)
    (width, height), (wide, high) = heif.size, _target(heif.size, longest_side)
    factor = max(1, min(width // wide, height // high))
    whole = Image.new(heif.mode, (-(-width // factor), -(-height // factor)))
    for top, strip in _strips(heif, rows=64 * factor):
        whole.paste(strip.reduce(factor), (0, top // factor))
    return _facts("HEIF", heif.size, 1), whole


def _strips(heif: Any, rows: int) -> Iterator[tuple[int, Image.Image]]:
    width, height = heif.size
    data: Any = memoryview(heif.data)
    for top in range(0, height, rows):
        size = (width, min(rows, height - top))
        part = data[top * heif.stride : (top + size[1]) * heif.stride]
        yield top, Image.frombuffer(heif.mode, size, part, "raw", heif.mode, heif.stride, 1)


def _check(size: tuple[int, int]) -> None:
    """Refuse what is too large before it is decoded: a file of 100 KB may hold gigabytes."""
    width, height = size
    if width * height > MAX_PIXELS:
        raise UndecodableError(
            "PhotoTooLarge",
            f"The photo has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are decoded. Scale it down.",
        )


def _facts(kind: str, size: tuple[int, int], orientation: int) -> dict[str, Any]:
    return {"format": kind, "width": size[0], "height": size[1], "orientation": orientation}


def _orientation(image: Image.Image) -> int:
    """Read EXIF's orientation, 1 where it has none. To be read of a PNG, all of it is decoded.

    Pillow turns a TIFF while it decodes it, and removes the tag then.
    """
    found = image.getexif().get(ExifTags.Base.Orientation)
    return found if found in _TURNS else 1


def _target(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Return the size at which things can be recognised, and no side is too short for Rekognition."""
    longer, shorter = max(size), min(size)
    scale = min(1.0, max(longest_side / longer, _SHORTEST_SIDE / shorter))
    width, height = size
    return max(1, round(width * scale)), max(1, round(height * scale))


def _scaled(image: Image.Image, longest_side: int) -> Image.Image:
    size = _target(image.size, longest_side)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _rgb(image: Image.Image, longest_side: int) -> Image.Image:
    """Return a photo of any mode as RGB; transparent parts become white."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        image = _eight_bit(image)
    if "A" in image.mode or "a" in image.mode or "transparency" in image.info:
        image = _scaled(image.convert("RGBA"), longest_side)
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits, or of floats by their range: Pillow would cut it off at 255, and leave it white."""
    if image.mode != "F":
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    extremes: Any = image.getextrema()
    least, most = extremes
    scale = 255.0 / (most - least or 1)
    return image.point(lambda value: value * scale - least * scale).convert("L")


if __name__ == "__main__":
    main()
