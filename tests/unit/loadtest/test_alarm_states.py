"""The evaluator of alarms, by CloudWatch's documented examples."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.alarm_states import Alarm, Metric, Recorded, State, rings, statistic_of
from loadtest.metric_math import UnknownMathError

OK, ALARM, NO_DATA = State.OK, State.ALARM, State.INSUFFICIENT_DATA
METRIC = Metric("N", "m", (("queue", "q"),))
# Any alarm that retains its state is in this one before: no other setting gives it in these examples.
RETAINED = "retained"


def alarm_of(**changes: Any) -> Alarm:
    definition: dict[str, Any] = {
        "AlarmName": "an alarm",
        "Namespace": "N",
        "MetricName": "m",
        "Dimensions": [{"Name": "queue", "Value": "q"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": "0",
    }
    return Alarm(definition | changes)


# The tables of "How alarm state is evaluated when data is missing" in the user guide: 3 of 3, then 2 of 3.
@pytest.mark.parametrize(
    ("datapoints", "shown", "expected"),
    [
        (3, "0 - X - X", (OK, OK, OK, OK)),
        (3, "0 - - - -", (OK, OK, OK, OK)),
        (3, "- - - - 0", (OK, OK, OK, OK)),
        (3, "- - - - -", (NO_DATA, RETAINED, ALARM, OK)),
        (3, "0 X X - X", (ALARM, ALARM, ALARM, ALARM)),
        (3, "- - - - X", (NO_DATA, RETAINED, ALARM, OK)),
        (3, "- - X - -", (ALARM, RETAINED, ALARM, OK)),
        (3, "X - - - -", (ALARM, RETAINED, ALARM, OK)),
        (2, "0 - X - X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 0 X 0 X", (ALARM, ALARM, ALARM, ALARM)),
        (2, "0 - X - -", (OK, OK, ALARM, OK)),
        (2, "- - - - 0", (OK, OK, ALARM, OK)),
        (2, "- - - - X", (NO_DATA, RETAINED, ALARM, OK)),
        (2, "- - - X -", (ALARM, RETAINED, ALARM, OK)),
    ],
)
def test_given_missing_data_when_evaluated_then_the_state_is_that_of_the_guides_table(
    datapoints: int, shown: str, expected: tuple[State | str, ...]
) -> None:
    values = [{"0": 0.0, "X": 1.0, "-": None}[one] for one in shown.split()]
    for missing, state in zip(("missing", "ignore", "breaching", "notBreaching"), expected, strict=True):
        alarm = alarm_of(DatapointsToAlarm=datapoints, TreatMissingData=missing)
        for before in State:
            assert alarm.state(values, before) == (before if state == RETAINED else state), missing


@pytest.mark.parametrize(
    ("operator", "states"),
    [
        ("GreaterThanThreshold", (OK, OK, ALARM)),
        ("GreaterThanOrEqualToThreshold", (OK, ALARM, ALARM)),
        ("LessThanThreshold", (ALARM, OK, OK)),
        ("LessThanOrEqualToThreshold", (ALARM, ALARM, OK)),
    ],
)
def test_given_an_operator_when_a_value_is_below_on_or_above_the_line_then_it_decides(
    operator: str, states: tuple[State, ...]
) -> None:
    alarm = alarm_of(ComparisonOperator=operator, Threshold="5", EvaluationPeriods=1)
    assert tuple(alarm.state([value], OK) for value in (4.0, 5.0, 6.0)) == states


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("Sum", 15), ("Average", 3), ("Maximum", 5), ("Minimum", 1), ("SampleCount", 5), ("p50", 3), ("p99.9", 5)],
)
def test_given_samples_when_a_statistic_is_taken_then_it_is_of_all_of_them(statistic: str, value: float) -> None:
    assert statistic_of(statistic, [5.0, 1.0, 4.0, 2.0, 3.0]) == value


def test_given_periods_of_minutes_when_evaluated_each_minute_then_their_window_slides() -> None:
    recorded = Recorded(since_s=0.0)
    recorded.add(METRIC, 430.0, 1.0)
    alarm = alarm_of(Period=300, EvaluationPeriods=1, TreatMissingData="notBreaching")
    states = dict(alarm.states(recorded, 0.0, 1200.0))
    # From the minute that has it on; CloudWatch looks at older periods where the newest have no data.
    assert {now_s for now_s, state in states.items() if state is ALARM} == set(
        range(480, 1380, 60)
    ) & states.keys()


def test_given_a_record_when_evaluated_then_what_was_before_it_is_not_taken_for_missing() -> None:
    recorded = Recorded(since_s=0.0)
    for minute in range(4):
        recorded.add(METRIC, 60.0 * minute + 30, 1.0)
    alarm = alarm_of(TreatMissingData="breaching")
    assert rings(alarm_of(), recorded, 0.0, 240.0) == [180.0]
    assert dict(alarm.states(recorded, 0.0, 240.0))[60.0] is ALARM
    assert dict(alarm_of(TreatMissingData="notBreaching").states(recorded, 0.0, 240.0)) == {
        0.0: OK, 60.0: OK, 120.0: OK, 180.0: ALARM, 240.0: ALARM
    }  # fmt: skip


def test_given_a_condition_that_goes_and_comes_when_evaluated_then_it_rings_each_time() -> None:
    recorded = Recorded(since_s=0.0)
    for minute, value in enumerate([1, 1, 1, 0, 1, 1, 1]):
        recorded.add(METRIC, 60.0 * minute + 1, float(value))
    assert rings(alarm_of(), recorded, 0.0, 420.0) == [180.0, 420.0]


def test_given_metric_math_when_evaluated_then_the_alarm_watches_its_expression() -> None:
    other = Metric("N", "o", ())
    stat = {"Period": 60, "Stat": "Sum"}
    metrics = [
        {"Id": "e", "Expression": "IF(m > 2 AND FILL(o, 0) == 0, 1, 0)", "ReturnData": True},
        {
            "Id": "m",
            "MetricStat": stat | {"Metric": {"Namespace": "N", "MetricName": "m", "Dimensions": [
                {"Name": "queue", "Value": "q"}]}},
            "ReturnData": False,
        },
        {"Id": "o", "MetricStat": stat | {"Metric": {"Namespace": "N", "MetricName": "o"}}, "ReturnData": False},
    ]  # fmt: skip
    alarm = Alarm(
        {"AlarmName": "math", "Metrics": metrics, "EvaluationPeriods": 2, "Threshold": 0,
         "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching"}
    )  # fmt: skip
    recorded = Recorded(since_s=0.0)
    for minute in range(6):
        recorded.add(METRIC, 60.0 * minute, 3.0)
    recorded.add(other, 200.0, 1.0)
    assert rings(alarm, recorded, 0.0, 360.0) == [120.0, 360.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"Statistic": "IQM"},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"TreatMissingData": "asGood"},
        {"Metrics": [{"Id": "e", "Expression": "SEARCH(1)"}]},
    ],
)
def test_given_a_definition_that_is_not_known_here_when_read_then_it_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError, UnknownMathError)):
        alarm_of(**changes)
