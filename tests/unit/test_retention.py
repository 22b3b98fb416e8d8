"""How much the tools queue: nothing that SQS deletes before it is labelled, and nothing less than it takes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from photo_labels.library.budget import BudgetStatus
from photo_labels.library.retention import LONGEST_WAIT, NoRoomError, QueueRoom
from photo_labels.library.status import COUNTED, MINUTES, Queue, Status
from photo_labels.records.budget import Budget, Counted
from photo_labels.terminal.budget_text import budget_warning
from tests.infra.template import Stack, read

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 1, tzinfo=UTC)


def status(waiting: int, tps: float, measured: float = 0.0, *, is_on: bool = True) -> Status:
    none = Queue(0, 0, 0)
    counts = dict.fromkeys(COUNTED, 0.0) | {"ImagesLabelled": measured * MINUTES * 60}
    return Status(none, none, Queue(waiting, 0, 0), none, none, is_on, counts, None, tps, {})


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Status]], QueueRoom]:
    """Make the room of a pipeline whose status is as it is told."""

    def made(look: Callable[[], Status]) -> QueueRoom:
        class Reader:
            def __init__(self, _: Any) -> None:
                self.tps = look().tps

            def read(self) -> Status:
                return look()

        monkeypatch.setattr("photo_labels.library.retention.StatusReader", Reader)
        target: Any = None
        return QueueRoom(target, lambda: START)

    return made


def queued(room: QueueRoom, wanted: int, at_a_time: int = 10) -> int:
    """Queue messages as the tools do, as many as there is room for."""
    for sent in range(0, wanted, at_a_time):
        try:
            room.take(min(at_a_time, wanted - sent))
        except NoRoomError:
            return sent
    return wanted


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (status(0, 5.0), 3_456_000),
        (status(3_000_000, 5.0), 456_000),
        (status(9_000_000, 5.0), 0),
        # It is busy, and slower than its quota: others use that, too.
        (status(100_000, 5.0, measured=2.0), 1.6 * 864_000 - 100_000),
        # It was idle for a part of the last minutes, or is paused: that is not its rate.
        (status(100, 5.0, measured=2.0), 3_456_000 - 100),
        (status(100_000, 5.0, measured=2.0, is_on=False), 3_456_000 - 100_000),
    ],
)
def test_given_what_waits_when_more_is_queued_then_no_more_than_ten_days_take(
    room: Any, now: Status, expected: float
) -> None:
    sent = [0]
    its_room = room(lambda: replace(now, bulk=Queue(now.bulk.waiting + sum(sent), 0, 0)))
    while queued(its_room, 10_000, 10_000):
        sent.append(10_000)
    assert sum(sent) == pytest.approx(expected, abs=10_000)


def test_given_a_pipeline_without_a_limit_when_asked_then_nobody_knows_and_all_is_queued(room: Any) -> None:
    assert queued(room(lambda: status(10**9, 0.0)), 1_000_000, 1000) == 1_000_000


def test_given_an_idle_pipeline_when_much_is_queued_then_its_end_is_told_by_the_quota(room: Any) -> None:
    # A photo a minute was labelled meanwhile: at that rate the others would take years.
    its_room = room(lambda: status(0, 5.0, measured=1 / 60))
    assert its_room.labelled_in_s() is None
    assert queued(its_room, 40_000) == 40_000
    assert its_room.labelled_in_s() == pytest.approx(10_000)


def test_given_a_pipeline_without_a_limit_when_asked_for_the_end_then_nobody_knows(room: Any) -> None:
    its_room = room(lambda: status(0, 0.0))
    its_room.take(10)
    assert its_room.labelled_in_s() is None


def test_given_no_room_when_asked_then_it_says_when_to_come_back_and_what_else_helps(room: Any) -> None:
    with pytest.raises(NoRoomError, match=r"10 days already at 4 photos.*from March 02 on.*Service Quotas"):
        room(lambda: status(9_000_000, 5.0)).take(1)


@pytest.mark.parametrize(
    ("budget", "expected", "said"),
    [
        (Budget(daily=100), 10 * 100, r"with the budget.*from March 02 on.*raise DailyBudgetPhotos"),
        (Budget(monthly=700), 700, r"with the budget.*from March 02 on.*MonthlyBudgetPhotos"),
        (Budget(daily=10**9), 3_456_000, r"at 4 photos a second.*Service Quotas"),
    ],
)
def test_given_a_budget_when_photos_are_queued_then_no_more_than_it_allows_in_ten_days(
    room: Any, budget: Budget, expected: int, said: str
) -> None:
    its_status = BudgetStatus(budget, Counted(), START)
    sent = [0]
    its_room = room(lambda: replace(status(0, 5.0), bulk=Queue(sum(sent), 0, 0), budget=its_status))
    with pytest.raises(NoRoomError, match=said):  # noqa: PT012 - as the tools do
        while True:
            its_room.take(10)
            sent.append(10)
    assert sum(sent) == pytest.approx(expected, abs=10)


@pytest.mark.parametrize(
    ("photos", "said"),
    [(100, ""), (101, "has 100 left today: 101 photos and what waits"), (5000, "in about 49.0 days")],
)
def test_given_a_budget_when_more_is_to_be_queued_then_it_is_said_beforehand(
    room: Any, photos: int, said: str
) -> None:
    its_room = room(lambda: replace(status(0, 5.0), budget=BudgetStatus(Budget(daily=100), Counted(), START)))
    its_room.take(0)
    assert said in budget_warning(its_room, photos)
    assert bool(said) is bool(budget_warning(its_room, photos))


@pytest.mark.parametrize("share", [1.0, 0.8, 0.75])
def test_given_far_too_many_photos_when_queued_day_by_day_then_sqs_deletes_none(room: Any, share: float) -> None:
    """By a simulated clock. Standard queues serve roughly in order, and live photos take a part of the quota."""
    stack = Stack.of(read("pipeline.yaml"), ImageUri="x", Architecture="arm64")
    retention = timedelta(seconds=int(stack.properties("BulkQueue")["MessageRetentionPeriod"]))
    dice, tps = random.Random(1), 0.01
    waiting: list[datetime] = []
    left, labelled, oldest = 20_000, 0, timedelta()
    now = START
    while left or waiting:
        sent = queued(room(lambda: status(len(waiting), tps)), left)  # noqa: B023 - called at once
        waiting += [now] * sent
        left -= sent
        for _ in range(24):
            now += timedelta(hours=1)
            for _ in range(min(len(waiting), round(tps * share * 3600))):
                one = dice.randrange(1 + len(waiting) // 100)
                oldest = max(oldest, now - waiting.pop(one))
                labelled += 1
        assert all(now - sent_at < retention for sent_at in waiting)
        assert now - START < timedelta(days=60)
    assert (labelled, oldest < retention) == (20_000, True)
    assert oldest > 0.2 * LONGEST_WAIT
