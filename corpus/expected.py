"""The list of files of public test corpora and their expected ends: `expected.tsv`, beside `repositories.tsv`.

A file is at OWNER/NAME/path below the folder, as `corpus.fetching` puts it there. Of a file that is not there, or
whose content is another, the list says nothing.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.ends import End

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = Path(__file__).parent
_LIST, _REPOSITORIES = _FOLDER / "expected.tsv", _FOLDER / "repositories.tsv"


@dataclass(frozen=True, slots=True)
class Repository:
    """A public repository on GitHub, by its owner and name, at a commit."""

    name: str
    commit: str


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of the list; `why`: one short sentence, of whatever is not labelled."""

    repository: str
    path: str
    sha256: str
    end: End
    reason: str
    why: str


def repositories() -> list[Repository]:
    return [Repository(row["name"], row["commit"]) for row in _rows(_REPOSITORIES)]


def expectations() -> list[Expected]:
    return [
        Expected(row["repository"], row["path"], row["sha256"], End(row["end"]), row["reason"], row["why"])
        for row in _rows(_LIST)
    ]


def expected_in(folder: Path) -> dict[Path, Expected]:
    """Return what is expected of the files in a folder, by their absolute paths."""
    found = {folder.absolute() / one.repository / one.path: one for one in expectations()}
    return {path: one for path, one in found.items() if path.is_file() and _sha256(path) == one.sha256}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, dialect="excel-tab", quoting=csv.QUOTE_NONE)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
