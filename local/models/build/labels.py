"""The table `labels.json`: what the classes of both models are called, their parents and their category.

    {"labels": {"Cat": {"parents": ["Animal", "Mammal", "Pet"], "category": "Animals and Pets"},
                "Mobile Phone": {"parents": …, "category": …, "aliases": ["Cell Phone"]}, …},
     "detector": ["Person", "Bicycle", …, null, …],      COCO's id, less one
     "classifier": ["Tench", …]}                         ImageNet's class number

Both models share the labels, so that a detected Cat and a classified Tiger Cat come out as the same Cat.
"""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAMES = Path(__file__).with_name("names.toml")
_COCO_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
# Those in use; the detector has a column for each of 1 … 90.
_COCO_IDS = [id_ for id_ in range(1, 91) if id_ not in _COCO_GAPS]
# Of one label; Rekognition hardly has more.
_MOST_ALIASES = 2
# "Bos taurus"; what has "cat" in it, as "Siamese cat", is left out in any case.
_SCIENTIFIC = re.compile("[A-Z][a-z]+ [a-z]+")
_SMALL_WORDS = {"of", "the", "and", "or"}


class _WordNet:
    """The hypernyms of WordNet's nouns (format: the manual page wndb(5))."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()

    def above(self, offset: int) -> Iterator[int]:
        """Walk up, the nearest first."""
        level = [offset]
        while level := [up for one in level for up in self._hypernyms(one)]:
            yield from level

    def words(self, offset: int) -> list[str]:
        """Return the words of a synset, all of one meaning, without scientific names."""
        fields = self._fields(offset)
        words = (fields[4 + 2 * number].replace("_", " ") for number in range(int(fields[3], 16)))
        return [word for word in words if not _SCIENTIFIC.fullmatch(word)]

    def _fields(self, offset: int) -> list[str]:
        line = self._data[offset : self._data.index(b"\n", offset)].decode()
        return line.split(" | ")[0].split()

    def _hypernyms(self, offset: int) -> list[int]:
        fields = self._fields(offset)
        first = 4 + 2 * int(fields[3], 16)  # behind the words; that count alone is hexadecimal
        pointers = (fields[first + 1 + 4 * number :][:4] for number in range(int(fields[first])))
        return [int(target) for kind, target, part, _ in pointers if kind in {"@", "@i"} and part == "n"]


class _Names:
    """`names.toml`."""

    def __init__(self) -> None:
        content = tomllib.loads(_NAMES.read_text())
        self.default_category: str = content["default-category"]
        self.detected = _listed(content["detected"])
        self.without_wordnet = _listed(content["without-wordnet"])
        self.classes = {int(number): label for number, label in map(_numbered, _listed(content["classes"]))}
        self.groups = {
            int(offset): (label, category)
            for category, entries in content["groups"].items()
            for offset, label in map(_numbered, _listed(entries))
        }
        self.categories = _inverted(content["categories"])
        self.hand_made = _inverted(content["hand-made"])
        self.aliases = {label: _listed(others) for label, others in content["aliases"].items()}
        self.children = {parent: _listed(labels) for parent, labels in content["parents"].items()}


def write(class_names: Path, class_synsets: Path, wordnet: Path, target: Path) -> None:
    """Write the table. Raises ValueError where `names.toml` speaks of a label that there is not."""
    names = _Names()
    spoken = json.loads(class_names.read_text())
    classes = [names.classes.get(number) or _title_case(name) for number, name in enumerate(spoken)]
    synsets = [
        (classes[int(number)], int(id_[1:])) for number, id_ in json.loads(class_synsets.read_text()).items()
    ]
    nouns = _WordNet(wordnet)
    parents, categories = _hierarchy(names, synsets, nouns)
    aliases = _aliases(names, synsets, nouns, parents.keys())

    @cache
    def ancestors(label: str) -> frozenset[str]:
        return frozenset(parents[label]).union(*(ancestors(parent) for parent in parents[label]))

    @cache
    def category(label: str) -> str:
        inherited = [category(parent) for parent in sorted(parents[label])]
        return categories.get(label) or next(iter(inherited), names.default_category)

    labels = {
        label: {"parents": sorted(ancestors(label)), "category": category(label)}
        | ({"aliases": aliases[label]} if aliases.get(label) else {})
        for label in sorted(parents)
    }
    detected = dict(zip(_COCO_IDS, names.detected, strict=True))
    rest = {"detector": [detected.get(id_) for id_ in range(1, 91)], "classifier": classes}
    target.write_text(_one_label_a_line(labels, rest))


def _hierarchy(
    names: _Names, synsets: list[tuple[str, int]], wordnet: _WordNet
) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Return each label's parents (not all of their parents yet), and the categories that are known directly."""
    parents: dict[str, set[str]] = {label: set() for label in names.hand_made}
    categories: dict[str, str] = {}
    groups = [(label, offset) for offset, (label, _) in names.groups.items() if label != "-"]
    for label, offset in [*groups, *synsets]:
        above = [names.groups[up] for up in (offset, *wordnet.above(offset)) if up in names.groups]
        parents.setdefault(label, set()).update(parent for parent, _ in above if parent not in {"-", label})
        categories.setdefault(label, above[0][1]) if above else None
    for label in names.without_wordnet:
        parents[label].clear()
        categories.pop(label, None)
    for parent, children in names.children.items():
        for label in children:
            parents[label].add(parent)
    categories |= names.hand_made | names.categories
    named = {*names.detected, *names.categories, *names.children}
    if unknown := named - parents.keys():
        raise ValueError(f"names.toml speaks of labels that there are not: {sorted(unknown)}")
    return parents, categories


def _aliases(
    names: _Names, synsets: list[tuple[str, int]], wordnet: _WordNet, labels: Iterable[str]
) -> dict[str, list[str]]:
    """Return each label's other names: those of `names.toml`, else the words of its synset in WordNet.

    A synset counts only where the label is one of its words: some labels are wider than the class they are of.
    What is a label itself is nobody's alias, nor what has the label in it, as "piece of furniture".
    """
    if unknown := names.aliases.keys() - set(labels):
        raise ValueError(f"names.toml speaks of labels that there are not: {sorted(unknown)}")
    taken = {_bare(label) for label in labels}
    found = {label: list(others) for label, others in names.aliases.items()}
    groups = [(label, offset) for offset, (label, _) in names.groups.items() if label != "-"]
    for label, offset in [*groups, *synsets]:
        words = wordnet.words(offset)
        if label in names.aliases or _bare(label) not in map(_bare, words):
            continue
        others = found.setdefault(label, [])
        for word in map(_title_case, words):
            is_new = _bare(word) not in taken | set(map(_bare, others)) and _bare(label) not in _bare(word)
            if is_new and len(others) < _MOST_ALIASES:
                others.append(word)
    return found


def _bare(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _listed(text: str) -> list[str]:
    return [entry.strip() for entry in text.replace("\n", " ").split(",")]


def _numbered(entry: str) -> tuple[str, str]:
    number, _, label = entry.partition(" ")
    return number, label


def _inverted(table: dict[str, str]) -> dict[str, str]:
    return {label: category for category, labels in table.items() for label in _listed(labels)}


def _title_case(name: str) -> str:
    """'impala (antelope)' → 'Impala'; of 'cardboard box / carton' and 'gas mask or respirator' the first."""
    name = re.sub(r" \(.*\)|,.*| / .*| or .*", "", name)
    return " ".join(word if word in _SMALL_WORDS else word[0].upper() + word[1:] for word in name.split())


def _one_label_a_line(labels: dict[str, Any], rest: dict[str, Any]) -> str:
    """JSON that can be read as a diff."""
    lines = ",\n".join(f" {json.dumps(label)}: {json.dumps(entry)}" for label, entry in labels.items())
    others = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in rest.items())
    return f'{{"labels": {{\n{lines}\n}},\n{others}}}\n'
