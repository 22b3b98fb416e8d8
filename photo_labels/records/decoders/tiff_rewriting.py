"""One page of a TIFF as a file of its own: with what its pixels need, and with other values where that helps."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from photo_labels.records.decoders.tiff_structure import LONG, SHORT, Directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from photo_labels.records.decoders.content import Content

# What pixels need: sizes and samples, compression and colours, places, and JPEG's tables.
_NEEDED = (
    *range(256, 260),
    *(262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 332, 338, 339, 347),
    *(512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532),
)
_JPEG_TABLES = 347
_LONGEST = 2**32


def rewritten(content: Content, page: Directory, changes: Mapping[int, Sequence[int]] | None = None) -> bytes:
    """Return a classic TIFF of one page, whose data stay where they are; `changes`: other numbers of some tags."""
    order = page.order
    file = bytearray(content)
    entries = []
    for tag in _NEEDED:
        numbers = (changes or {}).get(tag, page.numbers(tag))
        if tag == _JPEG_TABLES and tag in page.values:
            value = page.values[tag]
            entries.append(struct.pack(order + "HHII", tag, 7, value.size, value.place))
        elif numbers:
            entries.append(_entry(file, order, tag, numbers))
    struct.pack_into(order + "2sHI", file, 0, content[:2], 42, len(file))
    return bytes(file + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4))


def _entry(file: bytearray, order: str, tag: int, numbers: Sequence[int]) -> bytes:
    """Return a directory's entry; values that do not fit into it go to the end of the file."""
    kind, code = (SHORT, "H") if max(numbers) < 2**16 else (LONG, "I")
    packed = struct.pack(f"{order}{len(numbers)}{code}", *(number % _LONGEST for number in numbers))
    if len(packed) > 4:
        at = len(file)
        file += packed + bytes(len(packed) % 2)
        packed = struct.pack(order + "I", at)
    return struct.pack(order + "HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
