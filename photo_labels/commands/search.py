"""`photos search`: find photos by their labels, by when and where they were taken."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from photo_labels.commands import GIVEN, map_option, read_map
from photo_labels.library.searching import vocabulary as vocabularies
from photo_labels.library.searching.label_map import NO_MAP
from photo_labels.library.searching.places import Near
from photo_labels.library.searching.quality import QualityRange
from photo_labels.library.searching.query import parse
from photo_labels.library.searching.search import Search, completed
from photo_labels.library.searching.searcher import NoLabelError, SearchCriteria
from photo_labels.library.searching.times import TimeRange
from photo_labels.library.searching.years import LOOKS_AT_A_TIME
from photo_labels.library.state_files import state_folders
from photo_labels.library.table_reader import TableReader, beginning_of
from photo_labels.library.user_errors import UserError
from photo_labels.library.viewing import launch, links
from photo_labels.records.image_properties import MEASURES
from photo_labels.terminal.hits_table import hits_table
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.commands import Session
    from photo_labels.library.searching.meanings import Interpretation
    from photo_labels.library.searching.query import Query
    from photo_labels.library.searching.searcher import Hit, Page, Spent


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of a search."""

    words: tuple[str, ...]
    min_confidence: float
    taken: str | None
    near: str | None
    since: datetime | None
    prefix: str
    sharpness: str | None
    brightness: str | None
    contrast: str | None
    limit: int
    after: str | None
    is_counting: bool
    is_json: bool
    is_opening: bool
    is_verbose: bool
    map_file: Path | None


def _completed(context: click.Context, _parameter: click.Parameter, beginning: str) -> list[str]:
    try:
        names = read_map(context.params.get("map_file"))
    except UserError:  # the search says so
        names = NO_MAP
    return completed(beginning, vocabularies.kept_labels(state_folders()), names)


@click.command()
@click.argument(
    "words",
    metavar="[LABEL [and|or|not LABEL]...]",
    type=GIVEN,
    nargs=-1,
    shell_complete=_completed,
)
@click.option(
    "--min-confidence",
    type=click.FloatRange(0, 100),
    default=0,
    help="Only labels with at least this confidence, 0 to 100.",
)
@click.option(
    "--taken",
    type=GIVEN,
    metavar="TIME",
    help="Only photos taken then: 2019, 2019-07, 2019-07-14, 2018..2020, 2019-07.. or ..2019, in local time.",
)
@click.option(
    "--near", type=GIVEN, metavar="PLACE", help="Only photos taken near there: 48.1,11.6,20km (or m, mi)."
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only photos uploaded since then, in UTC.",
)
@click.option("--prefix", default="", help="Only photos whose keys begin with this, or s3://bucket/this.")
@click.option(
    "--sharpness", type=GIVEN, metavar="RANGE", help="Only photos as sharp as that: '>60', '<=40', 40..60."
)
@click.option("--brightness", type=GIVEN, metavar="RANGE", help="Only photos as bright as that.")
@click.option("--contrast", type=GIVEN, metavar="RANGE", help="Only photos with as much contrast.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="Show at most this many photos."
)
@click.option("--after", type=GIVEN, metavar="PLACE", help="Continue after a page: the value that it printed.")
@click.option("--count", "is_counting", is_flag=True, help="Only say how many there are.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each photo.")
@click.option("--open", "is_opening", is_flag=True, help="Open the photos that are shown, in the browser.")
@map_option
@click.option("-v", "is_verbose", is_flag=True, help="Say what was read.")
@click.pass_obj
def search(session: Session, /, **options: Any) -> None:
    """Find photos by their labels, highest confidence first; without labels, the newest first.

    \b
    photos search dog
    photos search dog and cat not indoors
    photos search '(dog or cat) and dining table' --since 2026-11-01
    photos search dog --taken 2018..2020 --near 48.1,11.6,20km
    photos search --taken 2019-07
    photos search --sharpness '<20' --prefix 2019/
    photos search cat --sharpness '>60' --brightness 20..80

    Upper and lower case are the same. A word that is no label is searched for as those that mean it, and said
    so: puppy as Dog. Exit code 0: there are some; 1: there are none.
    """  # noqa: D301 - click reads \b
    asked = SearchOptions(**options)
    said = parse(" ".join(asked.words)) if asked.words else None
    limits = _limits(asked)
    if not (said or limits.is_of_some or asked.prefix):
        raise click.UsageError("Name a label, or say which photos: --taken 2019, --near, --prefix and so on.")
    shown = Console(stderr=True) if asked.is_json else session.console
    target = session.target(shown)
    names = read_map(asked.map_file)
    found = Search.prepare(said, target, TableReader(target, connections=LOOKS_AT_A_TIME), names)
    searcher = found.searcher
    _tell(found.meant, asked.map_file, shown)
    beginning = beginning_of(target.outputs.bucket, asked.prefix)
    wanted = replace(limits, query=found.query, beginning=beginning)
    try:
        if asked.is_counting:
            count = sum(1 for _ in searcher.hits(wanted))
        else:
            page = searcher.page(wanted, asked.limit, asked.after)
            count = len(page.hits)
    except NoLabelError as error:
        raise UserError(f"{error} Or say when they were taken; --taken .. is any time.") from error
    if asked.is_counting and asked.is_json:
        click.echo(json.dumps({"count": count} | _taken(found.meant)))
    elif not asked.is_counting:
        _show(found, page, shown, wanted, is_json=asked.is_json)
        if asked.is_opening:
            for link in links(target, [hit.document for hit in page.hits]):
                launch(link)
    total = counted(count, "photo") if count else "No photo is found"
    shown.print(safe(f"{total}: {_said(found.meant.said, wanted, asked.prefix)}"))
    if not count:
        _hint(wanted, shown)
    if asked.is_verbose:
        show_spent(shown, searcher.spent)
    sys.exit(0 if count else 1)


def _limits(asked: SearchOptions) -> SearchCriteria:
    """Return which photos are searched for, apart from their labels and keys. Raises UserError."""
    return SearchCriteria(
        query=None,
        min_confidence=asked.min_confidence,
        since=asked.since and asked.since.replace(tzinfo=UTC),
        quality=tuple(
            QualityRange.parse(name, text) for name in MEASURES if (text := getattr(asked, name.lower()))
        ),
        taken=TimeRange.parse(asked.taken) if asked.taken else None,
        near=Near.parse(asked.near) if asked.near else None,
    )


def _tell(meant: Interpretation, map_file: Path | None, shown: Console) -> None:
    """Print what words were taken for, and which are no labels of photos."""
    for word, names in meant.taken.items():
        shown.print(safe(f"{word}: searched as {' or '.join(names)}"))
    for label in meant.hidden:
        shown.print(safe(f"{label} is hidden by {map_file}."))
    for label, close in meant.unknown.items():
        unknown = f"No photo is labelled {label}"
        unknown += ": `not` leaves out nothing." if label in meant.excluding_none else "."
        hint = f"Did you mean {' or '.join(close)}?" if close else "`photos labels` lists those that there are."
        shown.print(safe(f"{unknown} {hint}"))


def _hint(wanted: SearchCriteria, shown: Console) -> None:
    """Say of which photos is known what was searched for in vain."""
    if wanted.quality:
        shown.print("Quality is known of photos that were labelled while the parameter ImageProperties was true.")
    if wanted.near:
        shown.print(
            "Places are known of photos that were labelled while the parameter PhotoMetadata was"
            " time-and-location; `photos backfill --all` fills in the others."
        )
    elif wanted.taken or not wanted.query:
        shown.print(
            "Times are known of photos that were labelled while the parameter PhotoMetadata was time or"
            " time-and-location; `photos backfill --all` fills in the others."
        )


def _said(query: Query | None, wanted: SearchCriteria, prefix: str) -> str:
    """Return what is searched for, as it was understood."""
    since = wanted.since and f"uploaded since {_in_words(wanted.since)}"
    keys = prefix and f"keys beginning with {prefix}"
    time = wanted.taken and f"taken {wanted.taken}"
    place = wanted.near and f"near {wanted.near}"
    return ", ".join(str(part) for part in (query, time, place, since, keys, *wanted.quality) if part)


def _in_words(since: datetime) -> str:
    return f"{since:%Y-%m-%d %H:%M:%S} UTC".replace(" 00:00:00", "")


def _show(found: Search, page: Page, shown: Console, wanted: SearchCriteria, *, is_json: bool) -> None:
    hits = [found.shown(hit) for hit in page.hits]
    if is_json:
        for hit in hits:
            click.echo(json.dumps(_line(hit) | _taken(found.meant)))
    elif hits:
        is_by_time = any(hit.label is None for hit in hits)
        shown.print(hits_table(hits, has_times=bool(is_by_time or wanted.taken or wanted.near)))
    if page.more_after:
        shown.print(safe(f"there are more: --after '{page.more_after}'"))


def _taken(meant: Interpretation) -> dict[str, Any]:
    """Return what words were taken for; nothing where all are labels."""
    return {"searched_as": meant.taken} if meant.taken else {}


def _line(hit: Hit) -> dict[str, Any]:
    document = hit.document
    place = document.place
    measured = document.image_properties or {}
    return {
        "image": document.image_id,
        "label": hit.label,
        "confidence": hit.confidence,
        "labels": {label["Name"]: float(label["Confidence"]) for label in document.labels},
        "uploaded": document.event_time,
        "taken": document.taken_at,
        "camera": document.camera,
        "location": place and {"latitude": place[0], "longitude": place[1]},
        "quality": {name.lower(): float(measured[name]) for name in MEASURES if name in measured},
    }


def show_spent(console: Console, spent: Spent) -> None:
    """Print what a search has read."""
    console.print(
        f"read {counted(spent.rows, 'index row')} and {counted(spent.documents, 'document')}: "
        f"{spent.units:,.1f} read units",
        highlight=False,
    )
