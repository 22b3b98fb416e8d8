"""WordNet's nouns: which of their meanings can be seen on a photo (format: the manual page wndb(5))."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# WordNet's lexicographer files of things: animal, artifact, body, food, object, phenomenon, plant.
THINGS = {5, 6, 8, 13, 17, 19, 20}
# And of what is seen on a photo only at times: act, event, group, location, person, shape, substance; file 3 has
# what all of them begin with: animal, plant.
_AT_TIMES = {3, 4, 11, 14, 15, 18, 25, 27}
_TAXA = {5, 20}
_PERSON = 18
# So often a meaning of those has to be in the texts that WordNet's makers have tagged.
_OFTEN, _OFTEN_OF_PERSONS = 2, 10
# The meanings "obscenity", "ethnic slur" and "disparagement", which words are marked with.
_RUDE = {"07124340", "06718862", "06717170"}
# What is below these is no photo of anything: unwelcome person, bad person, drug user, simpleton, libertine; the
# colours of people.
_UNKIND = {
    "09631129",
    "09831962",
    "10036266",
    "10599354",
    "10257647",
    "09636106",
    "09636339",
    "09638875",
}


@dataclass
class Meaning:
    """A set of nouns that mean the same."""

    offset: str
    file: int
    words: list[str]
    # The next broader meanings.
    above: list[str]
    is_one_thing: bool  # the Eiffel Tower
    # Words of other languages.
    foreign: list[str] = field(default_factory=list)
    # How often it is in tagged texts.
    uses: int = 0


class WordNet:
    """All meanings of nouns, and which a word has, the most common first."""

    def __init__(self, folder: Path) -> None:
        self.meanings: dict[str, Meaning] = {}
        for line in _lines(folder / "data.noun"):
            meaning = _read(line)
            self.meanings[meaning.offset] = meaning
        self._drop_latin()
        self.senses: dict[str, list[str]] = {}
        for line in _lines(folder / "index.noun"):
            fields = line.split()
            self.senses[fields[0].replace("_", " ")] = fields[-int(fields[2]) :]
        self.uses: Counter[tuple[str, str]] = Counter()
        for line in (folder / "cntlist.rev").read_text().splitlines():
            key, sense, uses = line.split()
            word, _, kind = key.replace("_", " ").partition("%")
            senses = self.senses.get(word, [])
            if kind.startswith("1:") and int(sense) <= len(senses):  # a noun
                offset = senses[int(sense) - 1]
                self.uses[word, offset] = int(uses)
                self.meanings[offset].uses += int(uses)
        # "mice": "mouse"
        self.plurals: dict[str, str] = {}
        for line in (folder / "noun.exc").read_text().splitlines():
            plural, singular, *_ = line.replace("_", " ").split()
            self.plurals[plural] = singular

    def _drop_latin(self) -> None:
        """Leave out species in Latin: Canis familiaris."""
        words = [word for meaning in self.meanings.values() for word in meaning.words]
        genera = {word.removeprefix("genus ") for word in words if word.startswith("genus ")}
        for meaning in self.meanings.values():
            meaning.words = [word for word in meaning.words if " " not in word or word.split()[0] not in genera]

    def is_visible(self, meaning: Meaning) -> bool:
        """Tell whether a meaning is common, and can be seen on a photo."""
        if meaning.is_one_thing or not meaning.words:
            return False
        if meaning.file in _TAXA and meaning.words[0][0].isupper():  # Canidae
            return False
        if meaning.file in THINGS:
            return meaning.uses > 0 or any(" " not in word for word in meaning.words)
        if _UNKIND & {meaning.offset, *self.above(meaning)}:
            return False
        often = _OFTEN_OF_PERSONS if meaning.file == _PERSON else _OFTEN
        return meaning.file in _AT_TIMES and meaning.uses >= often

    def above(self, meaning: Meaning) -> Iterator[str]:
        """Return the broader meanings, the nearest first."""
        level = meaning.above
        while level:
            yield from level
            level = [up for one in level for up in self.meanings[one].above]

    def is_thing(self, meaning: Meaning) -> bool:
        """Tell whether a meaning is one that can be seen at all, however rare."""
        return meaning.file in THINGS | _AT_TIMES


def _lines(path: Path) -> list[str]:
    """Return the lines after the licence, which is indented."""
    return [line for line in path.read_text().splitlines() if not line.startswith("  ")]


def _read(line: str) -> Meaning:
    fields = line.split(" | ", maxsplit=1)[0].split()
    words = [fields[4 + 2 * number].replace("_", " ") for number in range(int(fields[3], 16))]
    pointers = fields[5 + 2 * len(words) :]
    above, is_one_thing = [], False
    rude: set[int] = set()
    for kind, target, _, ends in zip(*[iter(pointers)] * 4, strict=False):
        above += [target] if kind == "@" else []
        is_one_thing = is_one_thing or kind == "@i"
        if kind == ";u" and target in _RUDE:
            word = int(ends[:2], 16)  # 0: all
            rude |= {word - 1} if word else set(range(len(words)))
    decent = [word for number, word in enumerate(words) if number not in rude]
    return Meaning(fields[0], int(fields[1]), decent, above, is_one_thing)
