"""Auditing: the bucket against the documents, and the documents against the index.

Three passes, each a page at a time, so that memory does not grow with the photos:

    bucket     -> documents: what was never labelled, or is called removed
    documents  -> HeadObject and their rows: what is gone or another now, and what lacks rows
    index      -> documents: rows that no document backs

The pipeline goes on meanwhile. So what looks wrong is looked at by itself, and once more half a minute later: only
what is wrong in the same way then, and did not change a moment ago, is a finding.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photo_labels.library.table_reader import TableReader, documents_in
from photo_labels.records.attributes import from_attributes
from photo_labels.records.documents import Document, backs, image_id
from photo_labels.records.errors import status_of
from photo_labels.records.formats import NOT_A_PHOTO, NameSays, name_says
from photo_labels.records.heads import CUSTOMER_KEY, Head, head_of
from photo_labels.records.index import Row, row_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from photo_labels.library.reconciler import Reconciler
    from photo_labels.library.target import Target

# Objects, documents or rows that are looked at together: those of one BatchGetItem.
_AT_A_TIME = 100
_THREADS = 16
# What changed more recently may still be in the queue.
UNDER_WAY_FOR = timedelta(minutes=10)
# So far apart are the two looks at what seems wrong: S3 does not say when an object was removed, or an older
# version became the present one.
_SAME_FOR = timedelta(seconds=30)


class Finding(Enum):
    """What is wrong with an image, or with a row; the texts are for people."""

    NEVER_LABELLED = "photos without a document"
    CALLED_REMOVED = "photos that their document calls removed"
    OUTDATED = "photos that changed after they were labelled"
    GONE = "documents of photos that are gone"
    ROWS_MISSING = "documents of which index rows are missing"
    STRAY_ROW = "index rows that no document backs"


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
    not_photos: int = 0
    # By status.
    documents: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    # What looked wrong, but changed too recently to tell.
    under_way: int = 0
    found: Counter[Finding] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """S3 does not show the object without its owner's key (SSE-C)."""


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """Something that seems wrong, with its evidence: the same evidence at a second look makes it a problem."""

    problem: Problem
    document: Document | None
    # The object; None: gone, or not looked at (rows).
    seen: Head | _Hidden | None = None

    def changed_at(self) -> datetime | None:
        """Return when any of it last changed, as far as that is known."""
        times = [self.document.labelled_at] if self.document else []
        if self.problem.row:
            times.append(self.problem.row.labelled_at)
        known = [time for time in map(_time, times) if time]
        if isinstance(self.seen, Head):
            known.append(self.seen.last_modified)
        return max(known, default=None)


class Auditor:
    """Compares a pipeline's bucket and tables."""

    def __init__(
        self,
        target: Target,
        under_way_for: timedelta = UNDER_WAY_FOR,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
        executor: Callable[[int], Executor] = ThreadPoolExecutor,
    ) -> None:
        self._bucket, self._prefix = target.outputs.bucket, target.outputs.key_prefix
        self._labels_table, self._index_table = (
            target.outputs.image_labels_table,
            target.outputs.label_index_table,
        )
        self._s3 = target.client("s3", connections=_THREADS)
        self._dynamodb = target.client("dynamodb")
        self._reader = TableReader(target, pause)
        self._under_way_for = under_way_for
        self._same_for = max(timedelta(), min(_SAME_FOR, under_way_for))
        self._now = now
        self._pause = pause
        self._executor = executor
        # What seemed wrong, and when it was looked at.
        self._held: deque[tuple[datetime, _Suspicion]] = deque()
        self.audit = Audit()

    def run(self, report: Callable[[Problem], None], progress: Callable[[Audit], None] = lambda _: None) -> Audit:
        """Look at everything; `report` gets each problem as it is found, `progress` is called after each page.

        Takes half a minute longer where something seems wrong. Raises ClientError where AWS refuses a call.
        """
        with self._executor(_THREADS) as pool:
            for pages, suspects in (
                (self._objects(), self._of_objects),
                (self._documents(), self._of_documents),
                (self._rows(), self._of_rows),
            ):
                for page in pages:
                    chunks = [page[start : start + _AT_A_TIME] for start in range(0, len(page), _AT_A_TIME)]
                    found = [one for some in pool.map(suspects, chunks) for one in some]
                    self._hold(list(pool.map(self._look_at, found)))
                    self._look_again(pool, report)
                    progress(self.audit)
            while self._held:
                self._pause(max(0.0, (self._held[0][0] + self._same_for - self._now()).total_seconds()))
                self._look_again(pool, report)
        return self.audit

    def _hold(self, suspicions: Sequence[_Suspicion | None]) -> None:
        """Keep what seems wrong for a second look; what changed a moment ago may still be in the queue."""
        for one in suspicions:
            if one is None:
                continue
            changed_at, now = one.changed_at(), self._now()
            if changed_at is not None and changed_at > now - self._under_way_for:
                self.audit.under_way += 1
            else:
                self._held.append((now, one))

    def _look_again(self, pool: Executor, report: Callable[[Problem], None]) -> None:
        """Take a second look at what was seen long enough ago; what seems wrong in another way is kept again."""
        due: list[_Suspicion] = []
        now = self._now()
        while self._held and self._held[0][0] + self._same_for <= now and len(due) < _AT_A_TIME:
            due.append(self._held.popleft()[1])
        again = list(pool.map(self._look_at, [one.problem for one in due]))
        for before, after in zip(due, again, strict=True):
            if after == before:
                self.audit.found[before.problem.finding] += 1
                report(before.problem)
            else:
                self._hold([after])

    # ------------------------------------------------------------ one photo, or one row

    def _look_at(self, suspect: Problem) -> _Suspicion | None:
        """Take a second look; None: nothing is wrong, or it changed in between."""
        return self._look_at_row(suspect, suspect.row) if suspect.row else self._look_at_photo(suspect.key)

    def _look_at_photo(self, key: str) -> _Suspicion | None:
        document = self._document(image_id(self._bucket, key))
        seen = self._look(key)
        finding = _judged(document, seen)
        if finding is None and document and self._lacking_rows([document]):
            finding = Finding.ROWS_MISSING
        if finding is None or self._document(image_id(self._bucket, key)) != document:
            return None
        return _Suspicion(Problem(finding, self._bucket, key), document, seen)

    def _look_at_row(self, suspect: Problem, row: Row) -> _Suspicion | None:
        document = self._document(row.image_id) if row.image_id else None
        is_there = any(self._reader.items(self._index_table, [row_key(row.label, row.rank)]))
        return _Suspicion(suspect, document) if is_there and not backs(document, row.label, row.rank) else None

    def _document(self, image: str) -> Document | None:
        return self._reader.documents([image]).get(image)

    def _look(self, key: str) -> Head | _Hidden | None:
        try:
            return head_of(self._s3.head_object(Bucket=self._bucket, Key=key))
        except ClientError as error:
            if status_of(error) == 404:
                return None
            if status_of(error) == 400:
                return _Hidden()
            raise

    def _lacking_rows(self, documents: Sequence[Document]) -> set[str]:
        """Return the ImageIDs of the documents that lack rows."""
        wanted = {row.key: row.image_id for one in documents for row in one.rows()}
        for item in self._reader.items(self._index_table, [row_key(*key) for key in wanted]):
            wanted.pop((item["Label"]["S"], item["Rank"]["S"]), None)
        return set(wanted.values())

    # ------------------------------------------------------------ the bucket

    def _objects(self) -> Iterator[list[Any]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            objects = page.get("Contents", [])
            photos = [one for one in objects if name_says(one["Key"]) is not NameSays.NO_PHOTO]
            self.audit.objects += len(photos)
            self.audit.not_photos += len(objects) - len(photos)
            yield photos

    def _of_objects(self, objects: Sequence[Any]) -> list[Problem]:
        """Those without a document; the others are compared with what they have."""
        documents = self._reader.documents([image_id(self._bucket, one["Key"]) for one in objects])
        found = []
        for one in objects:
            document = documents.get(image_id(self._bucket, one["Key"]))
            if document is None:
                found.append(Problem(Finding.NEVER_LABELLED, self._bucket, one["Key"]))
            elif document.status == "REMOVED" and not document.was_purged_after(one["LastModified"]):
                found.append(Problem(Finding.CALLED_REMOVED, self._bucket, one["Key"]))
        return found

    # ------------------------------------------------------------ the documents

    def _documents(self) -> Iterator[list[Document]]:
        for items in self._scan(self._labels_table):
            documents = list(documents_in(items))
            self.audit.documents.update(document.status for document in documents)
            yield documents

    def _of_documents(self, documents: Sequence[Document]) -> list[Problem]:
        ours = [one for one in documents if one.bucket == self._bucket and one.status != "REMOVED"]
        incomplete = self._lacking_rows(ours)
        found = []
        for one in ours:
            finding = _judged(one, self._look(one.key))
            if finding is None and one.image_id in incomplete:
                finding = Finding.ROWS_MISSING
            if finding:
                found.append(Problem(finding, one.bucket, one.key))
        return found

    # ------------------------------------------------------------ the index

    def _rows(self) -> Iterator[list[Row]]:
        for items in self._scan(self._index_table):
            rows = [_row(from_attributes(item)) for item in items]
            self.audit.rows += len(rows)
            yield rows

    def _of_rows(self, rows: Sequence[Row]) -> list[Problem]:
        documents = self._reader.documents(list({row.image_id for row in rows if row.image_id}))
        return [
            Problem(Finding.STRAY_ROW, *_named(row.image_id), row)
            for row in rows
            if not backs(documents.get(row.image_id), row.label, row.rank)
        ]

    def _scan(self, table: str) -> Iterator[list[Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        for page in pages:
            yield page["Items"]


def _judged(document: Document | None, seen: Head | _Hidden | None) -> Finding | None:
    """Return what is wrong with a document by what HeadObject shows; None: nothing."""
    if seen is None:
        return Finding.GONE if document and document.status != "REMOVED" else None
    if document is None:
        return Finding.NEVER_LABELLED
    if document.purged_at and isinstance(seen, _Hidden):
        return None  # S3 does not say since when it is there
    if document.status == "REMOVED":
        is_purged = isinstance(seen, Head) and document.was_purged_after(seen.last_modified)
        return None if is_purged else Finding.CALLED_REMOVED
    if isinstance(seen, _Hidden):
        return None if document.reason in {CUSTOMER_KEY, NOT_A_PHOTO} else Finding.OUTDATED
    return None if document.is_of(seen.etag, seen.last_modified, seen.version_id) else Finding.OUTDATED


def compared(document: Document | None, etag: str, last_modified: datetime) -> Finding | None:
    """Return what is wrong with a document by a listing, which shows no versions; None: nothing."""
    if document is None:
        return Finding.NEVER_LABELLED
    if document.status == "REMOVED":
        return None if document.was_purged_after(last_modified) else Finding.CALLED_REMOVED
    is_of = document.etag is None or document.is_of(etag, last_modified, document.version_id)
    return None if is_of else Finding.OUTDATED


def _row(item: dict[str, Any]) -> Row:
    """Read a row; one that others put there may lack everything but its key."""
    names = ("Label", "Rank", "ImageID", "Sequencer", "LabelledAt")
    return Row(*(str(item.get(name, "")) for name in names))


def _named(image: str) -> tuple[str, str]:
    bucket, _, key = image.partition("/")
    return bucket, key


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


class Repairer:
    """Repairs what an audit finds; used as its `report`."""

    def __init__(self, target: Target, reconciler: Reconciler) -> None:
        self._dynamodb = target.client("dynamodb")
        self._index_table = target.outputs.label_index_table
        self._reconciler = reconciler
        self.rows_removed = 0

    def repair(self, problem: Problem) -> None:
        """Send a reconcile message for the photo; delete a stray row, which no message would."""
        if problem.row is None:
            # The document of missing rows fits its object, and would be left as it is.
            force = problem.finding is Finding.ROWS_MISSING
            self._reconciler.ask(problem.bucket, problem.key, force=force)
            return
        # Nothing will ever back it: no two commits have rows of one key.
        self._dynamodb.delete_item(TableName=self._index_table, Key=row_key(problem.row.label, problem.row.rank))
        self.rows_removed += 1
