"""What an audit finds, and what it says of an object and its document."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from photo_labels.records.formats import NOT_A_PHOTO
from photo_labels.records.heads import CUSTOMER_KEY, Head

if TYPE_CHECKING:
    from datetime import datetime

    from photo_labels.library.skipped import Skipped
    from photo_labels.records.documents import Document
    from photo_labels.records.index import Row


class Finding(Enum):
    """What is wrong with an image, or with a row; the texts are for people."""

    NEVER_LABELLED = "photos without a document"
    CALLED_REMOVED = "photos that their document calls removed"
    OUTDATED = "photos that changed after they were labelled"
    GONE = "documents of photos that are gone"
    ROWS_MISSING = "documents of which index rows are missing"
    STRAY_ROW = "index rows that no document backs"

    @property
    def one(self) -> str:
        """Return the text for one of them."""
        return _ONE[self]

    def counted(self, number: int) -> str:
        """Return so many of them as a text: "1 photo without a document"."""
        return f"{number:,} {self.one if number == 1 else self.value}"


_ONE = {
    Finding.NEVER_LABELLED: "photo without a document",
    Finding.CALLED_REMOVED: "photo that its document calls removed",
    Finding.OUTDATED: "photo that changed after it was labelled",
    Finding.GONE: "document of a photo that is gone",
    Finding.ROWS_MISSING: "document of which index rows are missing",
    Finding.STRAY_ROW: "index row that no document backs",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding."""

    finding: Finding
    bucket: str
    key: str
    # Of STRAY_ROW.
    row: Row | None = None


@dataclass(slots=True)
class Audit:
    """What was looked at, and what was found."""

    objects: int = 0
    # Folders, and files whose names say that they are no photos: they need no document.
    skipped: Counter[Skipped] = field(default_factory=Counter)
    # By status.
    documents: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    # What looked wrong, but changed too recently to tell.
    under_way: int = 0
    found: Counter[Finding] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Hidden:
    """S3 does not show the object without its owner's key (SSE-C)."""


def judged(document: Document | None, seen: Head | Hidden | None) -> Finding | None:
    """Return what is wrong with a document by what HeadObject shows; None: nothing."""
    if seen is None:
        return Finding.GONE if document and document.status != "REMOVED" else None
    if document is None:
        return Finding.NEVER_LABELLED
    if document.purged_at and isinstance(seen, Hidden):
        return None  # S3 does not say since when it is there
    if document.status == "REMOVED":
        is_purged = isinstance(seen, Head) and document.was_purged_after(seen.last_modified)
        return None if is_purged else Finding.CALLED_REMOVED
    if isinstance(seen, Hidden):
        return None if document.reason in {CUSTOMER_KEY, NOT_A_PHOTO} else Finding.OUTDATED
    return None if document.is_of(seen.etag, seen.last_modified, seen.version_id) else Finding.OUTDATED


def compared(
    document: Document | None, etag: str, last_modified: datetime, version_id: str | None = None
) -> Finding | None:
    """Return what is wrong with a document by a listing; None: nothing. `version_id` None: it shows none."""
    if document is None:
        return Finding.NEVER_LABELLED
    if document.status == "REMOVED":
        return None if document.was_purged_after(last_modified) else Finding.CALLED_REMOVED
    is_of = document.etag is None or document.is_of(etag, last_modified, version_id or document.version_id)
    return None if is_of else Finding.OUTDATED
