"""`photos labels`: list the labels, and how many photos have each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table

from photo_labels.commands import map_option, read_map
from photo_labels.library.searching import vocabulary as vocabularies
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.scan_cost import confirm_scan
from photo_labels.terminal.status_line import StatusLine
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from photo_labels.commands import Session

# A map of all labels there are is no mistake, and nobody reads them.
_MAX_UNUSED = 10


@click.command()
@click.option("--refresh", "is_refreshing", is_flag=True, help="Count again.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask, also where it costs much.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each label.")
@map_option
@click.pass_obj
def labels(session: Session, is_refreshing: bool, is_sure: bool, is_json: bool, map_file: Path | None) -> None:
    """List the labels that there are, and how many photos have each.

    \b
    photos labels
    photos labels --json

    Reads the whole index, once: what was counted is kept, for this command, and for `photos search` to know
    names and which label is the rarest. Says what that costs, and asks above a cent.

    Of labels that --map merges, the counts are added up: a photo with two of them counts twice.
    """  # noqa: D301 - click reads \b
    names = read_map(map_file)
    shown = Console(stderr=True) if is_json else session.console
    target = session.target(shown)
    vocabulary = vocabularies.kept(target)
    if is_refreshing or vocabulary.at is None:
        about = confirm_scan(target, target.outputs.label_index_table, "index row", shown, is_sure=is_sure)
        with StatusLine(shown, "counting", "index row", about=about) as display:
            vocabulary = vocabularies.count(target, display.tell)
        try:
            vocabularies.keep(target, vocabulary)
        except UserError as error:  # they were paid for, and are shown
            Console(stderr=True).print(safe(f"The counts are not kept for later: {error}"), soft_wrap=True)
    counts, merged = names.counts(vocabulary.counts), names.merged_of(vocabulary.counts)
    if is_json:
        for name, count in counts.items():
            # A photo with two of them counts twice.
            several = {"at_most": True, "merged": merged[name]} if name in merged else {}
            click.echo(json.dumps({"label": name, "photos": count} | several))
    elif counts:
        shown.print(counts_table(counts, merged))
    shown.print(
        f"{_how_many(counts)}, counted {vocabulary.at:%Y-%m-%d %H:%M} UTC; --refresh counts again",
        highlight=False,
    )
    if unused := names.unused(vocabulary.counts):
        shown.print(safe(f"The map names labels that no photo has: {_some(unused)}."), soft_wrap=True)


def _how_many(counts: Mapping[str, int]) -> str:
    return counted(len(counts), "label") if counts else "No photo has a label"


def _some(labels: list[str]) -> str:
    """Return the first labels, and how many others there are."""
    others = len(labels) - _MAX_UNUSED
    return ", ".join(labels[:_MAX_UNUSED]) + (f" and {counted(others, 'other')}" if others > 0 else "")


def counts_table(counts: Mapping[str, int], merged: Collection[str]) -> Table:
    """Return a table of labels with the number of their photos; of merged ones at most so many."""
    table = Table(Column("photos", justify="right"), "label")
    for name, count in counts.items():
        table.add_row(f"{'≤ ' if name in merged else ''}{count:,}", safe(name))
    return table
