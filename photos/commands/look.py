"""Commands that look: photos by their labels, labels by their photos."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from photos.display import counted, hits_table, safe, show_document
from photos.reading import Reader, candidates

if TYPE_CHECKING:
    from photos.commands import Session


@click.command()
@click.argument("label")
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 100),
    default=0,
    help="Only labels at least this sure.",
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The most photos shown.")
@click.pass_obj
def search(session: Session, label: str, min_confidence: float, limit: int) -> None:
    """Find the photos with LABEL, the surest first."""
    target = session.target()
    reader = Reader(target)
    for name in dict.fromkeys((label, label.title())):
        hits = reader.search(name, min_confidence, limit)
        if hits:
            session.console.print(hits_table(hits, name))
            more = f", the first {limit}" if len(hits) == limit else ""
            session.console.print(safe(f"{counted(len(hits), 'photo')} with {name}{more}"))
            return
    session.console.print(safe(f"No photo is labelled {label}."))
    sys.exit(1)


@click.command()
@click.argument("image")
@click.pass_obj
def show(session: Session, image: str) -> None:
    """Show what is known about IMAGE: a key, bucket/key, or s3://bucket/key."""
    target = session.target()
    bucket = target.outputs["Bucket"]
    wanted = candidates(bucket, image)
    documents = Reader(target).documents(wanted)
    document = next((documents[one] for one in wanted if one in documents), None)
    if document is None:
        session.console.print(safe(f"Nothing is known of {image}: it is not in {bucket}, or not labelled yet."))
        sys.exit(1)
    show_document(session.console, document)
