"""Whether each file of a folder ended as it should: by the list where it is in it, and else by other programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from corpus.decoding import CRASHED, TOO_SLOW
from corpus.ends import End

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from corpus.comparison import Compared
    from corpus.expected import Expected


@dataclass(frozen=True, slots=True)
class Finding:
    """A file to look at, and what the list has of it, if anything."""

    file: Compared
    expected: Expected | None


@dataclass(slots=True)
class Verdict:
    """What is wrong; nothing: the corpus is good."""

    files: int = 0
    listed: int = 0
    # By the list, with its sentence: others open it, and it is refused.
    explained: int = 0
    crashed: list[Finding] = field(default_factory=list)
    unaccounted: list[Finding] = field(default_factory=list)
    otherwise: list[Finding] = field(default_factory=list)
    refused_alone: list[Finding] = field(default_factory=list)
    blank_alone: list[Finding] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not any(found for _, found in self.findings())

    def findings(self) -> list[tuple[str, list[Finding]]]:
        return [
            ("the decoder crashes, or takes too long", self.crashed),
            ("unaccounted for", self.unaccounted),
            ("otherwise than the list says", self.otherwise),
            ("of one colour as it is labelled, and another program sees more", self.blank_alone),
            ("refused, and another program opens it", self.refused_alone),
        ]


def judged(files: Iterable[Compared], expected: Mapping[Path, Expected]) -> Verdict:
    """Judge each file once, by what weighs most."""
    verdict = Verdict()
    for one in files:
        listed = expected.get(one.file.path)
        verdict.files += 1
        verdict.listed += listed is not None
        found = Finding(one, listed)
        if one.file.reason in {CRASHED, TOO_SLOW}:
            verdict.crashed.append(found)
        elif one.file.end is End.UNACCOUNTED:
            verdict.unaccounted.append(found)
        elif listed and (one.file.end, one.file.reason) != (listed.end, listed.reason):
            verdict.otherwise.append(found)
        elif one.is_blank_alone:
            verdict.blank_alone.append(found)
        elif one.is_refused_alone and listed:
            verdict.explained += 1
        elif one.is_refused_alone:
            verdict.refused_alone.append(found)
    return verdict
