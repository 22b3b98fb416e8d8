"""The folder that a load test leaves: results.json, samples.csv, report.html."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING

from loadtest.report import page
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from loadtest.measure import Measurement

_RESULTS, _SAMPLES, _REPORT = "results.json", "samples.csv", "report.html"


def prepare(folder: Path) -> None:
    """Check beforehand that reports can be written and replace none. Raises UserError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"Reports cannot be written there ({error}): name another folder with OUT=….") from error
    if there := sorted(names & {_RESULTS, _SAMPLES, _REPORT}):
        raise UserError(f"{folder} has {', '.join(there)} already, which stay: name another folder with OUT=….")


def write(outcome: Measurement, folder: Path) -> None:
    """Write all three into a folder that has been prepared. Raises UserError."""
    run = outcome.run
    keys = [run.plan.key(photo) for photo in range(len(run.samples))]
    try:
        with (folder / _RESULTS).open("x", encoding="utf-8") as file:
            file.write(json.dumps(outcome.figures, indent=2) + "\n")
        with (folder / _REPORT).open("x", encoding="utf-8") as file:
            file.write(page(run, outcome.figures))
        with (folder / _SAMPLES).open("x", encoding="utf-8", newline="") as file:
            run.samples.write_csv(file, keys, run.plan.copies)
    except OSError as error:
        raise UserError(f"The reports could not be written ({error}).") from error
