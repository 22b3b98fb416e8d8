"""`make bench-audit`: how long an audit takes, and how much memory, with a stand-in that takes 10 ms a call.

All is as it should be there: what is wrong takes a few calls a photo besides, and half a minute.
"""

from __future__ import annotations

from rich.console import Console

from loadtest.benchmarks.arguments import whole_number
from loadtest.benchmarks.full_pipeline import LABELS_A_PHOTO, measured, running
from photo_labels.library.audit import Auditor
from photo_labels.library.auditing.checkpoint import Checkpoint
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run

_PHOTOS = 100_000


def main(photos: int) -> None:
    """Measure, and print the results. Raises UserError where the audit finds anything."""
    with running(photos) as (target, url, folder):
        auditor = Auditor(target, checkpoint=Checkpoint(folder / "audit.state", {}))
        what = f"with {LABELS_A_PHOTO} labels each"
        measured(Console(highlight=False), photos, what, url, lambda: auditor.run(lambda _: None))
    audit = auditor.audit
    if audit.found or (audit.objects, audit.documents.total()) != (photos, photos):
        raise UserError(f"The audit finds something else than there is: {audit}.")


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-audit")
