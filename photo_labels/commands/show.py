"""`photos show`: what is known about one photo."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Column, Table

from photo_labels.commands import GIVEN
from photo_labels.commands.export import as_json
from photo_labels.library.searching import by_name
from photo_labels.library.table_reader import TableReader, candidates
from photo_labels.library.viewing import drawn_photo, launch
from photo_labels.records.image_properties import MEASURES
from photo_labels.terminal.scan_cost import confirm_scan
from photo_labels.terminal.status_line import StatusLine
from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from photo_labels.commands import Session
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document


# Photos that are listed where several have a part of a name.
_MAX_LISTED = 20


@click.command()
@click.argument("image", type=GIVEN)
@click.option("--open", "is_opening", is_flag=True, help="Open the photo with its boxes drawn.")
@click.option("--json", "is_json", is_flag=True, help="Print the document as JSON.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, also where looking for a name costs much.")
@click.pass_obj
def show(session: Session, image: str, is_opening: bool, is_json: bool, is_sure: bool) -> None:
    """Show what is known about IMAGE, a photo's key or a part of its name.

    \b
    photos show 2019/07/IMG_0312.jpg
    photos show 0312
    photos show 'IMG_03*' --json

    A key, bucket/key and s3://bucket/key are the very photo. Where there is none, all names are read, which it
    says the cost of, and asks above a cent; a part with a slash is looked for in the whole key. Where several
    photos have it they are listed, and the exit code is 1, as it is where none has it.
    """  # noqa: D301 - click reads \b
    shown = Console(stderr=True) if is_json else session.console
    target = session.target(shown)
    reader = TableReader(target)
    wanted = candidates(target.outputs.bucket, image)
    known = reader.documents(wanted)
    document = next((known[one] for one in wanted if one in known), None)
    if document is None and not image.startswith("s3://"):
        document = _named(target, reader, image, shown, is_sure=is_sure)
    if document is None:
        shown.print(
            safe(
                f"Nothing is known of {image}: it is not in {target.outputs.bucket}, is not labelled yet, or was "
                "imported as a copy of a photo that has another name there."
            )
        )
        sys.exit(1)
    if is_json:
        click.echo(as_json(document))
    else:
        show_document(shown, document)
    if is_opening:
        path = drawn_photo(target, document)
        shown.print(safe(path))
        launch(path)


def _named(target: Target, reader: TableReader, part: str, shown: Console, *, is_sure: bool) -> Document | None:
    """Return the document of the one photo with a part in its name; exit where several have it, or a similar one.

    None: there is none.
    """
    about = confirm_scan(target, target.outputs.image_labels_table, "name", shown, is_sure=is_sure)
    with StatusLine(shown, "reading", "name", about=about) as display:
        found = by_name.find(reader, part, display.tell)
    keys = [candidate.removeprefix(f"{target.outputs.bucket}/") for candidate in found.matching or found.close]
    if found.close:
        shown.print(safe(f"No photo has {part} in its name. Did you mean {' or '.join(keys)}?"))
        sys.exit(1)
    if len(keys) > 1:
        for key in keys[:_MAX_LISTED]:
            shown.print(safe(key), soft_wrap=True)
        which = f"the first {_MAX_LISTED} of them are" if len(keys) > _MAX_LISTED else "these are"
        shown.print(safe(f"{len(keys):,} photos have {part} in their names: {which} above. Name one of them."))
        sys.exit(1)
    return reader.documents(found.matching).get(found.matching[0]) if found.matching else None


def show_document(console: Console, document: Document) -> None:
    """Print a document, and its labels as a table."""
    facts = Table.grid("", Column(overflow="fold"), padding=(0, 2))
    for name, value in {
        "image": document.image_id,
        "status": document.status,
        "reason": document.reason and f"{document.reason}: {document.detail}",
        "size": document.size and f"{document.size:,} bytes",
        "version": document.version_id,
        "taken": _taken(document),
        "camera": document.camera,
        "location": document.place and "{}, {}".format(*document.place),
        "uploaded": document.event_time,
        "labelled": None if document.purged_at else document.labelled_at,
        "purged": document.purged_at,
        "turned": document.orientation and document.orientation > 1 and f"EXIF orientation {document.orientation}",
        "truncated": document.truncated and "the file lacks its end; the labels are of what is there",
        "model": document.label_model_version,
        "labels": document.copy_of and f"a copy of {document.copy_of}, whose labels were taken over",
        "quality": _quality(document.image_properties or {}),
        "colours": _colours(document.image_properties or {}),
    }.items():
        if value:
            facts.add_row(name, safe(value))
    console.print(facts)
    if document.labels:
        console.print(_labels_table(document))
    elif document.status == "LABELLED":
        console.print("no labels: nothing in it is sure enough")


def _taken(document: Document) -> str | None:
    """Return when it was taken, and by what it is found where it does not say; None: nothing is known of that."""
    if document.taken_at is None:
        return document.timeline and f"it does not say; by its upload it is of {document.timeline}"
    if document.is_dated or not document.timeline:
        return document.taken_at
    return f"{document.taken_at}, as the photo says; by its upload it is of {document.timeline}"


def _quality(properties: dict[str, Any]) -> str:
    """Return the measures of the photo, and of its foreground and background, as far as there are some."""
    parts = {
        "": properties,
        "foreground: ": properties.get("Foreground"),
        "background: ": properties.get("Background"),
    }
    said = {
        name: ", ".join(f"{measure.lower()} {part[measure]}" for measure in MEASURES if measure in part)
        for name, part in parts.items()
        if part
    }
    return "; ".join(f"{name}{measures}" for name, measures in said.items() if measures)


def _colours(properties: dict[str, Any]) -> str:
    colours = properties.get("DominantColors", ())
    return ", ".join(f"{one['SimplifiedColor']} {one['HexCode']} {one['PixelPercent']} %" for one in colours)


def _labels_table(document: Document) -> Table:
    table = Table(
        "label", Column("%", justify="right"), "parents", "categories", "box: left, top, width x height, %"
    )
    for label in document.labels:
        table.add_row(
            safe(_with_aliases(label)),
            f"{label['Confidence']:.2f}",
            safe(", ".join(label["Parents"])),
            safe(", ".join(label["Categories"])),
            "\n".join(_box(instance["BoundingBox"]) for instance in label["Instances"]),
        )
    return table


def _with_aliases(label: dict[str, Any]) -> str:
    name: str = label["Name"]
    return f"{name} ({', '.join(label['Aliases'])})" if "Aliases" in label else name


def _box(box: dict[str, Any]) -> str:
    left, top, width, height = (round(float(box[side]) * 100) for side in ("Left", "Top", "Width", "Height"))
    return f"{left}, {top}, {width} x {height}"
