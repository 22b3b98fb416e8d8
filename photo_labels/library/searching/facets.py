"""How many of the photos that a search finds have each label: all of them are looked at, some at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.library.searching.label_map import NO_MAP, LabelMap
from photo_labels.library.searching.searcher import ranks_of

if TYPE_CHECKING:
    from photo_labels.library.searching.searcher import SearchCriteria, Searcher

# Rows and documents that are looked at before an answer: about 1,000 read units.
_AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class Facets:
    """What was counted of some photos; those of the pages of one search add up."""

    # Photos by label, the most frequent first; none of a label that is less sure than is asked for.
    labels: dict[str, int]
    photos: int
    # Where to go on; None: all were counted.
    more_after: str | None


def count(searcher: Searcher, wanted: SearchCriteria, after: str | None, names: LabelMap = NO_MAP) -> Facets:
    """Count the labels of up to 1,000 photos that are searched for, those after a place. Raises UserError.

    Where few of those that are looked at are wanted, it may be of none. Nothing is kept: it can be asked again.
    What was read is in `searcher.spent`.
    """
    page = searcher.page(wanted, _AT_A_TIME, after, _AT_A_TIME)
    labels = Counter(
        label for hit in page.hits for label in ranks_of(names.shown(hit.document), wanted.min_confidence)
    )
    return Facets(dict(labels.most_common()), len(page.hits), page.more_after)
