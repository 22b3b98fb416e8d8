"""Schedules, objectives, photos and reports."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from loadtest.measure import Measurement
from loadtest.mix import many_sizes, one_size
from loadtest.result_files import write
from loadtest.schedule import PROFILES, intended_s
from loadtest.slo import objectives
from loadtest.summary import show
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

from tests.unit.loadtest.shared import Injected, executed, figures_of, plan_of


@given(st.sampled_from(sorted(PROFILES)), st.integers(1, 500), st.floats(0.5, 500))
def test_given_any_profile_when_planned_then_in_order_from_the_start_at_the_rate(
    profile: str, number: int, rate: float
) -> None:
    at = intended_s(number, rate, profile)
    assert len(at) == number
    assert at[0] == 0
    assert (np.diff(at) >= 0).all()
    assert at[-1] <= number / rate
    assert not intended_s(number, 0, profile).any()


def test_given_each_profile_when_planned_then_it_has_its_shape() -> None:
    assert len(set(intended_s(500, 50, "burst"))) == 2
    early, late = np.histogram(intended_s(400, 10, "ramp"), 2)[0]
    assert late > 2.5 * early
    spike = np.diff(intended_s(100, 10, "spike"))
    assert spike.min() * 5 == pytest.approx(spike.max())


def test_given_objectives_when_judged_then_by_their_own_figure() -> None:
    latency = {"p50": 300.0, "p90": 500.0, "p95": 999.0, "p99": None, "p99_9": 2000.0, "max": 2000.0}
    judged = [one.judged(latency, 2) for one in objectives("p95<1s, p95<999ms,p99<2s,p99.9<2.5s,lost=0,lost<3")]
    assert [one["met"] for one in judged] == [True, False, False, True, False, True]


@pytest.mark.parametrize("text", ["p95", "p96<1s", "p95<1", "lost", "speed>3", "p95<-1s"])
def test_given_an_objective_that_nobody_knows_when_read_then_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match="SLO does not know"):
        objectives(text)


def test_given_a_size_when_photos_are_made_then_of_that_size_and_a_photo() -> None:
    [body] = one_size("2KB").bodies
    assert len(body) == 2000
    assert body.startswith(b"\xff\xd8")
    for bad in ("", "big", "1KB", "16MB", "-3", "2.2.2KB"):
        with pytest.raises(UserError, match="SIZE"):
            one_size(bad)


def test_given_a_seed_when_photos_are_chosen_then_always_the_same_of_many_sizes() -> None:
    mix = many_sizes()
    assert len({len(body) for body in mix.bodies}) > 20
    assert mix.choose(50, 1) == mix.choose(50, 1) != mix.choose(50, 2)


HOSTILE = '<script>alert(1)</script> {{ 7 * 7 }} [red]x[/red] [/y] "@blue"'


def test_given_a_run_when_written_then_json_csv_and_a_page_that_needs_no_network(tmp_path: Path) -> None:
    system = Injected(lambda _: 0.05)
    runner = executed(system, plan_of(intended_s(30, 100, "steady")))
    warmup = {"photos": 0, "cold_starts": 0, "latency_ms": {"p50": None, "max": None}}
    figures = figures_of(runner, warmup=warmup, slo="p95<1s,lost=0")
    figures["not_sent_because"] = {HOSTILE: 1}
    figures["setting"]["photos"] = HOSTILE
    write(Measurement(runner.run, figures), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text()) == figures
    with (tmp_path / "samples.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["key"] for line in lines] == [runner.run.plan.key(photo) for photo in range(30)]
    assert [float(line["seen_s"]) for line in lines] == pytest.approx(runner.run.samples.seen, abs=1e-6)
    page = (tmp_path / "report.html").read_text()
    assert "<script>alert(1)" not in page
    assert "7 * 7" in page
    assert "<script src" not in page
    assert "<link" not in page


def test_given_a_run_in_which_nothing_was_seen_when_shown_then_it_says_so(tmp_path: Path) -> None:
    runner = executed(Injected(lambda _: None), plan_of(np.zeros(3), patience_s=0.05))
    warmup = {"photos": 0, "cold_starts": 0, "latency_ms": {"p50": None, "max": None}}
    figures = figures_of(runner, warmup=warmup, slo="p95<1s,lost=0")
    write(Measurement(runner.run, figures), tmp_path)
    assert "NaN" not in (tmp_path / "results.json").read_text()
    console = Console(record=True, width=300)
    figures["not_sent_because"], figures["setting"]["photos"] = {HOSTILE: 1}, HOSTILE
    figures["unknown"] = [HOSTILE]
    show(console, figures)
    said = console.export_text()
    assert said.count(HOSTILE) == 3
    assert "3 sent = 0 labelled + 0 rejected + 0 dead-lettered + 3 missing" in said
    assert "MISSED  lost=0 (measured 3)" in said
