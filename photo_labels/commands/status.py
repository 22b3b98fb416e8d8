"""`photos status`: the pipeline's status."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live
from rich.table import Table
from rich.text import Text

from photo_labels.library.retention import LONGEST_WAIT, RETENTION
from photo_labels.library.status import MINUTES, StatusReader
from photo_labels.terminal.budget_text import budget_line
from photo_labels.terminal.text import duration, safe

if TYPE_CHECKING:
    from photo_labels.commands import Session
    from photo_labels.library.status import Status

# Of what may wait, so much is no news.
_WORTH_SAYING = 0.1
# What was only now queued is gone sooner than the last minutes' rate tells.
_LONG_S, _MUCH_LONGER = 600.0, 1.5
# On AWS each look costs a few calls of CloudWatch, which has news once a minute.
_WATCHED_LOCALLY_S, _WATCHED_ON_AWS_S = 1.0, 10.0


@click.command()
@click.option("--watch", "is_watching", is_flag=True, help="Refresh until Ctrl-C.")
@click.option("--json", "is_json", is_flag=True, help="Print it as a line of JSON.")
@click.pass_obj
def status(session: Session, is_watching: bool, is_json: bool) -> None:
    """Show the pipeline's status: queues, dead letters, rates, the quota, alarms.

    \b
    photos status
    photos status --watch

    Exit code 0: no alarm is active; 1: at least one is.
    """  # noqa: D301 - click reads \b
    target = session.target(Console(stderr=True) if is_json else session.console)
    reader = StatusReader(target)
    found = reader.read()
    if is_json:
        budget = found.budget.as_json() if found.budget else None
        click.echo(json.dumps(asdict(replace(found, budget=None)) | {"budget": budget}))
    elif is_watching:
        every_s = _WATCHED_LOCALLY_S if target.is_local else _WATCHED_ON_AWS_S
        console = session.console
        with suppress(KeyboardInterrupt), Live(watched_table(console, found), console=console) as live:
            while True:
                time.sleep(every_s)
                found = reader.read()
                live.update(watched_table(console, found))
    else:
        session.console.print(status_table(found))
    sys.exit(1 if found.alarms else 0)


def watched_table(console: Console, status: Status) -> Constrain:
    """Return the table as it is shown again and again, with room for the ^C that ends it.

    On a full line that would begin another one, and the table's first line would be left standing above its last.
    """
    return Constrain(status_table(status), console.width - len("^C"))


def status_table(status: Status) -> Table:
    """Return the pipeline's status as a table."""
    counts, table = status.counts, Table.grid(padding=(0, 2))
    queues = {
        "photos": status.photos,
        "converting": status.converting,
        "overflow": status.overflow,
        "bulk": status.bulk,
        "bulk converting": status.bulk_converting,
    }
    for name, queue in queues.items():
        table.add_row(name, f"{queue.waiting:,} waiting, {queue.in_hand:,} in hand or waiting for another try")
    dead = status.photos.dead + status.converting.dead
    table.add_row("dead letters", f"{dead:,}" + (": photos failures says why" if dead else ""))
    table.add_row("labelling", "on" if status.is_on else Text("paused: photos resume continues", style="red"))
    table.add_row(
        f"last {MINUTES} minutes",
        f"{counts['ImagesLabelled']:,.0f} labelled, {status.rejected:,.0f} rejected, "
        f"{counts['SmallPhotos']:,.0f} too small, "
        f"{counts['ImagesRemoved']:,.0f} removed, {counts['ImagesHandedOver']:,.0f} forwarded to the converter, "
        f"{counts['ImagesForwarded']:,.0f} to another lane, "
        f"{counts['RecordsFailed']:,.0f} to be tried again",
    )
    table.add_row("rate", f"{status.photos_a_second:.1f} photos a second")
    quota = f" of {status.tps:g} ({status.calls_a_second / status.tps:.0%})" if status.tps else ""
    table.add_row(
        "Rekognition",
        f"{status.calls_a_second:.1f} calls a second{quota}, {counts['RekognitionThrottles']:,.0f} throttled",
    )
    if status.oldest_s is not None:
        table.add_row("oldest photo", f"{duration(status.oldest_s)} old when it was received")
    if status.budget:
        style = "yellow" if status.budget.spent_until else ""
        table.add_row("budget", Text(budget_line(status.budget), style=style))
    table.add_row("backlog", _backlog(status))
    for name, description in status.alarms.items():
        table.add_row(Text("alarm", style="red"), safe(f"{name}: {description}"))
    if not status.alarms:
        table.add_row("alarms", "none rings")
    return table


def _backlog(status: Status) -> str:
    if status.gone_in_s is None:
        return "not getting less" if status.is_on else "waits until labelling is resumed"
    if not status.gone_in_s:
        return "none"
    seconds, best_s = status.gone_in_s, status.gone_at_quota_s
    when = f"gone in about {duration(seconds)}"
    if not status.budget and best_s and seconds > max(_LONG_S, _MUCH_LONGER * best_s):
        when = f"gone in {duration(best_s)} at the quota, {duration(seconds)} at the last {MINUTES} minutes' rate"
        seconds = best_s
    share = seconds / LONGEST_WAIT.total_seconds()
    margin = f", of the {LONGEST_WAIT.days} days that photos may wait" if share > _WORTH_SAYING else ""
    late = ": queue nothing more, SQS deletes what waits for 12" if share > 1 else ""
    if lost := status.lost_after(RETENTION.days):
        late = (
            f": the budget lasts for all but {lost:,} of them within {RETENTION.days} days, after which SQS "
            "deletes what waits. Raise it, or queue those again later: photos backfill"
        )
    return f"{when}{margin}{late}"
