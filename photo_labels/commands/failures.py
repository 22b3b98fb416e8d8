"""`photos failures`: list rejected photos and dead letters."""

from __future__ import annotations

import json
import sys
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from photo_labels.commands import GIVEN
from photo_labels.library.failures import Failures
from photo_labels.records.formats import NOT_A_PHOTO, TOO_SMALL
from photo_labels.terminal.status_line import StatusLine, beside_output
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from photo_labels.commands import Session
    from photo_labels.library.failures import DeadLettersSeen, Failure


# Reasons of which there may be thousands, and nothing is to be done: one of them, and several.
_COUNTED = {
    NOT_A_PHOTO: ("1 file is no photo", "files are no photos"),
    TOO_SMALL: ("1 photo is too small", "photos are too small"),
}


@click.command()
@click.option("--reason", type=GIVEN, help="Only those with this reason.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each, and one with the counts.")
@click.pass_obj
def failures(session: Session, reason: str | None, is_json: bool) -> None:
    """List rejected photos and dead letters, with the reason, when, and how often they were tried.

    \b
    photos failures
    photos failures --reason NotAPhoto

    Files that are no photos, and photos that are too small, are counted only: --reason NotAPhoto and --reason
    TooSmall list them. Reads the whole table of documents, and looks through the dead-letter queues for four
    minutes each at most; how many dead letters are left then is said, as SQS estimates it. Exit code 0: there are
    none; 1: there are some.
    """  # noqa: D301 - click reads \b
    shown = Console(stderr=True) if is_json else session.console
    failed = Failures(session.target(shown))
    counts: Counter[tuple[str, str]] = Counter()
    not_listed: Counter[str] = Counter()
    with StatusLine(beside_output(shown) if is_json else shown, "looking", "failure") as display:
        for number, failure in enumerate(chain(failed.rejected(), failed.dead_letters()), 1):
            display.tell(number)
            if not failure.is_asked_for(reason):
                not_listed[failure.reason] += 1
                continue
            counts[failure.kind, failure.reason] += 1
            if is_json:
                click.echo(json.dumps(_line(failure)))
            else:
                show_failure(shown, failure)
    if is_json:
        click.echo(json.dumps(_counted(counts, failed.seen)))
    elif counts or not reason:
        show_reasons(shown, counts)
    if reason is None:
        show_counted(shown, not_listed)
    elif not counts:
        show_none_of(shown, reason, not_listed)
    show_seen(shown, failed.seen)
    sys.exit(1 if counts or failed.seen.left else 0)


def _line(failure: Failure) -> dict[str, Any]:
    return {
        "kind": failure.kind,
        "what": failure.what,
        "reason": failure.reason,
        "detail": failure.detail,
        "at": failure.at.isoformat(),
        "tries": failure.tries,
    }


def _counted(counts: Counter[tuple[str, str]], seen: DeadLettersSeen) -> dict[str, Any]:
    """Return the last line: what was counted, and how many dead letters there are by SQS's estimate besides."""
    return {
        "counts": [
            {"kind": kind, "reason": reason, "count": count} for (kind, reason), count in counts.most_common()
        ],
        "dead_letters_looked_at": seen.looked_at,
        "dead_letters_not_looked_at_estimated": seen.left,
    }


def show_failure(console: Console, failure: Failure) -> None:
    """Print one failure: what, when, how often; and why on a line of its own."""
    tried = f", received {counted(failure.tries, 'time')}" if failure.tries else ""
    console.print(
        Text(f"{failure.kind}, {failure.at:%Y-%m-%d %H:%M:%S}{tried}: ") + safe(failure.what), soft_wrap=True
    )
    console.print(Padding(safe(f"{failure.reason}: {failure.detail}"), (0, 0, 0, 4), expand=False))


def show_counted(console: Console, counts: Counter[str]) -> None:
    """Print how many there are of the reasons that are listed only where they are asked for."""
    for reason, (one, several) in _COUNTED.items():
        if count := counts[reason]:
            what = one if count == 1 else f"{count:,} {several}"
            console.print(
                f"{what}: `photos failures --reason {reason}` lists {'it' if count == 1 else 'them'}",
                highlight=False,
            )


def show_none_of(console: Console, reason: str, others: Counter[str]) -> None:
    """Print that no failure has a reason, and which reasons there are."""
    sentence = f"No failure has the reason {reason}"
    if others:
        reasons = (f"{one} ({count:,})" for one, count in others.most_common())
        sentence += f"; there {'is' if len(others) == 1 else 'are'} {', '.join(reasons)}"
    console.print(safe(f"{sentence}."), soft_wrap=True)


def show_reasons(console: Console, counts: Counter[tuple[str, str]]) -> None:
    """Print how many failures there are of each kind and reason."""
    if not counts:
        console.print("There are no failures.")
        return
    table = Table(Column(justify="right"), "kind", "reason")
    for (kind, reason), count in counts.most_common():
        table.add_row(f"{count:,}", kind, safe(reason))
    console.print(table)


def show_seen(console: Console, seen: DeadLettersSeen) -> None:
    """Print at how many dead letters was looked, where that were not all of them."""
    if seen.left:
        about = seen.looked_at + seen.left
        console.print(
            f"{seen.looked_at:,} of about {counted(about, 'dead letter')} looked at: the others are hidden, or "
            "were not reached in four minutes. `photos redrive` takes all of them.",
            highlight=False,
        )
