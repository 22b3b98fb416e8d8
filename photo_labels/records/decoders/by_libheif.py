"""HEIF photos, decoded by libheif: the primary image, turned upright as the file says, scaled piece by piece.

As a whole, Pillow would hold it a second time, with four bytes for each pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

import pillow_heif
from PIL import Image

from photo_labels.records.decoders import hdr
from photo_labels.records.decoders.limits import check_size
from photo_labels.records.decoders.picture import Picture
from photo_labels.records.decoders.scaling import scaled_size

if TYPE_CHECKING:
    from collections.abc import Iterator


def decode(file: BinaryIO, longest_side: int) -> Picture:
    """Decode a HEIF photo. Raises UndecodableError, and what `errors.DECODER_ERRORS` names."""
    transfer = hdr.transfer(file)
    file.seek(0)
    heif = pillow_heif.open_heif(file, convert_hdr_to_8bit=True)
    check_size(heif.size)
    (width, height), (wide, high) = heif.size, scaled_size(heif.size, longest_side)
    factor = max(1, min(width // wide, height // high))
    whole = Image.new(heif.mode, (-(-width // factor), -(-height // factor)))
    for top, strip in _strips(heif, rows=64 * factor):
        whole.paste(strip.reduce(factor), (0, top // factor))
    return Picture(whole, "HEIF", heif.size, transfer=transfer)


def _strips(heif: Any, rows: int) -> Iterator[tuple[int, Image.Image]]:
    width, height = heif.size
    data: Any = memoryview(heif.data)
    for top in range(0, height, rows):
        size = (width, min(rows, height - top))
        part = data[top * heif.stride : (top + size[1]) * heif.stride]
        yield top, Image.frombuffer(heif.mode, size, part, "raw", heif.mode, heif.stride, 1)
