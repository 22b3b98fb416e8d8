"""A user's own names of labels: `--map FILE` renames, merges and hides them, wherever labels are shown or named.

    hide = ["Machine"]

    [rename]
    "Mobile Phone" = "Handy"
    "Phone" = "Handy"

The tables stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from photo_labels.records.documents import Document


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Which labels have other names, and which are not shown; upper and lower case are the same."""

    # The new name by the label.
    renamed: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    _renamed: dict[str, str] = field(init=False, repr=False, compare=False)
    _hidden: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_renamed", {one.casefold(): name for one, name in self.renamed.items()})
        object.__setattr__(self, "_hidden", frozenset(one.casefold() for one in self.hidden))

    def name(self, label: str) -> str | None:
        """Return what a label is called; None: it is hidden."""
        folded = label.casefold()
        return None if folded in self._hidden else self._renamed.get(folded, label)

    def named(self, text: str) -> str | None:
        """Return the new name that is a text in whatever case."""
        folded = text.casefold()
        return next((name for name in self.renamed.values() if name.casefold() == folded), None)

    def merged(self, name: str) -> list[str]:
        """Return the labels that have a name: those that were renamed to it, and the one that always had it."""
        folded = name.casefold()
        labels = [label for label, new in self.renamed.items() if new.casefold() == folded]
        is_own = folded not in self._renamed and folded not in self._hidden
        return labels + [name] * (is_own and folded not in {label.casefold() for label in labels})

    def counts(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return counts by name, the most frequent first; those of merged labels are added up."""
        found: dict[str, int] = defaultdict(int)
        for label, count in counts.items():
            if (name := self.name(label)) is not None:
                found[name] += count
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def merged_of(self, counts: Iterable[str]) -> dict[str, list[str]]:
        """Return the labels of each name that several labels have."""
        found: dict[str, list[str]] = defaultdict(list)
        for label in counts:
            if (name := self.name(label)) is not None:
                found[name].append(label)
        return {name: labels for name, labels in found.items() if len(labels) > 1}

    def unused(self, counts: Iterable[str]) -> list[str]:
        """Return the labels that are renamed or hidden, and that no photo has: they may be misspelt."""
        counted = {label.casefold() for label in counts}
        return [one for one in [*self.renamed, *sorted(self.hidden)] if one.casefold() not in counted]

    def shown(self, document: Document) -> Document:
        """Return a document with its labels as they are called: of merged ones the surest, with all boxes."""
        if not (self.renamed or self.hidden):
            return document
        found: dict[str, dict[str, Any]] = {}
        for label in document.labels:
            if (name := self.name(label["Name"])) is None:
                continue
            named = {**label, "Name": name, "Parents": self._names(label["Parents"])}
            if name not in found:
                found[name] = named
            else:
                surest, other = sorted((found[name], named), key=lambda one: -one["Confidence"])
                found[name] = {**surest, "Instances": [*surest["Instances"], *other["Instances"]]}
        return replace(document, labels=tuple(found.values()))

    def _names(self, labels: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(name for label in labels if (name := self.name(label)) is not None))


NO_MAP = LabelMap()
_MAX_SIZE = 1_000_000


def read(path: Path) -> LabelMap:
    """Read a user's file. Raises UserError, with the line, where it makes no sense."""
    import tomllib  # noqa: PLC0415 - few have a map, and all wait for what is imported

    try:
        with path.open("rb") as file:
            encoded = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise UserError(f"The map {path} cannot be read ({error.strerror}).") from error
    if len(encoded) > _MAX_SIZE:
        raise UserError(f"The map {path} is larger than a map can be: 1 MB.")
    try:  # some editors put a mark first
        text = encoded.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"The map {path} is not UTF-8 in line {line}: save it as UTF-8.") from error
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"The map {path} is no TOML: {error or 'it is nested too deep'}.") from error
    return _Checked(path, text).map(content)


class _Checked:
    """Checks what a file says."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def map(self, content: dict[str, Any]) -> LabelMap:
        for key in content:
            if key not in {"rename", "hide"}:
                raise self._error(key, f"{key!r} is not known: there are hide = [...] and [rename]")
        renamed, hidden = content.get("rename", {}), content.get("hide", [])
        if not isinstance(renamed, dict):
            raise self._error("rename", 'rename is a table: [rename], and below it "Label" = "name"')
        for label, name in renamed.items():
            if not isinstance(name, str) or not name.strip() or not label.strip():
                raise self._error(label, f'{label!r} needs a name in quotes: "Label" = "name"')
        if not isinstance(hidden, list) or not all(isinstance(one, str) and one.strip() for one in hidden):
            raise self._error("hide", 'hide is a list of labels: hide = ["Label", "Label"]')
        folded = Counter(label.casefold() for label in renamed)
        if twice := next((one for one in renamed if folded[one.casefold()] > 1), None):
            raise self._error(twice, f"{twice!r} is renamed twice, in other case")
        for label in hidden:
            if label.casefold() in folded:
                raise self._error(label, f"{label!r} is both renamed and hidden: leave one out")
        names = {label.strip(): " ".join(name.split()) for label, name in renamed.items()}
        return LabelMap(names, frozenset(one.strip() for one in hidden))

    def _error(self, word: str, what: str) -> UserError:
        """Return an error with the line that a word is in: the last one, where it is in several."""
        at = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        line = max((number for number, text in enumerate(self._lines, 1) if at.search(text)), default=1)
        return UserError(f"The map {self._path} is wrong in line {line}: {what}.")
