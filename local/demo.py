"""`make demo`: photos in, labels out, and a search for one of them."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from local.folders import as_typed, as_written
from photo_labels.library.importing.ends import End
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import Journal
from photo_labels.library.importing.patience import PATIENCE
from photo_labels.library.searching.query import Has
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.table_reader import TableReader
from photo_labels.records.documents import image_id
from photo_labels.terminal.hits_table import hits_table
from photo_labels.terminal.import_display import ImportDisplay, show_summary
from photo_labels.terminal.text import labels_of, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photo_labels.library.importing.journal import File
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

# Nobody else's work is in the queues: a photo that has been tried for so long fails for good.
_PATIENCE = replace(PATIENCE, retried_s=60.0)
# Of more photos, so many from all over the folder are shown.
_SHOWN = 20


def demonstrate(target: Target, typed: str, started_s: float) -> int:
    """Import a folder, show what became of it, search for a label; return the exit code.

    0: each photo is labelled, or rejected with a reason; 1: some are not uploaded, or not accounted for.
    `typed`: the folder as the user typed it.
    """
    folder = Path(os.path.abspath(as_written(typed)))  # noqa: PTH100 - as the finder does it
    console = Console(highlight=False)
    console.print(f"local cloud up in {started_s:.1f} s: stack deployed, function warm")
    with Journal(None) as journal:
        finder = PhotoFinder(target.outputs.keys.prefix)
        importer = Importer(target, journal, patience=_PATIENCE)
        with ImportDisplay(console) as display:
            importer.find(finder, [folder], display.found)
            importer.on_progress = display.show
            stop = importer.run()
        if stop and stop.is_interruption:
            raise KeyboardInterrupt
        photos = _with_documents(target, journal)
        console.print(_photos_table(photos, folder))
        show_summary(console, journal, finder, is_over=True)
        ends = journal.counts().ends
    label = _common([document.labels for _, document in photos if document])
    if label:
        console.print(f"\n$ photos search {shlex.quote(label)}", markup=False)
        console.print(hits_table(Searcher(TableReader(target), {}).page(SearchCriteria(Has(label)), 5).hits))
    _show_next(console, typed, label)
    return 0 if (+ends).keys() <= {End.LABELLED, End.REJECTED, End.EMPTY} else 1


def _with_documents(target: Target, journal: Journal) -> list[tuple[File, Document | None]]:
    files = list(journal.files(but_labelled=False))
    images = {file.path: image_id(target.outputs.bucket, file.content_key or "") for file in files}
    documents = TableReader(target).documents(list(dict.fromkeys(images.values())))
    return [(file, documents.get(images[file.path])) for file in files]


def _common(labels: list[tuple[dict[str, str], ...]]) -> str | None:
    """The label that most photos have: the first of these in the photo where it is surest."""
    counts = Counter(label["Name"] for one in labels for label in one)
    return max(counts, key=lambda name: counts[name]) if counts else None


def _show_next(console: Console, typed: str, label: str | None) -> None:
    """Print commands that go on with the same photos, as they are typed in the checkout."""
    commands = [f"import {as_typed(typed)}", *([f"search {shlex.quote(label)}"] if label else []), "browse"]
    console.print("\nThe demo ends here, and its cloud with it. To go on with these photos:")
    for line in ("make up", *(f".venv/bin/photos --local {command}" for command in commands)):
        console.print(Text("  ") + safe(line), soft_wrap=True)


def _photos_table(photos: Sequence[tuple[File, Document | None]], folder: Path) -> Table:
    """Imported photos with their labels and how long each took: all, or some from all over the folder."""
    shown, what = photos, "photo"
    if len(photos) > _SHOWN:
        shown = [photos[place * len(photos) // _SHOWN] for place in range(_SHOWN)]
        what = f"photo ({_SHOWN} of {len(photos):,})"
    table = Table(
        Column(what, overflow="fold"),
        "labels, with confidence in per cent",
        Column("seconds", justify="right"),
        expand=True,
    )
    for file, document in shown:
        if document and document.status == "LABELLED":
            text = safe(labels_of(document))
        else:
            text = safe(f"{file.end.value if file.end else ''}: {file.why}")
        table.add_row(
            safe(file.path.relative_to(folder)), text, "" if file.seconds is None else f"{file.seconds:.2f}"
        )
    return table
