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
_NAMES = (_CREATED, _ORIGINAL, _DIGITIZED, _WRITTEN, _MAKE, _MODEL, _LATITUDE, _LONGITUDE)
# As an attribute, or as an element.
_PROPERTY = re.compile(
    rb"[\s<](" + b"|".join(_NAMES) + rb")(?:\s{0,4}=\s{0,4}[\"']|\s{0,4}>)\s{0,200}([^\"'<>]{1,200})[\"'<]"
)
# Degrees, minutes, and seconds or a fraction of minutes: "43,27.5N", "43,27,30N".
_DEGREES = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d{1,20})?)(?:,(\d{1,2}(?:\.\d{1,20})?))?([NSEW])", re.ASCII)


class Xmp:
    """The properties of a packet, the first of each name."""

    def __init__(self, window: Window) -> None:
        self._found: dict[bytes, bytes] = {}
        for name, value in _PROPERTY.findall(window.at(0, MAX_BYTES)):
            self._found.setdefault(name, value)

    @property
    def taken(self) -> str | None:
        """When the photo itself was taken."""
        return self._time(_CREATED) or self._time(_ORIGINAL)

    @property
    def digitized(self) -> str | None:
        """When the file was first made: by a scanner, perhaps."""
        return self._time(_DIGITIZED) or self._time(_WRITTEN)

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
