"""What the page asks for: photos that are searched for, all of them by time, and those that were rejected."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from photo_labels.library.searching import facets
from photo_labels.library.searching import vocabulary as vocabularies
from photo_labels.library.searching.label_map import NO_MAP, LabelMap
from photo_labels.library.searching.query import joined, parse
from photo_labels.library.searching.search import Search, completed
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.searching.terms import REJECTED
from photo_labels.library.searching.times import ANY_TIME, TimeRange
from photo_labels.library.searching.years import LOOKS_AT_A_TIME, months_with_photos, years_with_photos
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from photo_labels.records.timeline import local_time, year_partition

if TYPE_CHECKING:
    from photo_labels.library.searching.query import Query
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

# Photos of one answer: more than a screen.
_AT_A_TIME = 60
# Rows or documents that are read for one answer; where few of them are wanted, the page asks again.
_MAX_LOOKED_AT = 1_000
_REMEMBERED = 5_000
# Rows that are read to find out whether there are new photos.
_NEWEST = 20
# Where the timeline ends: photos of documents from before there was one follow, in no order.
_UNDATED = "undated"
_YEAR = re.compile(r"\d{4}", re.ASCII)


class Api:
    """Reads one pipeline for the page; used from several threads."""

    def __init__(self, target: Target, names: LabelMap = NO_MAP) -> None:
        """`names`: what the user calls labels."""
        self._target = target
        self._names = names
        self._reader = TableReader(target, connections=LOOKS_AT_A_TIME)
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, Document] = OrderedDict()

    def labels(self) -> dict[str, Any]:
        """Return all labels with the number of their photos, as last counted, and those to suggest."""
        vocabulary = vocabularies.kept(self._target)
        counts = self._names.counts(vocabulary.counts)
        return {
            "labels": counts,
            # A photo with two labels of one name counts twice.
            "merged": list(self._names.merged_of(vocabulary.counts)),
            "suggested": completed("", list(vocabulary.counts), self._names),
            "at": vocabulary.at and vocabulary.at.isoformat(),
        }

    def search(self, text: str, min_confidence: float, after: str | None, when: str = "") -> dict[str, Any]:
        """Return a page of the photos that match a search, those of a time as `photos search --taken` takes it.

        Raises UserError where the search or the time is malformed.
        """
        return self._searched(parse(text), min_confidence, after, when)

    def rejected(self, text: str, after: str | None) -> dict[str, Any]:
        """Return a page of the photos that cannot be labelled, in no order, those that match a search, if any.

        An empty page may not be the last. Raises UserError where the search is malformed.
        """
        return self._searched(_query_of(text, is_of_rejected=True), 0.0, after)

    def _searched(
        self, query: Query | None, min_confidence: float, after: str | None, when: str = ""
    ) -> dict[str, Any]:
        found = Search.prepare(query, self._target, self._reader, self._names)
        wanted = SearchCriteria(found.query, min_confidence, taken=_taken(when))
        page = found.searcher.page(wanted, _AT_A_TIME, after, _MAX_LOOKED_AT)
        photos = [self._photo(hit.document) for hit in page.hits]
        meant = found.meant
        words = {
            "taken": meant.taken,
            "unknown": meant.unknown,
            "apart": meant.apart,
            "excluding_none": meant.excluding_none,
            "hidden": meant.hidden,
        }
        return {"photos": photos, "more": page.more_after, "query": str(meant.said)} | words

    def facets(
        self, text: str, min_confidence: float, when: str, after: str | None, *, is_of_rejected: bool = False
    ) -> dict[str, Any]:
        """Count the labels of all photos of a search, also of one of a time, or, without a text, of those by time.

        Looks at up to 1,000 photos, one read unit or so each: the answer says where to go on, and answers are
        added up. Raises UserError as the search does.
        """
        query = _query_of(text, is_of_rejected=is_of_rejected)
        found = Search.prepare(query, self._target, self._reader, self._names)
        if query is None:
            wanted, place = _by_time(when, after)
            wanted = replace(wanted, min_confidence=min_confidence)
        else:
            wanted, place = SearchCriteria(found.query, min_confidence, taken=_taken(when)), after
        counted = facets.count(found.searcher, wanted, place, self._names)
        more = counted.more_after if query else _more_by_time(wanted, counted.more_after)
        units = found.searcher.spent.units
        return {"labels": counted.labels, "photos": counted.photos, "more": more, "units": units}

    def years(self) -> dict[str, Any]:
        """Return the years that have photos, the latest first: about 100 read units."""
        return {"years": list(years_with_photos(self._reader, ANY_TIME.years()))}

    def months(self, year: str) -> dict[str, Any]:
        """Return the months of a year that have photos, the latest first: 6 read units. Raises UserError."""
        if not _YEAR.fullmatch(year):
            raise UserError(f"{year} is no year.")
        return {"months": months_with_photos(self._reader, year)}

    def newest(self) -> dict[str, Any]:
        """Return the ImageIDs of the newest rows by time, of this year and the next: 1 or 2 read units.

        The next, since a camera's clock may be ahead. A row may be of a document that was replaced.
        """
        rows: list[dict[str, Any]] = []
        for year in ANY_TIME.years()[:2]:
            answer = self._reader.query(
                KeyConditionExpression="Label = :year",
                ExpressionAttributeValues={":year": {"S": year_partition(year)}},
                ProjectionExpression="ImageID",
                ScanIndexForward=False,
                Limit=_NEWEST,
            )
            rows += answer["Items"]
        return {"images": [row["ImageID"]["S"] for row in rows[:_NEWEST]]}

    def timeline(self, when: str, after: str | None) -> dict[str, Any]:
        """Return a page of all labelled photos, the newest first, and after them those without a date.

        `when`: the year or month to begin with, or "undated"; "": the newest. An empty page may not be the last.
        Raises UserError.
        """
        wanted, place = _by_time(when, after)
        page = Searcher(self._reader, {}).page(wanted, _AT_A_TIME, place, _MAX_LOOKED_AT)
        photos = [self._photo(hit.document) for hit in page.hits]
        return {"photos": photos, "more": _more_by_time(wanted, page.more_after)}

    def document(self, image: str) -> Document | None:
        """Return the document of a photo that the page shows."""
        with self._lock:
            if image in self._seen:
                return self._seen[image]
        found = self._reader.documents([image]).get(image)
        if found:
            self._remember(found)
        return found

    def _photo(self, document: Document) -> dict[str, Any]:
        self._remember(document)
        return {
            "image": document.image_id,
            "key": document.key,
            "version": f"{document.sequencer} {document.etag or ''}",
            "uploaded": document.event_time,
            "month": document.timeline and document.timeline[:7],
            # As the photo's own clock showed it.
            "taken": document.taken_at and local_time(datetime.fromisoformat(document.taken_at)),
            "camera": document.camera,
            "place": document.place,
            "reason": document.reason,
            "detail": document.detail,
            "truncated": bool(document.truncated),
            "labels": [
                {
                    "name": label["Name"],
                    "confidence": float(label["Confidence"]),
                    "boxes": [_box(instance["BoundingBox"]) for instance in label["Instances"]],
                }
                for label in self._names.shown(document).labels
            ],
        }

    def _remember(self, document: Document) -> None:
        with self._lock:
            self._seen[document.image_id] = document
            self._seen.move_to_end(document.image_id)
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)


def _query_of(text: str, *, is_of_rejected: bool) -> Query | None:
    """Return what is searched for; None: all photos. Raises UserError where a text is malformed."""
    return joined(parse(text) if text else None, REJECTED if is_of_rejected else None)


def _taken(when: str) -> TimeRange | None:
    return TimeRange.parse(when) if when else None


def _by_time(when: str, after: str | None) -> tuple[SearchCriteria, str | None]:
    """Return what is looked for where all photos are, the newest first, and those without a date after them.

    With the place to begin after; `when` and `after` as of `Api.timeline`. Raises UserError.
    """
    place = after or (_UNDATED if when == _UNDATED else None)
    if place and place.startswith(_UNDATED):
        return SearchCriteria(None, is_undated=True), place.removeprefix(_UNDATED) or None
    return SearchCriteria(None, taken=TimeRange.parse(f"..{when}")), place


def _more_by_time(wanted: SearchCriteria, more_after: str | None) -> str | None:
    if wanted.is_undated:
        return more_after and _UNDATED + more_after
    return more_after or _UNDATED


def _box(box: dict[str, Any]) -> list[float]:
    return [float(box[side]) for side in ("Left", "Top", "Width", "Height")]
