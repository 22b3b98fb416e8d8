"""A budget that is spent: photos wait where no receives are used up, and all else goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from photo_labels.records.budget import Budget
from tests.fakes.aws import aws_error
from tests.fakes.world import Function, Photo, World, failing
from tests.unit.promises.shared import reconcile
from tests.unit.promises.test_lanes import CAT, MARKED, WITH_LANES

if TYPE_CHECKING:
    from typing import Any

    from handler.report import Report

WITH_BUDGET = replace(WITH_LANES, budget=Budget(daily=2))
CONVERTING = replace(WITH_BUDGET, queue_url="convert", bulk_queue_url="bulk-convert")


def receive(world: World, *photos: tuple[str, Photo], lane: str = "Live", hook: Any = None) -> Report:
    messages = [world.message(world.put(key, photo)) for key, photo in photos]
    return Function(world, hook, settings=WITH_BUDGET).receive(*messages, lane=lane)


@pytest.fixture
def spent(world: World) -> World:
    assert failing(receive(world, ("1.jpg", CAT), ("2.jpg", CAT))) == set()
    world.clock.pause(1)
    return world


def test_given_a_spent_budget_when_photos_come_then_they_wait_in_their_lanes_and_none_is_asked(
    spent: World,
) -> None:
    report = receive(spent, ("imported.jpg", MARKED), ("mine.jpg", CAT))
    assert failing(report) == set()
    assert {queue: len(bodies) for queue, bodies in spent.sent.items()} == {"bulk": 1, "overflow": 1}
    assert sorted(spent.recognised) == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize(("lane", "queue"), [("Overflow", "overflow"), ("Bulk", "bulk")])
def test_given_a_spent_budget_when_a_waiting_lane_is_received_then_it_is_held_and_sent_back(
    spent: World, lane: str, queue: str
) -> None:
    before = spent.clock.now
    assert failing(receive(spent, ("waits.jpg", CAT), lane=lane)) == set()
    assert len(spent.sent[queue]) == 1
    assert spent.clock.now - before > timedelta(seconds=5)
    assert "waits.jpg" not in spent.recognised


def test_given_a_spent_budget_when_a_photo_was_converted_then_it_waits_where_the_mapping_is_off(
    spent: World,
) -> None:
    message = spent.message(spent.put("a.heic", CAT))
    report = Function(spent, settings=CONVERTING, is_converting=True).receive(message)
    assert failing(report) == set()
    assert list(spent.sent) == ["bulk-convert"]


def test_given_a_spent_budget_when_others_come_then_what_costs_no_call_goes_on(spent: World) -> None:
    messages = [
        spent.message(spent.remove("1.jpg")),
        spent.message(spent.put("clip.mov", CAT)),
        reconcile(spent, "gone.jpg"),
    ]
    assert failing(Function(spent, settings=WITH_BUDGET).receive(*messages)) == set()
    ends = {key: (spent.document(key) or {}).get("Status") for key in ("1.jpg", "clip.mov", "gone.jpg")}
    assert ends == {"1.jpg": "REMOVED", "clip.mov": "REJECTED", "gone.jpg": "REMOVED"}
    assert spent.sent == {}


def test_given_photos_that_waited_when_a_new_day_begins_then_each_is_labelled_once(spent: World) -> None:
    receive(spent, ("a.jpg", CAT), ("b.jpg", CAT), ("c.jpg", CAT))
    for _ in range(3):
        spent.clock.now += timedelta(days=1)
        bodies = spent.sent.pop("overflow", [])
        messages = [spent.message(body) for body in bodies]
        assert failing(Function(spent, settings=WITH_BUDGET).receive(*messages, lane="Overflow")) == set()
    assert spent.found("Cat") == {"1.jpg", "2.jpg", "a.jpg", "b.jpg", "c.jpg"}
    assert sorted(spent.recognised) == ["1.jpg", "2.jpg", "a.jpg", "b.jpg", "c.jpg"]
    assert spent.sent == {}


def test_given_a_budget_and_no_table_when_photos_come_then_they_come_back_and_none_is_asked(world: World) -> None:
    def refuse(operation: str, _: dict[str, Any]) -> None:
        if operation == "UpdateItem":
            raise aws_error("ValidationException")  # which from Rekognition would be the photo's end

    report = receive(world, ("a.jpg", CAT), hook=refuse)
    assert failing(report) == {"message-1"}
    assert (world.recognised, world.document("a.jpg")) == ([], None)
    assert failing(receive(world, ("a.jpg", CAT))) == set()
    assert world.found("Cat") == {"a.jpg"}
