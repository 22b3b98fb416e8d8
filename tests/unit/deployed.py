"""What may be in the tables of a deployed pipeline."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer

from photo_labels.records.documents import Document, labels_from

if TYPE_CHECKING:
    from photo_labels.library.target import Target

BUCKET = "photos"
MUNICH = {"Latitude": Decimal("48.137"), "Longitude": Decimal("11.575")}
FREISING = {"Latitude": Decimal("48.403"), "Longitude": Decimal("11.749")}  # 32.3 km from there
FIJI = {"Latitude": Decimal("-17.0"), "Longitude": Decimal("179.9")}
_serialize = TypeSerializer().serialize


def document(key: str, labels: dict[str, float], *, etag: str | None = "e", **changes: Any) -> Document:
    fields: dict[str, Any] = {
        "bucket": BUCKET,
        "key": key,
        "sequencer": "01",
        "status": "LABELLED",
        "labelled_at": "2026-11-23T06:00:00.000Z",
        "labels": labels_from([{"Name": name, "Confidence": value} for name, value in labels.items()]),
        "etag": etag,
        "min_confidence": Decimal(80),
    }
    return Document(**(fields | changes))


def dated(key: str, time: str | None, labels: dict[str, float], **changes: Any) -> Document:
    """Make a document of a photo that says when it was taken, by its own clock; None: one from before."""
    return document(key, labels, **({"taken_at": time, "timeline": time} | changes))


def store(target: Target, written: Document) -> None:
    """Store a document and its rows."""
    for row in written.rows():
        put(target, "LabelIndex", row.to_item())
    put(target, "ImageLabels", written.to_item())


def put(target: Target, table: str, item: dict[str, Any]) -> None:
    """Store an item, given as plain values."""
    target.client("dynamodb").put_item(TableName=table, Item={n: _serialize(v) for n, v in item.items()})
