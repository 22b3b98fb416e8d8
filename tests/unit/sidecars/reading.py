"""Sidecars as a strict parser of XML reads them, and documents to make them of."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

from photo_labels.library.sidecars.regions import Region
from tests.unit.deployed import document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photo_labels.records.documents import Document

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_SPACES = {
    "rdf": _RDF,
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}
Box = tuple[float, float, float, float]


class Read(NamedTuple):
    """What is in a sidecar."""

    names: list[str]
    with_bars: list[str]
    with_slashes: list[str]
    regions: list[Region]
    size: tuple[int, int] | None


def read(content: bytes) -> Read:
    described = ET.fromstring(content).find(f".//{{{_RDF}}}Description")
    assert described is not None
    dimensions = described.find(".//mwg-rs:AppliedToDimensions", _SPACES)
    return Read(
        _texts(described, "dc:subject/rdf:Bag/rdf:li"),
        _texts(described, "lr:hierarchicalSubject/rdf:Bag/rdf:li"),
        _texts(described, "digiKam:TagsList/rdf:Seq/rdf:li"),
        [_region(one) for one in described.findall("mwg-rs:Regions/mwg-rs:RegionList/rdf:Bag/rdf:li", _SPACES)],
        None if dimensions is None else (int(_number(dimensions, "stDim:w")), int(_number(dimensions, "stDim:h"))),
    )


def _texts(described: ET.Element, path: str) -> list[str]:
    return [one.text or "" for one in described.findall(path, _SPACES)]


def _region(item: ET.Element) -> Region:
    [name, area] = item
    assert _attribute(area, "stArea:unit") == "normalized"
    return Region(name.text or "", *(_number(area, f"stArea:{side}") for side in "xywh"))


def _number(element: ET.Element, name: str) -> float:
    return float(_attribute(element, name))


def _attribute(element: ET.Element, name: str) -> str:
    space, _, local = name.partition(":")
    return element.attrib[f"{{{_SPACES[space]}}}{local}"]


def label(name: str, parents: Sequence[str] = (), boxes: Sequence[Box] = ()) -> dict[str, Any]:
    """Return a label as a document has it; a box is left, top, width and height."""
    sides = ("Left", "Top", "Width", "Height")
    instances = [
        {
            "Confidence": Decimal(97),
            "BoundingBox": {side: Decimal(str(number)) for side, number in zip(sides, box, strict=True)},
        }
        for box in boxes
    ]
    own = {"Parents": list(parents), "Categories": [], "Instances": instances}
    return {"Name": name, "Confidence": Decimal(98), **own}


def labelled(key: str, *labels: dict[str, Any], **changes: Any) -> Document:
    return replace(document(key, {}), labels=labels, **changes)


DOG = (
    label("Animal"),
    label("Mammal", ["Animal"]),
    label("Canine", ["Animal", "Mammal"]),
    label("Pet", ["Animal"]),
    label("Dog", ["Animal", "Pet", "Mammal", "Canine"], [(0.25, 0.5, 0.5, 0.25)]),
)
