"""Commands about the pipeline's health: what is wrong, what failed, stop and go."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live

from photo_labels.commands import GIVEN
from photo_labels.library.auditing import Auditor, Problem, Repairer
from photo_labels.library.failures import Failures
from photo_labels.library.mapping import Mappings
from photo_labels.library.reconciling import Reconciler
from photo_labels.library.status import StatusReader
from photo_labels.terminal.display import (
    AuditDisplay,
    counted,
    show_audit,
    show_failure,
    show_reasons,
    show_redriven,
    status_table,
)

if TYPE_CHECKING:
    from photo_labels.commands import Session


@click.command()
@click.option("--repair", is_flag=True, help="Ask the function for the truth about what is wrong.")
@click.option("--list", "is_listed", is_flag=True, help="Name everything that is wrong.")
@click.pass_obj
def audit(session: Session, repair: bool, is_listed: bool) -> None:
    """Compare the bucket with the documents, and the documents with the index.

    What changed in the last ten minutes may still be in the queue, and is no finding; what seems wrong is looked
    at once more, half a minute later. Looks at every object and document: AWS bills a HeadObject for each photo,
    and reading both tables.

    Exit code 0: all is as it should be; 1: something is wrong, or was.
    """
    target = session.target()
    auditor = Auditor(target)
    with AuditDisplay(session.console, "auditing") as display, Reconciler(target) as reconciler:
        repairer = Repairer(target, reconciler)

        def report(problem: Problem) -> None:
            if is_listed:
                display.list(problem)
            if repair:
                repairer.repair(problem)

        try:
            found = auditor.run(report, display.show)
        except BaseException:  # credentials that have ended, Ctrl-C
            session.console.print("Not all was looked at. So far:")
            show_audit(session.console, auditor.audit)
            raise
    show_audit(session.console, found)
    if repair and found.found:
        session.console.print(
            f"{counted(reconciler.sent, 'photo')} will be looked at by the function, "
            f"{counted(repairer.rows_removed, 'row')} removed. Audit again when the queue is empty.",
            highlight=False,
        )
    sys.exit(1 if found.found else 0)


@click.command()
@click.option("--reason", type=GIVEN, help="Only those with this reason.")
@click.pass_obj
def failures(session: Session, reason: str | None) -> None:
    """List rejected photos and dead letters, with the reason, when, and how often they were tried.

    Reads the whole table of documents. Exit code 0: there are none; 1: there are some.
    """
    failed = Failures(session.target())
    counts: Counter[tuple[str, str]] = Counter()
    for failure in chain(failed.rejected(), failed.dead_letters()):
        if reason in {None, failure.reason}:
            counts[failure.kind, failure.reason] += 1
            show_failure(session.console, failure)
    show_reasons(session.console, counts)
    sys.exit(1 if counts else 0)


@click.command()
@click.option("--reason", type=GIVEN, help="Only those with this reason, as `photos failures` has it.")
@click.option("--dry-run", is_flag=True, help="Only count what would be sent back.")
@click.pass_obj
def redrive(session: Session, reason: str | None, dry_run: bool) -> None:
    """Send rejected photos and dead letters back to be labelled, after their cause is mended.

    Each photo costs one Rekognition call. It can be stopped and started again: nothing is lost, and what is sent
    twice is done once.
    """
    target = session.target()
    failed = Failures(target)
    if dry_run:
        everything = chain(failed.rejected(), failed.dead_letters())
        show_reasons(
            session.console, Counter((one.kind, one.reason) for one in everything if reason in {None, one.reason})
        )
        return
    with Reconciler(target) as reconciler:
        redriven = failed.redrive(reason, reconciler)
    show_redriven(session.console, redriven)


@click.command()
@click.option("--watch", "is_watching", is_flag=True, help="Go on until Ctrl-C.")
@click.option("--json", "is_json", is_flag=True, help="Print it as a line of JSON.")
@click.pass_obj
def status(session: Session, is_watching: bool, is_json: bool) -> None:
    """Tell how the pipeline is: queues, dead letters, rates, the quota, alarms.

    Exit code 0: no alarm rings; 1: one does.
    """
    target = session.target(Console(stderr=True) if is_json else session.console)
    reader = StatusReader(target)
    found = reader.read()
    if is_json:
        click.echo(json.dumps(asdict(found)))
    elif is_watching:
        every_s = _WATCHED_LOCALLY_S if target.is_local else _WATCHED_ON_AWS_S
        with suppress(KeyboardInterrupt), Live(status_table(found), console=session.console) as live:
            while True:
                time.sleep(every_s)
                found = reader.read()
                live.update(status_table(found))
    else:
        session.console.print(status_table(found))
    sys.exit(1 if found.alarms else 0)


_WATCHED_LOCALLY_S, _WATCHED_ON_AWS_S = 1.0, 10.0
# On AWS each look costs a few calls of CloudWatch, which has news once a minute.


@click.command()
@click.pass_obj
def pause(session: Session) -> None:
    """Stop labelling: photos wait in the queue, for ten days at most, and none is lost."""
    Mappings(session.target()).switch(on=False)
    session.console.print(
        "Paused: photos wait in the queue, for ten days at most. `photos resume` goes on with them."
    )


@click.command()
@click.pass_obj
def resume(session: Session) -> None:
    """Go on labelling what has waited, and what comes."""
    Mappings(session.target()).switch(on=True)
    session.console.print("Resumed: what has waited is labelled now.")
