"""What became of a file beside what other programs make of it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from corpus.decoding import BLANK, refusal
from corpus.ends import End, format_of
from photo_labels.records.decoders.limits import SHORTEST_SIDE
from photo_labels.records.decoders.rendering import is_blank

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from corpus.ends import FileEnd
    from corpus.tools import Tool

# What has an unknown beginning.
NO_FORMAT = "other"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a program sees in a file that it opens."""

    size: tuple[int, int]
    # The picture has one colour.
    is_blank: bool
    complaint: str

    @property
    def is_large_enough(self) -> bool:
        return min(self.size) >= SHORTEST_SIDE


@dataclass(frozen=True, slots=True)
class Compared:
    """One file's end, and what other programs see in it, by their names: those that open it."""

    file: FileEnd
    # By its content.
    format: str
    # What Rekognition is shown has one colour.
    is_blank: bool = False
    others: dict[str, Seen] = field(default_factory=dict)

    @property
    def is_refused_alone(self) -> bool:
        """Tell whether another program shows something that is large enough to be labelled, and we refuse it."""
        is_refused = self.file.end not in {End.LABELLED, End.SKIPPED}
        return is_refused and any(one.is_large_enough and not one.is_blank for one in self.others.values())

    @property
    def is_blank_alone(self) -> bool:
        return self.is_blank and any(not one.is_blank for one in self.others.values())


def compared(ends: Sequence[FileEnd], tools: Sequence[Tool], tell: Callable[[str], None]) -> list[Compared]:
    """Ask the other programs about all files, as many at a time as there are cores."""
    files = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for number, one in enumerate(pool.map(partial(_compared, tools), ends), 1):
            files.append(one)
            tell(f"comparing: {number:,} of {len(ends):,}")
    return files


def _compared(tools: Sequence[Tool], file: FileEnd) -> Compared:
    if not file.path.is_file():  # a link to nothing, a pipe
        return Compared(file, NO_FORMAT)
    try:
        found = format_of(file.path)
    except OSError:
        return Compared(file, NO_FORMAT)
    why = refusal(file.path) if file.end is End.LABELLED else None
    others = {}
    for tool in tools:
        opened = tool.opened(file.path)
        if opened.size and opened.picture:
            others[tool.name] = Seen(opened.size, is_blank(opened.picture), opened.said)
    return Compared(file, found.name if found else NO_FORMAT, why is not None and why.reason == BLANK, others)
