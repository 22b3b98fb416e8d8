"""A photo's orientation in its EXIF data. Data that cannot be read are as if there were none: pixels count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.records.decoders.tiff_structure import ORIENTATION, directories

if TYPE_CHECKING:
    from photo_labels.records.decoders.content import Content

_PREFIX = b"Exif\0\0"


def orientation(exif: Content) -> int:
    """Return EXIF's orientation (2.32, tag 274), 1 to 8; 1 where there is none that can be read."""
    start = len(_PREFIX) if exif[: len(_PREFIX)] == _PREFIX else 0
    found = next(iter(directories(exif, start)), None)
    return known_orientation(found.number(ORIENTATION, 1) if found else 1)


def known_orientation(number: object) -> int:
    """Return a number where it is an orientation, else 1."""
    return number if isinstance(number, int) and 1 <= number <= 8 else 1
