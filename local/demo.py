"""`make demo`: photos in, labels out, and a search for one of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

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
    from collections.abc import Iterable
    from pathlib import Path

    from photo_labels.library.importing.journal import File
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

# Nobody else's work is in the queues: a photo that has been tried for so long fails for good.
_PATIENCE = replace(PATIENCE, retried_s=60.0)


def demonstrate(target: Target, folder: Path, started_s: float) -> int:
    """Import a folder, show what became of it, search for a label; returns the exit code of the import."""
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
        console.print(_photos_table(photos))
        show_summary(console, journal, finder)
        ends = journal.counts().ends
    if label := _common([document.labels for _, document in photos if document]):
        console.print(f"\n$ photos search {label!r}")
        console.print(hits_table(Searcher(TableReader(target), {}).page(SearchCriteria(Has(label)), 5).hits))
    return 0 if ends[End.LABELLED] + ends[End.REJECTED] == ends.total() else 1


def _with_documents(target: Target, journal: Journal) -> list[tuple[File, Document | None]]:
    files = list(journal.files(but_labelled=False))
    images = {file.path: image_id(target.outputs.bucket, file.content_key or "") for file in files}
    documents = TableReader(target).documents(list(dict.fromkeys(images.values())))
    return [(file, documents.get(images[file.path])) for file in files]


def _common(labels: list[tuple[dict[str, str], ...]]) -> str | None:
    """The label that most photos have: the first of these in the photo where it is surest."""
    counts = Counter(label["Name"] for one in labels for label in one)
    return max(counts, key=lambda name: counts[name]) if counts else None


def _photos_table(photos: Iterable[tuple[File, Document | None]]) -> Table:
    """Each imported photo with its labels and how long it took."""
    table = Table("photo", "labels, with confidence in per cent", Column("seconds", justify="right"), expand=True)
    for file, document in photos:
        if document and document.status == "LABELLED":
            text = safe(labels_of(document))
        else:
            text = safe(f"{file.end.value if file.end else ''}: {file.why}")
        table.add_row(safe(file.path.name), text, "" if file.seconds is None else f"{file.seconds:.2f}")
    return table
