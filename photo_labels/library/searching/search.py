"""A search as a user writes it, made ready to run: shared by `photos search` and the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.library.searching import vocabulary as vocabularies
from photo_labels.library.searching.searcher import Searcher, spelled

if TYPE_CHECKING:
    from photo_labels.library.searching.query import Query
    from photo_labels.library.table_reader import TableReader
    from photo_labels.library.target import Target


@dataclass(frozen=True, slots=True)
class Search:
    """A query with its labels as the index spells them."""

    searcher: Searcher
    # None: no label is named.
    query: Query | None
    # Labels that no photo has, with those that may be meant.
    unknown: dict[str, list[str]]

    @classmethod
    def prepare(cls, query: Query | None, target: Target, reader: TableReader) -> Search:
        """Spell the labels of a query as the index does, by what `photos labels` has counted and by reading."""
        vocabulary = vocabularies.kept(target)
        searcher = Searcher(reader, vocabulary.counts)
        if query is None:
            return cls(searcher, None, {})
        return cls(searcher, *spelled(query, vocabulary, searcher))
