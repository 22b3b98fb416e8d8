"""`photos audit`: compare the bucket, the documents and the index, and repair what is inconsistent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.table import Table

from photo_labels.library.audit import Auditor, Finding, Problem, Repairer
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.retention import QueueRoom
from photo_labels.terminal.status_line import StatusLine
from photo_labels.terminal.text import counted, safe

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.commands import Session
    from photo_labels.library.audit import Audit


@click.command()
@click.option(
    "--repair", is_flag=True, help="Queue photos with findings to be looked at again, and delete stray index rows."
)
@click.option("--list", "is_listed", is_flag=True, help="Name everything that is wrong.")
@click.pass_obj
def audit(session: Session, repair: bool, is_listed: bool) -> None:
    """Compare the bucket with the documents, and the documents with the index.

    What changed in the last ten minutes may still be in the queue, and is no finding; what seems wrong is looked
    at once more, half a minute later. Looks at every object and document: AWS bills a HeadObject for each photo,
    and reading both tables.

    Exit code 0: no findings; 1: findings, also if they are repaired.
    """
    target = session.target()
    auditor = Auditor(target)
    with AuditDisplay(session.console, "auditing") as display, Reconciler(target, QueueRoom(target)) as reconciler:
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


class AuditDisplay(StatusLine):
    """Shows what an audit has compared so far."""

    def show(self, audit: Audit) -> None:
        self.tell(f"{_looked_at(audit)}; {sum(audit.found.values()):,} wrong")

    def list(self, problem: Problem) -> None:
        """Print one finding on a line of its own."""
        row = f" {problem.row.label} {problem.row.rank}" if problem.row else ""
        self._console.print(
            safe(f"{problem.finding.value}:"), safe(f"{problem.bucket}/{problem.key}{row}"), soft_wrap=True
        )


def _looked_at(audit: Audit) -> str:
    return (
        f"{counted(audit.objects, 'photo')}, {counted(audit.documents.total(), 'document')}, "
        f"{counted(audit.rows, 'index row')}"
    )


def show_audit(console: Console, audit: Audit) -> None:
    """Print what was compared, and a line for each kind of finding."""
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(audit.documents.items()))
    console.print(f"{_looked_at(audit)}" + (f" ({statuses})" if statuses else ""), highlight=False)
    if audit.not_photos:
        console.print(f"{counted(audit.not_photos, 'file')} skipped: not a photo", highlight=False)
    if audit.under_way:
        console.print(f"{audit.under_way:,} changed in the last minutes: under way", highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for finding in Finding:
        table.add_row(f"{audit.found[finding]:,}", finding.value, style="red" if audit.found[finding] else "")
    console.print(table, highlight=False)
