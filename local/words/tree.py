"""Which meanings are kept, under which broader one each is, and what is written of them."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from local.words.wordnet import THINGS, Meaning

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from local.words.wordnet import WordNet

# A word is looked for in at most so many meanings.
_SENSES = 3
# What is longer in another language describes an emoji.
_FOREIGN_WORDS = 2
# And longer ones of other languages are descriptions.
# WordNet's lexicographer files that fit a label's category; for others the most common meaning is taken.
_FILES = {
    "Animals and Pets": {3, 5},
    "Food and Beverage": {13, 20, 6},
    "Plants and Flowers": {3, 13, 20},
    "Person Description": {3, 8, 18},
    "Professions": {18},
    "Technology and Computing": {6},
}
_WORD = re.compile(r"[^\W_](?:[^\W_]|[ '.\-&/])*")


class Tree:
    """The meanings that are kept."""

    def __init__(self, wordnet: WordNet, labels: Mapping[str, Any]) -> None:
        self._wordnet = wordnet
        # Labels by the meaning that they have.
        self.labels: dict[str, list[str]] = defaultdict(list)
        for label, known in labels.items():
            self.labels[self._meant(label, known["category"]).offset].append(label)
        self.meanings = {
            one.offset: one
            for one in wordnet.meanings.values()
            if one.offset in self.labels or wordnet.is_visible(one)
        }
        self._below: dict[str, list[str]] = defaultdict(list)
        for meaning in self.meanings.values():
            for broader in meaning.above:
                self._below[broader].append(meaning.offset)
        self._irregular: dict[str, list[str]] = defaultdict(list)
        for plural, singular in wordnet.plurals.items():
            self._irregular[singular].append(plural)
        self._senses = {word: self._kept_senses(word) for word in wordnet.senses}
        self._foreign: dict[str, list[str]] = defaultdict(list)
        # The next broader meaning, where it is another than WordNet's.
        self._put_below: dict[str, str] = {}

    def meant(self, noun: str) -> str | None:
        """Return what an English noun means on an emoji: the most common thing of its meanings."""
        senses = self._senses.get(noun.lower(), ())
        return next((one for one in senses if self.meanings[one].file in THINGS), next(iter(senses), None))

    def near(self, offset: str) -> set[str]:
        """Return all words of a meaning, of the two broader and of the next narrower ones."""
        meaning = self.meanings[offset]
        broader = [*meaning.above, *(up for one in meaning.above for up in self._wordnet.meanings[one].above)]
        near = [offset, *broader, *self._below[offset]]
        return {word.lower() for one in near for word in self._wordnet.meanings[one].words}

    def add_foreign(self, word: str, offset: str) -> None:
        """Add a word of another language to a meaning."""
        senses = self._foreign[word.lower()]
        is_new = offset not in senses and offset not in self._senses.get(word.lower(), ())
        if is_new and _WORD.fullmatch(word) and len(word.split()) <= _FOREIGN_WORDS:
            senses.append(offset)
            self.meanings[offset].foreign.append(word)

    def add_own(self, word: str, noun: str) -> None:
        """Add a word to the meaning of a label, or the first of a noun; to a new one, where that has none."""
        meaning = self._named(noun)
        if not meaning:
            meaning = noun
            new = Meaning(noun, 0, [noun], [], is_one_thing=False)
            self.meanings[noun] = self._wordnet.meanings[noun] = new
            self._senses[noun] = [noun]
        self.add_foreign(word, meaning)

    def put_below(self, noun: str, broader: str) -> None:
        """Put a label, or what a noun means first, below another. Raises ValueError where either is unknown."""
        meaning, above = self._named(noun), self._named(broader)
        if not (meaning and above):
            raise ValueError(f"{noun} or {broader} is not known")
        self._put_below[meaning] = above

    def _named(self, noun: str) -> str | None:
        """Return the meaning of a label, or the first of a noun."""
        spelled = {label.lower(): offset for offset, labels in self.labels.items() for label in labels}
        return spelled.get(noun) or self.meant(noun)

    def parent(self, meaning: Meaning) -> str | None:
        """Return the nearest broader meaning that is kept; of several one that is a label, if any."""
        if put := self._put_below.get(meaning.offset):
            return put
        level = meaning.above
        while level:
            if kept := [one for one in level if one in self.meanings]:
                return next((one for one in kept if one in self.labels), kept[0])
            level = [up for one in level for up in self._wordnet.meanings[one].above]
        return None

    def words(self, meaning: Meaning) -> Iterable[str]:
        """Return the words of a meaning, labels first; `~2` behind a word: it is its second meaning."""
        labels = sorted(self.labels.get(meaning.offset, ()))
        taken = {label.lower() for label in labels}
        yield from labels
        for word in meaning.words:
            folded = word.lower()
            senses = self._senses.get(folded, [])
            if folded in taken or meaning.offset not in senses or not _WORD.fullmatch(word):
                continue
            taken.add(folded)
            yield _ranked(folded, senses.index(meaning.offset))
            yield from (plural for plural in self._irregular.get(folded, ()) if not self._is_word(plural))
        for word in meaning.foreign:
            if word.lower() not in taken:
                taken.add(word.lower())
                before = len(self._senses.get(word.lower(), ()))
                yield _ranked(word.lower(), before + self._foreign[word.lower()].index(meaning.offset))

    def _meant(self, label: str, category: str) -> Meaning:
        """Return the meaning of a label, a new one where at most its last word is known: a Gas Mask is a mask."""
        if found := self._sense(label, category) or self._sense(label.removesuffix("s"), category):
            return found
        first, _, last = label.rpartition(" ")
        head = self._sense(last, category) if first else None
        for offset in self._wordnet.senses.get(first.lower(), ()):  # a Crane Bird is a crane that is a bird
            if head and head.offset in self._wordnet.above(self._wordnet.meanings[offset]):
                return self._wordnet.meanings[offset]
        new = Meaning(label, head.file if head else 0, [], [head.offset] if head else [], is_one_thing=False)
        self._wordnet.meanings[label] = new
        return new

    def _sense(self, word: str, category: str) -> Meaning | None:
        senses = [self._wordnet.meanings[one] for one in self._wordnet.senses.get(word.lower(), ())]
        senses = [one for one in senses if self._wordnet.is_thing(one) and not one.is_one_thing]
        fitting = [one for one in senses if one.file in _FILES.get(category, THINGS)]
        return next(iter(fitting or senses), None)

    def _kept_senses(self, word: str) -> list[str]:
        """Return the meanings of a word, without rare ones where others are common, and rude ones."""
        kept = [
            one
            for one in self._wordnet.senses[word]
            if one in self.meanings and word in map(str.lower, self.meanings[one].words)
        ]
        used = [one for one in kept if self._wordnet.uses[word, one] or self._is_label(one)]
        return (used or kept[:1])[:_SENSES]

    def _is_label(self, offset: str) -> bool:
        """Tell whether a meaning is that of a label, or the next broader one: a device is no label, cranes are."""
        return offset in self.labels or any(one in self.labels for one in self._below[offset])

    def _is_word(self, word: str) -> bool:
        return bool(self._senses.get(word))


def written(tree: Tree) -> str:
    """Return the text: a line for each meaning, indented below the broader one, in the order of their words."""
    texts = {offset: ",".join(tree.words(one)) for offset, one in tree.meanings.items()}
    below: dict[str | None, list[str]] = defaultdict(list)
    for offset, text in texts.items():
        above = tree.parent(tree.meanings[offset])
        while above and not texts[above]:
            above = tree.parent(tree.meanings[above])
        below[above] += [offset] * bool(text)
    lines: list[str] = []

    def write(parent: str | None, depth: int) -> None:
        for offset in sorted(below[parent], key=lambda one: (texts[one].casefold(), one)):
            lines.append(" " * depth + texts[offset])
            write(offset, depth + 1)

    write(None, 0)
    return "\n".join(lines) + "\n"


def _ranked(word: str, rank: int) -> str:
    return f"{word}~{rank + 1}" if rank else word
