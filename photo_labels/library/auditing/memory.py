"""What an audit remembers of each document: hashes of 25 bytes, found by the hash of its ImageID.

The documents are read first. Objects and index rows are compared with what is remembered of them as they are
listed, without a call for each. Where hashes differ, or do not say enough, the auditor looks at the thing itself.
Where they agree by chance it takes something wrong for right: one wrong thing in four thousand million.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import IO, TYPE_CHECKING, NamedTuple

from photo_labels.records.documents import CLOCKS_OF_S3, NULL_VERSION, is_lasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from photo_labels.records.documents import Document

# By the first byte of the hash; so that no more than a part is ever sorted at once, as Python objects.
_PARTS = 256
_SHIFT = 56
_32_BITS = 0xFFFF_FFFF
_NEVER = 0
_ALWAYS = _32_BITS
# Of a document: its object should be in the bucket, and it should have its rows.
_WANTED = 1
# Its object was listed.
_LISTED = 2
# The photo was looked at by itself.
_DONE = 4


def hash_of(text: str) -> int:
    """Return 64 bits that stand for a text, in every process the same."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


class Remembered(NamedTuple):
    """What is remembered of a document."""

    image: int
    # 32 bits each: ETag and version; the second until which such an object is the one that was labelled.
    object: int
    # 32 bits each: the commit; the sum of its rows. As rows are found they are taken off it.
    rows: int
    flags: int


def remembered(document: Document, bucket: str) -> Remembered:
    """Return what is to be remembered of a document; `bucket`: the pipeline's own."""
    is_removed = document.status == "REMOVED"
    until = _NEVER if is_removed or document.etag is None else _until(document)
    # Rows count only where the document is LABELLED.
    commit = _commit(document.commit or document.sequencer) if document.status == "LABELLED" else 0
    total = sum(row_hash(row.label, row.rank) for row in document.rows()) & _32_BITS
    return Remembered(
        hash_of(document.image_id),
        _object(document.etag or "", document.version_id) << 32 | until,
        commit << 32 | total,
        _WANTED if document.bucket == bucket and not is_removed else 0,
    )


def _until(document: Document) -> int:
    """Return the last second at which its object may have changed: what `Document.is_of` allows, or less."""
    if is_lasting(document.version_id) or document.event_time is None:
        return _ALWAYS
    until = datetime.fromisoformat(document.event_time) + CLOCKS_OF_S3
    return max(_NEVER, min(int(until.timestamp()), _ALWAYS))


def _object(etag: str, version_id: str | None) -> int:
    return hash_of(f"{etag} {version_id or NULL_VERSION}") >> 32


def _commit(name: str) -> int:
    return hash_of(name) >> 32


def row_hash(label: str, rank: str) -> int:
    """Return what stands for an index row in the sum of those of its document."""
    return hash_of(f"{label}\n{rank}") >> 32


@dataclass(slots=True)
class _Part:
    """Documents whose hashes have the same first byte."""

    images: array[int] = field(default_factory=lambda: array("Q"))
    objects: array[int] = field(default_factory=lambda: array("Q"))
    rows: array[int] = field(default_factory=lambda: array("Q"))
    flags: array[int] = field(default_factory=lambda: array("B"))

    def columns(self) -> tuple[array[int], ...]:
        return self.images, self.objects, self.rows, self.flags


class Place(NamedTuple):
    """Where a document is in the memory."""

    part: int
    at: int


class Memory:
    """The documents of a pipeline: first all are added, then it is sorted, and then they can be found."""

    def __init__(self) -> None:
        self._parts = [_Part() for _ in range(_PARTS)]

    def add(self, one: Remembered) -> None:
        for column, value in zip(self._parts[one.image >> _SHIFT].columns(), one, strict=True):
            column.append(value)

    def sort(self) -> None:
        """Make what was added findable."""
        for part in self._parts:
            ordered = sorted(zip(*part.columns(), strict=True))
            for index, column in enumerate(part.columns()):
                column[:] = array(column.typecode, (one[index] for one in ordered))

    def find(self, image: str) -> Place | None:
        """Return the place of a document by its ImageID; None: there was none."""
        wanted = hash_of(image)
        number = wanted >> _SHIFT
        images = self._parts[number].images
        index = bisect_left(images, wanted)
        return Place(number, index) if index < len(images) and images[index] == wanted else None

    def is_of(self, place: Place, etag: str, last_modified: datetime, version_id: str | None) -> bool:
        """Tell whether a document is of an object as a listing shows it."""
        known = self._parts[place.part].objects[place.at]
        second = math.ceil(last_modified.timestamp())
        return known >> 32 == _object(etag, version_id) and second <= known & _32_BITS

    def has_committed(self, place: Place, rank: str) -> bool:
        """Tell whether an index row is of the commit that the document is of."""
        return self._parts[place.part].rows[place.at] >> 32 == _commit(rank.rpartition("#")[2])

    def mark_listed(self, place: Place) -> None:
        self._parts[place.part].flags[place.at] |= _LISTED

    def mark_done(self, place: Place) -> None:
        """Note that the photo was looked at by itself."""
        self._parts[place.part].flags[place.at] |= _DONE

    def take_off(self, place: Place, row: int) -> None:
        """Take a row off the sum of those of its document; `row`: its `row_hash`."""
        rows = self._parts[place.part].rows
        known = rows[place.at]
        rows[place.at] = known >> 32 << 32 | (known - row) & _32_BITS

    def has_other_rows(self, place: Place) -> bool:
        """Tell whether the rows that were found are not those of the document."""
        return bool(self._parts[place.part].rows[place.at] & _32_BITS)

    def is_left(self, place: Place) -> bool:
        """Tell whether a document has to be looked at: its object was not listed, or it has other rows."""
        flags = self._parts[place.part].flags[place.at]
        return _is_left(flags, self._parts[place.part].rows[place.at])

    def is_any_left(self) -> bool:
        return any(_is_left(*one) for part in self._parts for one in zip(part.flags, part.rows, strict=True))

    def are_any_rows_other(self) -> bool:
        return any(rows & _32_BITS for part in self._parts for rows in part.rows)

    # ------------------------------------------------------------ on disk

    def lengths(self) -> list[int]:
        """Return what `read` needs to know of what `write` writes."""
        return [len(part.images) for part in self._parts]

    def write(self, file: IO[bytes]) -> None:
        for column in self._columns():
            column.tofile(file)

    def read(self, file: IO[bytes], lengths: Sequence[int]) -> None:
        """Read what `write` wrote. Raises EOFError where the file is shorter."""
        for number, column in enumerate(self._columns()):
            column.fromfile(file, lengths[number // 4])

    def _columns(self) -> Iterator[array[int]]:
        for part in self._parts:
            yield from part.columns()


def _is_left(flags: int, rows: int) -> bool:
    if not flags & _WANTED or flags & _DONE:
        return False
    return not flags & _LISTED or bool(rows & _32_BITS)
