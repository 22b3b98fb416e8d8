"""Samples of a TIFF that Pillow knows no mode for: LAB of 16 bits, floats and 16 bits of several bands.

libtiff unpacks them all the same. It is told that they are something else, and what they are is done here.
"""

from __future__ import annotations

import array
import io
import math
import struct
import sys
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from photo_labels.records.decoders import by_pillow
from photo_labels.records.decoders.colours import from_lab
from photo_labels.records.decoders.limits import check_size
from photo_labels.records.decoders.picture import Picture
from photo_labels.records.decoders.tiff_rewriting import rewritten
from photo_labels.records.decoders.tiff_structure import (
    BITS,
    EXTRA_SAMPLES,
    ORIENTATION,
    PHOTOMETRIC,
    PLANAR,
    PREDICTOR,
    SAMPLE_FORMAT,
    SAMPLES,
    STRIP_SIZES,
    STRIPS,
    TILE_SIZES,
    TILE_WIDTH,
    TILES,
    WIDTH,
    Directory,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photo_labels.records.decoders.content import Content

_INVERTED_GREY, _GREY, _RGB, _CMYK, _LAB = 0, 1, 2, 5, 8
# How many bands are colours; others are masks.
_COLOURS = {_INVERTED_GREY: 1, _GREY: 1, _RGB: 3, _CMYK: 4}
_SIGNED, _FLOAT = 2, 3
# Python's type codes, by bits and format, and the most that integers may be.
_CODES = {
    (8, 1): "B",
    (16, 1): "H",
    (16, _SIGNED): "h",
    (16, _FLOAT): "e",
    (32, 1): "I",
    (32, _SIGNED): "i",
    (32, _FLOAT): "f",
    (64, _FLOAT): "d",
}
_MOST = {"B": 255.0, "H": 65_535.0, "I": 2.0**32 - 1}
_APART = 2  # PlanarConfiguration: one band after another
# Predictors: what is stored are differences. To add them up takes a second for four millions.
_OF_NUMBERS, _OF_FLOATS = 2, 3
_MOST_DIFFERENCES = 50_000_000


def are_unusual(page: Directory) -> bool:
    """Tell whether the samples of a page are of a kind that is read here."""
    return _is_deep_lab(page) or _are_plain_numbers(page)


def decode(content: Content, page: Directory) -> Picture:
    """Decode a page whose samples `are_unusual`.

    Raises UndecodableError, and what `errors.DECODER_ERRORS` names.
    """
    check_size(page.size)
    image = _from_lab(content, page) if _is_deep_lab(page) else _from_numbers(content, page)
    return Picture(image, "TIFF", page.size, page.number(ORIENTATION, 1))


def _is_deep_lab(page: Directory) -> bool:
    return page.number(PHOTOMETRIC) == _LAB and page.numbers(BITS)[:3] == (16, 16, 16)


def _from_lab(content: Content, page: Directory) -> Image.Image:
    """Read the upper 8 bits of LAB as if they were of RGB; a and b have a sign in a TIFF."""
    told = {PHOTOMETRIC: [_RGB], ORIENTATION: [1]}
    lightness, a, b = _unpacked(content, page, told).convert("RGB").split()
    offset = [value ^ 128 for value in range(256)]
    return from_lab([lightness, a.point(offset), b.point(offset)])


def _are_plain_numbers(page: Directory) -> bool:
    """Tell whether samples are numbers, or their differences."""
    bits, bands = page.numbers(BITS), page.number(SAMPLES, 1)
    colours = _COLOURS.get(page.number(PHOTOMETRIC, -1), 0)
    are_few = TILE_WIDTH not in page.values and page.area * bands <= _MOST_DIFFERENCES
    return (
        len(set(bits)) == 1
        and (bits[0], page.number(SAMPLE_FORMAT, 1)) in _CODES
        and 0 < colours <= bands
        and (page.number(PREDICTOR, 1) == 1 or are_few)
    )


def _from_numbers(content: Content, page: Directory) -> Image.Image:
    bands, photometric = page.number(SAMPLES, 1), page.number(PHOTOMETRIC)
    colours = _COLOURS[photometric]
    if page.number(PLANAR, 1) == _APART and bands > 1:
        shown = [_numbers(content, _plane(page, band)) for band in range(colours)]
    else:
        numbers = _numbers(content, page)
        shown = [numbers[band::bands] for band in range(colours)]
    image = _scaled(page.size, shown)
    return ImageChops.invert(image) if photometric == _INVERTED_GREY else image


def _plane(page: Directory, band: int) -> Directory:
    """Return one band of a page that has them one after another, as a page of its own."""
    bands = page.number(SAMPLES, 1)
    own: dict[int, Value] = {
        tag: replace(page.values[tag], numbers=page.numbers(tag)[:1])
        for tag in (BITS, SAMPLE_FORMAT)
        if tag in page.values
    }
    for tag in (STRIPS, STRIP_SIZES, TILES, TILE_SIZES):
        if tag in page.values:
            each = len(page.numbers(tag)) // bands
            own[tag] = replace(page.values[tag], numbers=page.numbers(tag)[band * each : (band + 1) * each])
    for tag in (SAMPLES, PLANAR):
        own[tag] = Value((1,), 0, 0)
    return replace(page, values=page.values | own)


def _numbers(content: Content, page: Directory) -> Any:
    """Return all samples, in an array or a tuple."""
    bits, kind = page.number(BITS), page.number(SAMPLE_FORMAT, 1)
    wide = page.number(SAMPLES, 1) * bits // 8
    told = {
        WIDTH: [page.number(WIDTH) * wide],
        TILE_WIDTH: [one * wide for one in page.numbers(TILE_WIDTH)],
        BITS: [8],
        SAMPLES: [1],
        SAMPLE_FORMAT: [1],
        EXTRA_SAMPLES: [],
        PHOTOMETRIC: [_GREY],
        PREDICTOR: [1],
        ORIENTATION: [1],
    }
    unpacked = _unpacked(content, page, told).tobytes()
    order = page.order
    if page.number(PREDICTOR, 1) == _OF_FLOATS:
        unpacked, order = b"".join(_without_float_differences(unpacked, page)), ">"
    code = _CODES[bits, kind]
    if code == "e":
        return struct.unpack(f"{order}{len(unpacked) // 2}e", unpacked)
    numbers = array.array(code, unpacked)
    if (order == ">") != (sys.byteorder == "big"):
        numbers.byteswap()
    if page.number(PREDICTOR, 1) == _OF_NUMBERS:
        _undo_differences(numbers, page)
    return numbers


def _undo_differences(numbers: Any, page: Directory) -> None:
    """Add up what a row stores as the difference to the sample before (TIFF 6.0, section 14)."""
    bands = page.number(SAMPLES, 1)
    row, most = page.number(WIDTH) * bands, 2 ** page.number(BITS)
    for start in range(0, len(numbers), row):
        for band in range(bands):
            place = slice(start + band, start + row, bands)
            summed = accumulate(numbers[place], lambda one, other: (one + other) % most)
            numbers[place] = array.array(numbers.typecode, summed)


def _without_float_differences(unpacked: bytes, page: Directory) -> Iterator[bytes]:
    """Undo the differences of a row's bytes, where the first of each float come first (TIFF technical note 3)."""
    bands, size = page.number(SAMPLES, 1), page.number(BITS) // 8
    count = page.number(WIDTH) * bands
    for start in range(0, len(unpacked), count * size):
        row = bytearray(unpacked[start : start + count * size])
        for band in range(bands):
            summed: Iterator[int] = accumulate(row[band::bands], lambda one, other: (one + other) % 256)
            row[band::bands] = bytes(summed)
        floats = bytearray(len(row))
        for byte in range(size):
            floats[byte::size] = row[byte * count : (byte + 1) * count]
        yield bytes(floats)


def _scaled(size: tuple[int, int], bands: list[Any]) -> Image.Image:
    """Return what numbers show: integers by what they may be, floats from 0 to 1, or by what they are."""
    code = getattr(bands[0], "typecode", "e")
    if code in _MOST:
        least, most = 0.0, _MOST[code]
    else:
        ends = [value for band in bands for value in (min(band), max(band)) if math.isfinite(value)]
        least, most = min(ends, default=0.0), max(ends, default=1.0)
        least, most = (0.0, 1.0) if least >= 0 and 0.25 < most <= 1 else (least, most)
    scale = 255 / (most - least or 1)
    images = [
        Image.frombytes("F", size, array.array("f", band).tobytes())
        .point(lambda value: value * scale - least * scale)
        .convert("L")
        for band in bands
    ]
    return images[0] if len(images) == 1 else Image.merge("RGB" if len(images) == 3 else "CMYK", images)


def _unpacked(content: Content, page: Directory, told: dict[int, list[int]]) -> Image.Image:
    return by_pillow.decode_strictly(io.BytesIO(rewritten(content, page, told)), "TIFF", page.number(WIDTH)).image
