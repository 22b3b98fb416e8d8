"""A few faults of `make chaos`, from its command to its table."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chaos.faults import every_fault
from chaos.run import plan
from local.ministack import REPOSITORY


@pytest.mark.timeout(900)
def test_given_some_faults_when_photos_flow_then_none_is_lost_and_none_is_wrong() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "chaos", "--number", "1000", "--seed", "7"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    ends = "0 lost, 0 wrongly labelled, 0 calls beside the budget, 0 found by the audit"
    assert ends in " ".join(said.split()), said  # lines are as wide as a terminal


def test_given_a_seed_when_planned_then_always_the_same_and_every_fault_once() -> None:
    assert plan(1000, 1) == plan(1000, 1) != plan(1000, 2)
    assert {fault for [fault] in plan(0, 1)} == set(every_fault())
    long = plan(40_000, 1)
    assert {phase[0] for phase in long if len(phase) == 1} == set(every_fault())
    assert {len(phase) for phase in long} == {1, 2, 3}
