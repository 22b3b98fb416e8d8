"""An S3 object as HeadObject shows it: for the function and for an audit this is the present truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# The reason of a rejection: S3 shows neither what is in the object nor which one it is.
CUSTOMER_KEY = "CustomerKey"
# User metadata of an object that came with many others: `x-amz-meta-photo-labels: bulk`.
LANE_METADATA = "photo-labels"
BULK = "bulk"
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class Head:
    """The object as it is now."""

    etag: str
    size: int
    # "null": put while versioning was not enabled. None: it never was, in this bucket.
    version_id: str | None
    last_modified: datetime
    archived: bool
    is_bulk: bool


def head_of(answer: Mapping[str, Any]) -> Head:
    """Read an answer of HeadObject."""
    return Head(
        etag=answer["ETag"].strip('"'),
        size=answer["ContentLength"],
        version_id=answer.get("VersionId"),
        last_modified=answer["LastModified"],
        archived=_archived(answer.get("StorageClass"), answer.get("ArchiveStatus"), answer.get("Restore")),
        is_bulk=answer.get("Metadata", {}).get(LANE_METADATA) == BULK,
    )


def _archived(storage_class: str | None, archive_status: str | None, restore: str | None) -> bool:
    restored = restore is not None and 'ongoing-request="false"' in restore
    return (storage_class in _ARCHIVES or archive_status is not None) and not restored
