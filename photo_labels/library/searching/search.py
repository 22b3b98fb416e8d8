"""A search as a user writes it, made ready to run: shared by `photos search` and the page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from photo_labels.library.searching import vocabulary as vocabularies
from photo_labels.library.searching.label_map import NO_MAP, LabelMap
from photo_labels.library.searching.meanings import Interpretation, Interpreter
from photo_labels.library.searching.searcher import Searcher
from photo_labels.library.searching.thesaurus import thesaurus

if TYPE_CHECKING:
    from photo_labels.library.searching.query import Query
    from photo_labels.library.searching.searcher import Hit
    from photo_labels.library.table_reader import TableReader
    from photo_labels.library.target import Target


@dataclass(frozen=True, slots=True)
class Search:
    """A query with the labels of the index that it means."""

    searcher: Searcher
    meant: Interpretation
    names: LabelMap

    @property
    def query(self) -> Query | None:
        return self.meant.query

    @classmethod
    def prepare(cls, query: Query | None, target: Target, reader: TableReader, names: LabelMap = NO_MAP) -> Search:
        """Find out what a query means, by what `photos labels` has counted, by synonyms and by reading."""
        counts = vocabularies.kept(target).counts
        searcher = Searcher(reader, counts)
        return cls(searcher, Interpreter(counts, names, searcher.has).interpret(query), names)

    def shown(self, hit: Hit) -> Hit:
        """Return a hit with its labels as the user calls them."""
        label = hit.label and (self.names.name(hit.label) or hit.label)
        return replace(hit, label=label, document=self.names.shown(hit.document))


def completed(beginning: str, counted: list[str], names: LabelMap = NO_MAP) -> list[str]:
    """Return the names of labels that begin so; where nothing was counted, of those that are known beforehand."""
    folded = beginning.casefold()
    if not counted:
        return thesaurus().known(beginning)
    found = {name for label in counted if (name := names.name(label)) and name.casefold().startswith(folded)}
    return sorted(found)
