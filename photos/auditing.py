"""Auditing: the bucket against the documents, and the documents against the index.

Three passes, each a page at a time, so that memory does not grow with the photos:

    bucket     -> documents and their rows: what was never labelled, or before it changed
    documents  -> HeadObject: what is listed although it is gone
    index      -> documents: rows that no document backs

The pipeline goes on meanwhile: what changed a moment ago is under way, and no finding.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.attributes import from_attributes
from handler.documents import Document, Row, backs, image_id
from photos.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from photos.reconciling import Reconciler
    from photos.target import Target

_AT_A_TIME = 100
"""Objects, documents or rows that are looked at together: those of one BatchGetItem."""
_THREADS = 16
UNDER_WAY_FOR = timedelta(minutes=10)
"""What changed so lately may still be in the queue."""


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
    row: Row | None = None
    """Of STRAY_ROW."""


@dataclass(slots=True)
class Audit:
    """What was looked at, and what was found."""

    objects: int = 0
    documents: Counter[str] = field(default_factory=Counter)
    """By status."""
    rows: int = 0
    under_way: int = 0
    """Of what looked wrong: changed too lately to tell."""
    found: Counter[Finding] = field(default_factory=Counter)


class Auditor:
    """Compares a pipeline's bucket and tables."""

    def __init__(self, target: Target, under_way_for: timedelta = UNDER_WAY_FOR) -> None:
        self._bucket, self._prefix = target.outputs["Bucket"], target.outputs["KeyPrefix"]
        self._labels_table, self._index_table = (
            target.outputs["ImageLabelsTable"],
            target.outputs["LabelIndexTable"],
        )
        self._s3 = target.client("s3", connections=_THREADS)
        self._dynamodb = target.client("dynamodb")
        self._reader = Reader(target)
        self._under_way_for = under_way_for
        self.audit = Audit()

    def run(self, report: Callable[[Problem], None], progress: Callable[[Audit], None] = lambda _: None) -> Audit:
        """Look at everything; `report` gets each problem as it is found, `progress` is called after each page.

        Raises ClientError where AWS refuses a call.
        """
        settled = datetime.now(UTC) - self._under_way_for
        with ThreadPoolExecutor(_THREADS) as pool:
            for problem, changed in self._problems(pool, progress):
                if changed is not None and changed > settled:
                    self.audit.under_way += 1
                else:
                    self.audit.found[problem.finding] += 1
                    report(problem)
        return self.audit

    def _problems(
        self, pool: ThreadPoolExecutor, progress: Callable[[Audit], None]
    ) -> Iterator[tuple[Problem, datetime | None]]:
        """Give what looks wrong, and when it changed, if that is known."""
        for pages, compare in (
            (self._objects(), self._of_objects),
            (self._documents(), self._of_documents),
            (self._rows(), self._of_rows),
        ):
            for page in pages:
                chunks = [page[start : start + _AT_A_TIME] for start in range(0, len(page), _AT_A_TIME)]
                for problems in pool.map(compare, chunks):
                    yield from problems
                progress(self.audit)

    # ------------------------------------------------------------ the bucket

    def _objects(self) -> Iterator[list[Any]]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            objects = page.get("Contents", [])
            self.audit.objects += len(objects)
            yield objects

    def _of_objects(self, objects: Sequence[Any]) -> list[tuple[Problem, datetime | None]]:
        documents = self._reader.documents([image_id(self._bucket, one["Key"]) for one in objects])
        found = []
        for one in objects:
            document = documents.get(image_id(self._bucket, one["Key"]))
            if finding := compared(document, one["ETag"].strip('"')):
                found.append((Problem(finding, self._bucket, one["Key"]), one["LastModified"]))
        return found

    # ------------------------------------------------------------ the documents

    def _documents(self) -> Iterator[list[Document]]:
        for items in self._scan(self._labels_table):
            documents = [Document.from_item(from_attributes(item)) for item in items]
            self.audit.documents.update(document.status for document in documents)
            yield documents

    def _of_documents(self, documents: Sequence[Document]) -> list[tuple[Problem, datetime | None]]:
        ours = [one for one in documents if one.bucket == self._bucket and one.status != "REMOVED"]
        wanted = {row.key: one for one in ours for row in one.rows()}
        for item in self._reader.items(self._index_table, [_row_key(*key) for key in wanted]):
            wanted.pop((item["Label"]["S"], item["Rank"]["S"]), None)
        incomplete = {one.image_id: one for one in wanted.values()}
        found: list[tuple[Problem, datetime | None]] = []
        for one in ours:
            at = datetime.fromisoformat(one.labelled_at)
            if not self._is_there(one.key):
                found.append((Problem(Finding.GONE, one.bucket, one.key), at))
            elif one.image_id in incomplete:
                found.append((Problem(Finding.ROWS_MISSING, one.bucket, one.key), at))
        return found

    def _is_there(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    # ------------------------------------------------------------ the index

    def _rows(self) -> Iterator[list[Row]]:
        for items in self._scan(self._index_table):
            rows = [_row(from_attributes(item)) for item in items]
            self.audit.rows += len(rows)
            yield rows

    def _of_rows(self, rows: Sequence[Row]) -> list[tuple[Problem, datetime | None]]:
        documents = self._reader.documents(list({row.image_id for row in rows if row.image_id}))
        return [
            (Problem(Finding.STRAY_ROW, *_named(row.image_id), row), _time(row.labelled_at))
            for row in rows
            if not backs(documents.get(row.image_id), row.label, row.rank)
        ]

    def _scan(self, table: str) -> Iterator[list[Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        for page in pages:
            yield page["Items"]


def compared(document: Document | None, etag: str) -> Finding | None:
    """Tell what is wrong with the document of an object, by the object's ETag; None: nothing."""
    if document is None:
        return Finding.NEVER_LABELLED
    if document.status == "REMOVED":
        return Finding.CALLED_REMOVED
    return None if document.etag in {None, etag} else Finding.OUTDATED


def _row_key(label: str, rank: str) -> dict[str, Any]:
    return {"Label": {"S": label}, "Rank": {"S": rank}}


def _row(item: dict[str, Any]) -> Row:
    """Read a row; one that others put there may lack everything but its key."""
    names = ("Label", "Rank", "ImageID", "Sequencer", "LabelledAt")
    return Row(*(str(item.get(name, "")) for name in names))


def _named(image: str) -> tuple[str, str]:
    bucket, _, key = image.partition("/")
    return bucket, key


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


class Repairer:
    """Mends what an audit finds; used as its `report`."""

    def __init__(self, target: Target, reconciler: Reconciler) -> None:
        self._dynamodb = target.client("dynamodb")
        self._index_table = target.outputs["LabelIndexTable"]
        self._reconciler = reconciler
        self.rows_removed = 0

    def mend(self, problem: Problem) -> None:
        """Ask for the truth about the photo; a stray row, about which no message asks, is deleted."""
        if problem.row is None:
            # The document of missing rows fits its object, and would be left as it is.
            force = problem.finding is Finding.ROWS_MISSING
            self._reconciler.ask(problem.bucket, problem.key, force=force)
            return
        try:
            self._dynamodb.delete_item(
                TableName=self._index_table,
                Key=_row_key(problem.row.label, problem.row.rank),
                # Unless a reconciliation, which keeps the Sequencer, has written it again.
                **_unchanged(problem.row),
            )
            self.rows_removed += 1
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return


def _unchanged(row: Row) -> dict[str, Any]:
    if not row.labelled_at:
        return {"ConditionExpression": "attribute_not_exists(LabelledAt)"}
    return {
        "ConditionExpression": "LabelledAt = :seen",
        "ExpressionAttributeValues": {":seen": {"S": row.labelled_at}},
    }
