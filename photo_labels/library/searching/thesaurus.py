"""What English words, and some of other languages, mean: `words/words.txt`, read when a search needs it.

A line is a meaning: its words, separated by commas; those with capitals are labels. What is indented below it is
narrower. `crane~2` is the second meaning of crane, the first being more common.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_STEPS_UP, _MAX_STEPS_DOWN = 2, 2


class Thesaurus:
    """Meanings by their number, the line where each is."""

    def __init__(self, text: str) -> None:
        self._words: list[tuple[str, ...]] = []
        self._broader: list[int | None] = []
        self._narrower: dict[int, list[int]] = defaultdict(list)
        # By folded word, each with its rank among the meanings of that word.
        self._senses: dict[str, list[tuple[int, int]]] = defaultdict(list)
        path: list[int] = []
        for number, line in enumerate(text.splitlines()):
            words = line.lstrip(" ")
            del path[len(line) - len(words) :]
            self._broader.append(path[-1] if path else None)
            if path:
                self._narrower[path[-1]].append(number)
            path.append(number)
            self._words.append(tuple(word for word in words.split(",") if "~" not in word))
            for word in words.lower().split(","):
                name, _, rank = word.partition("~")
                self._senses[name].append((int(rank or 1), number))

    def senses(self, text: str) -> list[int]:
        """Return what a word means, the most common first; a plural what its singular does."""
        folded = _folded(text)
        form = next((one for one in _forms(folded) if one in self._senses), None)
        if form is None:  # cell phone: cellphone
            joined = _joined(folded)
            form = next((one for one in self._senses if _joined(one) == joined), "")
        return [number for _, number in sorted(self._senses.get(form, ()))]

    def words(self, sense: int) -> tuple[str, ...]:
        """Return the words that mean just that before all else, the labels first."""
        return self._words[sense]

    def broader(self, sense: int) -> Iterator[int]:
        """Return the meanings above, the nearest first, as far as they still say much of what is meant."""
        above = self._broader[sense]
        for _ in range(_MAX_STEPS_UP):
            if above is None:
                return
            yield above
            above = self._broader[above]

    def narrower(self, sense: int) -> Iterator[int]:
        """Return the meanings below, level by level, as far as they are still what one thinks of."""
        level = [sense]
        for _ in range(_MAX_STEPS_DOWN):
            level = [below for one in level for below in self._narrower[one]]
            yield from level

    def label(self, text: str) -> str | None:
        """Return the label that is a text in whatever case."""
        folded = _folded(text)
        spelled = (word for _, number in self._senses.get(folded, ()) for word in self._words[number])
        return next((word for word in spelled if is_label_name(word) and _folded(word) == folded), None)

    def labels(self) -> Iterator[str]:
        """Return all labels that are known, in no order."""
        return (word for words in self._words for word in words if is_label_name(word))

    def known(self, beginning: str) -> list[str]:
        """Return the labels that begin so; the words, where no label does."""
        folded = _folded(beginning)
        labels = [one for one in self.labels() if _folded(one).startswith(folded)]
        return sorted(labels or (one for one in self._senses if one.startswith(folded)))

    def alike(self, text: str) -> list[str]:
        """Return words that begin as a text does and are about as long: it may be one of them, misspelt."""
        folded = _folded(text)
        return [one for one in self._senses if one[:1] == folded[:1] and abs(len(one) - len(folded)) <= 2]


@cache
def thesaurus() -> Thesaurus:
    """Read the words, once."""
    return Thesaurus((Path(__file__).parent / "words" / "words.txt").read_text(encoding="utf-8"))


def is_label_name(word: str) -> bool:
    """Tell whether a word of the file is a label: those have capitals."""
    return word != word.lower()


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def _joined(folded: str) -> str:
    return folded.replace(" ", "").replace("-", "")


def _forms(folded: str) -> Iterator[str]:
    """Return a word, and what may be its singular."""
    yield folded
    if folded.endswith("ies"):
        yield folded[:-3] + "y"
    if folded.endswith("s"):
        yield folded[:-1]
    if folded.endswith("es"):
        yield folded[:-2]
