"""Finding photos by their labels: one query where one label is searched for, and no index beside LabelIndex.

query -> the labels whose rows are read: one for `and`, the rarest; several for `or`
-> their rows, merged, the surest first
-> the documents of so many rows as are shown: what a row says counts only where they back it,
and all else that is searched for is looked up in them
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from photo_labels.library.searching.query import drivers, holds
from photo_labels.library.table_reader import MAX_READ_ITEMS
from photo_labels.library.user_errors import UserError
from photo_labels.records.attributes import from_attributes
from photo_labels.records.documents import backs, iso
from photo_labels.records.index import MAX_RANK, confidence_of, min_rank
from photo_labels.records.timeline import is_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from photo_labels.library.searching.quality import QualityRange
    from photo_labels.library.searching.query import Query
    from photo_labels.library.table_reader import TableReader
    from photo_labels.records.documents import Document

# Of one query; it begins with as many as are wanted, and asks for more where those are not enough.
_MAX_QUERY_ROWS = 1_000
# Rows of one label that are counted to find the rarest: a unit or two of reading.
_MAX_COUNTED_ROWS = 500


@dataclass(frozen=True, slots=True)
class SearchCriteria:
    """What is searched for."""

    query: Query
    # A label that is less sure counts as one that the photo does not have.
    min_confidence: float = 0.0
    # When it was uploaded; where no event told that, when it was labelled.
    since: datetime | None = None
    # What its ImageID begins with.
    beginning: str = ""
    # A photo whose quality is not known is left out where there are some.
    quality: tuple[QualityRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo that was found, by one of its labels."""

    label: str
    rank: str
    document: Document

    @property
    def confidence(self) -> float:
        return confidence_of(self.rank)


@dataclass(slots=True)
class Page:
    """Some of what was found, the surest first."""

    hits: list[Hit] = field(default_factory=list)
    # Where the next page begins; None: there is none.
    more_after: str | None = None


@dataclass(slots=True)
class Spent:
    """What a search has read."""

    rows: int = 0
    documents: int = 0
    # Read request units, as DynamoDB counts them.
    units: float = 0.0


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    rank: str
    image: str


class Searcher:
    """Searches one pipeline's index."""

    def __init__(self, reader: TableReader, counts: Mapping[str, int]) -> None:
        """`counts`: photos by label as far as they are known, by which the rarest label is chosen."""
        self._reader = reader
        self._counts = dict(counts)
        self.spent = Spent()

    def has(self, label: str) -> bool:
        """Tell whether there are rows of a label."""
        return bool(self._counts.get(label)) or bool(self._count(label, 1))

    def page(
        self, wanted: SearchCriteria, limit: int, after: str | None = None, max_rows: float = math.inf
    ) -> Page:
        """Find at most `limit` photos, those after the page that ended with `after`. Raises UserError.

        `max_rows`: a page may have less where it would have to look at more rows than that.
        """
        page = Page()
        for number, (row, hit) in enumerate(self._looked_at(wanted, limit, after)):
            # Never between rows of one rank, which are one photo's: the next page begins after that rank.
            is_enough = number >= max_rows and row.rank != page.more_after
            if is_enough or (hit and len(page.hits) == limit):
                return page
            if hit:
                page.hits.append(hit)
            if len(page.hits) < limit or hit:
                page.more_after = row.rank
        page.more_after = None
        return page

    def hits(self, wanted: SearchCriteria) -> Iterator[Hit]:
        """Find all photos, one after another."""
        for _, hit in self._looked_at(wanted, _MAX_QUERY_ROWS, None):
            if hit:
                yield hit

    def _looked_at(
        self, wanted: SearchCriteria, expected: int, after: str | None
    ) -> Iterator[tuple[_Row, Hit | None]]:
        """Look at rows one after another; `expected` is how many will be looked at, most likely."""
        read = drivers(wanted.query, self._rarity)
        if read is None:
            raise UserError("Name a label that the photos have: there is no list of those that lack one.")
        streams = [self._rows(label, wanted.min_confidence, expected + 1, after) for label in read]
        rows = heapq.merge(*streams, key=lambda row: row.rank, reverse=True)
        rows = (row for row in rows if row.image.startswith(wanted.beginning))
        at_a_time = min(expected + 1, MAX_READ_ITEMS)
        while some := list(islice(rows, at_a_time)):
            documents = self._documents(some)
            for row in some:
                document = documents.get(row.image)
                is_wanted = document and _is_wanted(document, row, wanted, read)
                yield row, Hit(row.label, row.rank, document) if document and is_wanted else None
            at_a_time = min(2 * at_a_time, MAX_READ_ITEMS)

    def _rarity(self, label: str) -> int:
        if label not in self._counts:
            self._counts[label] = self._count(label, _MAX_COUNTED_ROWS)
        return self._counts[label]

    def _count(self, label: str, most: int) -> int:
        answer = self._reader.query(
            KeyConditionExpression="Label = :label",
            ExpressionAttributeValues={":label": {"S": label}},
            Select="COUNT",
            Limit=most,
        )
        self._note(answer)
        return int(answer["Count"])

    def _rows(self, label: str, min_confidence: float, page: int, after: str | None) -> Iterator[_Row]:
        """Read the rows of a label, best first, those after a rank."""
        least, last = min_rank(min_confidence), after or MAX_RANK
        if last < least:  # DynamoDB refuses such bounds
            return
        query: dict[str, Any] = {
            "KeyConditionExpression": "Label = :label AND #rank BETWEEN :least AND :last",
            "ExpressionAttributeNames": {"#rank": "Rank"},
            "ExpressionAttributeValues": {
                ":label": {"S": label},
                ":least": {"S": least},
                ":last": {"S": last},
            },
            "ProjectionExpression": "#rank, ImageID",
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": page,
        }
        while True:
            answer = self._reader.query(**query)
            self._note(answer)
            self.spent.rows += len(answer["Items"])
            for item in map(from_attributes, answer["Items"]):
                if item["Rank"] != after:
                    yield _Row(label, item["Rank"], item["ImageID"])
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            query["Limit"] = min(2 * query["Limit"], _MAX_QUERY_ROWS)

    def _documents(self, rows: Iterable[_Row]) -> dict[str, Document]:
        documents = self._reader.documents(list(dict.fromkeys(row.image for row in rows)), self._note)
        self.spent.documents += len(documents)
        return documents

    def _note(self, answer: Any) -> None:
        consumed = answer.get("ConsumedCapacity", ())
        for one in [consumed] if isinstance(consumed, dict) else consumed:
            self.spent.units += one.get("CapacityUnits", 0.0)


def _is_wanted(document: Document, row: _Row, wanted: SearchCriteria, read: Iterable[str]) -> bool:
    """Tell whether a row shows a photo that is wanted, and is the first of the photo's rows that does."""
    if not backs(document, row.label, row.rank):
        return False
    if wanted.since and (document.event_time or document.labelled_at) < iso(wanted.since):
        return False
    if not all(one.holds(document) for one in wanted.quality):
        return False
    least = min_rank(wanted.min_confidence)
    ranks = {one.label: one.rank for one in document.rows() if is_label(one.label) and one.rank >= least}
    first = max(((ranks[label], label) for label in read if label in ranks), default=None)
    return first == (row.rank, row.label) and holds(wanted.query, ranks)
