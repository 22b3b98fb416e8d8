"""What a search says of a photo besides its labels: in:2019, name:IMG_03*, is:unlabelled.

    in:2019           in a folder 2019, wherever that is; in:holiday/2019 likewise
    in:/2019          in the folder 2019 of the top
    name:IMG_03*      a file name that is so: * stands for any letters, ? for one
    name:0312         without * and ?: a file name with that in it
    is:unlabelled     labelled, and nothing was sure enough
    is:rejected       not to be labelled

Upper and lower case are the same, and so are letters with accents however they are encoded. Spaces and
parentheses go in double quotes: in:"my photos".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import translate
from functools import cached_property
from typing import Final
from unicodedata import normalize

from photo_labels.library.user_errors import UserError

_STATES: Final = ("rejected", "unlabelled")
_TO_QUOTE = re.compile(r"[\s()]")


def folded(text: str) -> str:
    """Return a text as it is compared: without case, and composed, as macOS does not write file names."""
    return normalize("NFC", normalize("NFD", text).casefold())


@dataclass(frozen=True)
class InFolder:
    """The photo is in this folder, or below it."""

    folder: str

    @classmethod
    def parse(cls, text: str) -> InFolder:
        """Read the name of a folder, or its path. Raises UserError where there is none."""
        if not text.strip("/ "):
            raise UserError('in: lacks a folder: say in:2019, or in:"my photos", without a space after the colon.')
        return cls(text)

    def __str__(self) -> str:
        return f"in:{_quoted(self.folder)}"

    def holds(self, key: str) -> bool:
        """Tell whether the photo with a key is in it."""
        folder = folded(f"/{key.rpartition('/')[0]}/")
        return folder.startswith(self._path) if self.folder.startswith("/") else self._path in folder

    @cached_property
    def _path(self) -> str:
        return folded(f"/{self.folder.strip('/')}/")


@dataclass(frozen=True)
class Named:
    """The photo's file name, the last part of its key, is so."""

    pattern: str

    @classmethod
    def parse(cls, text: str) -> Named:
        """Read a pattern. Raises UserError where there is none."""
        if not text.strip():
            raise UserError("name: lacks a file name: say name:IMG_03*, without a space after the colon.")
        return cls(text)

    def __str__(self) -> str:
        return f"name:{_quoted(self.pattern)}"

    def holds(self, key: str) -> bool:
        """Tell whether the photo with a key has such a name."""
        return bool(self._regex.fullmatch(folded(key.rpartition("/")[2])))

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        pattern = self.pattern if set("*?") & set(self.pattern) else f"*{self.pattern}*"
        # No [a-z] of shells: files named IMG[1].jpg are more frequent than searches for one of some letters.
        return re.compile(translate(folded(pattern).replace("[", "[[]")))


@dataclass(frozen=True)
class Is:
    """The photo is rejected, or has no label."""

    state: str

    @classmethod
    def parse(cls, text: str) -> Is:
        """Read a state. Raises UserError where it is none."""
        state = text.strip().lower()
        if state not in _STATES:
            close = get_close_matches(state, _STATES, 1)
            hint = f"Did you mean is:{close[0]}?" if close else "Say is:unlabelled or is:rejected."
            raise UserError(f"Photos are never is:{text}. {hint}")
        return cls(state)

    def __str__(self) -> str:
        return f"is:{self.state}"


UNLABELLED, REJECTED = Is("unlabelled"), Is("rejected")

Term = InFolder | Named | Is
_KINDS: Final[dict[str, type[Term]]] = {"in": InFolder, "name": Named, "is": Is}


def parse_term(text: str) -> Term:
    """Read a term, a word with a colon. Raises UserError where it is none."""
    kind, _, value = text.partition(":")
    said = value.replace('"', "")
    if found := _KINDS.get(kind.lower()):
        return found.parse(said)
    close = get_close_matches(kind.lower(), _KINDS, 1)
    hint = f"Did you mean {close[0]}:{value}?" if close else "There are in:, name: and is:."
    raise UserError(f'A search has no {kind}: in it. {hint} A label with a colon goes in double quotes: "{text}".')


def _quoted(text: str) -> str:
    return f'"{text}"' if _TO_QUOTE.search(text) else text
