"""Alarms as CloudWatch evaluates them, over metrics that were recorded: the local AWS does not.

By the user guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data". An alarm is what
DescribeAlarms says of it, or its properties in a template with the references worked out.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from loadtest.metric_math import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from loadtest.metric_math import Series

MINUTE_S = 60
# CloudWatch looks at more periods than an alarm evaluates, so that real values may take the place of missing ones.
# How many it does not say; in its examples they are 5 for 3.
_LOOKED_BEYOND = 2

_STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
}
_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_CROSSES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}


class State(StrEnum):
    """An alarm's state."""

    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name: namespace, its own, and its dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Metric:
        """Return the metric that a part of an alarm's definition names."""
        dimensions = tuple(sorted((one["Name"], one["Value"]) for one in described.get("Dimensions", ())))
        return cls(described["Namespace"], described["MetricName"], dimensions)


@dataclass(slots=True)
class Recorded:
    """Samples of metrics, with their times in epoch seconds."""

    # From then on; what was before nobody knows, which is not the same as no data.
    since_s: float
    samples: dict[Metric, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, metric: Metric, at_s: float, value: float) -> None:
        self.samples.setdefault(metric, []).append((at_s, value))

    def values(self, metric: Metric, begin_s: float, end_s: float) -> list[float]:
        """Return the samples from `begin_s` on and before `end_s`."""
        return [value for at_s, value in self.samples.get(metric, ()) if begin_s <= at_s < end_s]


@dataclass(frozen=True, slots=True)
class Query:
    """A metric that an alarm looks at, and how."""

    metric: Metric
    statistic: str
    period_s: int


class Alarm:
    """One alarm's definition."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        """Raises KeyError, ValueError or UnknownMathError for what is not known here."""
        self.name: str = definition["AlarmName"]
        self._threshold = float(definition["Threshold"])
        self._crosses = _CROSSES[definition["ComparisonOperator"]]
        self._periods = int(definition["EvaluationPeriods"])
        self._datapoints = int(definition.get("DatapointsToAlarm") or self._periods)
        self._missing: str = definition.get("TreatMissingData") or "missing"
        if self._missing not in {"missing", "ignore", "breaching", "notBreaching"}:
            raise ValueError(self._missing)
        self._expression = ""
        self.queries: dict[str, Query]
        if metrics := definition.get("Metrics"):
            self.queries = {
                one["Id"]: _query(one["MetricStat"]["Metric"], one["MetricStat"], one["MetricStat"]["Stat"])
                for one in metrics
                if one.get("MetricStat")
            }
            # Left out, it is true (API reference, MetricDataQuery).
            [self._expression] = [one["Expression"] for one in metrics if one.get("ReturnData", True)]
            evaluate(self._expression, {name: [None] for name in self.queries})
        else:
            statistic = definition.get("ExtendedStatistic") or definition["Statistic"]
            self.queries = {"metric": _query(definition, definition, statistic)}
        [self._period_s] = {query.period_s for query in self.queries.values()}

    def states(self, recorded: Recorded, begin_s: float, end_s: float) -> Iterable[tuple[float, State]]:
        """Return the state at the end of each minute, as it is then: (epoch seconds, state).

        A metric's periods end with the minute of the evaluation, as the alarm's window slides over them.
        """
        state = State.INSUFFICIENT_DATA
        looked_at = self._periods + _LOOKED_BEYOND
        now_s = math.ceil(begin_s / MINUTE_S) * MINUTE_S
        while now_s <= end_s:
            ends = [now_s - self._period_s * ago for ago in reversed(range(looked_at))]
            known = [end for end in ends if end - self._period_s >= recorded.since_s] or ends[-1:]
            state = self.state(self._series(recorded, known), state)
            yield now_s, state
            now_s += MINUTE_S

    def state(self, series: Series, before: State) -> State:
        """Return the state after these values, the newest last, and the state before them."""
        crossed = [None if value is None else self._crosses(value, self._threshold) for value in series]
        real = [one for one in crossed if one is not None]
        if len(real) >= self._periods:
            return self._decided(real[-self._periods :])
        if self._missing in {"breaching", "notBreaching"}:
            return self._decided([*real, *[self._missing == "breaching"] * (self._periods - len(real))])
        if sum(real) >= self._datapoints or not all(real):
            return self._decided(real)
        if self._missing == "ignore":
            return before
        # All that is there crosses the line: an alarm, where the oldest of it is as old as the values it takes.
        age = len(crossed) - crossed.index(True) if real else 0
        return State.ALARM if age >= self._datapoints else State.INSUFFICIENT_DATA

    def _decided(self, crossed: Sequence[bool]) -> State:
        return State.ALARM if sum(crossed) >= self._datapoints else State.OK

    def _series(self, recorded: Recorded, ends: Sequence[float]) -> Series:
        found: dict[str, Series] = {}
        for name, query in self.queries.items():
            windows = [recorded.values(query.metric, end - query.period_s, end) for end in ends]
            found[name] = [statistic_of(query.statistic, values) if values else None for values in windows]
        return evaluate(self._expression, found) if self._expression else found["metric"]


def rings(alarm: Alarm, recorded: Recorded, begin_s: float, end_s: float) -> list[float]:
    """Return the times at which an alarm begins to ring, in epoch seconds."""
    began, before = [], State.OK
    for now_s, state in alarm.states(recorded, begin_s, end_s):
        if state is State.ALARM and before is not State.ALARM:
            began.append(now_s)
        before = state
    return began


def statistic_of(statistic: str, values: list[float]) -> float:
    """Return a statistic of a period's samples, of which there is at least one. Raises ValueError."""
    if statistic in _STATISTICS:
        return float(_STATISTICS[statistic](values))
    if not (percentile := _PERCENTILE.fullmatch(statistic)):
        raise ValueError(statistic)
    rank = math.ceil(float(percentile[1]) / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def _query(metric: Mapping[str, Any], of: Mapping[str, Any], statistic: str) -> Query:
    statistic_of(statistic, [0.0])
    return Query(Metric.of(metric), statistic, int(of["Period"]))
