"""`photos audit`: compare the bucket, the documents and the index, and repair what is inconsistent."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from photo_labels.library.audit import Auditor, Repairer
from photo_labels.library.auditing.checkpoint import Checkpoint
from photo_labels.library.auditing.findings import Finding, Problem
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.retention import QueueRoom
from photo_labels.library.state_files import state_path
from photo_labels.terminal.skipped_text import show_skipped
from photo_labels.terminal.status_line import StatusLine
from photo_labels.terminal.text import counted, safe, some

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.commands import Session
    from photo_labels.library.auditing.findings import Audit
    from photo_labels.library.target import Target


@click.command()
@click.option(
    "--repair", is_flag=True, help="Queue photos with findings to be looked at again, and delete stray index rows."
)
@click.option("--list", "is_listed", is_flag=True, help="Name everything that is wrong.")
@click.option("--anew", "is_anew", is_flag=True, help="Begin at the beginning, not where it was interrupted.")
@click.pass_obj
def audit(session: Session, repair: bool, is_listed: bool, is_anew: bool) -> None:
    """Compare the bucket with the documents, and the documents with the index.

    \b
    photos audit
    photos audit --list

    What changed in the last ten minutes may still be in the queue, and is no finding; what seems wrong is looked
    at once more, half a minute later. Lists the bucket and reads both tables, which AWS bills. After an
    interruption, run the same command again within a day: it resumes.

    Exit code 0: no findings; 1: findings, also if they are repaired.
    """  # noqa: D301 - click reads \b
    target = session.target()
    auditor = Auditor(target, checkpoint=_checkpoint(target, is_listed=is_listed, is_repairing=repair))
    interrupted_at = None if is_anew else auditor.resume()
    if interrupted_at:
        session.console.print(
            f"resumes the audit of {interrupted_at:%Y-%m-%d %H:%M} UTC; --anew begins at the beginning",
            highlight=False,
        )
    with (
        AuditDisplay(session.console, "auditing", "photo") as display,
        Reconciler(target, QueueRoom(target)) as reconciler,
    ):
        repairer = Repairer(target, reconciler)

        def report(problem: Problem) -> None:
            if is_listed:
                display.list(problem)
            if repair:
                repairer.repair(problem)

        def show(audit: Audit) -> None:
            reconciler.flush()  # what is saved as found is on its way
            display.show(audit)

        try:
            found = auditor.run(report, show)
        except BaseException:  # credentials that have ended, Ctrl-C
            session.console.print("Not all was looked at. So far:")
            show_audit(session.console, auditor.audit)
            is_kept = auditor.unsaved is None
            session.console.print(
                "The same command resumes." if is_kept else safe(f"It will not resume: {auditor.unsaved}"),
                style="red",
            )
            raise
    show_audit(session.console, found)
    if repair and found.found:
        show_repaired(session.console, reconciler.sent, repairer.rows_removed)
    sys.exit(1 if found.found else 0)


def show_repaired(console: Console, asked: int, rows_removed: int) -> None:
    """Print what a repair did: photos that are to be looked at again, and stray rows that are gone."""
    parts = [f"{some(asked, 'photo')} will be looked at by the function"]
    if rows_removed:
        parts.append(f"{counted(rows_removed, 'index row')} removed")
    console.print(f"{', '.join(parts)}. Audit again when the queue is empty.", highlight=False)


def _checkpoint(target: Target, *, is_listed: bool, is_repairing: bool) -> Checkpoint:
    """Return where the audit saves how far it is; what was found before is neither listed nor repaired again."""
    outputs = target.outputs
    scope = {
        "bucket": outputs.bucket,
        "prefix": outputs.keys.prefix,
        "suffixes": list(outputs.keys.suffixes),
        "tables": [outputs.image_labels_table, outputs.label_index_table],
        "listed": is_listed,
        "repaired": is_repairing,
    }
    return Checkpoint(state_path(target, "audit.state"), scope)


class AuditDisplay(StatusLine):
    """Shows what an audit has compared so far."""

    def show(self, audit: Audit) -> None:
        self.tell(
            audit.objects,
            f"{sum(audit.found.values()):,} wrong",
            counted(audit.documents.total(), "document"),
            counted(audit.rows, "index row"),
        )

    def list(self, problem: Problem) -> None:
        """Print one finding on a line of its own."""
        row = f" {problem.row.label} {problem.row.rank}" if problem.row else ""
        self._console.print(
            safe(f"{problem.finding.one}:"), safe(f"{problem.bucket}/{problem.key}{row}"), soft_wrap=True
        )


def _looked_at(audit: Audit) -> str:
    return (
        f"{some(audit.objects, 'photo')}, {some(audit.documents.total(), 'document')}, "
        f"{some(audit.rows, 'index row')}"
    )


def show_audit(console: Console, audit: Audit) -> None:
    """Print what was compared, and a line for each kind of finding."""
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(audit.documents.items()))
    console.print(f"{_looked_at(audit)}" + (f" ({statuses})" if statuses else ""), highlight=False)
    show_skipped(console, "file", audit.skipped)
    if audit.under_way:
        console.print(f"{audit.under_way:,} changed in the last minutes: under way", highlight=False)
    for finding in Finding:
        if count := audit.found[finding]:
            console.print(finding.counted(count), style="red", highlight=False)
    if not audit.found.total():
        console.print("nothing wrong was found", highlight=False)
