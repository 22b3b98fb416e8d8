"""Backfilling: objects that were there before the pipeline, or were missed, are queued as reconcile messages.

Memory does not grow with the photos; where it is, is kept on disk.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from photo_labels.library.auditing.findings import Finding, compared
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.skipped import no_photos_by_name
from photo_labels.library.state_files import keep_state, kept_state
from photo_labels.library.table_reader import TableReader
from photo_labels.records.documents import image_id
from photo_labels.records.formats import NameSays, name_says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from photo_labels.library.reconciler import Reconciler
    from photo_labels.library.skipped import Skipped
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

# Objects that are compared and queued together: those of one BatchGetItem.
_AT_A_TIME = 100
# A thread for each such part. As many parts may be asked about twice when it is killed.
THREADS = 16
_MAX_PARTS = 4 * THREADS


@dataclass(frozen=True, slots=True)
class BackfillScope:
    """Which objects a backfill covers, and how."""

    bucket: str
    prefix: str
    # Also what has a document that fits: the function looks whether it fits its settings, too.
    is_all: bool = False
    # Labelled again whatever its document says, also where that says that it was purged.
    is_forced: bool = False
    # Only keys with one of these; none: all.
    suffixes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(slots=True)
class BackfillCounts:
    """What a backfill has compared."""

    objects: int = 0
    found: Counter[Finding] = field(default_factory=Counter)
    # Photos that were purged, and did not change since.
    purged: int = 0
    # Labelled before documents said when their photo was taken: that is filled in, without another call.
    dateless: int = 0
    # Folders, and files whose names say that they are no photos.
    skipped: Counter[Skipped] = field(default_factory=Counter)
    # Of the objects, those that are to be queued, or are.
    wanted: int = 0

    @property
    def to_label(self) -> int:
        """Return how many of those that are queued are to be labelled, and paid for."""
        return self.wanted - self.dateless

    def add(self, other: BackfillCounts) -> None:
        """Add what another part has."""
        self.objects += other.objects
        self.found += other.found
        self.purged += other.purged
        self.dateless += other.dateless
        self.skipped += other.skipped
        self.wanted += other.wanted


@dataclass(frozen=True, slots=True)
class _Part:
    """Objects that were compared together."""

    counts: BackfillCounts
    # Keys: of what is to be labelled, or may be, and of what is only to be filled in.
    wanted: list[str]
    dateless: list[str]


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far it is."""

    counts: BackfillCounts
    # The last up to which all were looked at.
    key: str


class Backfill:
    """One pass over a bucket or prefix: pages one after another, their objects in parts at the same time."""

    def __init__(self, target: Target, place: BackfillScope, state: Path) -> None:
        """`state`: the file that keeps where it is; it is gone when the end is reached."""
        self._place = place
        self._state = state
        self._s3 = target.client("s3")
        self._reader = TableReader(target, connections=THREADS)
        # A stack of before there were dates fills in none.
        self._has_dates = target.outputs.content_claims_table is not None

    def stopped_after(self) -> str:
        """Return the last key of a pass over the same place that did not reach its end; "": there was none."""
        kept = kept_state(self._state)
        is_same = isinstance(kept, dict) and kept.get("place") == json.loads(json.dumps(asdict(self._place)))
        return str(kept.get("after", "")) if is_same else ""

    def count(self, after: str, tell: Callable[[BackfillProgress], None]) -> BackfillCounts:
        """Count, and queue nothing."""
        counts = BackfillCounts()
        for last, part in self._parts(after, self._compare):
            counts.add(part.counts)
            tell(BackfillProgress(counts, last))
        return counts

    def run(self, after: str, reconciler: Reconciler, tell: Callable[[BackfillProgress], None]) -> BackfillCounts:
        """Queue what has to be labelled, as fast as SQS takes it.

        After an interruption, a run with `stopped_after` resumes; what was queued is labelled in any case. Raises
        UserError where SQS fails, and NoRoomError where more would wait for too long.
        """

        def queue(objects: Sequence[Any]) -> _Part:
            part = self._compare(objects)
            reconciler.ask_all(self._place.bucket, part.wanted, force=self._place.is_forced)
            reconciler.ask_all(self._place.bucket, part.dateless, keep_labels=True)
            return part

        counts = BackfillCounts()
        self._keep(after)  # where that cannot be written it is said before anything is queued
        for last, part in self._parts(after, queue):
            counts.add(part.counts)
            self._keep(last)
            tell(BackfillProgress(counts, last))
        self._state.unlink(missing_ok=True)
        return counts

    def _parts(self, after: str, job: Callable[[Sequence[Any]], _Part]) -> Iterator[tuple[str, _Part]]:
        """Do the parts at the same time, and yield them in order, each with its last key."""
        with ThreadPoolExecutor(THREADS) as pool:
            parts: deque[tuple[str, Future[_Part]]] = deque()
            try:
                for objects in self._objects(after):
                    parts.append((objects[-1]["Key"], pool.submit(job, objects)))
                    while len(parts) >= _MAX_PARTS or (parts and parts[0][1].done()):
                        last, part = parts.popleft()
                        yield last, part.result()
                for last, part in parts:
                    yield last, part.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _objects(self, after: str) -> Iterator[Sequence[Any]]:
        start: Any = {"StartAfter": after} if after else {}
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._place.bucket, Prefix=self._place.prefix, **start
        )
        keys = KeyFilter(self._place.prefix, self._place.suffixes)
        for page in pages:
            objects = [one for one in page.get("Contents", []) if keys.takes(one["Key"])]
            for begin in range(0, len(objects), _AT_A_TIME):
                yield objects[begin : begin + _AT_A_TIME]

    def _compare(self, objects: Sequence[Any]) -> _Part:
        """Compare objects with their documents."""
        photos = [one for one in objects if name_says(one["Key"]) is not NameSays.NO_PHOTO]
        counts, bucket = BackfillCounts(), self._place.bucket
        wanted: list[str] = []
        dateless: list[str] = []
        counts.objects, counts.skipped = len(photos), no_photos_by_name(one["Key"] for one in objects)
        documents = self._reader.documents([image_id(bucket, one["Key"]) for one in photos])
        for one in photos:
            document = documents.get(image_id(bucket, one["Key"]))
            finding = compared(document, one["ETag"].strip('"'), one["LastModified"])
            is_purged = document is not None and document.was_purged_after(one["LastModified"])
            counts.purged += is_purged
            if finding:
                counts.found[finding] += 1
            if finding or self._place.is_forced or (self._place.is_all and not is_purged):
                wanted.append(one["Key"])
            elif self._has_dates and document and _is_dateless(document):
                dateless.append(one["Key"])
        counts.dateless, counts.wanted = len(dateless), len(wanted) + len(dateless)
        return _Part(counts, wanted, dateless)

    def _keep(self, after: str) -> None:
        """Save the position."""
        keep_state(self._state, json.dumps({"place": asdict(self._place), "after": after}))


def _is_dateless(document: Document) -> bool:
    return document.status == "LABELLED" and document.timeline is None
