"""Auditing: the bucket against the documents, and the documents against the index.

Five steps, each of which reads a table or the bucket in several places at once, a page at a time. So much of the
documents is remembered that most of what comes after needs no call of its own (`auditing/memory.py`):

    documents         what is remembered
    objects           listed: what was never labelled, is called removed, or is another now
    rows              what no document backs
    documents again   where something is left: whose object was not listed, or whose rows did not come
    rows again        where something is left: the rows of documents that have others than they should

The pipeline goes on meanwhile. So what looks wrong is looked at by itself, and once more half a minute later: only
what is wrong in the same way then, and did not change a moment ago, is a finding.
"""

from __future__ import annotations

import gc
import time
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from photo_labels.library.auditing.checkpoint import AuditState
from photo_labels.library.auditing.cursors import (
    Cursor,
    Listed,
    Listing,
    Position,
    ranges,
    scan,
    segments,
)
from photo_labels.library.auditing.findings import Audit, Finding, Hidden, Problem, compared, judged
from photo_labels.library.auditing.memory import remembered, row_hash
from photo_labels.library.skipped import no_photos_by_name
from photo_labels.library.table_reader import TableReader, documents_in
from photo_labels.library.user_errors import UserError
from photo_labels.records.attributes import from_attributes
from photo_labels.records.documents import Document, backs, image_id, is_lasting
from photo_labels.records.errors import status_of
from photo_labels.records.formats import NameSays, name_says
from photo_labels.records.heads import Head, head_of
from photo_labels.records.index import Row, row_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from photo_labels.library.auditing.checkpoint import Checkpoint
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
# What was done since it was last saved is done again after an interruption.
_SAVE_EVERY = timedelta(seconds=5)
# Of the time, one part in so many is spent on saving, at most.
_SAVING_SHARE = 20
# Python's, lists and dicts, in a page of documents: 1 MB.
_OBJECTS_OF_A_PAGE = 100_000
# Documents of which one key is kept, to divide the bucket by.
_ONE_KEY_IN = 4096


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """Something that seems wrong, with its evidence: the same evidence at a second look makes it a problem."""

    problem: Problem
    document: Document | None
    # The object; None: gone, or not looked at (rows).
    seen: Head | Hidden | None = None

    def changed_at(self) -> datetime | None:
        """Return when any of it last changed, as far as that is known."""
        times = [self.document.labelled_at] if self.document else []
        if self.problem.row:
            times.append(self.problem.row.labelled_at)
        known = [time for time in map(_time, times) if time]
        if isinstance(self.seen, Head):
            known.append(self.seen.last_modified)
        return max(known, default=None)


class _Page(NamedTuple):
    """A page that was read, beside others; nothing has come of it yet."""

    position: Position | None
    # Takes it into account; called where nothing else happens at the same time.
    take: Callable[[], None]
    # What does not agree with what is remembered.
    doubtful: Sequence[Any] = ()


class _Step(NamedTuple):
    """One pass over a table or the bucket."""

    name: str
    begin: Callable[[], list[Cursor]]
    read: Callable[[Cursor], _Page]
    # Of what is doubtful in pages, what still seems wrong now.
    suspects: Callable[[Sequence[Any]], list[Problem]]


class Auditor:
    """Compares a pipeline's bucket and tables."""

    def __init__(
        self,
        target: Target,
        under_way_for: timedelta = UNDER_WAY_FOR,
        *,
        checkpoint: Checkpoint | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pause: Callable[[float], None] = time.sleep,
        executor: Callable[[int], Executor] = ThreadPoolExecutor,
    ) -> None:
        """`checkpoint`: where it saves how far it is; None: an interruption begins it anew."""
        self._bucket = target.outputs.bucket
        self._labels_table, self._index_table = (
            target.outputs.image_labels_table,
            target.outputs.label_index_table,
        )
        self._s3 = target.client("s3", connections=_THREADS)
        self._dynamodb = target.client("dynamodb", connections=_THREADS)
        self._reader = TableReader(target, pause, client=self._dynamodb)
        self._listing = Listing(self._s3, self._bucket, target.outputs.keys)
        self._under_way_for = under_way_for
        self._same_for = max(timedelta(), min(_SAME_FOR, under_way_for))
        self._now = now
        self._pause = pause
        self._executor = executor
        # What seemed wrong, and when it was looked at.
        self._held: deque[tuple[datetime, _Suspicion]] = deque()
        self._state = AuditState()
        self._checkpoint = checkpoint
        self._save_at = now() + _SAVE_EVERY
        # Why it could not be saved how far it is.
        self.unsaved: UserError | None = None

    @property
    def audit(self) -> Audit:
        """Return what was looked at, and found, so far."""
        return self._state.audit

    def resume(self) -> datetime | None:
        """Have `run` go on where an audit was interrupted; return when that was saved, None: there is none."""
        found = self._checkpoint.read(self._now()) if self._checkpoint else None
        if found is None:
            return None
        self._state, at = found
        return at

    def run(self, report: Callable[[Problem], None], progress: Callable[[Audit], None] = lambda _: None) -> Audit:
        """Look at everything; `report` gets each problem as it is found, `progress` is called after each page.

        What was reported before a call of `progress` may be saved after it; where the audit is resumed, it is not
        reported again then. Takes half a minute longer where something seems wrong. Raises ClientError where AWS
        refuses a call.
        """
        with _collecting_rarely(), self._executor(_THREADS) as pool:
            self._hold(list(pool.map(self._look_at, self._state.suspects)))
            for step in self._steps_to_do():
                self._pass(pool, step, report, progress)
            while self._held:
                self._pause(max(0.0, (self._held[0][0] + self._same_for - self._now()).total_seconds()))
                self._look_again(pool, report)
                self._note(progress)
        if self._checkpoint:
            self._checkpoint.remove()
        return self.audit

    def _steps_to_do(self) -> Iterator[_Step]:
        """Yield the steps that are left, from that on which was interrupted."""
        steps = (
            _Step("documents", segments, self._read_documents, lambda _: []),
            _Step("objects", self._begin_objects, self._read_objects, self._of_objects),
            _Step("rows", segments, self._read_rows, self._of_rows),
            _Step("documents again", self._begin_left_documents, self._read_left_documents, self._of_documents),
            _Step("rows again", self._begin_left_rows, self._read_left_rows, self._of_rows),
        )
        names = [step.name for step in steps]
        interrupted = names.index(self._state.step) if self._state.step else -1
        for number, step in enumerate(steps):
            if number > interrupted:
                self._state.step, self._state.cursors = step.name, step.begin()
            if number >= interrupted:
                yield step

    def _pass(
        self, pool: Executor, step: _Step, report: Callable[[Problem], None], progress: Callable[[Audit], None]
    ) -> None:
        """Read all pages of a step, several at once, and take each into account by itself."""
        unread = [cursor for cursor in self._state.cursors if cursor.position is not None]
        reading: dict[Future[_Page], Cursor] = {pool.submit(step.read, cursor): cursor for cursor in unread}
        try:
            while reading:
                done, _ = wait(reading, return_when=FIRST_COMPLETED)
                for future in [one for one in reading if one in done]:
                    cursor, page = reading.pop(future), future.result()
                    page.take()
                    cursor.position = page.position
                    if cursor.position is not None:
                        reading[pool.submit(step.read, cursor)] = cursor
                    self._doubt(pool, step, page.doubtful)
                    self._look_again(pool, report)
                    self._note(progress)
        finally:
            for future in reading:
                future.cancel()

    def _doubt(self, pool: Executor, step: _Step, doubtful: Sequence[Any]) -> None:
        """Look at what is doubtful: first together, and then by itself at what still seems wrong."""
        chunks = [doubtful[start : start + _AT_A_TIME] for start in range(0, len(doubtful), _AT_A_TIME)]
        suspects = [one for some in pool.map(step.suspects, chunks) for one in some]
        for one in suspects:
            place = None if one.row else self._state.memory.find(image_id(one.bucket, one.key))
            if place:
                self._state.memory.mark_done(place)
        self._hold(list(pool.map(self._look_at, suspects)))

    def _note(self, progress: Callable[[Audit], None]) -> None:
        """Tell how far it is, and save it from time to time."""
        progress(self.audit)
        before = self._now()
        if self._checkpoint is None or self.unsaved or before < self._save_at:
            return
        self._state.suspects = [one.problem for _, one in self._held]
        try:
            self._checkpoint.save(self._state, before)
        except UserError as error:  # an audit needs no disk
            self.unsaved = error
        after = self._now()
        self._save_at = after + max(_SAVE_EVERY, _SAVING_SHARE * (after - before))

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
        finding = judged(document, seen)
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

    def _look(self, key: str) -> Head | Hidden | None:
        try:
            return head_of(self._s3.head_object(Bucket=self._bucket, Key=key))
        except ClientError as error:
            if status_of(error) == 404:
                return None
            if status_of(error) == 400:
                return Hidden()
            raise

    def _lacking_rows(self, documents: Sequence[Document]) -> set[str]:
        """Return the ImageIDs of the documents that lack rows."""
        wanted = {row.key: row.image_id for one in documents for row in one.rows()}
        for item in self._reader.items(self._index_table, [row_key(*key) for key in wanted]):
            wanted.pop((item["Label"]["S"], item["Rank"]["S"]), None)
        return set(wanted.values())

    # ------------------------------------------------------------ the documents

    def _read_documents(self, cursor: Cursor) -> _Page:
        items, position = scan(self._dynamodb, self._labels_table, cursor)
        documents = list(documents_in(items))
        known = [remembered(one, self._bucket) for one in documents]
        keys = [
            one.key
            for one, its in zip(documents, known, strict=True)
            if one.bucket == self._bucket and its.image % _ONE_KEY_IN == 0
        ]
        has_versions = any(is_lasting(one.version_id) for one in documents)
        statuses = Counter(one.status for one in documents)

        def take() -> None:
            self.audit.documents.update(statuses)
            for one in known:
                self._state.memory.add(one)
            self._state.keys += keys
            self._state.has_versions |= has_versions

        return _Page(position, take)

    def _begin_left_documents(self) -> list[Cursor]:
        return segments() if self._state.memory.is_any_left() else []

    def _read_left_documents(self, cursor: Cursor) -> _Page:
        items, position = scan(self._dynamodb, self._labels_table, cursor)
        memory = self._state.memory
        left = [item for item in items if (place := memory.find(item["ImageID"]["S"])) and memory.is_left(place)]
        return _Page(position, lambda: None, list(documents_in(left)))

    def _of_documents(self, documents: Sequence[Document]) -> list[Problem]:
        ours = [one for one in documents if one.bucket == self._bucket and one.status != "REMOVED"]
        incomplete = self._lacking_rows(ours)
        found = []
        for one in ours:
            finding = judged(one, self._look(one.key))
            if finding is None and one.image_id in incomplete:
                finding = Finding.ROWS_MISSING
            if finding:
                found.append(Problem(finding, one.bucket, one.key))
        return found

    # ------------------------------------------------------------ the bucket

    def _begin_objects(self) -> list[Cursor]:
        self._state.memory.sort()
        self._state.has_versions = self._state.has_versions or self._shows_versions()
        return ranges(self._state.keys, "KeyMarker" if self._state.has_versions else "StartAfter")

    def _shows_versions(self) -> bool:
        """Tell whether the bucket has, or had, versioning: HeadObject names a version of any object then."""
        cursor, listed = Cursor({}), list[Listed]()
        while not listed and cursor.position is not None:
            listed, cursor.position = self._listing.objects(cursor)
        heads = (head for one in listed if isinstance(head := self._look(one.key), Head))
        head = next(heads, None)
        return head is not None and head.version_id is not None

    def _read_objects(self, cursor: Cursor) -> _Page:
        read = self._listing.versions if self._state.has_versions else self._listing.objects
        listed, position = read(cursor)
        memory = self._state.memory
        places = [memory.find(image_id(self._bucket, one.key)) for one in listed]
        no_photos = {one.key for one in listed if name_says(one.key) is NameSays.NO_PHOTO}
        skipped = no_photos_by_name(no_photos)
        doubtful = [
            one
            for one, place in zip(listed, places, strict=True)
            if one.key not in no_photos
            and (place is None or not memory.is_of(place, one.etag, one.last_modified, one.version_id))
        ]

        def take() -> None:
            self.audit.objects += len(listed) - len(no_photos)
            self.audit.skipped += skipped
            for place in filter(None, places):
                memory.mark_listed(place)

        return _Page(position, take, doubtful)

    def _of_objects(self, objects: Sequence[Listed]) -> list[Problem]:
        documents = self._reader.documents([image_id(self._bucket, one.key) for one in objects])
        found = []
        for one in objects:
            document = documents.get(image_id(self._bucket, one.key))
            finding = compared(document, one.etag, one.last_modified, one.version_id)
            if finding is None and document and document.etag is None:  # that it has none has to be S3's doing
                finding = Finding.OUTDATED
            if finding:
                found.append(Problem(finding, self._bucket, one.key))
        return found

    # ------------------------------------------------------------ the index

    def _read_rows(self, cursor: Cursor) -> _Page:
        items, position = scan(self._dynamodb, self._index_table, cursor)
        memory = self._state.memory
        backed, doubtful = [], []
        for item in items:
            label, rank = item["Label"]["S"], item["Rank"]["S"]
            place = memory.find(item.get("ImageID", {}).get("S", ""))
            if place and memory.has_committed(place, rank):
                backed.append((place, row_hash(label, rank)))
            else:
                doubtful.append(_row(from_attributes(item)))

        def take() -> None:
            self.audit.rows += len(items)
            for place, row in backed:
                memory.take_off(place, row)

        return _Page(position, take, doubtful)

    def _begin_left_rows(self) -> list[Cursor]:
        return segments() if self._state.memory.are_any_rows_other() else []

    def _read_left_rows(self, cursor: Cursor) -> _Page:
        items, position = scan(self._dynamodb, self._index_table, cursor)
        memory = self._state.memory
        doubtful = [
            _row(from_attributes(item))
            for item in items
            if (place := memory.find(item.get("ImageID", {}).get("S", "")))
            and memory.has_other_rows(place)
            and memory.has_committed(place, item["Rank"]["S"])  # the others were doubtful before
        ]
        return _Page(position, lambda: None, doubtful)

    def _of_rows(self, rows: Sequence[Row]) -> list[Problem]:
        documents = self._reader.documents(list({row.image_id for row in rows if row.image_id}))
        return [
            Problem(Finding.STRAY_ROW, *_named(row.image_id), row)
            for row in rows
            if not backs(documents.get(row.image_id), row.label, row.rank)
        ]


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Have Python look for cyclic garbage about once a page, and not all the time, which takes half of the CPU."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_OBJECTS_OF_A_PAGE, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


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
