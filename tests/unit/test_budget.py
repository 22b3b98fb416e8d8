"""The budget of calls: never exceeded, used up, counted by day and month, and waited for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from handler.budget_record import BudgetRecord
from handler.budget_switch import BudgetSwitch
from handler.lanes import BULK, LIVE
from handler.rate_limiter import BudgetSpentError, NoSlotError, SlotRequest, limiter_of
from photo_labels.records.budget import Budget, Counted, switched_off_key
from photo_labels.records.errors import TransientError, code_of
from tests.fakes.aws import Client, aws_error
from tests.fakes.dynamodb import DynamoDB, Tables
from tests.fakes.scheduler import every_order
from tests.fakes.world import Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from handler.rate_limiter import SplitRateLimiter

CALL_S = 6.0
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
OVERFLOW, BULK_MAPPING = "0" * 36, "1" * 36
AT_ONCE = SlotRequest(LIVE, max_wait_s=1.0)


class Environments:
    """Environments around one table, in virtual time, and the calls that they made by day."""

    def __init__(
        self,
        budget: Budget,
        tps: float = 10,
        environments: int = 4,
        hook: Callable[[str, dict[str, Any]], None] | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.now = NOON
        self.tables = Tables()
        self.made: list[datetime] = []
        self.limiters: list[SplitRateLimiter] = [
            limiter_of(
                DynamoDB(self.tables, hook),  # type: ignore[arg-type]
                "LabelQuota",
                tps=tps,
                environments=environments,
                waiting_environments=2,
                budget=budget,
                clock=self.clock.seconds,
            )
            for _ in range(environments)
        ]

    def call(self, environment: int = 0, request: SlotRequest = AT_ONCE, seconds: float = 20.0) -> bool:
        """Make a call, if there is a slot for it."""
        try:
            self.limiters[environment].acquire(request, self.clock.deadline(seconds), CALL_S)
        except NoSlotError:
            return False
        self.made.append(self.clock.now)
        return True

    @property
    def item(self) -> dict[str, Any]:
        return {item["Operation"]: item for item in self.tables.plain("LabelQuota")}["DetectLabels"]

    def made_by(self, form: str) -> dict[str, int]:
        days: dict[str, int] = {}
        for time in self.made:
            days[f"{time:{form}}"] = days.get(f"{time:{form}}", 0) + 1
        return days


@given(
    st.sampled_from([(3, None), (None, 7), (3, 7), (1, 1), (20, 25)]),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.0, 1.0, 3600.0, 86_400.0])), max_size=80),
    st.sampled_from([5.0, 700.0]),
)
def test_given_any_environments_when_calls_are_made_then_never_more_than_the_budget(
    budget: tuple[int | None, int | None], taken: list[tuple[int, float]], tps: float
) -> None:
    daily, monthly = budget
    environments = Environments(Budget(daily, monthly), tps)
    for environment, later_s in taken:
        environments.clock.pause(later_s)
        environments.call(environment)
    # A slot may lie a second ahead, over midnight.
    assert all(made <= (daily or 10**9) + 1 for made in environments.made_by("%Y-%m-%d").values())
    assert all(made <= (monthly or 10**9) + 1 for made in environments.made_by("%Y-%m").values())
    assert len(environments.made) <= (daily or 10**9) * len(environments.made_by("%Y-%m-%d"))


@pytest.mark.parametrize("tps", [10, 900])
def test_given_more_photos_than_the_budget_when_they_come_then_all_of_it_is_used_each_day(tps: float) -> None:
    environments = Environments(Budget(daily=30, monthly=70), tps, environments=1)
    for _ in range(6):
        for _ in range(60):
            environments.call()
            environments.clock.pause(0.1)
        environments.clock.pause(86_400 - 6)
    assert environments.made_by("%m-%d") == {"11-26": 30, "11-27": 30, "11-28": 10, "12-01": 30}


def test_given_one_call_left_when_two_want_it_then_one_gets_it_in_every_order() -> None:
    environments: Environments
    orders = 0

    def scenario() -> list[Any]:
        nonlocal environments
        steps: dict[int, Callable[[], None]] = {}
        environments = Environments(
            Budget(daily=1), environments=2, hook=lambda *_: steps[threading.get_ident()]()
        )

        def program(environment: int) -> Callable[[Callable[[], None]], None]:
            def run(step: Callable[[], None]) -> None:
                steps[threading.get_ident()] = step
                environments.call(environment)

            return run

        return [program(0), program(1)]

    for _ in every_order(scenario):
        orders += 1
        assert len(environments.made) == 1
        assert environments.item["CallsOfDay"] == 1
    assert orders >= 2


def test_given_no_budget_when_calls_are_made_then_they_are_counted_all_the_same() -> None:
    environments = Environments(Budget())
    for _ in range(5):
        assert environments.call()
        environments.clock.pause(1)
    item = environments.item
    assert (item["CountedOn"], item["CallsOfDay"], item["CallsOfMonth"]) == (20261126, 5, 5)


def test_given_an_item_from_before_there_were_budgets_when_calls_are_made_then_they_are_counted() -> None:
    environments = Environments(Budget(daily=2))
    before = f"{environments.clock.seconds() - 10:.6f}"
    environments.tables.items["LabelQuota"][("DetectLabels",)] = {
        "Operation": {"S": "DetectLabels"},
        "NextTurn": {"N": before},
        "BulkTurn": {"N": before},
    }
    assert [environments.call(number) for number in range(3)] == [True, True, False]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"])
@pytest.mark.parametrize("tps", [10, 900])
def test_given_a_budget_and_no_table_when_a_photo_comes_then_no_call_is_made(code: str, tps: float) -> None:
    def refuse(*_: Any) -> None:
        raise aws_error(code)

    environments = Environments(Budget(daily=100), tps, hook=refuse)
    for _ in range(5):
        with pytest.raises(TransientError) as raised:
            environments.limiters[0].acquire(AT_ONCE, environments.clock.deadline(), CALL_S)
        assert code_of(raised.value) == "BudgetUnknown"
        assert not isinstance(raised.value, NoSlotError)  # which would count as waiting
        environments.clock.pause(1)


def test_given_a_clock_far_ahead_when_it_has_counted_then_the_others_count_on_and_begin_anew() -> None:
    environments = Environments(Budget(daily=4))
    assert environments.call()
    environments.clock.now += timedelta(days=365)
    assert environments.call(1)
    environments.clock.now -= timedelta(days=365)
    assert [environments.call(2) for _ in range(4)] == [True, True, True, False]
    environments.clock.now += timedelta(days=1)
    assert environments.call(2)


def test_given_a_clock_that_is_behind_when_a_day_has_begun_then_it_counts_with_the_others() -> None:
    environments = Environments(Budget(daily=2))
    environments.clock.now = datetime(2026, 11, 27, 0, 0, 0, 200_000, tzinfo=UTC)
    assert environments.call()
    environments.clock.now -= timedelta(seconds=0.5)
    assert environments.call(1)
    assert not environments.call(1)
    assert environments.item["CountedOn"] == 20261127


def test_given_a_spent_budget_when_live_photos_come_then_they_are_told_at_once() -> None:
    environments = Environments(Budget(daily=1))
    assert environments.call()
    before = environments.clock.now
    with pytest.raises(BudgetSpentError, match="until 2026-11-27 00:00 UTC"):
        environments.limiters[1].acquire(AT_ONCE, environments.clock.deadline(), CALL_S)
    assert environments.clock.now == before


def test_given_a_spent_budget_when_bulk_work_waits_then_it_is_held_and_asks_little() -> None:
    asked: list[str] = []
    environments = Environments(Budget(daily=1), hook=lambda operation, _: asked.append(operation))
    environments.call()
    asked.clear()
    before = environments.clock.now
    with pytest.raises(BudgetSpentError):
        environments.limiters[1].acquire(SlotRequest(BULK), environments.clock.deadline(15), CALL_S)
    assert 5 < (environments.clock.now - before).total_seconds() < 15 - CALL_S
    assert len(asked) <= 2


def test_given_a_count_that_was_lowered_by_hand_when_a_photo_comes_later_then_it_goes_on() -> None:
    environments = Environments(Budget(daily=1))
    assert [environments.call(), environments.call()] == [True, False]
    environments.tables.items["LabelQuota"][("DetectLabels",)]["CallsOfDay"] = {"N": "0"}
    environments.clock.pause(11)
    assert environments.call()


# What is left, and until when


@pytest.mark.parametrize(
    ("budget", "counted", "until"),
    [
        (Budget(daily=5), Counted(20261126, 4, 400), None),
        (Budget(daily=5), Counted(20261126, 5, 5), datetime(2026, 11, 27, tzinfo=UTC)),
        (Budget(daily=5), Counted(20261125, 5, 5), None),
        (Budget(monthly=5), Counted(20261125, 5, 5), datetime(2026, 12, 1, tzinfo=UTC)),
        (Budget(monthly=5), Counted(20261031, 5, 5), None),
        (Budget(daily=5, monthly=5), Counted(20261126, 5, 5), datetime(2026, 12, 1, tzinfo=UTC)),
        (Budget(), Counted(20261126, 10**9, 10**9), None),
    ],
)
def test_given_a_count_when_asked_then_it_tells_until_when_the_budget_is_spent(
    budget: Budget, counted: Counted, until: datetime | None
) -> None:
    assert budget.spent_until(counted, NOON) == until


def test_given_december_when_its_budget_is_spent_then_it_goes_on_in_the_next_year() -> None:
    spent = Budget(monthly=5).spent_until(Counted(20261231, 5, 5), datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert spent == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("budget", "counted", "days", "a_day", "calls"),
    [
        (Budget(), Counted(), 10, 1000, 10_000),
        (Budget(daily=100), Counted(20261126, 100, 100), 10, 1000, 1000),  # nothing today, half a day at the end
        (Budget(daily=100), Counted(), 10, 1000, 1100),
        (Budget(monthly=500), Counted(20261126, 400, 400), 10, 1000, 600),
        (Budget(daily=10**9), Counted(), 10, 1000, 10_000),
    ],
)
def test_given_a_budget_when_planned_with_then_it_tells_how_many_calls_it_allows(
    budget: Budget, counted: Counted, days: float, a_day: float, calls: int
) -> None:
    assert budget.allowed(counted, NOON, days, a_day) == pytest.approx(calls)


# The mappings of what waits


class Lambda(Client):
    service = "lambda"

    def __init__(self, hook: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        super().__init__(hook)
        self.are_on = {OVERFLOW: True, BULK_MAPPING: True}

    def update_event_source_mapping(self, **parameters: Any) -> dict[str, Any]:
        self._called("UpdateEventSourceMapping", parameters)
        self.are_on[parameters["UUID"]] = parameters["Enabled"]
        return {}


class Switched:
    """A stack's mappings, and what switches them."""

    def __init__(self, hook: Callable[[str, dict[str, Any]], None] | None = None) -> None:
        self.clock = Clock()
        self.clock.now = NOON
        self.tables = Tables()
        self.mappings = Lambda(hook)
        self.made = 0
        record = BudgetRecord(
            DynamoDB(self.tables),  # type: ignore[arg-type]
            "LabelQuota",
            budget=Budget(daily=5),
            stack="photos",
            now=lambda: self.clock.now,
        )
        self.switch = BudgetSwitch(record, self._make)

    def _make(self) -> Any:
        self.made += 1
        return self.mappings

    def count(self, calls: int) -> None:
        self.tables.items["LabelQuota"][("DetectLabels",)] = {
            "Operation": {"S": "DetectLabels"},
            "CountedOn": {"N": f"{self.clock.now:%Y%m%d}"},
            "CallsOfDay": {"N": str(calls)},
            "CallsOfMonth": {"N": str(calls)},
        }

    def check(self) -> datetime | None:
        return self.switch.check([OVERFLOW, BULK_MAPPING], self.clock.deadline())

    @property
    def is_marked(self) -> bool:
        return ("SwitchedOff photos",) in self.tables.items["LabelQuota"]


def test_given_a_budget_when_spent_then_mappings_are_off_until_there_is_something_left() -> None:
    stack = Switched()
    assert stack.check() is None
    assert stack.made == 0
    stack.count(5)
    assert stack.check() == datetime(2026, 11, 27, tzinfo=UTC)
    assert stack.check()
    assert stack.mappings.are_on == {OVERFLOW: False, BULK_MAPPING: False}
    assert stack.is_marked
    stack.clock.now += timedelta(days=1)
    assert stack.check() is None
    assert stack.mappings.are_on == {OVERFLOW: True, BULK_MAPPING: True}
    assert not stack.is_marked


def test_given_mappings_that_others_switched_off_when_something_is_left_then_they_stay_off() -> None:
    stack = Switched()
    stack.mappings.are_on = {OVERFLOW: False, BULK_MAPPING: False}
    assert stack.check() is None
    assert stack.mappings.are_on == {OVERFLOW: False, BULK_MAPPING: False}


def test_given_somebody_who_pauses_meanwhile_when_switched_on_then_they_are_off_in_the_end() -> None:
    def pause(_operation: str, parameters: dict[str, Any]) -> None:
        if parameters["Enabled"]:
            stack.tables.items["LabelQuota"].pop(("SwitchedOff photos",), None)

    stack = Switched(pause)
    stack.tables.items["LabelQuota"][("SwitchedOff photos",)] = switched_off_key("photos")
    assert stack.check() is None
    assert stack.mappings.are_on == {OVERFLOW: False, BULK_MAPPING: False}


@pytest.mark.parametrize("code", ["ResourceInUseException", "ResourceConflictException"])
def test_given_a_mapping_that_is_being_changed_when_checked_then_the_next_check_does_it(code: str) -> None:
    busy = {BULK_MAPPING}

    def refuse(_operation: str, parameters: dict[str, Any]) -> None:
        if parameters["UUID"] in busy:
            raise aws_error(code)

    stack = Switched(refuse)
    stack.count(5)
    stack.check()
    assert stack.mappings.are_on == {OVERFLOW: False, BULK_MAPPING: True}
    busy.clear()
    stack.check()
    assert stack.mappings.are_on == {OVERFLOW: False, BULK_MAPPING: False}
    busy.add(BULK_MAPPING)
    stack.clock.now += timedelta(days=1)
    stack.check()
    assert stack.is_marked  # so that the next check goes on
    busy.clear()
    stack.check()
    assert (stack.mappings.are_on, stack.is_marked) == ({OVERFLOW: True, BULK_MAPPING: True}, False)


def test_given_lambda_that_refuses_when_checked_then_it_fails_and_is_told() -> None:
    def refuse(*_: Any) -> None:
        raise aws_error("AccessDeniedException")

    stack = Switched(refuse)
    stack.count(5)
    with pytest.raises(ClientError, match="AccessDenied"):
        stack.check()
