"""Promises 10 and 11: when failed records come back, and the quota."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from handler.messages import visibility_timeout_s
from tests.fakes.aws import aws_error
from tests.fakes.world import SETTINGS, Function, World, failing
from tests.unit.promises.shared import CAT, Refuse


def test_given_failed_records_when_reported_then_they_come_back_by_their_receive_count(world: World) -> None:
    refuse = Refuse("DetectLabels", aws_error("AccessDeniedException"), times=9)
    records = [
        world.message(world.put(f"{count}.jpg", CAT), receive_count=count, name=f"m{count}")
        for count in (1, 5, 100)
    ]
    Function(world, refuse).receive(*records)
    visibility = world.visibility
    assert 1 <= visibility["receipt-m1"] <= 2
    assert 16 <= visibility["receipt-m5"] <= 32
    assert 150 <= visibility["receipt-m100"] <= 300


def test_given_visibility_that_cannot_be_set_when_reported_then_the_records_still_fail(world: World) -> None:
    def refuse(operation: str, _parameters: dict[str, Any]) -> None:
        if operation in {"DetectLabels", "ChangeMessageVisibilityBatch"}:
            raise aws_error("AccessDeniedException")

    report = Function(world, refuse).receive(world.message(world.put("a.jpg", CAT), name="m"))
    assert failing(report) == {"m"}
    assert report.not_backed_off == {"m": "AccessDeniedException"}


def test_given_an_outage_when_every_receive_fails_then_nothing_is_dead_lettered_for_hours() -> None:
    shortest_s = sum(min(visibility_timeout_s(count) for _ in range(20)) for count in range(1, 101))
    assert shortest_s > 3.5 * 3600


def test_given_a_quota_when_a_batch_comes_then_calls_keep_to_it(world: World) -> None:
    times: list[float] = []

    def watch(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "DetectLabels":
            times.append(world.clock.now.timestamp())

    settings = replace(SETTINGS, rekognition_tps=10, max_concurrency=5, rekognition_concurrency=1)
    records = [world.message(world.put(f"{number}.jpg", CAT)) for number in range(10)]
    report = Function(world, watch, settings=settings).receive(*records)
    assert failing(report) == set()
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert all(gap == pytest.approx(0.1, abs=0.001) for gap in gaps)
