"""Approximate prices of AWS, so that a command can say beforehand what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photo_labels.library.target import Target

PRICES = "list prices of us-east-1, November 2026"
# Nearly all of it is Rekognition's; the photo's upload is not in it (docs/deploying.md, "What it costs").
USD_A_PHOTO = 0.00102
# Of DetectLabels' feature IMAGE_PROPERTIES, besides.
USD_OF_PROPERTIES = 0.00075
# For labelling.
ASK_ABOVE_USD = 1.0
# Read request units, on demand.
_USD_A_MILLION_UNITS = 0.125
# Read eventually consistently.
_BYTES_A_UNIT = 2 * 4096


@dataclass(frozen=True, slots=True)
class Scan:
    """What reading all of a table takes, by DynamoDB's statistics (updated every six hours)."""

    items: int
    units: float

    @property
    def usd(self) -> float:
        return self.units / 1e6 * _USD_A_MILLION_UNITS


def usd_of(target: Target, photos: int) -> float:
    """Return about what it costs to label photos; locally nothing."""
    if target.is_local:
        return 0.0
    return photos * (USD_A_PHOTO + (USD_OF_PROPERTIES if target.outputs.has_image_properties else 0.0))


def scan_of(target: Target, table: str) -> Scan:
    """Return the size of a table."""
    found = target.client("dynamodb").describe_table(TableName=table)["Table"]
    return Scan(found.get("ItemCount", 0), found.get("TableSizeBytes", 0) / _BYTES_A_UNIT)
