"""What is stored about a photo: its document, one item of `ImageLabels`.

**The document is the commit record**: a row of the index (`photo_labels.records.index`) counts only where
`backs(document, label, rank)` says so.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from photo_labels.records.image_properties import is_image_properties, own_image_properties
from photo_labels.records.index import Row, rank
from photo_labels.records.timeline import local_time, partition_of, time_rank

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Status = Literal["LABELLED", "REJECTED", "REMOVED"]
Item = dict[str, Any]

# Longer than any message lives, so that none resurrects a photo. Forwarding starts a message's clock again: 10
# days in the live queue, 12 in the overflow, 12 to be converted, 14 in a dead-letter queue (a test adds them up).
TOMBSTONE_LIFE = timedelta(days=60)

# Of a document that no event wrote: any event is newer.
NO_SEQUENCER = "0"

# What `metadata_read` says.
TIME = "time"
TIME_AND_LOCATION = "time location"

# What S3 calls the version of an object that was put while versioning was not enabled.
NULL_VERSION = "null"

_MAX_ITEM_BYTES = 400 * 1024
_DEGREES = ("Latitude", "Longitude")
_SIDES = ("Left", "Top", "Width", "Height")
# What Last-Modified (whole seconds) and the time of an event may differ by, for the same change.
CLOCKS_OF_S3 = timedelta(seconds=2)


class NotOursError(ValueError):
    """An item of `ImageLabels` that is no document: somebody else wrote it, or changed it."""


def image_id(bucket: str, key: str) -> str:
    """Name an object in both tables; `key` is decoded."""
    return f"{bucket}/{key}"


def iso(time: datetime) -> str:
    """Write a time as the documents have it: ISO 8601, UTC, milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_commit() -> str:
    """Return the name of one attempt to write a document with its rows; no two have the same."""
    return secrets.token_hex(8)


def is_lasting(version_id: str | None) -> bool:
    """Tell whether a version of this name never changes: "null", and what has no name, can be overwritten."""
    return version_id not in {None, NULL_VERSION}


@dataclass(frozen=True, slots=True)
class Document:
    """What is known about one image."""

    bucket: str
    key: str
    sequencer: str
    status: Status
    labelled_at: str
    labels: tuple[Item, ...] = ()
    event_time: str | None = None
    etag: str | None = None
    size: int | None = None
    version_id: str | None = None
    label_model_version: str | None = None
    # With the next two, the model settings that the labels were requested with.
    min_confidence: Decimal | None = None
    max_labels: int | None = None
    # Names what else was asked for: filters, image properties; None: nothing.
    model_settings: str | None = None
    # Quality and colours (`photo_labels.records.image_properties`); None: they were not asked for.
    image_properties: Item | None = None
    # EXIF's, of a photo that was converted: boxes refer to the photo after it is applied, upright.
    orientation: int | None = None
    # The file lacks its end, and the labels are of what is there; None: it does not, or nobody has looked.
    truncated: bool | None = None
    # When it was taken, as the photo says: ISO 8601, with an offset only where the photo has one.
    taken_at: str | None = None
    # By which make and model of camera.
    camera: str | None = None
    # Where: {Latitude, Longitude}, degrees.
    location: Item | None = None
    # What was looked for in the photo, found or not: TIME, or TIME_AND_LOCATION; None: nothing yet.
    metadata_read: str | None = None
    # The local time that its row by time has: when it was taken, else uploaded; None: it has no such row.
    timeline: str | None = None
    # The ImageID of the photo of equal bytes whose labels these are.
    copy_of: str | None = None
    reason: str | None = None
    detail: str | None = None
    expires_at: int | None = None
    # Of a tombstone that a purge wrote, by S3's clock: nothing of what happened until then is labelled any more.
    purged_at: str | None = None
    # Identifies its rows; None in documents written before there was one: then the Sequencer does.
    commit: str | None = None

    @property
    def image_id(self) -> str:
        return image_id(self.bucket, self.key)

    def rows(self) -> Iterator[Row]:
        """Return the index rows that belong to this document: one for each label, and the one by time."""
        commit = self.commit or self.sequencer
        for label in self.labels:
            yield self._row(label["Name"], rank(label["Confidence"], self.image_id, commit))
        if self.timeline and self.status == "LABELLED":
            yield self._row(partition_of(self.timeline), time_rank(self.timeline, self.image_id, commit))

    def _row(self, partition: str, row_rank: str) -> Row:
        return Row(partition, row_rank, self.image_id, self.sequencer, self.labelled_at, self.commit)

    def observed(self) -> dict[str, Any]:
        """Return what it says of the photo's bytes, by field: true of every photo of equal bytes."""
        return {field: getattr(self, field) for field in _OBSERVED}

    def was_purged_after(self, moment: datetime) -> bool:
        """Tell whether the photo was purged when that had happened: it is not to be labelled for that, then.

        Texts are compared, as DynamoDB does where the function writes on that condition.
        """
        return self.purged_at is not None and iso(moment) <= self.purged_at

    def is_of(self, etag: str, last_modified: datetime, version_id: str | None) -> bool:
        """Tell whether it is of an object as S3 shows it: of that version and those bytes.

        Where a version can be overwritten, equal bytes are no proof: others may have been there when Rekognition
        looked. What changed after the change that the document tells of is not what was shown, then.
        """
        if self.etag != etag or (self.version_id or NULL_VERSION) != (version_id or NULL_VERSION):
            return False
        if is_lasting(version_id) or self.event_time is None:
            return True
        return last_modified <= datetime.fromisoformat(self.event_time) + CLOCKS_OF_S3

    def to_item(self) -> Item:
        """Return the item as `ImageLabels` holds it, without the attributes that have no value."""
        item = {attribute: getattr(self, field) for field, attribute in _ATTRIBUTES.items()}
        item = {attribute: value for attribute, value in item.items() if value is not None}
        return item | {"ImageID": self.image_id, "Labels": list(self.labels)}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Document:
        """Read an item of `ImageLabels`; attributes that others added are left out.

        Raises NotOursError for an item that is no document.
        """
        fields = {field: item[attribute] for field, attribute in _ATTRIBUTES.items() if attribute in item}
        labels = item.get("Labels", [])
        if not (_are_a_documents(fields) and isinstance(labels, list) and all(map(_is_label, labels))):
            raise NotOursError("An item of the table of documents is none.")
        labels = [_own_of(label) for label in labels]
        for number in _WHOLE_NUMBERS & fields.keys():
            fields[number] = int(fields[number])
        if place := fields.get("location"):
            fields["location"] = {name: place[name] for name in _DEGREES}
        if properties := fields.get("image_properties"):
            fields["image_properties"] = own_image_properties(properties)
        document = cls(**fields, labels=tuple(labels))
        if document.image_id != item.get("ImageID"):
            raise NotOursError("A document is not where it belongs.")
        return document


def _are_a_documents(fields: Mapping[str, Any]) -> bool:
    if not fields.keys() >= {"bucket", "key", "sequencer", "status", "labelled_at"}:
        return False
    if fields["status"] not in {"LABELLED", "REJECTED", "REMOVED"}:
        return False
    if not all(isinstance(value, _TYPES.get(name, str)) for name, value in fields.items()):
        return False
    if not (
        is_image_properties(fields.get("image_properties", {}))
        and _is_place(fields.get("location"))
        and _is_local_time(fields.get("timeline"))
    ):
        return False
    if "taken_at" in fields and not _is_time(fields["taken_at"], needs_offset=False):
        return False
    return all(name not in fields or _is_time(fields[name]) for name in ("labelled_at", "event_time", "purged_at"))


def _is_place(location: Mapping[str, Any] | None) -> bool:
    return location is None or all(isinstance(location.get(name), Decimal) for name in _DEGREES)


def _is_local_time(text: str | None) -> bool:
    """Tell whether it is a time as rows have it, or none: such a row would be somewhere else."""
    try:
        return text is None or local_time(datetime.fromisoformat(text)) == text
    except ValueError:
        return False


def _is_time(text: str, *, needs_offset: bool = True) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None or not needs_offset
    except ValueError:
        return False


def _is_label(label: object) -> bool:
    return (
        isinstance(label, dict)
        and isinstance(label.get("Name"), str)
        and isinstance(label.get("Confidence"), Decimal)
        and all(isinstance(label.get(name), list) for name in ("Parents", "Categories", "Instances"))
        and isinstance(label.get("Aliases", []), list)
        and all(
            isinstance(name, str) for name in (*label["Parents"], *label["Categories"], *label.get("Aliases", ()))
        )
        and all(map(_is_instance, label["Instances"]))
    )


def _own_of(label: Mapping[str, Any]) -> Item:
    """Leave out what others added to a label."""
    instances = [
        {"Confidence": one["Confidence"], "BoundingBox": {side: one["BoundingBox"][side] for side in _SIDES}}
        for one in label["Instances"]
    ]
    own = {name: label[name] for name in ("Name", "Confidence", "Parents", "Categories")}
    return own | _aliases(label.get("Aliases")) | {"Instances": instances}


def _aliases(names: Sequence[str] | None) -> Item:
    """Return the attribute of a label that has other names; most have none."""
    return {"Aliases": list(names)} if names else {}


def _is_instance(instance: object) -> bool:
    box = instance.get("BoundingBox") if isinstance(instance, dict) else None
    return (
        isinstance(instance, dict)
        and isinstance(box, dict)
        and isinstance(instance.get("Confidence"), Decimal)
        and all(isinstance(box.get(side), Decimal) for side in _SIDES)
    )


_OBSERVED = (
    *("labels", "label_model_version", "orientation", "truncated"),
    *("image_properties", "taken_at", "camera", "location", "metadata_read"),
)
_WHOLE_NUMBERS = {"size", "max_labels", "orientation", "expires_at"}
_TYPES: dict[str, Any] = dict.fromkeys((*_WHOLE_NUMBERS, "min_confidence"), (int, Decimal))
_TYPES |= {"truncated": bool, "location": dict, "image_properties": dict}
_ATTRIBUTES = {
    "bucket": "Bucket",
    "key": "Key",
    "etag": "ETag",
    "size": "Size",
    "version_id": "VersionId",
    "sequencer": "Sequencer",
    "status": "Status",
    "label_model_version": "LabelModelVersion",
    "min_confidence": "MinConfidence",
    "max_labels": "MaxLabels",
    "model_settings": "ModelSettings",
    "image_properties": "ImageProperties",
    "event_time": "EventTime",
    "labelled_at": "LabelledAt",
    "commit": "CommitID",
    "orientation": "Orientation",
    "truncated": "Truncated",
    "taken_at": "TakenAt",
    "camera": "Camera",
    "location": "Location",
    "metadata_read": "MetadataRead",
    "timeline": "Timeline",
    "copy_of": "CopyOf",
    "reason": "Reason",
    "detail": "Detail",
    "expires_at": "ExpiresAt",
    "purged_at": "PurgedAt",
}


def backs(document: Document | None, label: str, row_rank: str) -> bool:
    """Tell whether an index row counts: its document is LABELLED, by the same commit, with that label or time.

    `label` and `row_rank`: the row's key.
    """
    if document is None or document.status != "LABELLED":
        return False
    return any(row.key == (label, row_rank) for row in document.rows())


def labels_from(response: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
    """Reduce Rekognition's Labels to what a document holds, best first, each name once."""
    labels: dict[str, Item] = {}
    for label in sorted(response, key=lambda one: -one["Confidence"]):
        labels.setdefault(
            label["Name"],
            {
                "Name": label["Name"],
                "Confidence": _decimal(label["Confidence"]),
                "Parents": [parent["Name"] for parent in label.get("Parents", ())],
                "Categories": [category["Name"] for category in label.get("Categories", ())],
                **_aliases([alias["Name"] for alias in label.get("Aliases", ())]),
                "Instances": [_instance(one) for one in label.get("Instances", ())],
            },
        )
    return tuple(labels.values())


def _instance(instance: Mapping[str, Any]) -> Item:
    box = instance["BoundingBox"]
    return {
        "Confidence": _decimal(instance["Confidence"]),
        "BoundingBox": {side: _decimal(box[side]) for side in _SIDES},
    }


def _decimal(number: float) -> Decimal:
    """DynamoDB takes no floats; str() gives the digits that were meant."""
    return Decimal(str(number))


def fitted(document: Document) -> Document:
    """Make a document fit DynamoDB's 400 KB: without Instances and Aliases, then without labels, rejected."""
    if item_bytes(document.to_item()) <= _MAX_ITEM_BYTES:
        return document
    lean = replace(
        document, labels=tuple(_own_of(label | {"Instances": [], "Aliases": []}) for label in document.labels)
    )
    if item_bytes(lean.to_item()) <= _MAX_ITEM_BYTES:
        return lean
    return replace(
        document,
        labels=(),
        image_properties=None,
        status="REJECTED",
        reason="DocumentTooLarge",
        detail="The labels do not fit in DynamoDB's 400 KB: lower MaxLabels or raise MinConfidence.",
    )


def item_bytes(value: object) -> int:
    """Size of a value as DynamoDB counts it, rounded up where the developer guide only says "approximately"."""
    if isinstance(value, dict):
        return 3 + sum(1 + len(name.encode()) + item_bytes(inner) for name, inner in value.items())
    if isinstance(value, list):
        return 3 + sum(1 + item_bytes(inner) for inner in value)
    if isinstance(value, str):
        return len(value.encode())
    return 21  # a number takes at most 21 bytes, whatever it is


def unchanged(known: Document | None) -> tuple[str, dict[str, dict[str, str]]]:
    """Return the ConditionExpression that the document is still the one that was read, and its values.

    `known`: what was read; None: there was none.
    """
    if known is None:
        return "attribute_not_exists(ImageID)", {}
    if known.commit:
        return "CommitID = :commit", {":commit": {"S": known.commit}}
    # Written before documents had a CommitID.
    values = {":sequencer": {"S": known.sequencer}, ":time": {"S": known.labelled_at}}
    return "attribute_not_exists(CommitID) AND Sequencer = :sequencer AND LabelledAt = :time", values


def expression_values(values: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the argument of a request; none where there are no values: DynamoDB refuses an empty one."""
    return {"ExpressionAttributeValues": values} if values else {}
