"""A document's boxes as regions of the image as it is stored.

Boxes are those of the upright photo. Regions are not: they stay where they are in the file, whatever its
orientation says (Metadata Working Group, "Guidelines for Handling Image Metadata" 2.0, "Image Regions").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from photo_labels.records.documents import Item

_DIGITS = 6
# By EXIF's orientation (2.32, tag 274): where a point of the upright photo is in the stored one, both from 0 to 1.
_STORED: dict[int, Callable[[float, float], tuple[float, float]]] = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (y, 1 - x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (1 - y, x),
}
ORIENTATIONS = frozenset(_STORED)


class Region(NamedTuple):
    """Something in the stored image: its centre and size as parts of width and height, 0 to 1."""

    name: str
    x: float
    y: float
    width: float
    height: float


def has_boxes(labels: Iterable[Item]) -> bool:
    """Tell whether a document's labels have any boxes."""
    return any(label["Instances"] for label in labels)


def regions_of(labels: Iterable[Item], orientation: int) -> Iterator[Region]:
    """Give the part of each box that is in the photo; `orientation`: EXIF's, 1 to 8, that made it upright."""
    for label in labels:
        for instance in label["Instances"]:
            region = _region(label["Name"], instance["BoundingBox"], orientation)
            if region.width and region.height:
                yield region


def _region(name: str, box: Mapping[str, Any], orientation: int) -> Region:
    left, top, width, height = (float(box[side]) for side in ("Left", "Top", "Width", "Height"))
    stored = _STORED[orientation]
    one, other = stored(_within(left), _within(top)), stored(_within(left + width), _within(top + height))
    centre = ((a + b) / 2 for a, b in zip(one, other, strict=True))
    size = (abs(a - b) for a, b in zip(one, other, strict=True))
    return Region(name, *(round(number, _DIGITS) for number in (*centre, *size)))


def _within(edge: float) -> float:
    """Rekognition's boxes may reach beyond the photo."""
    return min(1.0, max(0.0, edge))
