"""Finding photos by their labels, time and place: one query where one label is searched for, and no other index.

query -> the labels whose rows are read: one for `and`, the rarest; several for `or`
-> their rows, merged, the surest first; where there is no such label, the rows by time, the newest first, of any
time where none is said; of keys that are not searched for, no more is read
-> the documents of so many rows as are shown: what a row says counts only where they back it,
and all else that is searched for is looked up in them

What no row tells of (rejected photos, those without any label, those without a time) is found by a scan of all
documents, in no order.
"""

from __future__ import annotations

import heapq
import math
import re
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from photo_labels.library.searching.query import drivers, has_term, holds, leaves, may_hold
from photo_labels.library.searching.terms import REJECTED, InFolder, Is, Named
from photo_labels.library.searching.times import ANY_TIME
from photo_labels.library.searching.years import years_with_photos
from photo_labels.library.table_reader import MAX_READ_ITEMS, documents_in
from photo_labels.library.user_errors import UserError
from photo_labels.records.attributes import from_attributes
from photo_labels.records.documents import backs, iso
from photo_labels.records.index import MAX_RANK, confidence_of, min_rank
from photo_labels.records.timeline import is_label, year_partition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from photo_labels.library.searching.places import Near
    from photo_labels.library.searching.quality import QualityRange
    from photo_labels.library.searching.query import Query
    from photo_labels.library.searching.times import TimeRange
    from photo_labels.library.table_reader import TableReader
    from photo_labels.records.documents import Document

# Of one query; it begins with as many as are wanted, and asks for more where those are not enough.
_MAX_QUERY_ROWS = 1_000
# What a row costs beside one whose document is read, too.
_ROW_ALONE = 0.04
# Rows of one label that are counted to find the rarest: a unit or two of reading.
_MAX_COUNTED_ROWS = 500
# Rows of a time that are read to find which rows of a frequent label are of that time: 100 units of reading or so.
_MAX_TIME_ROWS = 3_000
# Where there are no more, they are found by their documents, and no rows of the label are read.
_MAX_DOCUMENTS_FIRST = 100
# Years that are queried one after another, without a look which of them have photos.
_FEW_YEARS = 4
# How a place begins where a page ends: in rows by labels, in rows by time, in a scan of the documents.
_BY_LABELS, _BY_TIME, _BY_SCAN = re.compile(r"\d{3}\."), re.compile(r"\d{4}-"), re.compile("@")


@dataclass(frozen=True, slots=True)
class SearchCriteria:
    """What is searched for."""

    # None: photos with any labels, and with none.
    query: Query | None
    # A label that is less sure counts as one that the photo does not have.
    min_confidence: float = 0.0
    # When it was uploaded; where no event told that, when it was labelled.
    since: datetime | None = None
    # What its ImageID begins with.
    beginning: str = ""
    # A photo whose quality is not known is left out where there are some.
    quality: tuple[QualityRange, ...] = ()
    # When it was taken, by its Timeline; a photo without one is left out.
    taken: TimeRange | None = None
    # Where; a photo that does not say is left out.
    near: Near | None = None
    # Only photos without a Timeline.
    is_undated: bool = False

    @property
    def is_of_some(self) -> bool:
        """Tell whether it is of some photos, whatever their labels are: then there may be no label to read."""
        is_of_keys = has_term(self.query, InFolder, Named)
        return bool(self.taken or self.near or self.since or self.beginning or self.quality or is_of_keys)

    @property
    def has_rejected(self) -> bool:
        """Tell whether it is of rejected photos, too."""
        return self.query is not None and REJECTED in leaves(self.query)

    @property
    def has_driver(self) -> bool:
        """Tell whether every photo that is wanted has one of some labels: their rows are read, then."""
        return self.query is not None and drivers(self.query, lambda _: 0) is not None

    @property
    def needs_scan(self) -> bool:
        """Tell whether all documents are to be read, as no row tells of what is wanted."""
        is_of_no_row = self.is_undated or self.has_rejected or (has_term(self.query, Is) and not self.taken)
        return is_of_no_row and not self.has_driver

    @property
    def is_by_time(self) -> bool:
        """Tell whether photos without a Timeline are not found."""
        return bool(self.taken) or not (self.has_driver or self.needs_scan)

    def may_be(self, image: str) -> bool:
        """Tell whether a photo may be wanted, by its ImageID alone."""
        key = image.partition("/")[2]
        return image.startswith(self.beginning) and (self.query is None or may_hold(self.query, key))


class NoLabelError(UserError):
    """A search for photos that lack labels, and for nothing else."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A photo that was found, by one of its labels, by its time or by a scan."""

    # None: by no label.
    label: str | None
    # Where it is in what was looked at: a page may begin behind it.
    rank: str
    document: Document

    @property
    def confidence(self) -> float | None:
        return confidence_of(self.rank) if self.label else None


@dataclass(slots=True)
class Page:
    """Some of what was found: by labels, the surest first; by time, the newest first; by a scan, in no order."""

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
        self._kept = frozenset(counts)
        self._counts = dict(counts)
        self.spent = Spent()

    def has(self, label: str) -> bool:
        """Tell whether there are rows of a label."""
        return bool(self._counts.get(label)) or bool(self._count(label, 1))

    def count(self, label: str) -> tuple[int, bool]:
        """Return about how many photos a label has, by its rows, and whether that is all and not only at least."""
        count = self._rarity(label)
        return count, count < _MAX_COUNTED_ROWS or label in self._kept

    def page(
        self, wanted: SearchCriteria, limit: int, after: str | None = None, max_rows: float = math.inf
    ) -> Page:
        """Find at most `limit` photos, those after the page that ended with `after`. Raises UserError.

        `max_rows`: a page may have less where it would have to look at more rows than that; of those whose keys
        alone say that they are not searched for, and no document is read, it looks at more.
        """
        page, looked_at = Page(), 0.0
        for row, hit, is_read in self._looked_at(wanted, limit, after):
            # Never between rows of one rank, which are one photo's: the next page begins after that rank.
            is_enough = looked_at >= max_rows and row.rank != page.more_after
            if is_enough or (hit and len(page.hits) == limit):
                return page
            looked_at += 1 if is_read else _ROW_ALONE
            if hit:
                page.hits.append(hit)
            if len(page.hits) < limit or hit:
                page.more_after = row.rank
        page.more_after = None
        return page

    def hits(self, wanted: SearchCriteria) -> Iterator[Hit]:
        """Find all photos, one after another."""
        for _, hit, _ in self._looked_at(wanted, _MAX_QUERY_ROWS, None):
            if hit:
                yield hit

    def _looked_at(
        self, wanted: SearchCriteria, expected: int, after: str | None
    ) -> Iterator[tuple[_Row, Hit | None, bool]]:
        """Look at rows one after another, and tell of each whether its document was read, too.

        `expected` is how many will be looked at, most likely.
        """
        read = drivers(wanted.query, self._rarity) if wanted.query else None
        is_scan = wanted.needs_scan
        if read is None and not is_scan and not wanted.is_of_some:
            raise NoLabelError("Name a label that the photos have, for there is no list of those that lack one.")
        places = _BY_SCAN if is_scan else _BY_TIME if read is None else _BY_LABELS
        if after and not places.match(after):
            raise UserError(f"{after} is no place in this search: take --after from what the same search printed.")
        if is_scan:
            yield from self._scanned(wanted, expected + 1, after)
            return
        if read is None:
            rows = self._rows_by_time(wanted.taken or ANY_TIME, expected + 1, after)
        else:
            rows = self._rows_by_labels(read, wanted, expected + 1, after)
        at_a_time = min(expected + 1, MAX_READ_ITEMS)
        while some := _until(rows, at_a_time, wanted):
            documents = self._documents([row for row, may_be in some if may_be])
            for row, may_be in some:
                document = documents.get(row.image)
                is_wanted = document and _is_wanted(document, row, wanted, read)
                label = None if read is None else row.label
                yield row, Hit(label, row.rank, document) if document and is_wanted else None, may_be
            at_a_time = min(2 * at_a_time, MAX_READ_ITEMS)

    def _scanned(
        self, wanted: SearchCriteria, page: int, after: str | None
    ) -> Iterator[tuple[_Row, Hit | None, bool]]:
        """Look at all documents, those after a place, one after another."""
        scan: dict[str, Any] = {"Limit": min(page, _MAX_QUERY_ROWS)}
        if after:
            scan["ExclusiveStartKey"] = {"ImageID": {"S": unquote(after[1:])}}
        while True:
            answer = self._reader.scan(**scan)
            self._note(answer)
            self.spent.documents += len(answer["Items"])
            documents = {document.image_id: document for document in documents_in(answer["Items"])}
            for item in answer["Items"]:
                image = item["ImageID"]["S"]
                # A terminal shows it as it is, and a shell takes it in quotes.
                row = _Row("", f"@{quote(image)}", image)
                document = documents.get(image)
                is_wanted = document and wanted.may_be(image) and _is_of(document, wanted)
                yield row, Hit(None, row.rank, document) if document and is_wanted else None, True
            if "LastEvaluatedKey" not in answer:
                return
            scan["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            scan["Limit"] = min(2 * scan["Limit"], _MAX_QUERY_ROWS)

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

    def _rows_by_time(self, taken: TimeRange, page: int, after: str | None = None) -> Iterator[_Row]:
        """Read the rows of a time, the newest first, those after a rank."""
        least, last = taken.bounds
        each_year: Iterable[str]
        each_year = years = [year for year in taken.years() if not after or year <= after[:4]]
        if len(years) > _FEW_YEARS:
            each_year = years_with_photos(self._reader, years, self._note)
        each = (
            self._rows(year_partition(year), max(least, year), min(last, after or last), page, after)
            for year in each_year
        )
        return chain.from_iterable(each)

    def _rows_by_labels(
        self, read: Collection[str], wanted: SearchCriteria, page: int, after: str | None
    ) -> Iterator[_Row]:
        """Read the rows of labels, the surest first, those after a rank, without those of another time.

        So of a frequent label, and of a time with few photos, few documents are read.
        """
        least = min_rank(wanted.min_confidence)
        is_frequent = wanted.taken and sum(map(self._rarity, read)) >= _MAX_COUNTED_ROWS
        of_time = self._few_of(wanted.taken) if wanted.taken and is_frequent else None
        if of_time is not None and len(of_time) <= _MAX_DOCUMENTS_FIRST:
            return self._rows_of_photos(of_time, read, least, after or MAX_RANK)
        streams = [self._rows(label, least, after or MAX_RANK, page, after) for label in read]
        rows = heapq.merge(*streams, key=lambda row: row.rank, reverse=True)
        commits = None if of_time is None else {_commit_part(row.rank) for row in of_time}
        return (row for row in rows if commits is None or _commit_part(row.rank) in commits)

    def _few_of(self, taken: TimeRange) -> list[_Row] | None:
        """Return the rows of a time, whose ranks end as those of the same photos' labels do; None: too many."""
        rows = list(islice(self._rows_by_time(taken, _MAX_TIME_ROWS + 1), _MAX_TIME_ROWS + 1))
        return rows if len(rows) <= _MAX_TIME_ROWS else None

    def _rows_of_photos(self, rows: Iterable[_Row], read: Collection[str], least: str, end: str) -> Iterator[_Row]:
        """Return the rows that some photos have of labels, the surest first, those between two ranks."""
        own = (row for document in self._documents(rows).values() for row in document.rows())
        fitting = [_Row(row.label, row.rank, row.image_id) for row in own if row.label in read]
        fitting.sort(key=lambda row: row.rank, reverse=True)
        return (row for row in fitting if least <= row.rank < end)

    def _rows(self, label: str, least: str, last: str, page: int, after: str | None) -> Iterator[_Row]:
        """Read the rows of a label or a year from one rank to another, backwards, without that of `after`."""
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


def _until(rows: Iterator[_Row], most: int, wanted: SearchCriteria) -> list[tuple[_Row, bool]]:
    """Take rows until so many of them may be wanted, or as many as of a query; tell which may be."""
    some: list[tuple[_Row, bool]] = []
    for row in islice(rows, _MAX_QUERY_ROWS):
        may_be = wanted.may_be(row.image)
        some.append((row, may_be))
        most -= may_be
        if not most:
            break
    return some


def _commit_part(row_rank: str) -> str:
    """Return the part of a rank that all rows of one commit share."""
    return row_rank.partition("#")[2]


def _is_wanted(document: Document, row: _Row, wanted: SearchCriteria, read: Iterable[str] | None) -> bool:
    """Tell whether a row shows a photo that is wanted, and is the first of the photo's rows that does.

    `read`: the labels whose rows are looked at; None: rows by time are, of which a photo has one.
    """
    if not backs(document, row.label, row.rank) or not _is_of(document, wanted):
        return False
    ranks = ranks_of(document, wanted.min_confidence)
    first = max(((ranks[label], label) for label in read or () if label in ranks), default=None)
    return read is None or first == (row.rank, row.label)


def _is_of(document: Document, wanted: SearchCriteria) -> bool:
    """Tell whether a photo is wanted, by whatever it is found."""
    is_rejected = document.status == "REJECTED"
    if document.status != "LABELLED" and not (is_rejected and wanted.has_rejected):
        return False
    labels = ranks_of(document, wanted.min_confidence)
    return (
        (not wanted.query or holds(wanted.query, labels, document.key, is_rejected=is_rejected))
        and (not wanted.since or (document.event_time or document.labelled_at) >= iso(wanted.since))
        and (not wanted.taken or (document.timeline is not None and document.timeline in wanted.taken))
        and (not wanted.is_undated or document.timeline is None)
        and (not wanted.near or (document.place is not None and document.place in wanted.near))
        and all(one.holds(document) for one in wanted.quality)
    )


def ranks_of(document: Document, min_confidence: float) -> dict[str, str]:
    """Return the ranks of a photo's labels, of those that are sure enough."""
    least = min_rank(min_confidence)
    return {one.label: one.rank for one in document.rows() if is_label(one.label) and one.rank >= least}
