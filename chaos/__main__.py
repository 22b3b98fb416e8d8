"""`make chaos`: faults, one after another, while photos flow; then quiet, and an audit.

Exit code 0: nothing was lost and nothing is wrong; 1: something was or is; 2: it could not be done.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from chaos.faults import FILE, Switch
from chaos.run import ChaosRun, plan
from chaos.table import show
from chaos.traffic import RATE
from chaos.verdict import judged
from local.cloud import LocalCloud
from photo_labels.terminal.ending import run


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--number", default=0, type=click.IntRange(0), help="Photos, about. [those that each fault takes once]"
)
@click.option("--seed", default=0, show_default=True, help="What happens to which photos, and when.")
def main(number: int, seed: int) -> None:
    """Inject every fault into the pipeline, and check whether it loses a photo.

    \b
    make chaos N=500 SEED=3
    .venv/bin/python -m chaos --number 500 --seed 3
    """  # noqa: D301 - click reads \b
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as folder:
        switch = Switch(Path(folder) / "faults.json")
        switch.turn_on()
        os.environ[FILE] = str(switch.file)
        simulation = f'{{"seed": {seed}, "p50_ms": 100, "p99_ms": 300, "read_object": true}}'
        with LocalCloud(
            Path(folder) / "cloud",
            recogniser=["--mode", "simulated", "--simulation", simulation],
            # Half as many slots again as photos: now and then there is none at once, and marked ones move on.
            # The budget is never spent: what is looked at is whether it knows of every call.
            parameters={
                "MaxConcurrency": "6",
                "RekognitionTps": f"{1.5 * RATE:g}",
                "MonthlyBudgetPhotos": "1000000000",
            },
            handler="chaos.faulty_function.handler",
        ) as cloud:
            run = ChaosRun(cloud, switch, plan(number, seed), seed)
            with console.status("photos flow, and nothing is wrong yet") as status:
                run.go(status.update)
                status.update("comparing what is there with what was done")
                verdict = judged(cloud, run.traffic, run.started)
        show(verdict, switch.injected(), run.slow_for(), console)
    traffic = run.traffic
    console.print(
        f"{traffic.uploads:,} uploads of {len(traffic.things):,} photos, {traffic.duplicates:,} duplicates, "
        f"{len(traffic.poison):,} messages that nobody understands, {verdict.calls:,} calls: {verdict.lost} lost, "
        f"{verdict.wrong} wrongly labelled, {verdict.uncounted} calls beside the budget, "
        f"{len(verdict.problems)} found by the audit, "
        f"which removed {verdict.strays:,} rows that no document backs"
    )
    for problem in verdict.problems[:20]:
        console.print(f"{problem.finding.value}: {problem.key}", style="red", markup=False)
    sys.exit(1 if verdict.lost or verdict.wrong or verdict.uncounted or verdict.problems else 0)


if __name__ == "__main__":
    run(lambda: main.main(standalone_mode=False), "chaos")
