"""What emoji are called: a small dictionary of things that people take photos of, in many languages."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.words.tree import Tree

# Shared by at least so many of the emoji that either word is among the words of.
_ALIKE = 0.6


class Emoji:
    """The names of one language, and the words by which an emoji is looked for."""

    def __init__(self, path: Path) -> None:
        self.names: dict[str, str] = {}
        self.words: dict[str, list[str]] = {}
        for one in ET.parse(path).iter("annotation"):  # noqa: S314 - its sha256 was checked
            emoji, text = one.attrib["cp"], one.text or ""
            if one.get("type") == "tts":
                self.names[emoji] = _plain(text)
            else:
                self.words[emoji] = [_plain(word) for word in text.split("|")]

    def by_word(self) -> dict[str, set[str]]:
        """Return the emoji that have a word, as their name or beside it."""
        found: dict[str, set[str]] = defaultdict(set)
        for emoji, words in self.words.items():
            for word in words:
                found[word].add(emoji)
        for emoji, name in self.names.items():
            found[name].add(emoji)
        return found


def translations(own: Emoji, english: Emoji, tree: Tree) -> Iterator[tuple[str, str]]:
    """Return words of another language with the meanings that they have.

    An emoji's name is the name of what it shows. Another word means what the English word does that has just about
    the same emoji; one of a single emoji what that shows, where English says nothing else of it either.
    """
    shown = {emoji: meaning for emoji, name in english.names.items() if (meaning := _meant(name, tree))}
    for emoji, name in own.names.items():
        if meaning := tree.meant(english.names.get(emoji, "")):
            yield name, meaning
    nouns = {word: emoji for word, emoji in english.by_word().items() if tree.meant(word)}
    by_emoji: dict[str, list[str]] = defaultdict(list)
    for noun, some in sorted(nouns.items()):
        for emoji in some:
            by_emoji[emoji].append(noun)
    for word, some in own.by_word().items():
        if len(some) == 1:
            [emoji] = some
            beside = [one for one in english.words.get(emoji, []) if one != english.names.get(emoji)]
            if emoji in shown and _is_plain(beside, tree.near(shown[emoji])):
                yield word, shown[emoji]
            continue
        likeness = {
            noun: len(some & nouns[noun]) / len(some | nouns[noun])
            for emoji in sorted(some)
            for noun in by_emoji[emoji]
        }
        best = max(likeness, key=lambda noun: likeness[noun], default="")
        meaning = tree.meant(best)
        if meaning and likeness[best] >= _ALIKE:
            yield word, meaning


def _meant(name: str, tree: Tree) -> str | None:
    """Return what an emoji shows by its English name; a dog face shows a dog."""
    return tree.meant(name) or tree.meant(name.removesuffix(" face"))


def _is_plain(words: list[str], near: set[str]) -> bool:
    """Tell whether all is about one thing; to a black cat English adds luck."""
    return 2 * sum(word.lower() in near for word in words) >= len(words)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.strip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
