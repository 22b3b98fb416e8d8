"""Raw files of cameras: the picture inside, which every camera puts there as a JPEG, and how it is turned.

Found by the structure of the TIFF that most are (tags by ExifTool's documentation), else by looking through the
file. The sensor's own data are not developed.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from photo_labels.records.decoders import by_pillow, exif
from photo_labels.records.decoders.bare import exif_of_jpeg
from photo_labels.records.decoders.limits import UndecodableError
from photo_labels.records.decoders.tiff_structure import (
    COMPRESSION,
    PHOTOMETRIC,
    STRIP_SIZES,
    STRIPS,
    TILE_SIZES,
    TILES,
    Directory,
)
from photo_labels.records.formats import RAW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photo_labels.records.decoders.content import Content
    from photo_labels.records.decoders.picture import Picture

_SENSOR = {32803, 34892}  # photometric: CFA, LinearRaw
_JPEG_COMPRESSIONS = {6, 7}
_JPEG, _JPEG_SIZE, _PANASONIC_JPEG, _DNG_VERSION = 513, 514, 46, 50706
_SOI = b"\xff\xd8\xff"
# JPEG's frames that are pictures of 8 bits: baseline, extended, progressive. A sensor's are lossless.
_FRAMES, _OTHER_FRAMES = {0xC0, 0xC1, 0xC2}, {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_SCAN = 0xDA
# A preview with fewer pixels on its longer side may not be the largest: the notes of makers are looked through.
_LARGE = 1_000
_MAX_FOUND = 1_000
_MAX_JPEG_BYTES = 100 * 10**6


class _Preview(NamedTuple):
    size: tuple[int, int]
    place: int
    length: int


def is_raw(content: Content, pages: list[Directory]) -> bool:
    """Tell whether a file that begins like a TIFF, by its `directories`, is a camera's raw file.

    Also where no page has pixels of its own: a preview, and the rest is cut off.
    """
    is_by_tags = any(one.number(PHOTOMETRIC) in _SENSOR or _DNG_VERSION in one.values for one in pages)
    has_no_pixels = bool(pages) and not any(one.area for one in pages)
    return content[8:10] == b"CR" or is_by_tags or has_no_pixels


def decode(content: Content, pages: list[Directory], longest_side: int) -> Picture:
    """Decode the largest picture inside; `pages`: its `directories`. Raises UndecodableError."""
    found = list(_by_structure(content, pages))
    if max((max(one.size) for one in found), default=0) < _LARGE:
        found += _looked_for(content, pages)
    if not found:
        raise UndecodableError(
            "NoPreview",
            "The raw file has no picture inside that could be shown, and raw data are not developed here: export "
            "a JPEG of it.",
        )
    best = max(found, key=lambda one: (one.size[0] * one.size[1], -one.place))
    jpeg = bytes(content[best.place : best.place + best.length])
    picture = by_pillow.decode(io.BytesIO(jpeg), "JPEG", longest_side)
    turn = exif.orientation(own) if (own := exif_of_jpeg(jpeg)) else _orientation(content)
    return replace(picture, format=RAW, orientation=turn)


def _orientation(content: Content) -> int:
    """Return how the camera says that its pictures are turned, in the first directory, or Canon's box of it."""
    box = content.find(b"CMT1", 0, 2**16)
    return exif.orientation(content[box + 4 : box + 2**16] if box >= 0 else content)


def _by_structure(content: Content, pages: list[Directory]) -> Iterator[_Preview]:
    if content[:15] == b"FUJIFILMCCD-RAW":
        yield from _checked(content, int.from_bytes(content[84:88], "big"), int.from_bytes(content[88:92], "big"))
    for one in pages:
        yield from _checked(content, one.number(_JPEG), one.number(_JPEG_SIZE))
        if _PANASONIC_JPEG in one.values:
            yield from _checked(content, one.values[_PANASONIC_JPEG].place, one.values[_PANASONIC_JPEG].size)
        places, sizes = one.numbers(STRIPS), one.numbers(STRIP_SIZES)
        is_jpeg = one.number(COMPRESSION) in _JPEG_COMPRESSIONS and one.number(PHOTOMETRIC) not in _SENSOR
        if is_jpeg and len(places) == len(sizes) == 1:
            yield from _checked(content, places[0], sizes[0])


def _checked(content: Content, place: int, length: int) -> Iterator[_Preview]:
    if place and length and (size := _size_of_jpeg(content, place)):
        yield _Preview(size, place, length)


def _looked_for(content: Content, pages: list[Directory]) -> Iterator[_Preview]:
    """Look for JPEGs anywhere but in a sensor's own data, which may be made of them."""
    sensors = sorted(_places_of_sensors(pages))
    at, found = content.find(_SOI), 0
    while at >= 0 and found < _MAX_FOUND:
        found += 1
        end = next((end for start, end in sensors if start <= at < end), 0)
        if not end and (size := _size_of_jpeg(content, at)):
            yield _Preview(size, at, min(len(content) - at, _MAX_JPEG_BYTES))
        at = content.find(_SOI, end or at + 1)


def _places_of_sensors(pages: list[Directory]) -> Iterator[tuple[int, int]]:
    for one in pages:
        if one.number(PHOTOMETRIC) in _SENSOR:
            for places, sizes in ((STRIPS, STRIP_SIZES), (TILES, TILE_SIZES)):
                for place, size in zip(one.numbers(places), one.numbers(sizes), strict=False):
                    yield place, place + size


def _size_of_jpeg(content: Content, at: int) -> tuple[int, int] | None:
    """Return the size of a JPEG that begins there, and is a picture; None: it is none."""
    if content[at : at + 3] != _SOI:
        return None
    at += 2
    while (head := content[at : at + 9])[:1] == b"\xff" and len(head) == 9:
        marker, length = head[1], int.from_bytes(head[2:4], "big")
        if marker in _FRAMES:
            height, width = int.from_bytes(head[5:7], "big"), int.from_bytes(head[7:9], "big")
            return (width, height) if head[4] == 8 and width and height else None
        if marker in _OTHER_FRAMES or marker == _SCAN or length < 2:
            return None
        at += 1 if marker == 0xFF else 2 + length
    return None
