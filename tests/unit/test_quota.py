"""The quota that all environments share: never exceeded, never left idle, given up to others and taken back."""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.deadline import Deadline
from handler.lanes import BULK, LIVE
from handler.rate_limiter import NoSlotError, RateLimiter, SlotRequest, limiter_of
from photo_labels.records.errors import code_of
from tests.fakes.aws import aws_error
from tests.fakes.dynamodb import DynamoDB, Tables
from tests.fakes.scheduler import every_order
from tests.fakes.world import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

CALL_S = 6.0


class Pipeline:
    """Environments around one table."""

    def __init__(self, tps: float = 10, environments: int = 2, hook: Callable[..., None] | None = None) -> None:
        self.clock = Clock()
        self.tables = Tables()
        self.calls: list[str] = []

        def watch(operation: str, parameters: dict[str, Any]) -> None:
            self.calls.append(operation)
            if hook:
                hook(operation, parameters)

        self.limiters = [
            RateLimiter(
                DynamoDB(self.tables, watch),  # type: ignore[arg-type]
                "LabelQuota",
                tps=tps,
                environments=environments,
                clock=self.clock.seconds,
            )
            for _ in range(environments)
        ]
        self.began = self.clock.seconds()

    @property
    def now_s(self) -> float:
        return self.clock.seconds() - self.began

    def take(self, environment: int = 0, seconds: float = 3600.0) -> float:
        """Wait for a turn; gives when it came, in seconds after the beginning."""
        self.limiters[environment].acquire(SlotRequest(LIVE), self.clock.deadline(seconds), CALL_S)
        return self.now_s

    def throttle(self, environment: int = 0) -> None:
        self.limiters[environment].throttled(self.clock.deadline())

    def rate(self, environment: int = 0) -> float:
        """Turns a second, as it is now."""
        turns = [self.take(environment) for _ in range(3)]
        return 1 / (turns[2] - turns[1])

    @property
    def item(self) -> dict[str, Any]:
        [item] = self.tables.plain("LabelQuota")
        return item


def test_given_several_threads_that_wait_when_they_book_slots_then_those_are_a_span_apart() -> None:
    pipeline, turns = Pipeline(tps=10), list[float]()
    quota = pipeline.limiters[0]
    for _ in range(4):
        quota._waiting.append(None)  # as so many threads that wait
    turns = quota._book(SlotRequest(LIVE), pipeline.clock.deadline(60))
    assert turns == pytest.approx([pipeline.began + number / 10 for number in range(4)], abs=1e-4)
    assert quota._book(SlotRequest(LIVE), pipeline.clock.deadline(60))[0] == pytest.approx(
        pipeline.began + 0.4, abs=1e-4
    )
    assert [operation for operation in pipeline.calls if operation != "UpdateItem"] == []


def test_given_slots_that_lie_far_ahead_when_taken_then_none_is_more_than_a_second_ahead() -> None:
    pipeline = Pipeline(tps=10)
    quota = pipeline.limiters[0]
    for _ in range(50):
        quota._waiting.append(None)
    turns = [turn for _ in range(5) for turn in quota._book(SlotRequest(LIVE), pipeline.clock.deadline(60))]
    assert len(turns) == 11
    assert max(turns) <= pipeline.began + 1 + 1e-4


def test_given_idle_pipeline_when_photos_come_then_first_goes_at_once_and_one_has_all_of_quota() -> None:
    pipeline = Pipeline(tps=10, environments=100)
    assert [pipeline.take() for _ in range(20)] == pytest.approx([number / 10 for number in range(20)], abs=1e-4)
    pipeline.clock.pause(60)
    assert pipeline.take() == pytest.approx(pipeline.now_s)
    assert pipeline.now_s == pytest.approx(61.9, abs=1e-4)


@given(
    st.sampled_from([0.5, 5.0, 80.0]),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.0, 0.01, 0.3, 5.0])), min_size=2, max_size=60),
)
def test_given_any_environments_when_they_book_slots_then_none_are_nearer_than_the_quota(
    tps: float, taken: list[tuple[int, float]]
) -> None:
    pipeline = Pipeline(tps, environments=4)
    turns = []
    for environment, idle_s in taken:
        pipeline.clock.pause(idle_s)
        turns.append(pipeline.take(environment))
    # A slot that nobody has taken in time keeps its place for a tenth of a second.
    assert all(
        turns[last] - turns[first] > (last - first) / tps - 0.101
        for first, last in combinations(range(len(turns)), 2)
    )


def test_given_two_environments_when_they_book_together_then_each_has_its_own_slot() -> None:
    orders = 0
    pipeline: Pipeline

    def scenario() -> list[Any]:
        nonlocal pipeline
        steps: dict[int, Callable[[], None]] = {}
        pipeline = Pipeline(tps=2, hook=lambda *_: steps[threading.get_ident()]())

        def program(environment: int) -> Callable[[Callable[[], None]], None]:
            def run(step: Callable[[], None]) -> None:
                steps[threading.get_ident()] = step
                pipeline.take(environment)

            return run

        return [program(0), program(1)]

    for _ in every_order(scenario):
        orders += 1
        assert float(pipeline.item["NextTurn"]) - pipeline.began == pytest.approx(1.0, abs=1e-4)
    assert orders >= 2


def test_given_threads_that_wait_when_slots_are_taken_then_one_update_takes_them_for_all() -> None:
    is_asked, is_told = threading.Event(), threading.Event()

    def wait(*_: Any) -> None:
        is_asked.set()
        assert is_told.wait(30)

    pipeline = Pipeline(tps=100, hook=wait)
    threads = [threading.Thread(target=pipeline.take) for _ in range(10)]
    threads[0].start()
    assert is_asked.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(pipeline.limiters[0]._waiting) < 10:
        assert all(thread.is_alive() for thread in threads)
    is_told.set()
    for thread in threads:
        thread.join(30)
    assert pipeline.calls == ["UpdateItem"] * 2
    assert float(pipeline.item["NextTurn"]) - pipeline.began == pytest.approx(0.1, abs=1e-4)


def test_given_a_throttle_when_told_then_all_environments_slow_down_once_and_speed_up_again() -> None:
    pipeline = Pipeline(tps=10)
    pipeline.take(0)
    pipeline.take(1)
    pipeline.throttle(0)
    pipeline.throttle(0)
    pipeline.throttle(1)  # knows of no cut yet, and learns of it
    assert float(pipeline.item["CutTo"]) == pytest.approx(8)
    assert pipeline.rate(1) == pytest.approx(8, rel=0.1)
    pipeline.clock.pause(1.0)
    pipeline.throttle(1)
    assert float(pipeline.item["CutTo"]) < 8
    pipeline.clock.pause(8)
    assert [pipeline.rate(0), pipeline.rate(1)] == pytest.approx([10, 10], rel=0.01)


def test_given_throttles_without_end_when_told_then_something_is_still_tried() -> None:
    pipeline = Pipeline(tps=10)
    for _ in range(100):
        pipeline.take()
        pipeline.throttle()
    assert float(pipeline.item["CutTo"]) >= 0.2


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_given_no_table_when_slots_are_taken_then_each_environment_keeps_to_its_share(code: str) -> None:
    def refuse(*_: Any) -> None:
        raise aws_error(code)

    pipeline = Pipeline(tps=10, environments=5, hook=refuse)
    assert [pipeline.take() for _ in range(4)] == pytest.approx([0.5, 1.0, 1.5, 2.0])
    failed = pipeline.limiters[0].acquire(SlotRequest(LIVE), pipeline.clock.deadline(), CALL_S)
    assert failed
    assert code_of(failed) == code
    pipeline.throttle()


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
def test_given_table_that_stays_overloaded_when_slots_are_taken_then_nobody_waits_long_for_it(code: str) -> None:
    def refuse(*_: Any) -> None:
        raise aws_error(code)

    pipeline = Pipeline(tps=10, environments=5, hook=refuse)
    turns = [pipeline.take() for _ in range(4)]
    share_s, patience_s = 0.5, 0.5
    assert all(share_s <= after - before <= share_s + patience_s for before, after in pairwise([0.0, *turns]))


def test_given_no_turn_before_the_deadline_when_taken_then_out_of_time_and_no_turn_is_used_up() -> None:
    pipeline = Pipeline(tps=0.2)
    pipeline.take(0)
    pipeline.take(1)
    before = pipeline.item
    with pytest.raises(NoSlotError):
        pipeline.take(0, seconds=CALL_S + 2)
    assert pipeline.item == before


def test_given_unused_slots_when_thawed_after_a_freeze_then_they_are_not_used_all_at_once() -> None:
    pipeline = Pipeline(tps=100)
    pipeline.take()
    pipeline.limiters[0]._slots = [pipeline.clock.seconds()] * 9
    pipeline.clock.pause(120)
    turns = [pipeline.take() for _ in range(5)]
    assert all(after - before > 0.009 for before, after in pairwise(turns))


def test_given_an_item_of_others_making_when_read_then_it_does_no_harm() -> None:
    pipeline = Pipeline(tps=10)
    pipeline.tables.items["LabelQuota"][("DetectLabels",)] = {
        "Operation": {"S": "DetectLabels"},
        "NextTurn": {"S": "soon"},
        "CutTo": {"N": "5"},
    }
    with pytest.raises(NoSlotError):
        pipeline.take(seconds=CALL_S + 2)


# Lanes


def bulk(pipeline: Pipeline, environment: int = 0) -> float:
    pipeline.limiters[environment].acquire(SlotRequest(BULK), pipeline.clock.deadline(3600), CALL_S)
    return pipeline.now_s


def test_given_live_photos_without_end_when_bulk_waits_then_it_has_a_tenth_of_the_quota() -> None:
    pipeline = Pipeline(tps=10)
    live = pipeline.limiters[1]
    taken: list[float] = []

    def pause(seconds: float) -> None:
        """While bulk waits, live photos come, as many as there are slots for in the next second."""
        end = pipeline.clock.seconds() + seconds
        while True:
            with suppress(NoSlotError):
                while True:
                    at_once = Deadline(lambda: 60_000.0, pause=lambda _: None)
                    live.acquire(SlotRequest(LIVE, max_wait_s=1.0), at_once, CALL_S)
            if (left_s := end - pipeline.clock.seconds()) < 1e-5:
                return
            pipeline.clock.pause(min(0.05, left_s))

    for _ in range(10):
        deadline = Deadline(lambda: 3_600_000.0, pause=pause)
        pipeline.limiters[0].acquire(SlotRequest(BULK), deadline, CALL_S)
        taken.append(pipeline.now_s)
    gaps = [after - before for before, after in pairwise(taken)]
    assert max(gaps) < 2.2
    assert sum(gaps) / len(gaps) == pytest.approx(1.0, abs=0.3)


def test_given_no_slot_now_when_one_is_asked_for_at_once_then_none_is_booked() -> None:
    pipeline = Pipeline(tps=10)
    pipeline.take(0)
    before = pipeline.item
    with pytest.raises(NoSlotError):
        pipeline.limiters[0].acquire(SlotRequest(LIVE, max_wait_s=0.0), pipeline.clock.deadline(), CALL_S)
    with pytest.raises(NoSlotError):
        pipeline.limiters[1].acquire(SlotRequest(LIVE, max_wait_s=0.0), pipeline.clock.deadline(), CALL_S)
    assert pipeline.item == before


def test_given_a_slot_that_is_a_little_late_when_taken_then_those_after_it_keep_their_places() -> None:
    pipeline = Pipeline(tps=5)
    turns = []
    for _ in range(50):
        turns.append(bulk(pipeline))
        pipeline.clock.pause(0.2 + 0.03)  # each comes 30 ms after its slot
    assert turns[-1] == pytest.approx(49 * 0.23, abs=0.2)
    late = Pipeline(tps=5)
    late.take()
    late.clock.pause(0.25)
    assert late.take() == pytest.approx(0.25, abs=1e-3)
    assert late.take() == pytest.approx(0.4, abs=1e-3)


def test_given_a_pointer_of_a_wrong_clock_when_slots_are_taken_then_labelling_goes_on() -> None:
    pipeline = Pipeline(tps=5)
    for ahead_s in (3600.0, 86_400.0 * 365):
        there = f"{pipeline.clock.seconds() + ahead_s:.6f}"
        pipeline.tables.items["LabelQuota"][("DetectLabels",)] = {
            "Operation": {"S": "DetectLabels"},
            "NextTurn": {"N": there},
        }
        before = pipeline.now_s
        assert pipeline.take(0) == pytest.approx(before, abs=1e-3)
        assert pipeline.take(1) == pytest.approx(before + 0.2, abs=1e-3)


def test_given_a_pointer_of_a_cut_rate_when_slots_are_taken_then_it_is_kept_to() -> None:
    """The rate can be cut to a fiftieth: then the next slot of 5 a second lies ten seconds ahead."""
    pipeline = Pipeline(tps=5)
    for _ in range(100):
        pipeline.take()
        pipeline.throttle()
    before = pipeline.item["NextTurn"]
    pipeline.limiters[1].acquire(SlotRequest(LIVE), pipeline.clock.deadline(3600), CALL_S)
    assert pipeline.item["NextTurn"] > before
    assert pipeline.clock.seconds() >= float(before) - 0.11


def test_given_a_large_quota_when_slots_are_taken_then_several_items_share_it_out() -> None:
    clock, tables = Clock(), Tables()
    limiter = limiter_of(
        DynamoDB(tables),  # type: ignore[arg-type]
        "LabelQuota",
        tps=1000,
        environments=200,
        waiting_environments=200,
        clock=clock.seconds,
    )
    began, taken = clock.seconds(), 0
    while clock.seconds() - began < 8:
        limiter.acquire(SlotRequest(LIVE), clock.deadline(3600), CALL_S)
        taken += 1
    # It keeps to one item for a second, and has its part of the quota there.
    assert taken / 8 == pytest.approx(250, rel=0.1)
    names = {item["Operation"] for item in tables.plain("LabelQuota")}
    assert names == {"DetectLabels", "DetectLabels 2", "DetectLabels 3", "DetectLabels 4"}
    limiter.throttled(clock.deadline())
    assert sum("CutTo" in item for item in tables.plain("LabelQuota")) == 1
