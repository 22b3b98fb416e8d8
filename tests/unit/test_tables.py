"""Names in tables: whole on any terminal, as they are typed into the next command."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from local.demo import _photos_table
from photo_labels.commands.show import show_document
from photo_labels.library.importing.ends import End
from photo_labels.library.importing.journal import File
from photo_labels.library.searching.searcher import Hit
from photo_labels.terminal.hits_table import hits_table
from tests.unit.deployed import dated

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.records.documents import Document

LABELS = {"Dog": 99.0, "Cat": 98.0, "Dining Table": 97.0, "Bird": 96.0, "Car": 95.0}
NAME = f"2019/{'a-long-name-of-a-folder/' * 3}IMG_[0312]-ü.jpg"


def demonstrated(console: Console, document: Document) -> None:
    file = File(Path("/p") / document.key, document.key, 1, "", End.LABELLED, seconds=1.0)
    console.print(_photos_table([(file, document)], Path("/p")))


TABLES: dict[str, Callable[[Console, Document], None]] = {
    "by label": lambda console, document: console.print(hits_table([Hit("Dog", "099.00#a", document)])),
    "by time": lambda console, document: console.print(hits_table([Hit(None, "", document)], has_times=True)),
    "show": show_document,
    "demo": demonstrated,
}


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("table", TABLES)
def test_given_a_long_name_when_it_stands_in_a_table_then_it_is_whole(table: str, width: int) -> None:
    file = io.StringIO()
    TABLES[table](Console(file=file, width=width), dated(NAME, "2019-07-14T18:03:22", LABELS))
    columns = zip(*(line.split("│") for line in file.getvalue().splitlines() if "│" in line), strict=True)
    said = ["".join(part.strip() for part in column) for column in columns]
    said.append("".join(line.strip() for line in file.getvalue().splitlines()))
    assert any(NAME in text for text in said), file.getvalue()
    assert all(len(line) <= width for line in file.getvalue().splitlines())
    assert "…" not in file.getvalue()


def test_given_photos_by_upload_when_found_by_time_then_the_names_have_the_room() -> None:
    file = io.StringIO()
    document = dated("jpg/exif-org/olympus-d320l.jpg", None, LABELS, timeline="2026-11-27T12:59:11")
    Console(file=file, width=80).print(hits_table([Hit(None, "", document)], has_times=True))
    assert "│ 2026-11-27 12:59 │ jpg/exif-org/olympus-d320l" in file.getvalue()
    assert "│ (uploaded)       │" in file.getvalue()
