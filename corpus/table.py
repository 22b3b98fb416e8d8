"""What `make corpus` prints: ends by format, reasons, and one by one the files that a person has to look at."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Column, Table

from corpus.ends import End
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from corpus.comparison import Compared
    from corpus.tools import Tool
    from corpus.verdict import Finding, Verdict


def show(console: Console, files: Sequence[Compared], tools: Sequence[Tool]) -> None:
    """Print the ends by format, and the reasons, beside how many of these files each other program opens."""
    names = [tool.name for tool in tools]
    ends = [end for end in End if any(one.file.end is end for one in files)]
    formats = Table("format", *_numbers("files", *(end.value.lower() for end in ends), *names), box=None)
    for name in sorted({one.format for one in files}):
        formats.add_row(name, *_counts([one for one in files if one.format == name], ends, names))
    formats.add_row("all", *_counts(files, ends, names), style="bold")
    console.print(formats)
    reasons = Table("", "format", *_numbers("files", *names), box=None)
    kinds = Counter((one.file.reason, one.format) for one in files if one.file.end is End.REJECTED)
    for (reason, name), _ in sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0])):
        some = [one for one in files if (one.file.reason, one.format) == (reason, name)]
        reasons.add_row(reason, name, f"{len(some):,}", *(_opened(some, tool) for tool in names))
    if kinds:
        console.print("\nrejected", style="bold")
        console.print(reasons)


def show_verdict(console: Console, verdict: Verdict, folder: Path) -> None:
    """Print each file that is not as it should be, with what others see in it, and the sum."""
    for title, findings in verdict.findings():
        if findings:
            console.print(f"\n{title}: {len(findings):,}", style="bold")
        for found in findings:
            console.print(safe(found.file.file.path.relative_to(folder)))
            for line in _lines(found):
                console.print(Padding(safe(line), (0, 0, 0, 4)))
    wrong = sum(len(findings) for _, findings in verdict.findings())
    console.print(
        f"\n{counted(verdict.files, 'file')}, {verdict.listed:,} of them in the list: {wrong:,} to look at; "
        f"{verdict.explained:,} refused that another program opens, and the list says why"
    )


def _numbers(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _counts(files: Sequence[Compared], ends: Sequence[End], tools: Sequence[str]) -> list[str]:
    counts = Counter(one.file.end for one in files)
    numbers = [len(files), *(counts[end] for end in ends)]
    return [*(f"{number:,}" if number else "" for number in numbers), *(_opened(files, tool) for tool in tools)]


def _opened(files: Iterable[Compared], tool: str) -> str:
    number = sum(tool in one.others for one in files)
    return f"{number:,}" if number else ""


def _lines(found: Finding) -> Iterator[str]:
    file = found.file.file
    yield ": ".join(filter(None, (f"{file.end.value} {file.reason}".rstrip(), file.detail)))
    for name, seen in found.file.others.items():
        blank = ", of one colour" if seen.is_blank else ""
        complaint = f"; it says: {seen.complaint}" if seen.complaint else ""
        yield f"{name}: {seen.size[0]} x {seen.size[1]}{blank}{complaint}"
    if found.expected:
        yield f"the list: {found.expected.end.value} {found.expected.reason}".rstrip()
