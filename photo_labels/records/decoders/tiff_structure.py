"""The directories of a TIFF, which EXIF and most raw files are, too: read, never trusted.

TIFF 6.0, section 2; BigTIFF differs in the width of its numbers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photo_labels.records.decoders.content import Content

# Tags, and types of values.
SUBFILE_TYPE, OLD_SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
STRIPS, ORIENTATION, SAMPLES, STRIP_SIZES, PLANAR, PREDICTOR, COLOUR_MAP = 273, 274, 277, 279, 284, 317, 320
TILE_WIDTH, TILES, TILE_SIZES, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 324, 325, 338, 339
SHORT, LONG = 3, 4
_SUB_DIRECTORIES = (330, 34665)  # SubIFDs, and EXIF's
# By the byte order; cameras have numbers of their own in the place of 42: Olympus (RO, RS), Panasonic (U).
_ORDERS = {b"II": "<", b"MM": ">"}
_MAGICS = {42, 0x4F52, 0x5352, 0x55}
_BIG_MAGIC = 43
# Bytes of a value, and how it is unpacked, by its type.
_TYPES = {1: (1, "B"), 2: (1, "B"), 3: (2, "H"), 4: (4, "I"), 6: (1, "B"), 7: (1, "B"), 13: (4, "I"), 16: (8, "Q")}
_MAX_DIRECTORIES, _MAX_ENTRIES, _MAX_VALUES = 1_000, 4_096, 100_000


@dataclass(frozen=True, slots=True)
class Value:
    """One entry's value: whole numbers, and where its bytes are."""

    numbers: tuple[int, ...]
    place: int
    size: int


@dataclass(slots=True)
class Directory:
    """An image file directory, as far as it can be read."""

    # Its byte order, as `struct` has it.
    order: str
    values: dict[int, Value] = field(default_factory=dict)
    # Not one of the pages, but below one.
    is_below: bool = False

    def numbers(self, tag: int) -> tuple[int, ...]:
        return self.values[tag].numbers if tag in self.values else ()

    def number(self, tag: int, otherwise: int = 0) -> int:
        return next(iter(self.numbers(tag)), otherwise)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels; 0: the directory does not say it."""
        return self.number(WIDTH), self.number(HEIGHT)

    @property
    def area(self) -> int:
        return self.size[0] * self.size[1]


def directories(content: Content, start: int = 0) -> list[Directory]:
    """Return the pages of a TIFF that starts there, each followed by what is below it; [] where it is none."""
    try:
        return list(_Reader(content, start).directories())
    except (struct.error, KeyError):
        return []


class _Reader:
    def __init__(self, content: Content, start: int) -> None:
        self._content, self._start = content, start
        self._order = _ORDERS[bytes(content[start : start + 2])]
        [magic] = self._unpacked("H", 2)
        self._is_big = magic == _BIG_MAGIC
        if not self._is_big and magic not in _MAGICS:
            raise KeyError(magic)
        self._count, self._number = ("Q", "Q") if self._is_big else ("H", "I")
        self._seen: set[int] = set()

    def _unpacked(self, kinds: str, at: int) -> tuple[int, ...]:
        return struct.unpack(
            self._order + kinds, self._content[self._start + at : self._start + at + struct.calcsize("=" + kinds)]
        )

    def directories(self) -> Iterator[Directory]:
        [place] = self._unpacked(self._number, 8 if self._is_big else 4)
        waiting = [(place, False)]
        while waiting and len(self._seen) < _MAX_DIRECTORIES:
            place, is_below = waiting.pop()
            if not place or place in self._seen:
                continue
            self._seen.add(place)
            try:
                directory, following = self._read(place)
            except struct.error:  # cut off: what was read before it counts
                continue
            directory.is_below = is_below
            yield directory
            below = [at for tag in _SUB_DIRECTORIES for at in directory.numbers(tag)]
            # What is below a page comes before the next page.
            waiting += [(following, is_below), *((at, True) for at in reversed(below))]

    def _read(self, place: int) -> tuple[Directory, int]:
        [count] = self._unpacked(self._count, place)
        at, room = place + struct.calcsize("=" + self._count), struct.calcsize("=" + self._number)
        directory = Directory(self._order)
        for _ in range(min(count, _MAX_ENTRIES)):
            tag, kind, number = self._unpacked("HH" + self._number, at)
            if kind in _TYPES:
                directory.values.setdefault(tag, self._value(kind, number, at + 4 + room, room))
            at += 4 + 2 * room
        try:
            [following] = self._unpacked(self._number, at)
        except struct.error:
            following = 0
        return directory, following

    def _value(self, kind: int, count: int, at: int, room: int) -> Value:
        size, code = _TYPES[kind]
        if size * count > room:
            [at] = self._unpacked(self._number, at)
        is_much = count > _MAX_VALUES or kind == 7  # UNDEFINED: bytes that mean nothing here
        try:
            numbers = () if is_much else self._unpacked(f"{count}{code}", at)
        except struct.error:
            numbers = ()
        return Value(numbers, self._start + at, size * count)
