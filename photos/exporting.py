"""All documents, for other programs: as JSON lines, or as CSV with a line for each label."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from photos.reading import documents_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from handler.documents import Document
    from photos.target import Target

_COLUMNS = ("image", "status", "label", "confidence", "uploaded", "labelled", "reason")


def documents(target: Target, beginning: str = "") -> Iterator[Document]:
    """Read the documents of photos that are there, those whose ImageIDs begin so, in no order."""
    pages = target.client("dynamodb").get_paginator("scan").paginate(TableName=target.outputs["ImageLabelsTable"])
    for page in pages:
        for document in documents_in(page["Items"]):
            if document.status != "REMOVED" and document.image_id.startswith(beginning):
                yield document


def as_json(document: Document) -> str:
    """Write a document as it is in the table, on one line."""
    return json.dumps(document.to_item(), default=float)


def write_json(found: Iterator[Document], file: TextIO) -> None:
    """Write a line for each photo."""
    file.writelines(as_json(document) + "\n" for document in found)


def write_csv(found: Iterator[Document], file: TextIO) -> None:
    """Write a line for each label of each photo; one for a photo that has none."""
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for document in found:
        writer.writerows(_lines(document))


def _lines(document: Document) -> Iterator[tuple[Any, ...]]:
    times = document.event_time, document.labelled_at
    for label in document.labels:
        yield document.image_id, document.status, label["Name"], label["Confidence"], *times, ""
    if not document.labels:
        yield document.image_id, document.status, "", "", *times, document.reason
