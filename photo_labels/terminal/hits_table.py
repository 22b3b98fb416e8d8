"""Search results as a table, for `photos search` and `make demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Column, Table

from photo_labels.terminal.text import labels_of, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photo_labels.library.searching.searcher import Hit


def hits_table(hits: Sequence[Hit]) -> Table:
    """Search results, best first; a photo of several labels that were searched for has the one it was found by."""
    by = " / ".join(dict.fromkeys(hit.label for hit in hits))
    table = Table(Column(safe(by), justify="right"), "photo", "all its labels", expand=True)
    for hit in hits:
        table.add_row(f"{hit.confidence:.2f}", safe(hit.document.key), safe(labels_of(hit.document)))
    return table
