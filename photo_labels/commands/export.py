"""`photos export`: all documents, for other programs: as JSON lines, or as CSV with a line for each label.

JSON has everything exactly as it is, in ASCII. CSV is opened by spreadsheets, which run a cell that begins like a
formula, whoever named a photo so (OWASP, CSV Injection). Such cells get an apostrophe first; all texts are quoted,
lest one is torn apart at another separator; and what is not printable is escaped as on a terminal.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photo_labels.commands import map_option, read_map
from photo_labels.library.table_reader import beginning_of, documents_in
from photo_labels.terminal.output import is_read
from photo_labels.terminal.scan_cost import confirm_scan
from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from photo_labels.commands import Session
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document


_COLUMNS = ("image", "status", "label", "confidence", "uploaded", "labelled", "reason")


# After blanks and quotes, too, which some spreadsheets take away; the last four are the same signs, wide.
_FORMULA = re.compile(r"""[\s'"]*[=+\-@\uff1d\uff0b\uff0d\uff20]""")


@click.command()
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--prefix", default="", help="Only photos whose keys begin with this, or s3://bucket/this.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, also where it costs much.")
@map_option
@click.pass_obj
def export(session: Session, kind: str, prefix: str, is_sure: bool, map_file: Path | None) -> None:
    """Write all documents to standard output: a line of JSON for each photo, or of CSV for each label.

    Reads the whole table of documents, once, and says what that costs.
    """
    names = read_map(map_file)
    shown = Console(stderr=True)
    target = session.target(shown)
    confirm_scan(target, target.outputs.image_labels_table, "document", shown, is_sure=is_sure)
    found = map(names.shown, documents(target, beginning_of(target.outputs.bucket, prefix)))
    while_read = takewhile(lambda _: is_read(), found)  # reading on is paid for
    write = {"csv": write_csv, "jsonl": write_json}[kind]
    try:
        write(while_read, sys.stdout)
    except BaseException:  # credentials that have ended, Ctrl-C
        shown.print("Not all is written: run it again.")
        raise


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
    for label in document.labels:
        yield image, status, _cell(label["Name"]), label["Confidence"], *times, ""
    if not document.labels:
        yield image, status, "", "", *times, _cell(document.reason)


def _cell(text: str | None) -> str:
    """Return a text as it is, except what a terminal or a spreadsheet would obey."""
    plain = safe(text or "").plain
    return f"'{plain}" if _FORMULA.match(plain) else plain
