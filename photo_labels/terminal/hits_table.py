"""Search results as a table, for `photos search` and `make demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Column, Table

from photo_labels.terminal.text import labels_of, safe, time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photo_labels.library.searching.searcher import Hit
    from photo_labels.records.documents import Document


def hits_table(hits: Sequence[Hit], *, has_times: bool = False) -> Table:
    """Search results in their order; a photo of several labels that were searched for has the one it was found by.

    `has_times`: with when each was taken.
    """
    labels = list(dict.fromkeys(hit.label for hit in hits if hit.label))
    by = [Column(safe(" / ".join(labels)), justify="right")] if labels else []
    when = [Column("taken", width=16)] if has_times else []
    table = Table(*by, *when, Column("photo", overflow="fold"), "all its labels", expand=True)
    for hit in hits:
        confidence = [] if hit.confidence is None else [f"{hit.confidence:.2f}"]
        time = [safe(time_text(hit.document))] if has_times else []
        table.add_row(*confidence, *time, safe(hit.document.key), safe(_found(hit.document)))
    return table


def _found(document: Document) -> str:
    """Return what was found in a photo; of a rejected one, why nothing was."""
    if document.status == "REJECTED":
        return f"rejected: {document.detail or document.reason}"
    return labels_of(document)
