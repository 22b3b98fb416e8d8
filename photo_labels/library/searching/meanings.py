"""Which labels a search means by its words: labels in whatever case, names of a user's map, synonyms.

What is a label of some photo means that label, and nothing else. Another word means the labels of its meanings;
where no photo has one, those of narrower meanings; where none has one of those, the nearest broader. Never the
broader ones after `not`: they would leave out more than was said.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import combinations, islice, pairwise
from typing import TYPE_CHECKING

from photo_labels.library.searching.query import Has, Or, excluded, labels_in, renamed
from photo_labels.library.searching.thesaurus import is_label_name, thesaurus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from photo_labels.library.searching.label_map import LabelMap
    from photo_labels.library.searching.query import Query

    # Finds the labels of a meaning that some photo has.
    Find = Callable[[int], list[str]]

# Labels of one word, those of the most common meanings: `or` of more is a query for each, and says little.
_MAX_LABELS = 4
# Labels for which the index is asked whether it has them, in one search; what was counted is not asked for. The
# words' own meanings come first, so that no other meaning takes their place.
_MAX_ASKED, _MAX_ASKED_NEAR = 36, 12
# Of them, of the narrower meanings of one.
_MAX_NARROWER = 4
_CLOSE = 3
_MAX_WORDS_APART = 5


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A search with the labels that its words mean."""

    # In the index's labels; None: no label is named.
    query: Query | None
    # The same in the names that the user knows.
    said: Query | None
    # Words that are no names of labels, with the names that they were taken for.
    taken: dict[str, list[str]]
    # Words that no photo is labelled with, with what may be meant.
    unknown: dict[str, list[str]]
    # Of them, those of several words that are labels by themselves, in order.
    apart: dict[str, list[str]]
    # Of them, those after `not`: no photo is left out for them.
    excluding_none: list[str]
    # Words that are labels which the user hides.
    hidden: list[str]


class Interpreter:
    """Finds out what words mean, by what was counted and by asking the index."""

    def __init__(self, counts: Mapping[str, int], names: LabelMap, has: Callable[[str], bool]) -> None:
        """`counts`: photos by label, as far as they were counted; `has` asks the index whether it has a label."""
        self._counts = counts
        self._folded = {label.casefold(): label for label in counts}
        self._map = names
        self._has = cache(has)
        self._left, self._left_near = _MAX_ASKED, _MAX_ASKED_NEAR

    def interpret(self, query: Query | None) -> Interpretation:
        """Return a query with the labels that are meant."""
        if query is None:
            return Interpretation(None, None, {}, {}, {}, [], [])
        after_not = set(excluded(query))
        meant = {word: self._names(word, is_exact=word in after_not) for word in labels_in(query)}
        taken = {word: names for word, names in meant.items() if names and not _is_same(word, names)}
        hidden = [word for word, names in meant.items() if not names and self._map.name(word) is None]
        unknown = [word for word, names in meant.items() if not names and word not in hidden]
        return Interpretation(
            renamed(query, lambda word: _any(self._labels(meant[word] or [word]))),
            renamed(query, lambda word: _any(meant[word] or [word])),
            taken,
            {word: self._close_to(word, is_exact=word in after_not) for word in unknown},
            {word: apart for word in unknown if (apart := self._apart(word))},
            [word for word in unknown if word in after_not],
            hidden,
        )

    def _names(self, word: str, *, is_exact: bool) -> list[str]:
        """Return the names that a word means; none: no photo has such a label, or all that have it are hidden.

        `is_exact`: no broader ones. Counts may be old, so that a broader label which was counted goes
        behind one that means the same and is only asked for.
        """
        if name := self._map.named(word):
            return [name]
        if label := self._spelled(word):
            return self._shown([label])
        senses = thesaurus().senses(word)
        found = self._same(senses, self._counted, self._counted, None)
        found = found or self._same(senses, self._asked, self._asked_near, _MAX_NARROWER)
        if not is_exact:
            found = found or self._broader(senses, self._counted) or self._broader(senses, self._asked_near)
        return found[:_MAX_LABELS]

    def _same(self, senses: list[int], find: Find, find_near: Find, most_narrower: int | None) -> list[str]:
        """Return the names of meanings; of one without any, those of narrower ones."""
        found: list[str] = []
        for sense in senses:
            if same := self._shown(find(sense)):
                found += same
            else:
                below = [
                    label for one in islice(thesaurus().narrower(sense), most_narrower) for label in find_near(one)
                ]
                found += self._shown(sorted(below, key=lambda label: -self._counts.get(label, 0)))
        return list(dict.fromkeys(found))

    def _broader(self, senses: list[int], find: Find) -> list[str]:
        """Return the names of the nearest meaning above each that has any."""
        found: list[str] = []
        for sense in senses:
            found += self._shown(next(filter(None, map(find, thesaurus().broader(sense))), ()))
        return list(dict.fromkeys(found))

    def _spelled(self, word: str) -> str | None:
        """Return the label that some photo has and that is a word in whatever case."""
        if label := self._known(word):
            return label
        spellings = dict.fromkeys((word, word.title()))
        if found := next(filter(self._has, spellings), None):
            return found
        label = thesaurus().label(word)  # not before: it takes longer than to ask
        return label if label and label not in spellings and self._has(label) else None

    def _counted(self, sense: int) -> list[str]:
        """Return the labels of a meaning that were counted."""
        return [label for word in thesaurus().words(sense) if (label := self._known(word))]

    def _asked(self, sense: int) -> list[str]:
        """Ask whether some photo has a label of a meaning; of a few labels in all."""
        some = _labels_of(sense)[: self._left]
        self._left -= len(some)
        return list(filter(self._has, some))

    def _asked_near(self, sense: int) -> list[str]:
        """Do the same with a meaning near one of a word."""
        some = _labels_of(sense)[: self._left_near]
        self._left_near -= len(some)
        return list(filter(self._has, some))

    def _known(self, text: str) -> str | None:
        """Return the label that was counted and is a text in whatever case."""
        return text if text in self._counts else self._folded.get(text.casefold())

    def _shown(self, labels: Iterable[str]) -> list[str]:
        names = (self._map.name(label) for label in labels)
        return list(dict.fromkeys(name for name in names if name is not None))

    def _labels(self, names: list[str]) -> list[str]:
        """Return the labels of the index that have names, as the index spells them as far as that is known."""
        labels = (label for name in names for label in self._map.merged(name))
        return [self._known(label) or label for label in labels]

    def _close_to(self, word: str, *, is_exact: bool) -> list[str]:
        """Return names that may have been meant, the likeliest first; else those that words spelt so mean."""
        if thesaurus().senses(word):  # it is spelled right
            return []
        names = self._shown(self._counts)
        folded = {name.casefold(): name for name in [*names, *self._map.renamed.values()]}
        if close := get_close_matches(word.casefold(), folded, _CLOSE):
            return [folded[one] for one in close]
        alike = get_close_matches(word.casefold(), thesaurus().alike(word), _CLOSE)
        return self._meant_by(_swapped(word), is_exact) or self._meant_by(alike, is_exact)

    def _meant_by(self, words: Iterable[str], is_exact: bool) -> list[str]:
        """Return names that words mean, a few."""
        names = (name for one in words if thesaurus().senses(one) for name in self._names(one, is_exact=is_exact))
        return list(dict.fromkeys(names))[:_CLOSE]

    def _apart(self, text: str) -> list[str]:
        """Return the fewest parts of a text that each mean some label; none: there are no such parts."""
        words = text.split()
        if len(words) > _MAX_WORDS_APART:
            return []
        for number in range(1, len(words)):
            for cuts in combinations(range(1, len(words)), number):
                ends = pairwise((0, *cuts, len(words)))
                parts = [" ".join(words[start:end]) for start, end in ends]
                if all(self._names(part, is_exact=True) for part in parts):
                    return parts
        return []


def _swapped(word: str) -> Iterator[str]:
    """Return a word with any two neighbouring letters swapped: a likely mistake, which difflib rates low."""
    for at in range(len(word) - 1):
        yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _labels_of(sense: int) -> list[str]:
    """Return the known labels of a meaning; where there are none, how one would be spelled."""
    words = thesaurus().words(sense)
    return [word for word in words if is_label_name(word)] or [word.title() for word in words[:1]]


def _is_same(word: str, names: list[str]) -> bool:
    return [name.casefold() for name in names] == [word.casefold()]


def _any(labels: list[str]) -> Query:
    """Return a query for photos with any of some labels: with none of them, where there are none."""
    return Has(labels[0]) if len(labels) == 1 else Or(tuple(map(Has, labels)))
