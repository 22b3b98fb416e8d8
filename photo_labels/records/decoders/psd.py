"""Photoshop's files (PSD, and PSB for large ones): the flattened picture that stands behind the layers.

Adobe's "Photoshop File Formats Specification". Pillow reads 8 bits only.
"""

from __future__ import annotations

import array
import struct
import sys
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from PIL import Image, ImageChops

from photo_labels.records.decoders.colours import from_lab
from photo_labels.records.decoders.content import content_of
from photo_labels.records.decoders.errors import DECODER_ERRORS, refusal
from photo_labels.records.decoders.limits import check_size
from photo_labels.records.decoders.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photo_labels.records.decoders.content import Content

_HEAD = struct.Struct(">4sH6xHIIHH")
_BITMAP, _GREY, _INDEXED, _RGB, _CMYK, _MULTICHANNEL, _DUOTONE, _LAB = 0, 1, 2, 3, 4, 7, 8, 9
# The colours of each mode; further channels are masks, or inks.
_COLOURS = {_BITMAP: 1, _GREY: 1, _INDEXED: 1, _RGB: 3, _CMYK: 4, _MULTICHANNEL: 3, _DUOTONE: 1, _LAB: 3}
_PSB = 2
_RAW, _PACK_BITS = 0, 1


class _Head(NamedTuple):
    signature: bytes
    version: int
    channels: int
    height: int
    width: int
    bits: int
    mode: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


class _Sections(NamedTuple):
    # Only indexed colours have one.
    palette: bytes
    has_alpha: bool
    # Where they begin.
    pixels: int


def decode(file: BinaryIO) -> Picture:
    """Decode the flattened picture. Raises UndecodableError."""
    content = content_of(file)
    try:
        head = _Head(*_HEAD.unpack(content[: _HEAD.size]))
        check_size(head.size)
        sections, colours = _sections(content, head), _COLOURS[head.mode]
        wanted = colours + sections.has_alpha
        bands = [_of_8_bits(band, head) for band in islice(_bands(content, sections.pixels, head), wanted)]
        image = _image(bands[:colours], head.mode, sections.palette)
        if len(bands) > colours:
            image.putalpha(bands[colours])
        return Picture(image, "PSD", head.size)
    except DECODER_ERRORS as error:
        raise refusal(error, "PSD") from error


def _sections(content: Content, head: _Head) -> _Sections:
    [length] = struct.unpack(">I", content[_HEAD.size : _HEAD.size + 4])
    palette = bytes(content[_HEAD.size + 4 : _HEAD.size + 4 + length])
    at = _HEAD.size + 4 + length
    [length] = struct.unpack(">I", content[at : at + 4])  # resources
    at += 4 + length
    room = 8 if head.version == _PSB else 4
    # Where the number of layers is negative, the channel after the colours is alpha.
    has_alpha = head.mode in {_GREY, _RGB} and content[at + 2 * room : at + 2 * room + 1] >= b"\x80"
    return _Sections(palette, has_alpha, at + room + int.from_bytes(content[at : at + room], "big"))


def _bands(content: Content, at: int, head: _Head) -> Iterator[bytes]:
    """Return the bytes of each channel, unpacked."""
    [compression] = struct.unpack(">H", content[at : at + 2])
    at += 2
    row = -(-head.width * head.bits // 8)
    if compression == _RAW:
        for channel in range(head.channels):
            yield bytes(content[at + channel * row * head.height : at + (channel + 1) * row * head.height])
    elif compression == _PACK_BITS:
        count, room = head.channels * head.height, 4 if head.version == _PSB else 2
        lengths = struct.unpack(f">{count}{'I' if room == 4 else 'H'}", content[at : at + count * room])
        at += count * room
        for channel in range(head.channels):
            length = sum(lengths[channel * head.height : (channel + 1) * head.height])
            packed = bytes(content[at : at + length])
            yield Image.frombytes("L", (row, head.height), packed, "packbits", "L").tobytes()
            at += length
    else:
        raise ValueError(f"a compression of {compression} is not supported")


def _of_8_bits(band: bytes, head: _Head) -> Image.Image:
    if head.bits == 1:
        return ImageChops.invert(Image.frombytes("1", head.size, band).convert("L"))
    if head.bits == 32:
        return _of_light(band, head.size)
    return Image.frombytes("L", head.size, band[::2] if head.bits == 16 else band)


def _of_light(band: bytes, size: tuple[int, int]) -> Image.Image:
    """Return what floats show, which are linear in light, as values for a screen."""
    floats = array.array("f", band)
    if sys.byteorder == "little":
        floats.byteswap()
    linear = Image.frombytes("F", size, floats.tobytes()).point(lambda value: value * 255 + 0.0).convert("L")
    return linear.point([round(255 * (value / 255) ** (1 / 2.2)) for value in range(256)])


def _image(bands: list[Image.Image], mode: int, palette: bytes) -> Image.Image:
    if mode == _INDEXED:
        image = bands[0].convert("P")
        by_colour = zip(palette[:256], palette[256:512], palette[512:], strict=True)
        image.putpalette(bytes(value for colour in by_colour for value in colour))
        return image
    if mode == _LAB:
        return from_lab(bands)
    if mode == _CMYK:
        return Image.merge("CMYK", [ImageChops.invert(band) for band in bands])
    return Image.merge("RGB", bands) if len(bands) == 3 else bands[0]
