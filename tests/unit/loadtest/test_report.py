"""Schedules, objectives, photos and reports."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pillow_heif import register_heif_opener
from rich.console import Console

from loadtest.__main__ import main
from loadtest.log import Invocation
from loadtest.measure import Measurement
from loadtest.mix import copies, distinct, many_sizes, one_size
from loadtest.result_files import write
from loadtest.schedule import PROFILES, intended_s
from loadtest.slo import objectives
from loadtest.summary import show
from photo_labels.library.user_errors import UserError
from photo_labels.records.documents import image_id
from photo_labels.records.index import digest

if TYPE_CHECKING:
    from pathlib import Path

from tests.unit.loadtest.shared import BUCKET, Injected, executed, figures_of, plan_of


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
    with pytest.raises(UserError, match="there is no objective"):
        objectives(text)


def test_given_a_size_when_photos_are_made_then_of_that_size_and_a_photo() -> None:
    [photo] = one_size("2KB").bodies
    bodies = {distinct(photo, name) for name in ("a.jpg", "b.jpg")}
    assert {len(body) for body in bodies} == {2000}
    for body in bodies:
        with Image.open(io.BytesIO(body)) as image:
            image.load()
            assert image.size == (120, 80)
    for bad in ("", "big", "1KB", "16MB", "-3", "2.2.2KB"):
        with pytest.raises(UserError, match="bytes"):
            one_size(bad)


def test_given_a_seed_when_photos_are_chosen_then_always_the_same_of_many_sizes() -> None:
    mix = many_sizes()
    assert len({len(body) for body in mix.bodies}) > 20
    assert mix.choose(50, 1) == mix.choose(50, 1) != mix.choose(50, 2)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIF"])
def test_given_a_photo_of_another_format_when_made_distinct_then_it_is_read_as_before(kind: str) -> None:
    register_heif_opener()
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(file, kind)
    with Image.open(io.BytesIO(distinct(file.getvalue(), "a"))) as image:
        image.load()
        assert image.size == (64, 48)


@given(st.integers(1, 300), st.floats(0, 1, exclude_max=True), st.integers(0, 9))
def test_given_a_share_of_copies_when_chosen_then_so_many_and_each_of_an_earlier_photo(
    number: int, share: float, seed: int
) -> None:
    chosen = copies(number, share, seed)
    assert len(chosen) == min(number - 1, round(number * share))
    assert all(original < copy and original not in chosen for copy, original in chosen.items())
    assert chosen == copies(number, share, seed)


def test_given_photos_when_planned_then_no_two_are_equal_but_those_that_are_to_be_copies() -> None:
    plan = replace(plan_of(np.zeros(100)), copies=copies(100, 0.3, 1))
    bodies = [plan.body(photo) for photo in range(100)]
    assert len(set(bodies)) == 70
    assert all(bodies[copy] == bodies[original] for copy, original in plan.copies.items())
    assert plan.sizes.tolist() == list(map(len, bodies))
    assert set(bodies).isdisjoint(replace(plan, prefix="another run/").body(photo) for photo in range(100))


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


def test_given_copies_when_run_then_every_report_tells_them_and_what_claims_cost(tmp_path: Path) -> None:
    plan = replace(plan_of(np.zeros(20)), copies=copies(20, 0.3, 0))
    system = Injected(lambda _: 0.01)
    system.copied = {plan.key(copy) for copy in plan.copies}
    runner = executed(system, plan)
    passed_on = [
        {"image": digest(image_id(BUCKET, plan.key(photo))), "end": end, "calls": 0, "receives": 1}
        for photo, end in enumerate(
            ["FORWARDED", "HANDED_OVER", "FORWARDED", "FORWARDED", "HANDED_OVER", "FAILED"]
        )
    ]
    warmup = {"photos": 0, "cold_starts": 0, "latency_ms": {"p50": None, "max": None}}
    figures = figures_of(runner, lines=[Invocation(passed_on)], warmup=warmup, counted_calls=14)
    assert figures["copies"] == {"sent": 6, "taken_over": 6}
    assert figures["calls_per_photo"] == 0.7
    # 20 photos and 5 that were passed on: claims read; 6 of them copies, the others claimed.
    reads, writes, heads = 25 / 2 + 6, 25 - 6, 6
    claims = (reads * 0.125 + writes * 0.625 + heads * 0.4) / 20
    assert figures["cost_usd"]["claims_per_million_photos"] == pytest.approx(claims)
    assert claims <= 2
    write(Measurement(runner.run, figures), tmp_path)
    with (tmp_path / "samples.csv").open() as file:
        lines = list(csv.DictReader(file))
    told = {line["key"]: line["copy_of"] for line in lines if line["copy_of"]}
    assert told == {plan.key(copy): plan.key(original) for copy, original in plan.copies.items()}
    assert {line["key"] for line in lines if line["copied"] == "1"} == system.copied
    page = (tmp_path / "report.html").read_text()
    assert re.search(r"labels taken over</td>\s*<td[^>]*>6<", page)
    assert re.search(rf"of which claims[^<]*</td>.*{claims:.2f}<", page)
    console = Console(record=True, width=300)
    show(console, figures)
    said = console.export_text()
    assert "Rekognition: 14 calls, 0.70 a photo" in said
    assert "6 photos were sent with the bytes of an earlier one, 6 took over another's labels" in said
    assert f"{claims:.2f} for a million" in said


def test_given_no_copies_when_run_then_claims_cost_less_than_a_dollar_and_nothing_is_said_of_copies() -> None:
    runner = executed(Injected(lambda _: 0.01), plan_of(np.zeros(5)))
    warmup = {"photos": 0, "cold_starts": 0, "latency_ms": {"p50": None, "max": None}}
    figures = figures_of(runner, warmup=warmup)
    assert figures["cost_usd"]["claims_per_million_photos"] == pytest.approx(0.125 / 2 + 0.625)
    console = Console(record=True, width=300)
    show(console, figures)
    assert "copies:" not in console.export_text()


@pytest.mark.parametrize("share", ["1", "-0.1", "1.5", "nan", "a third", ""])
def test_given_a_share_of_copies_that_cannot_be_when_started_then_one_sentence(share: str) -> None:
    with pytest.raises(click.BadParameter, match="not"):
        main.make_context("loadtest", ["--duplicates", share])


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
