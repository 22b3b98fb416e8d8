"""XMP: the few properties that tell of time, camera and place, found by their names.

No XML parser reads it, so that no entity is ever expanded; prefixes are those that every program writes. Extended
XMP (of more than 64 KB, in several segments of a JPEG) is not read: these properties are never moved there.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from photo_labels.records.metadata.values import location_of, time_of

if TYPE_CHECKING:
    from photo_labels.records.metadata.excerpts import Window

MAX_BYTES = 256 * 1024
_CREATED, _ORIGINAL, _DIGITIZED = b"photoshop:DateCreated", b"exif:DateTimeOriginal", b"exif:DateTimeDigitized"
_WRITTEN, _MAKE, _MODEL = b"xmp:CreateDate", b"tiff:Make", b"tiff:Model"
_LATITUDE, _LONGITUDE = b"exif:GPSLatitude", b"exif:GPSLongitude"
# As Adobe wrote it before 2004.
_WRITTEN_BEFORE = b"xap:CreateDate"
_NAMES = (_CREATED, _ORIGINAL, _DIGITIZED, _WRITTEN, _WRITTEN_BEFORE, _MAKE, _MODEL, _LATITUDE, _LONGITUDE)
# After the name: an attribute's value, or an element's.
_VALUE = re.compile(rb"(?:\s{0,4}=\s{0,4}[\"']|\s{0,4}>)\s{0,200}([^\"'<>]{1,200})[\"'<]")
# What tells of another photo that this one was made from, or of a place that it shows, by the same names.
_OTHERS = (b"xmpMM:Pantry", b"Iptc4xmpExt:LocationShown")
_MAX_OCCURRENCES = 20
# Degrees, minutes, and seconds or a fraction of minutes: "43,27.5N", "43,27,30N".
_DEGREES = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d{1,20})?)(?:,(\d{1,2}(?:\.\d{1,20})?))?([NSEW])", re.ASCII)


class Xmp:
    """The properties of a packet, the first of each name."""

    def __init__(self, window: Window) -> None:
        packet = _without_others(window.at(0, MAX_BYTES))
        found = ((name, _value(packet, name)) for name in _NAMES)
        self._found = {name: value for name, value in found if value}

    @property
    def taken(self) -> str | None:
        """When the photo itself was taken."""
        return self._time(_CREATED) or self._time(_ORIGINAL)

    @property
    def digitized(self) -> str | None:
        """When the file was first made: by a scanner, perhaps."""
        return self._time(_DIGITIZED) or self._time(_WRITTEN) or self._time(_WRITTEN_BEFORE)

    @property
    def make(self) -> bytes:
        return self._found.get(_MAKE, b"")

    @property
    def model(self) -> bytes:
        return self._found.get(_MODEL, b"")

    @property
    def location(self) -> tuple[Decimal, Decimal] | None:
        return location_of(self._degrees(_LATITUDE, "NS"), self._degrees(_LONGITUDE, "EW"))

    def _time(self, name: bytes) -> str | None:
        return time_of(self._found.get(name, b"").decode("ascii", "replace"))

    def _degrees(self, name: bytes, sides: str) -> Decimal | None:
        told = _DEGREES.fullmatch(self._found.get(name, b"").decode("ascii", "replace").strip())
        if not told or told[4] not in sides:
            return None
        degrees = Decimal(told[1]) + Decimal(told[2]) / 60 + Decimal(told[3] or 0) / 3600
        return -degrees if told[4] == sides[1] else degrees


def _without_others(packet: bytes) -> bytes:
    for name in _OTHERS:
        start, end = packet.find(b"<" + name), packet.rfind(b"</" + name)
        if -1 < start < end:
            packet = packet[:start] + packet[end:]
    return packet


def _value(packet: bytes, name: bytes) -> bytes:
    """Return the first value of a property; b"": it has none."""
    place = 0
    for _ in range(_MAX_OCCURRENCES):
        place = packet.find(name, place)
        if place < 1:
            return b""
        found = _VALUE.match(packet, place + len(name))
        if found and packet[place - 1 : place] in b"< \t\r\n":
            return found[1]
        place += len(name)
    return b""
