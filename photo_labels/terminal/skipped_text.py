"""What was skipped, by suffix, in a line or a few; for import, backfill and audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.library.skipped import parts_of
from photo_labels.terminal.text import counted, listing

if TYPE_CHECKING:
    from collections import Counter

    from rich.console import Console

    from photo_labels.library.skipped import Skipped


def show_skipped(console: Console, noun: str, tally: Counter[Skipped]) -> None:
    """Print how many files or folders were skipped, and of which suffixes or names; nothing where none was."""
    if tally:
        title = f"{counted(tally.total(), noun)} skipped"
        console.print(listing(title, parts_of(tally), console.width), soft_wrap=True, highlight=False)
