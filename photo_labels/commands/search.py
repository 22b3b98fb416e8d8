"""`photos search`: find photos by their labels, by when and where they were taken."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from rich.console import Console

from photo_labels.commands import GIVEN, map_option, read_map
from photo_labels.library.searching import vocabulary as vocabularies
from photo_labels.library.searching.label_map import NO_MAP
from photo_labels.library.searching.places import Near
from photo_labels.library.searching.quality import QualityRange
from photo_labels.library.searching.query import joined, parse
from photo_labels.library.searching.search import Search, completed
from photo_labels.library.searching.searcher import NoLabelError, SearchCriteria
from photo_labels.library.searching.terms import InFolder, Named
from photo_labels.library.searching.times import TimeRange
from photo_labels.library.searching.years import LOOKS_AT_A_TIME
from photo_labels.library.state_files import state_folders
from photo_labels.library.table_reader import TableReader, beginning_of
from photo_labels.library.user_errors import UserError
from photo_labels.library.viewing import launch, links
from photo_labels.records.image_properties import MEASURES
from photo_labels.terminal.hits_table import hits_table
from photo_labels.terminal.scan_cost import confirm_scan
from photo_labels.terminal.search_text import criteria_text, show_meaning, show_spent, show_why_none, total_of
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.library.searching.meanings import Interpretation
    from photo_labels.library.searching.query import Query
    from photo_labels.library.searching.searcher import Hit
    from photo_labels.library.target import Target


# An argument that may have been in quotes after its colon.
_UNQUOTED = re.compile(r'(?:in|name):[^"]*\s', re.IGNORECASE)
_HOW_TO_QUOTE = """A shell takes quotes away: say --in "my photos" or 'in:"my photos"' where there are spaces."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """The options of a search."""

    words: tuple[str, ...]
    folder: str | None
    name: str | None
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
    is_sure: bool
    map_file: Path | None


class Time(click.ParamType[Any]):
    """A day or a time, ISO 8601; in UTC where it has no offset."""

    name = "time"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        try:
            time = datetime.fromisoformat(value)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value} is no time: say 2026-11-01 or 2026-11-01T18:00:00.", parameter, context)


def _completed(context: click.Context, _parameter: click.Parameter, beginning: str) -> list[str]:
    try:
        names = read_map(context.params.get("map_file"))
    except UserError:  # the search says so
        names = NO_MAP
    return completed(beginning, vocabularies.kept_labels(state_folders()), names)


@click.command()
@click.argument(
    "words",
    metavar="[LABEL|TERM [and|or|not LABEL|TERM]...]",
    type=GIVEN,
    nargs=-1,
    shell_complete=_completed,
)
@click.option(
    "--in",
    "folder",
    type=GIVEN,
    metavar="FOLDER",
    help="Only photos in a folder of that name or path, wherever it is: 2019, holiday/2019; /2019: at the top.",
)
@click.option(
    "--name",
    type=GIVEN,
    metavar="PATTERN",
    help="Only photos with such a file name: 'IMG_03*', * for any letters and ? for one; 0312: with that in it.",
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
    type=Time(),
    metavar="TIME",
    help="Only photos uploaded since then: 2026-11-01 or 2026-11-01T18:00:00, in UTC, or with +02:00.",
)
@click.option(
    "--prefix", default="", help="Only photos whose keys begin with these very letters, or s3://bucket/these."
)
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
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, also where it costs much.")
@click.option("-v", "is_verbose", is_flag=True, help="Say what was read.")
@click.pass_context
def search(context: click.Context, /, **options: Any) -> None:
    """Find photos by their labels, highest confidence first; without labels, the newest first.

    \b
    photos search dog
    photos search mountain and sky not building
    photos search '(dog or cat) and dining table' --since 2026-11-01
    photos search dog --taken 2018..2020 --near 48.1,11.6,20km
    photos search --taken 2019-07
    photos search --sharpness '<20' --in 2019
    photos search cat --sharpness '>60' --brightness 20..80
    photos search 'dog in:2019 not name:IMG_03*'
    photos search 'is:rejected or is:unlabelled'

    Upper and lower case are the same. A word that is no label is searched for as those that mean it, and said
    so: puppy as Dog. Words side by side are one label.

    in: and name: do what --in and --name do, and `and`, `or` and `not` join them as they do labels; spaces go in
    double quotes, as in 'in:"my photos"', and so does a label with a colon. is:unlabelled are photos in which
    nothing was found, is:rejected those that cannot be labelled. All documents are read for these two, unless
    each photo has to have some label, too; it says what that costs, and asks above a cent.

    Exit code 0: there are some; 1: there are none.
    """  # noqa: D301 - click reads \b
    asked, session = SearchOptions(**options), context.obj
    said = _asked_for(asked)
    limits = _limits(asked)
    if not (said or limits.is_of_some or asked.prefix):
        raise click.UsageError("Name a label, or say which photos: --taken 2019, --in, --near and so on.")
    if asked.is_counting:
        _refuse_with_count(context)
    shown = Console(stderr=True) if asked.is_json else session.console
    target = session.target(shown)
    names = read_map(asked.map_file)
    found = Search.prepare(said, target, TableReader(target, connections=LOOKS_AT_A_TIME), names)
    show_meaning(found.meant, asked.map_file, shown)
    beginning = beginning_of(target.outputs.bucket, asked.prefix)
    wanted = replace(limits, query=found.query, beginning=beginning)
    if wanted.needs_scan:
        confirm_scan(target, target.outputs.image_labels_table, "document", shown, is_sure=asked.is_sure)
    try:
        total = (
            _counted(found, wanted, asked) if asked.is_counting else _listed(found, wanted, asked, shown, target)
        )
    except NoLabelError as error:
        raise UserError(f"{error} Or say when they were taken; --taken .. is any time.") from error
    shown.print(safe(f"{total or 'No photo is found'}: {criteria_text(found.meant.said, wanted, asked.prefix)}"))
    if not total and not asked.after:
        show_why_none(found, wanted, shown)
        if any(_UNQUOTED.match(word) for word in asked.words):
            shown.print(
                """A shell takes quotes away: say --in "my photos" or 'in:"my photos"' where there are spaces."""
            )
    if asked.is_verbose:
        show_spent(shown, found.searcher.spent)
    sys.exit(0 if total else 1)


def _counted(found: Search, wanted: SearchCriteria, asked: SearchOptions) -> str:
    """Count the photos, and return how many there are as a text; "": there are none."""
    count = sum(1 for _ in found.searcher.hits(wanted))
    if asked.is_json:
        click.echo(json.dumps({"count": count} | _taken(found.meant)))
    return counted(count, "photo") if count else ""


def _listed(found: Search, wanted: SearchCriteria, asked: SearchOptions, shown: Console, target: Target) -> str:
    """Show a page of the photos, and return how many it has as a text; "": there are none."""
    page = found.searcher.page(wanted, asked.limit, asked.after)
    hits = [found.shown(hit) for hit in page.hits]
    if asked.is_json:
        for hit in hits:
            click.echo(json.dumps(_line(hit) | _taken(found.meant)))
    elif hits:
        is_by_time = any(hit.label is None and hit.document.timeline for hit in hits)
        shown.print(hits_table(hits, has_times=bool(is_by_time or wanted.taken or wanted.near)))
    if asked.is_opening:
        for link in links(target, [hit.document for hit in page.hits]):
            launch(link)
    if page.more_after:
        shown.print(safe(f"there are more: --after '{page.more_after}'"), soft_wrap=True)
    return total_of(page, asked.after)


def _asked_for(asked: SearchOptions) -> Query | None:
    """Return the query of the words and of the options that are terms. Raises UserError."""
    return joined(
        parse(" ".join(asked.words)) if asked.words else None,
        InFolder.parse(asked.folder) if asked.folder else None,
        Named.parse(asked.name) if asked.name else None,
    )


def _refuse_with_count(context: click.Context) -> None:
    """Raise UsageError where an option says which photos are shown, and none are."""
    for name, option in {"limit": "--limit", "after": "--after", "is_opening": "--open"}.items():
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--count counts all photos and shows none: leave out {option}.")


def _limits(asked: SearchOptions) -> SearchCriteria:
    """Return which photos are searched for, apart from their labels and keys. Raises UserError."""
    return SearchCriteria(
        query=None,
        min_confidence=asked.min_confidence,
        since=asked.since,
        quality=tuple(
            QualityRange.parse(name, text) for name in MEASURES if (text := getattr(asked, name.lower()))
        ),
        taken=TimeRange.parse(asked.taken) if asked.taken else None,
        near=Near.parse(asked.near) if asked.near else None,
    )


def _taken(meant: Interpretation) -> dict[str, Any]:
    """Return what words were taken for; nothing where all are labels."""
    return {"searched_as": meant.taken} if meant.taken else {}


def _line(hit: Hit) -> dict[str, Any]:
    document = hit.document
    place = document.place
    measured = document.image_properties or {}
    return {
        "image": document.image_id,
        "status": document.status,
        "reason": document.reason,
        "label": hit.label,
        "confidence": hit.confidence,
        "labels": {label["Name"]: float(label["Confidence"]) for label in document.labels},
        "uploaded": document.event_time,
        "taken": document.taken_at,
        "camera": document.camera,
        "location": place and {"latitude": place[0], "longitude": place[1]},
        "quality": {name.lower(): float(measured[name]) for name in MEASURES if name in measured},
    }
