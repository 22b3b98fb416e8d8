"""Commands that look: photos by their labels, labels by their photos."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photo_labels.commands import GIVEN
from photo_labels.library.costs import scan_of
from photo_labels.library.exporting import as_json, documents, write_csv, write_json
from photo_labels.library.opening import drawn_photo, launch, links
from photo_labels.library.reading import Reader, beginning_of, candidates
from photo_labels.library.searching import vocabulary as vocabularies
from photo_labels.library.searching.query import parse
from photo_labels.library.searching.searcher import Searcher, Wanted, spelled
from photo_labels.library.target import state_folders
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.display import (
    StatusDisplay,
    counted,
    counts_table,
    hits_table,
    safe,
    show_document,
    show_scan,
    show_spent,
)
from photo_labels.terminal.ending import agree
from photo_labels.terminal.output import is_read

if TYPE_CHECKING:
    from photo_labels.commands import Session
    from photo_labels.library.searching.searcher import Hit
    from photo_labels.library.target import Target


_ASK_ABOVE_USD = 0.01
# For reading a whole table.


def _completed(_context: click.Context, _parameter: click.Parameter, beginning: str) -> list[str]:
    return sorted(set(vocabularies.kept_names(beginning, state_folders())))


@click.command()
@click.argument(
    "words",
    metavar="LABEL [and|or|not LABEL]...",
    type=GIVEN,
    nargs=-1,
    required=True,
    shell_complete=_completed,
)
@click.option(
    "--min-confidence", type=click.FloatRange(0, 100), default=0, help="Only labels at least this sure, of 100."
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only photos uploaded since then, in UTC.",
)
@click.option("--prefix", default="", help="Only photos whose keys begin with this, or s3://bucket/this.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The most photos shown.")
@click.option("--after", type=GIVEN, metavar="PLACE", help="Go on where a page has ended, as that page says.")
@click.option("--count", "is_counting", is_flag=True, help="Only say how many there are.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each photo.")
@click.option("--open", "is_opening", is_flag=True, help="Open the photos that are shown, in the browser.")
@click.option("-v", "is_verbose", is_flag=True, help="Say what was read.")
@click.pass_obj
def search(session: Session, /, **options: Any) -> None:
    """Find photos by their labels, the surest first.

    \b
    photos search dog
    photos search dog and cat not indoors
    photos search '(dog or cat) and dining table' --since 2026-11-01

    Upper and lower case are the same. Exit code 0: there are some; 1: there are none.
    """  # noqa: D301 - click reads \b
    asked = _Asked(**options)
    said = parse(" ".join(asked.words))
    shown = Console(stderr=True) if asked.is_json else session.console
    target = session.target(shown)
    vocabulary = vocabularies.kept(target)
    searcher = Searcher(Reader(target), vocabulary.counts)
    query, unknown = spelled(said, vocabulary, searcher)
    for label, close in unknown.items():
        hint = f"Did you mean {' or '.join(close)}?" if close else "`photos labels` lists those that there are."
        shown.print(safe(f"No photo is labelled {label}. {hint}"))
    beginning = beginning_of(target.outputs.bucket, asked.prefix)
    since = asked.since and asked.since.replace(tzinfo=UTC)
    wanted = Wanted(query, asked.min_confidence, since, beginning)
    if asked.is_counting:
        count = sum(1 for _ in searcher.hits(wanted))
        if asked.is_json:
            click.echo(json.dumps({"count": count}))
    else:
        page = searcher.page(wanted, asked.limit, asked.after)
        count = len(page.hits)
        _show(page.hits, shown, is_json=asked.is_json)
        if page.more_after:
            shown.print(safe(f"there are more: --after '{page.more_after}'"))
        if asked.is_opening:
            for link in links(target, [hit.document for hit in page.hits]):
                launch(link)
    found = counted(count, "photo") if count else "No photo is found"
    shown.print(safe(f"{found}: {query}"))
    if asked.is_verbose:
        show_spent(shown, searcher.spent)
    sys.exit(0 if count else 1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options of a search."""

    words: tuple[str, ...]
    min_confidence: float
    since: datetime | None
    prefix: str
    limit: int
    after: str | None
    is_counting: bool
    is_json: bool
    is_opening: bool
    is_verbose: bool


def _show(hits: list[Hit], shown: Console, *, is_json: bool) -> None:
    if is_json:
        for hit in hits:
            click.echo(json.dumps(_line(hit)))
    elif hits:
        shown.print(hits_table(hits))


def _line(hit: Hit) -> dict[str, Any]:
    document = hit.document
    return {
        "image": document.image_id,
        "label": hit.label,
        "confidence": hit.confidence,
        "labels": {label["Name"]: float(label["Confidence"]) for label in document.labels},
        "uploaded": document.event_time,
    }


@click.command()
@click.option("--refresh", "is_refreshing", is_flag=True, help="Count again.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, whatever it costs.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each label.")
@click.pass_obj
def labels(session: Session, is_refreshing: bool, is_sure: bool, is_json: bool) -> None:
    """List the labels that there are, and how many photos have each.

    Reads the whole index, once: what was counted is kept, for this command, and for `photos search` to know
    names and which label is the rarest. Says what that costs, and asks above a cent.
    """
    shown = Console(stderr=True) if is_json else session.console
    target = session.target(shown)
    vocabulary = vocabularies.kept(target)
    if is_refreshing or vocabulary.at is None:
        _may_scan(target, target.outputs.label_index_table, "index row", shown, is_sure=is_sure)
        with StatusDisplay(shown, "counting") as display:
            vocabulary = vocabularies.count(target, lambda rows: display.tell(counted(rows, "index row")))
        try:
            vocabularies.keep(target, vocabulary)
        except UserError as error:  # they were paid for, and are shown
            Console(stderr=True).print(safe(f"The counts are not kept for later: {error}"), soft_wrap=True)
    if is_json:
        for name, count in vocabulary.counts.items():
            click.echo(json.dumps({"label": name, "photos": count}))
    else:
        shown.print(counts_table(vocabulary.counts))
    shown.print(
        f"{counted(len(vocabulary.counts), 'label')}, counted {vocabulary.at:%Y-%m-%d %H:%M} UTC; "
        "--refresh counts again",
        highlight=False,
    )


def _may_scan(target: Target, table: str, items: str, shown: Console, *, is_sure: bool) -> None:
    """Say what reading a whole table costs, and ask where that is more than a cent."""
    scan = scan_of(target, table)
    show_scan(shown, scan, items, is_local=target.is_local)
    if scan.usd > _ASK_ABOVE_USD and not (is_sure or target.is_local):
        agree("Go on?")


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of loopback; otherwise a free one.")
@click.option("--open/--no-open", "is_opening", default=True, show_default=True, help="Open it in the browser.")
@click.pass_obj
def browse(session: Session, port: int, is_opening: bool) -> None:
    """Look at photos and their labels on a web page, served to this machine alone, until Ctrl-C.

    It asks AWS with your own credentials; the bucket stays closed to all others.
    """
    # A web server takes 200 ms to import, for which nobody is to wait who reads `photos --help`.
    from photo_labels.browsing.server import Browse  # noqa: PLC0415

    server = Browse(session.target(), port)
    session.console.print(server.link(), soft_wrap=True, highlight=False)
    session.console.print("This link opens the page once. Ctrl-C ends it.", style="dim")
    if is_opening:
        launch(server.link())
    server.run()


@click.command()
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--prefix", default="", help="Only photos whose keys begin with this, or s3://bucket/this.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, whatever it costs.")
@click.pass_obj
def export(session: Session, kind: str, prefix: str, is_sure: bool) -> None:
    """Write all that is known to standard output: a line of JSON for each photo, or of CSV for each label.

    Reads the whole table of documents, once, and says what that costs.
    """
    shown = Console(stderr=True)
    target = session.target(shown)
    _may_scan(target, target.outputs.image_labels_table, "document", shown, is_sure=is_sure)
    found = documents(target, beginning_of(target.outputs.bucket, prefix))
    while_read = takewhile(lambda _: is_read(), found)  # reading on is paid for
    write = {"csv": write_csv, "jsonl": write_json}[kind]
    try:
        write(while_read, sys.stdout)
    except BaseException:  # credentials that have ended, Ctrl-C
        shown.print("Not all is written: run it again.")
        raise


@click.command()
@click.argument("image", type=GIVEN)
@click.option("--open", "is_opening", is_flag=True, help="Open the photo with its boxes drawn.")
@click.option("--json", "is_json", is_flag=True, help="Print the document as JSON.")
@click.pass_obj
def show(session: Session, image: str, is_opening: bool, is_json: bool) -> None:
    """Show what is known about IMAGE: a key, bucket/key, or s3://bucket/key."""
    shown = Console(stderr=True) if is_json else session.console
    target = session.target(shown)
    bucket = target.outputs.bucket
    wanted = candidates(bucket, image)
    known = Reader(target).documents(wanted)
    document = next((known[one] for one in wanted if one in known), None)
    if document is None:
        shown.print(safe(f"Nothing is known of {image}: it is not in {bucket}, or not labelled yet."))
        sys.exit(1)
    if is_json:
        click.echo(as_json(document))
    else:
        show_document(shown, document)
    if is_opening:
        path = drawn_photo(target, document)
        shown.print(safe(path))
        launch(path)
