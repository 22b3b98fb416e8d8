"""`photos failures`: list rejected photos and dead letters."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import click
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from photo_labels.commands import GIVEN
from photo_labels.library.failures import Failures
from photo_labels.records.formats import NOT_A_PHOTO
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.commands import Session
    from photo_labels.library.failures import Failure


@click.command()
@click.option("--reason", type=GIVEN, help="Only those with this reason.")
@click.pass_obj
def failures(session: Session, reason: str | None) -> None:
    """List rejected photos and dead letters, with the reason, when, and how often they were tried.

    Files that are no photos are counted only; --reason NotAPhoto lists them. Reads the whole table of documents.
    Exit code 0: there are none; 1: there are some.
    """
    failed = Failures(session.target())
    counts: Counter[tuple[str, str]] = Counter()
    not_photos = 0
    for failure in chain(failed.rejected(), failed.dead_letters()):
        if failure.is_asked_for(reason):
            counts[failure.kind, failure.reason] += 1
            show_failure(session.console, failure)
        not_photos += failure.reason == NOT_A_PHOTO
    show_reasons(session.console, counts)
    if not_photos and reason is None:
        verb = "is no photo" if not_photos == 1 else "are no photos"
        session.console.print(
            f"{counted(not_photos, 'file')} {verb}: `photos failures --reason {NOT_A_PHOTO}` lists them",
            highlight=False,
        )
    sys.exit(1 if counts else 0)


def show_failure(console: Console, failure: Failure) -> None:
    """Print one failure: what, when, how often; and why on a line of its own."""
    tried = f", received {counted(failure.tries, 'time')}" if failure.tries else ""
    console.print(
        Text(f"{failure.kind}, {failure.at:%Y-%m-%d %H:%M:%S}{tried}: ") + safe(failure.what), soft_wrap=True
    )
    console.print(Padding(safe(f"{failure.reason}: {failure.detail}"), (0, 0, 0, 4)))


def show_reasons(console: Console, counts: Counter[tuple[str, str]]) -> None:
    """Print how many failures there are of each kind and reason."""
    if not counts:
        console.print("There are no failures.")
        return
    table = Table(Column(justify="right"), "kind", "reason")
    for (kind, reason), count in counts.most_common():
        table.add_row(f"{count:,}", kind, safe(reason))
    console.print(table)
