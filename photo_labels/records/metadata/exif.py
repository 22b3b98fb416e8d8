"""EXIF: the few entries on time, camera and place, in the first directory of a TIFF and the two below it.

No directory is read twice and no chain of them followed, so that the work has an end however a file is made.
`photo_labels.records.decoders.tiff_structure` reads all of a TIFF instead, which takes longer.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import TYPE_CHECKING

from photo_labels.records.metadata.values import location_of

if TYPE_CHECKING:
    from photo_labels.records.metadata.excerpts import Window

MAKE, MODEL, XMP, EXIF, GPS = 0x10F, 0x110, 700, 0x8769, 0x8825
ORIGINAL, DIGITIZED, ORIGINAL_OFFSET, DIGITIZED_OFFSET = 0x9003, 0x9004, 0x9011, 0x9012
# Raw files of some cameras have EXIF's entries in the first directory, too.
_IN_IMAGE = frozenset({MAKE, MODEL, XMP, EXIF, GPS, ORIGINAL, DIGITIZED, ORIGINAL_OFFSET, DIGITIZED_OFFSET})
_LATITUDE_SIDE, _LATITUDE, _LONGITUDE_SIDE, _LONGITUDE = 1, 2, 3, 4
_IN_GPS = frozenset({_LATITUDE_SIDE, _LATITUDE, _LONGITUDE_SIDE, _LONGITUDE})
_PREFIX = b"Exif\0\0"
_ORDERS = {b"II": "<", b"MM": ">"}
# With the numbers that Olympus (RO, RS) and Panasonic (U) have in the place of 42.
_MAGICS = frozenset({42, 0x4F52, 0x5352, 0x55})
_BIG_MAGIC = 43
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8, 13: 4, 16: 8, 18: 8}
_RATIONALS = {5: "I", 10: "i"}
MAX_ENTRIES = 1_000
# Of a text; what is longer is cut off.
_MAX_VALUE_BYTES = 256


class Exif:
    """What was found: texts by their tag, the place, and where XMP is."""

    __slots__ = ("location", "texts", "xmp")

    def __init__(self) -> None:
        self.texts: dict[int, bytes] = {}
        self.location: tuple[Decimal, Decimal] | None = None
        self.xmp: Window | None = None


def exif_of(window: Window) -> Exif:
    """Read EXIF, a TIFF, which begins where the window does; what cannot be read is as if it were not there."""
    exif = Exif()
    if not (tiff := _tiff_of(window)):
        return exif
    image = tiff.entries(tiff.first(), _IN_IMAGE)
    below = tiff.entries(tiff.number(image[EXIF]), _IN_IMAGE) if EXIF in image else {}
    for tag, entry in {**image, **below}.items():
        if entry.kind in {2, 7, 1}:
            exif.texts[tag] = tiff.value(entry, _MAX_VALUE_BYTES)
    if XMP in image:
        exif.xmp = tiff.window_of(image[XMP])
    if GPS in image:
        exif.location = tiff.location(tiff.entries(tiff.number(image[GPS]), _IN_GPS))
    return exif


def location_in(window: Window) -> tuple[Decimal, Decimal] | None:
    """Return the place in a TIFF whose first directory is GPS's, as in Canon's CR3."""
    tiff = _tiff_of(window)
    return tiff.location(tiff.entries(tiff.first(), _IN_GPS)) if tiff else None


class _Entry:
    __slots__ = ("count", "kind", "own")

    def __init__(self, kind: int, count: int, own: bytes) -> None:
        self.kind, self.count = kind, count
        # The bytes that are its value, or tell its place.
        self.own = own


def _tiff_of(window: Window) -> _Tiff | None:
    if window.at(0, len(_PREFIX)) == _PREFIX:
        window = window.within(len(_PREFIX))
    beginning = window.at(0, 4)
    order = _ORDERS.get(beginning[:2])
    if order is None or len(beginning) < 4:
        return None
    [magic] = struct.unpack(order + "H", beginning[2:])
    return _Tiff(window, order, magic == _BIG_MAGIC) if magic == _BIG_MAGIC or magic in _MAGICS else None


class _Tiff:
    def __init__(self, window: Window, order: str, is_big: bool) -> None:
        self._window, self._order, self._is_big = window, order, is_big
        self._room = 8 if is_big else 4
        self._entry = struct.Struct(order + ("HHQ8s" if is_big else "HHI4s"))

    def first(self) -> int:
        return self._unpacked(self._window.at(8 if self._is_big else 4, self._room))

    def number(self, entry: _Entry) -> int:
        """Return the place of a directory that an entry tells; 0: it does not."""
        size = _SIZES.get(entry.kind, 0)
        return self._unpacked(entry.own[:size]) if entry.count == 1 and size in {4, self._room} else 0

    def _unpacked(self, content: bytes) -> int:
        return int.from_bytes(content, "little" if self._order == "<" else "big")

    def entries(self, place: int, wanted: frozenset[int]) -> dict[int, _Entry]:
        """Return the wanted entries of a directory, the first of each tag; 0 is the place of none."""
        if not place:
            return {}
        width = 8 if self._is_big else 2
        count = min(self._unpacked(self._window.at(place, width)), MAX_ENTRIES)
        content = self._window.at(place + width, count * self._entry.size)
        whole = len(content) - len(content) % self._entry.size
        found: dict[int, _Entry] = {}
        for tag, kind, number, own in self._entry.iter_unpack(content[:whole]):
            if tag in wanted:
                found.setdefault(tag, _Entry(kind, number, own))
        return found

    def value(self, entry: _Entry, most: int) -> bytes:
        """Return an entry's bytes, at most so many."""
        size = entry.count * _SIZES.get(entry.kind, 0)
        if size <= self._room:
            return entry.own[:size]
        return self._window.at(self._unpacked(entry.own), min(size, most))

    def window_of(self, entry: _Entry) -> Window:
        return self._window.within(self._unpacked(entry.own), entry.count * _SIZES.get(entry.kind, 0))

    def location(self, gps: dict[int, _Entry]) -> tuple[Decimal, Decimal] | None:
        latitude = self._degrees(gps.get(_LATITUDE), gps.get(_LATITUDE_SIDE), b"NS")
        longitude = self._degrees(gps.get(_LONGITUDE), gps.get(_LONGITUDE_SIDE), b"EW")
        return location_of(latitude, longitude)

    def _degrees(self, entry: _Entry | None, side: _Entry | None, sides: bytes) -> Decimal | None:
        """Return degrees of degrees, minutes and seconds; None: not all of it is told."""
        told = self.value(side, 2)[:1].upper() if side else b""
        if entry is None or entry.kind not in _RATIONALS or entry.count != 3 or not told or told not in sides:
            return None
        content = self.value(entry, 24)
        if len(content) < 24:
            return None
        numbers = struct.unpack(self._order + "6" + _RATIONALS[entry.kind], content)
        if not all(numbers[1::2]):
            return None
        degrees, minutes, seconds = (
            Decimal(a) / Decimal(b) for a, b in zip(numbers[::2], numbers[1::2], strict=True)
        )
        sum_of = degrees + minutes / 60 + seconds / 3600
        return None if sum_of < 0 else -sum_of if told == sides[1:] else sum_of
