"""Opens a library: puts its documents and their rows into the tables, and queues the photos that lack them.

The stack is new at each start, of the present template, and the photos are in its bucket already. Only documents
are saved; rows are made again of them. Then bucket and tables are compared as `photos audit` does it, so that what
was not saved is labelled again, whatever the reason.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from photo_labels.library.audit import Auditor, Repairer
from photo_labels.library.auditing.findings import Finding
from photo_labels.library.reconciler import Reconciler
from photo_labels.records.attributes import from_attributes, to_attributes
from photo_labels.records.documents import Document, NotOursError
from photo_labels.terminal.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from local.document_log import Saved
    from photo_labels.library.auditing.findings import Audit
    from photo_labels.library.target import Target

_TO_LABEL = (Finding.NEVER_LABELLED, Finding.CALLED_REMOVED, Finding.OUTDATED)


def write_items(folder: Path, items: Iterable[dict[str, Any]]) -> None:
    """Write saved documents, and rows made of them, to where ministack puts them into the tables it makes.

    Tombstones whose time is over are among them: a purged photo that is still in the bucket would come back.
    """
    folder.mkdir()
    with (folder / "ImageLabels.items").open("w") as documents, (folder / "LabelIndex.items").open("w") as rows:
        for item in items:
            documents.write(json.dumps(item) + "\n")
            rows.writelines(json.dumps(row) + "\n" for row in _rows(item))


def _rows(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with suppress(NotOursError):  # somebody else's item is kept, and has no rows
        for row in Document.from_item(from_attributes(item)).rows():
            yield to_attributes(row.to_item())


def repair(target: Target) -> Audit:
    """Queue what bucket and tables lack of each other. Nothing is under way: the queues are new."""
    auditor = Auditor(target, timedelta())
    with Reconciler(target, room=None) as reconciler:
        return auditor.run(Repairer(target, reconciler).repair)


def opening_text(folder: Path, saved: Saved | None, audit: Audit) -> str:
    """Return what is in a library, and what is done about how it was closed; `saved` None: it is new."""
    if saved is None:
        return f"The library in {folder} is new."
    photos = f"The library in {folder} has {counted(audit.objects, 'photo')}."
    lacking = sum(audit.found[finding] for finding in _TO_LABEL)
    labelled = f"{lacking:,} {'is' if lacking == 1 else 'are'} being labelled"
    if not saved.was_closed:
        known = f"{labelled} again" if lacking else "nothing is missing"
        return f"{photos} It did not end in order the last time: {known}."
    if saved.damaged:
        known = f"{labelled} again" if lacking else "nothing is missing"
        return f"{photos} Some of what is known of them was damaged: {known}."
    return f"{photos} Of them {labelled}, which waited when it stopped." if lacking else photos
