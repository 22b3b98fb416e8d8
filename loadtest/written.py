"""The folder that a load test leaves: results.json, samples.csv, report.html."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from loadtest.report import page
from photos.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure import Outcome


def write(outcome: Outcome, folder: Path) -> None:
    """Write all three into a folder that is there. Raises UserError."""
    run = outcome.run
    keys = [run.plan.key(photo) for photo in range(len(run.samples))]
    try:
        (folder / "results.json").write_text(json.dumps(outcome.figures, indent=2) + "\n")
        (folder / "report.html").write_text(page(run, outcome.figures))
        run.samples.write_csv(folder / "samples.csv", keys)
    except OSError as error:
        raise UserError(f"The reports could not be written ({error}).") from error
