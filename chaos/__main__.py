"""`make chaos`: faults, one after another, while photos flow; then quiet, and an audit.

Exit code 0: nothing was lost and nothing is wrong; 1: something was or is; 2: it could not be done.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from chaos.faults import FILE, Fault, Switch, every_fault
from chaos.traffic import RATE, Traffic
from chaos.verdict import ENDS, Row, judged
from loadtest.command import as_command
from local.cloud import LocalCloud

if TYPE_CHECKING:
    from rich.status import Status

    from chaos.verdict import Verdict

_ON_S = 4.0
_OFF_S = 3.0
"""After each fault, for what is sent then: is it quick again?"""
_QUIET_S = 900.0
"""The longest that the end is waited for: what a kill has hidden comes back after two minutes, and again."""
_SECOND = 1.0
_CALM, _AFTER = "none", "after "
_COLUMNS = ("injected", "photos", "retried", *ENDS, "paid twice", "slow, s")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--number", default=0, help="Photos, about. [those that each fault takes once]")
@click.option("--seed", default=0, show_default=True, help="What happens to which photos, and when.")
def main(number: int, seed: int) -> None:
    """Break the pipeline in every way, and see whether it loses a photo."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as folder:
        switch = Switch(Path(folder) / "faults.json")
        switch.turn_on()
        os.environ[FILE] = str(Path(folder) / "faults.json")
        simulation = f'{{"seed": {seed}, "p50_ms": 100, "p99_ms": 300, "read_object": true}}'
        with LocalCloud(
            Path(folder) / "cloud",
            recogniser=["--mode", "simulated", "--simulation", simulation],
            parameters={"MaxConcurrency": "6"},
            handler="chaos.faulty.handler",
        ) as cloud:
            verdict, traffic, recovered = _run(cloud, switch, plan(number, seed), seed, console)
        _show(console, verdict, switch, recovered)
    console.print(
        f"{traffic.uploads:,} uploads of {len(traffic.things):,} photos, {traffic.duplicates:,} duplicates and "
        f"{len(traffic.poison):,} messages that nobody understands: "
        f"{verdict.lost} lost, {verdict.wrong} wrongly labelled, {len(verdict.problems)} found by the audit, "
        f"{verdict.calls:,} calls"
    )
    for problem in verdict.problems[:20]:
        console.print(f"{problem.finding.value}: {problem.key}", style="red", markup=False)
    sys.exit(1 if verdict.lost or verdict.wrong or verdict.problems else 0)


def plan(number: int, seed: int) -> list[tuple[Fault, ...]]:
    """What is on, phase by phase: some of all faults, or each once and then two or three at a time."""
    chance = random.Random(seed)
    alone = [(fault,) for fault in every_fault()]
    phases = round(number / (RATE * (_ON_S + _OFF_S))) or len(alone)
    chosen = chance.sample(alone, min(phases, len(alone)))
    return chosen + [
        tuple(chance.sample(every_fault(), chance.randint(2, 3))) for _ in range(phases - len(chosen))
    ]


def _run(
    cloud: LocalCloud, switch: Switch, phases: list[tuple[Fault, ...]], seed: int, console: Console
) -> tuple[Verdict, Traffic, dict[str, float]]:
    started = time.time()
    traffic = Traffic(cloud.target, seed)
    ended: dict[str, float] = {}
    with console.status("photos flow, and nothing is wrong yet") as status:
        traffic.phase = _CALM
        traffic.start()
        try:
            time.sleep(_OFF_S)
            for number, faults in enumerate(phases, 1):
                name = " + ".join(fault.name for fault in faults)
                flowing = f"{traffic.uploads:,} uploads, {traffic.waited_for} under way"
                status.update(f"{number} of {len(phases)}: {name}; {flowing}")
                traffic.phase = name
                switch.turn_on(*faults)
                time.sleep(_ON_S)
                switch.turn_on()
                ended[name] = time.monotonic()
                traffic.phase = f"{_AFTER}{name}"
                time.sleep(_OFF_S)
                traffic.check()
            traffic.stop_acting()
            _wait_until_quiet(cloud, traffic, status)
        finally:
            traffic.stop()
            switch.turn_on()
        status.update("comparing what is there with what was done")
        verdict = judged(cloud, traffic, started)
    return verdict, traffic, _recovery(traffic, ended)


def _wait_until_quiet(cloud: LocalCloud, traffic: Traffic, status: Status) -> None:
    """Wait until every document is there and no message is left, or for so long that none can come."""
    end = time.monotonic() + _QUIET_S
    sqs, url = cloud.target.client("sqs"), cloud.target.outputs["QueueUrl"]
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while time.monotonic() < end:
        traffic.check()
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        left = sum(int(counts[name]) for name in names)
        if not left and not traffic.waited_for:
            return
        status.update(f"waiting until it is quiet: {left} messages, {traffic.waited_for} photos without labels")
        time.sleep(1)


def _recovery(traffic: Traffic, ended: dict[str, float]) -> dict[str, float]:
    """For each fault, how long after its end the last photo was sent that was not searchable within a second."""
    late = dict.fromkeys(ended, 0.0)
    for thing in traffic.things.values():
        name = thing.phase.removeprefix(_AFTER)
        is_quick = thing.is_removed or (thing.seen_after_s is not None and thing.seen_after_s < _SECOND)
        if thing.phase.startswith(_AFTER) and not is_quick:
            late[name] = max(late[name], thing.put_at - ended[name])
    return late


def _show(console: Console, verdict: Verdict, switch: Switch, recovered: dict[str, float]) -> None:
    injected = switch.injected()
    table = Table(
        Column("fault", min_width=24), *(Column(name, justify="right", overflow="fold") for name in _COLUMNS),
        title="photos by the fault that was on when they were sent", title_justify="left", box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
    total, afterwards = Row(), Row()
    for name, row in sorted(verdict.rows.items()):
        _add(total, row)
        if name.startswith(_AFTER):
            _add(afterwards, row)
            continue
        count = sum(injected[fault] for fault in name.split(" + "))
        table.add_row(name, f"{count}", *_cells(row), f"{recovered.get(name, 0):.1f}")
    table.add_section()
    table.add_row("none, after one", "", *_cells(afterwards), "")
    table.add_row("all", f"{injected.total()}", *_cells(total), f"{max(recovered.values(), default=0):.1f}")
    console.print(table)


def _cells(row: Row) -> list[str]:
    counts = [row.things, row.retried, *(row.ends[end] for end in ENDS), row.paid_twice]
    return [str(count) if count else "·" for count in counts]


def _add(total: Row, row: Row) -> None:
    total.things += row.things
    total.ends += row.ends
    total.retried += row.retried
    total.paid_twice += row.paid_twice
    total.wrong += row.wrong


if __name__ == "__main__":
    as_command(lambda: main.main(standalone_mode=False))
