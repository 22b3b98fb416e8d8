"""Backfilling: objects that were there before the pipeline, or were missed, are queued as reconcile messages.

A page of the bucket at a time, so that memory does not grow with the photos; where it is, is kept on disk.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from photo_labels.library.auditing.findings import Finding, compared
from photo_labels.library.queues import depth
from photo_labels.library.state_files import keep_state, kept_state
from photo_labels.library.table_reader import TableReader
from photo_labels.records.documents import image_id
from photo_labels.records.formats import PHOTO_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from photo_labels.library.reconciler import Reconciler
    from photo_labels.library.target import Target

# Objects that are compared and queued together: those of one BatchGetItem. As many may be asked about twice when
# it is killed.
_AT_A_TIME = 100
# Messages in the queues: a photo that is uploaded meanwhile waits behind no more, and no alarm rings.
MAX_WAITING = 1_000
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class BackfillScope:
    """Which objects a backfill covers, and how."""

    bucket: str
    prefix: str
    # Also what has a document that fits: the function looks whether it fits its settings, too.
    is_all: bool = False
    # Labelled again whatever its document says.
    is_forced: bool = False

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(slots=True)
class BackfillCounts:
    """What a backfill has compared."""

    objects: int = 0
    found: Counter[Finding] = field(default_factory=Counter)
    # Folders, and files whose names say that they are no photos.
    left_alone: int = 0
    # Of the objects, those that are to be queued, or are.
    wanted: int = 0


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far it is."""

    counts: BackfillCounts
    # The last that was looked at.
    key: str
    # Messages in the queues, where there are too many to go on.
    waiting: int | None


class Backfill:
    """One pass over a bucket or prefix."""

    def __init__(
        self, target: Target, place: BackfillScope, state: Path, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """`state`: the file that keeps where it is; it is gone when the end is reached."""
        self._place = place
        self._state = state
        self._s3 = target.client("s3")
        self._sqs = target.client("sqs")
        self._queues = target.outputs.queue_urls
        self._reader = TableReader(target)
        self._pause = pause

    def stopped_after(self) -> str:
        """Return the last key of a pass over the same place that did not reach its end; "": there was none."""
        kept = kept_state(self._state)
        is_same = isinstance(kept, dict) and kept.get("place") == asdict(self._place)
        return str(kept.get("after", "")) if is_same else ""

    def count(self, after: str, tell: Callable[[BackfillProgress], None]) -> BackfillCounts:
        """Count, and queue nothing."""
        counts = BackfillCounts()
        for objects in self._objects(after):
            self._compare(objects, counts)
            tell(BackfillProgress(counts, objects[-1]["Key"], None))
        return counts

    def run(self, after: str, reconciler: Reconciler, tell: Callable[[BackfillProgress], None]) -> BackfillCounts:
        """Queue what has to be labelled, as fast as the queues empty. Raises UserError where SQS fails.

        After an interruption, a run with `stopped_after` resumes; what was queued is labelled in any case.
        """
        counts = BackfillCounts()
        self._keep(after)  # where that cannot be written it is said before anything is queued
        for objects in self._objects(after):
            wanted, last = self._compare(objects, counts), objects[-1]["Key"]
            self._wait_for_room(lambda waiting: tell(BackfillProgress(counts, last, waiting)))  # noqa: B023 - called at once
            for key in wanted:
                reconciler.ask(self._place.bucket, key, force=self._place.is_forced)
            reconciler.flush()
            self._keep(last)
        self._state.unlink(missing_ok=True)
        return counts

    def _objects(self, after: str) -> Iterator[Sequence[Any]]:
        start: Any = {"StartAfter": after} if after else {}
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._place.bucket, Prefix=self._place.prefix, **start
        )
        for page in pages:
            objects = page.get("Contents", [])
            for begin in range(0, len(objects), _AT_A_TIME):
                yield objects[begin : begin + _AT_A_TIME]

    def _compare(self, objects: Sequence[Any], counts: BackfillCounts) -> list[str]:
        """Return the keys that are wanted."""
        photos = [one for one in objects if _may_be_photo(one["Key"])]
        counts.objects += len(photos)
        counts.left_alone += len(objects) - len(photos)
        bucket = self._place.bucket
        documents = self._reader.documents([image_id(bucket, one["Key"]) for one in photos])
        wanted = []
        for one in photos:
            document = documents.get(image_id(bucket, one["Key"]))
            finding = compared(document, one["ETag"].strip('"'), one["LastModified"])
            if finding:
                counts.found[finding] += 1
            if finding or self._place.is_all:
                wanted.append(one["Key"])
        counts.wanted += len(wanted)
        return wanted

    def _wait_for_room(self, tell: Callable[[int | None], None]) -> None:
        while (waiting := self._waiting()) + _AT_A_TIME > MAX_WAITING:
            tell(waiting)
            self._pause(_LOOK_S)
        tell(None)

    def _waiting(self) -> int:
        return sum(sum(depth(self._sqs, queue)) for queue in self._queues)

    def _keep(self, after: str) -> None:
        """Save the position."""
        keep_state(self._state, json.dumps({"place": asdict(self._place), "after": after}))


def _may_be_photo(key: str) -> bool:
    """A name without a suffix may be anything. The console makes folders: empty objects whose names end in `/`."""
    suffix = PurePosixPath(key).suffix.lower()
    return not key.endswith("/") and (not suffix or suffix in PHOTO_SUFFIXES)
