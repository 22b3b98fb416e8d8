"""Samples of a TIFF that Pillow knows no mode for: LAB of 16 bits, floats and 16 bits of several bands.

libtiff unpacks them all the same. It is told that they are something else, and what they are is done here.
"""

from __future__ import annotations

import array
import io
import sys
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageCms

from photo_labels.records.decoders import by_pillow
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
    TILE_WIDTH,
    WIDTH,
    Directory,
)

if TYPE_CHECKING:
    from photo_labels.records.decoders.content import Content

_INVERTED_GREY, _GREY, _RGB, _LAB = 0, 1, 2, 8
_FLOAT = 3
# Python's type codes, by bits and format.
_CODES = {(16, 1): "H", (32, 1): "I", (32, _FLOAT): "f", (64, _FLOAT): "d"}


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
    """Read the upper 8 bits of LAB as if they were of RGB; in a TIFF a and b have a sign, in Pillow an offset."""
    told = {PHOTOMETRIC: [_RGB], ORIENTATION: [1]}
    unpacked = _unpacked(content, page, told).convert("RGB")
    lightness, a, b = unpacked.split()
    lab = Image.merge("LAB", (lightness, *(band.point([value ^ 128 for value in range(256)]) for band in (a, b))))
    to_rgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    image = ImageCms.applyTransform(lab, to_rgb)
    assert image
    return image


def _are_plain_numbers(page: Directory) -> bool:
    """Tell whether samples are numbers side by side, and not their differences."""
    bits, bands = page.numbers(BITS), page.number(SAMPLES, 1)
    return (
        len(set(bits)) == 1
        and (bits[0], page.number(SAMPLE_FORMAT, 1)) in _CODES
        and page.number(PHOTOMETRIC) in {_INVERTED_GREY, _GREY, _RGB}
        and page.number(PREDICTOR, 1) == 1
        and (bands == 1 or page.number(PLANAR, 1) == 1)
    )


def _from_numbers(content: Content, page: Directory) -> Image.Image:
    bits, bands = page.number(BITS), page.number(SAMPLES, 1)
    wide = bands * bits // 8
    told = {
        WIDTH: [page.number(WIDTH) * wide],
        TILE_WIDTH: [one * wide for one in page.numbers(TILE_WIDTH)],
        BITS: [8],
        SAMPLES: [1],
        SAMPLE_FORMAT: [1],
        EXTRA_SAMPLES: [],
        PHOTOMETRIC: [_GREY],
        ORIENTATION: [1],
    }
    numbers: Any = array.array(
        _CODES[bits, page.number(SAMPLE_FORMAT, 1)], _unpacked(content, page, told).tobytes()
    )
    if (page.order == ">") != (sys.byteorder == "big"):
        numbers.byteswap()
    shown = 3 if page.number(PHOTOMETRIC) == _RGB and bands >= 3 else 1
    image = _scaled(page.size, [numbers[band::bands] for band in range(shown)])
    return image.point(lambda value: 255 - value) if page.number(PHOTOMETRIC) == _INVERTED_GREY else image


def _scaled(size: tuple[int, int], bands: list[Any]) -> Image.Image:
    """Return what numbers show: integers by what they may be, floats from 0 to 1, or by what they are."""
    if bands[0].typecode in "HI":
        least, most = 0.0, 2.0 ** (8 * bands[0].itemsize) - 1
    else:
        finite = [value for band in bands for value in (min(band), max(band)) if abs(value) < float("inf")]
        least, most = min(finite, default=0.0), max(finite, default=1.0)
        least, most = (0.0, 1.0) if least >= 0 and 0.25 < most <= 1 else (least, most)
    scale = 255 / (most - least or 1)
    images = []
    for band in bands:
        floats = Image.frombytes("F", size, array.array("f", band).tobytes())
        images.append(floats.point(lambda value: value * scale - least * scale).convert("L"))
    return images[0] if len(images) == 1 else Image.merge("RGB", images)


def _unpacked(content: Content, page: Directory, told: dict[int, list[int]]) -> Image.Image:
    return by_pillow.decode_strictly(io.BytesIO(rewritten(content, page, told)), "TIFF", page.number(WIDTH)).image
