"""`photos export`: all documents, for other programs: as JSON lines, as CSV, or as a sidecar for each photo.

JSON has everything exactly as it is, in ASCII. CSV is opened by spreadsheets, which run a cell that begins like a
formula, whoever named a photo so (OWASP, CSV Injection). Such cells get an apostrophe first; all texts are quoted,
lest one is torn apart at another separator; and what is not printable is escaped as on a terminal.

Sidecars are made by `photo_labels.library.sidecars`.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photo_labels.commands import GivenPath, map_option, read_map
from photo_labels.library.sidecars.exporting import SidecarExport
from photo_labels.library.sidecars.files import SidecarFolder
from photo_labels.library.table_reader import beginning_of, documents_in
from photo_labels.terminal.ending import NOT_ALL_DONE
from photo_labels.terminal.output import is_read
from photo_labels.terminal.scan_cost import confirm_scan
from photo_labels.terminal.sidecars_text import show_sidecars
from photo_labels.terminal.status_line import StatusLine, beside_output
from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import TextIO

    from photo_labels.commands import Session
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document


_COLUMNS = (
    *("image", "status", "label", "confidence", "uploaded", "labelled", "reason"),
    *("taken", "camera", "latitude", "longitude"),
)


# After blanks and quotes, too, which some spreadsheets take away; the last four are the same signs, wide.
_FORMULA = re.compile(r"""[\s'"]*[=+\-@\uff1d\uff0b\uff0d\uff20]""")


class _LocalFolder(GivenPath):
    """A folder; what is meant for a bucket would be written to a folder with the name `s3:`."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Path:
        if str(value).startswith("s3://"):
            self.fail(f"DIR is a folder of this machine; `--prefix {value}` chooses photos.", parameter, context)
        return super().convert(value, parameter, context)


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options of an export."""

    folder: Path | None
    kind: str
    prefix: str
    has_no_boxes: bool
    is_sure: bool
    map_file: Path | None


@click.command()
@click.argument("folder", metavar="[DIR]", type=_LocalFolder(), required=False)
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv", "xmp"]), default="jsonl", show_default=True)
@click.option("--prefix", default="", help="Only photos whose keys begin with this, or s3://bucket/this.")
@click.option("--no-boxes", "has_no_boxes", is_flag=True, help="With --format xmp: labels only.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, also where it costs much.")
@map_option
@click.pass_obj
def export(session: Session, /, **options: Any) -> None:
    """Write all documents to standard output: a line of JSON for each photo, or of CSV for each label.

    \b
    photos export > photos.jsonl
    photos export --format csv --prefix holiday/ > labels.csv
    photos export --format xmp sidecars

    With --format xmp, write a sidecar for each labelled photo instead, DIR/KEY.xmp, with its labels and boxes,
    which digiKam and others read; one that somebody else has made or changed stays as it is. Exit code 3: some
    could not be written.

    Reads the whole table of documents, once, and says what that costs.
    """  # noqa: D301 - click reads \b
    asked = ExportOptions(**options)
    kind, folder = asked.kind, asked.folder
    if kind == "xmp" and not folder:
        raise click.UsageError("--format xmp writes a file for each photo: name the folder for them.")
    if kind != "xmp" and (folder or asked.has_no_boxes):
        what = "--no-boxes" if asked.has_no_boxes else folder
        raise click.UsageError(f"{what} is for --format xmp: --format {kind} writes to standard output.")
    names = read_map(asked.map_file)
    shown = session.console if folder else Console(stderr=True)
    target = session.target(shown)
    about = confirm_scan(target, target.outputs.image_labels_table, "document", shown, is_sure=asked.is_sure)
    found = map(names.shown, documents(target, beginning_of(target.outputs.bucket, asked.prefix)))
    if folder:
        sys.exit(write_sidecars(found, folder, shown, about=about, has_regions=not asked.has_no_boxes))
    write = {"csv": write_csv, "jsonl": write_json}[kind]
    progress = beside_output(shown)
    with _said_where_not_all(shown), StatusLine(progress, "writing", "document", about=about) as display:
        write(_told(takewhile(lambda _: is_read(), found), display), sys.stdout)  # reading on is paid for


def _told(found: Iterable[Document], display: StatusLine) -> Iterator[Document]:
    for number, document in enumerate(found, 1):
        yield document
        display.tell(number)


@contextmanager
def _said_where_not_all(shown: Console) -> Iterator[None]:
    try:
        yield
    except BaseException:  # credentials that have ended, Ctrl-C
        shown.print("Not all is written: run it again.")
        raise


def write_sidecars(
    found: Iterable[Document], folder: Path, shown: Console, *, about: int | None = None, has_regions: bool
) -> int:
    """Write a sidecar for each photo, about so many, and print what became of them; return the exit code.

    Raises UserError where nothing can be written to the folder.
    """
    with SidecarFolder(folder) as opened, _said_where_not_all(shown):
        export = SidecarExport(opened, has_regions=has_regions)
        try:
            with StatusLine(shown, "writing", "sidecar", about=about) as display:
                for document in _told(found, display):
                    export.write(document)
        finally:
            show_sidecars(shown, export)
    return NOT_ALL_DONE if export.not_written else 0


def documents(target: Target, beginning: str = "") -> Iterator[Document]:
    """Read the documents of present photos whose ImageIDs begin so, in no order."""
    pages = target.client("dynamodb").get_paginator("scan").paginate(TableName=target.outputs.image_labels_table)
    for page in pages:
        for document in documents_in(page["Items"]):
            if document.status != "REMOVED" and document.image_id.startswith(beginning):
                yield document


def as_json(document: Document) -> str:
    """Return a document as it is in the table, as a line of JSON."""
    return json.dumps(document.to_item(), default=float)


def write_json(found: Iterator[Document], file: TextIO) -> None:
    """Write a line of JSON for each photo."""
    file.writelines(as_json(document) + "\n" for document in found)


def write_csv(found: Iterator[Document], file: TextIO) -> None:
    """Write a line for each label of each photo; one for a photo that has none. In UTF-8, whatever the locale."""
    if reconfigure := getattr(file, "reconfigure", None):  # io.StringIO has none, and no encoding
        reconfigure(encoding="utf-8", errors="backslashreplace")
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(_COLUMNS)
    for document in found:
        writer.writerows(_lines(document))


def _lines(document: Document) -> Iterator[tuple[Any, ...]]:
    image, status = _cell(document.image_id), document.status
    times = _cell(document.event_time), _cell(document.labelled_at)
    facts = _cell(document.taken_at), _cell(document.camera), *(document.place or ("", ""))
    for label in document.labels:
        yield image, status, _cell(label["Name"]), label["Confidence"], *times, "", *facts
    if not document.labels:
        yield image, status, "", "", *times, _cell(document.reason), *facts


def _cell(text: str | None) -> str:
    """Return a text as it is, except what a terminal or a spreadsheet would obey."""
    plain = safe(text or "").plain
    return f"'{plain}" if _FORMULA.match(plain) else plain
