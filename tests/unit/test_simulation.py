"""The recogniser that answers without looking."""

from __future__ import annotations

import statistics
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.models.vision import LabelTable
from local.simulation import Simulation, SimulationSettings, TokenBucket

TABLE = LabelTable()


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@settings(deadline=None, derandomize=True)
@given(
    rate=st.floats(0.1, 200),
    pauses_s=st.lists(st.floats(0, 3, allow_subnormal=False), min_size=1, max_size=200),
)
def test_given_any_arrivals_when_they_take_tokens_then_no_span_gets_more_than_its_rate(
    rate: float, pauses_s: list[float]
) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    taken_at = []
    for pause_s in pauses_s:
        clock.now += pause_s
        if bucket.take():
            taken_at.append(clock.now)

    burst = max(1.0, rate)
    for first, start in enumerate(taken_at):
        for count, end in enumerate(taken_at[first:], start=1):
            assert count <= burst + (end - start) * rate + 1e-6


@settings(deadline=None, derandomize=True)
@given(rate=st.floats(1, 200), seconds=st.integers(2, 20))
def test_given_more_arrivals_than_the_quota_when_they_take_tokens_then_the_whole_quota_is_used(
    rate: float, seconds: int
) -> None:
    clock = Clock()
    bucket = TokenBucket(rate, clock)
    taken = 0
    for _ in range(seconds * 50):
        clock.now += 1 / 50
        taken += sum(bucket.take() for _ in range(10))

    assert taken >= min(rate, 500) * seconds - 1


def test_given_a_quota_when_calls_exceed_it_then_they_are_throttled_at_once() -> None:
    simulation = Simulation(SimulationSettings(tps=2), TABLE, Clock())

    draws = [simulation.draw() for _ in range(3)]

    assert [error for _, error in draws] == [None, None, "ThrottlingException"]
    assert draws[2][0] == 0


def test_given_a_median_and_a_99th_percentile_when_drawn_often_then_latencies_have_them() -> None:
    simulation = Simulation(SimulationSettings(seed=7, p50_ms=300, p99_ms=900), TABLE)

    latencies_ms = [simulation.draw()[0] * 1000 for _ in range(20_000)]

    quantiles = statistics.quantiles(latencies_ms, n=100)
    assert quantiles[49] == pytest.approx(300, rel=0.03)
    assert quantiles[98] == pytest.approx(900, rel=0.06)


def test_given_no_latency_when_drawn_then_the_answer_comes_at_once() -> None:
    assert Simulation(SimulationSettings(p50_ms=0, p99_ms=0), TABLE).draw() == (0.0, None)


def test_given_shares_of_errors_when_drawn_often_then_they_are_met() -> None:
    shares = {"InternalServerError": 0.1, "ThrottlingException": 0.2}
    simulation = Simulation(SimulationSettings(seed=3, errors=shares), TABLE)

    errors = [simulation.draw()[1] for _ in range(20_000)]

    for code, share in shares.items():
        assert errors.count(code) / len(errors) == pytest.approx(share, rel=0.1)


def test_given_a_seed_when_drawn_twice_then_latencies_and_errors_are_the_same() -> None:
    halved = SimulationSettings(seed=5, errors={"InternalServerError": 0.5})

    first, second = Simulation(halved, TABLE), Simulation(halved, TABLE)

    assert [first.draw() for _ in range(50)] == [second.draw() for _ in range(50)]


def test_given_object_when_labelled_again_then_its_labels_are_same_until_something_changes() -> None:
    first, second = Simulation(SimulationSettings(seed=1), TABLE), Simulation(SimulationSettings(seed=1), TABLE)
    other_seed = Simulation(SimulationSettings(seed=2), TABLE)
    first.draw()

    labels = first.labels("bucket", "photo.jpg", "v1")

    assert second.labels("bucket", "photo.jpg", "v1") == labels
    assert second.labels("bucket", "photo.jpg", "v2") != labels
    assert second.labels("bucket", "other.jpg", "v1") != labels
    assert other_seed.labels("bucket", "photo.jpg", "v1") != labels


@settings(deadline=None, derandomize=True)
@given(key=st.text(min_size=1), seed=st.integers())
def test_given_any_object_when_labelled_then_labels_are_sorted_and_bring_their_parents(
    key: str, seed: int
) -> None:
    labels = Simulation(SimulationSettings(seed=seed), TABLE).labels("bucket", key, "")

    confidences = {label["Name"]: label["Confidence"] for label in labels}
    assert list(confidences.values()) == sorted(confidences.values(), reverse=True)
    assert len(confidences) == len(labels) >= 2
    for label in labels:
        assert 55 <= label["Confidence"] <= 100
        for parent in label["Parents"]:
            assert confidences[parent["Name"]] >= label["Confidence"]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        ({"p50_ms": -1}, "p50_ms must be a number from 0 up, not -1."),
        ({"tps": "fast"}, "tps must be a number from 0 up, not 'fast'."),
        ({"tps": True}, "tps must be a number from 0 up, not True."),
        ({"p99_ms": float("nan")}, "p99_ms must be a number from 0 up, not nan."),
        ({"p50_ms": 500, "p99_ms": 400}, "p99_ms (400) must be at least p50_ms (500), or both 0."),
        ({"p50_ms": 0}, "p99_ms (900.0) must be at least p50_ms (0), or both 0."),
        ({"seed": 1.5}, "seed must be of type int, not 1.5."),
        ({"read_object": "no"}, "read_object must be of type bool, not 'no'."),
        ({"errors": {"Oops": 0.1}}, "errors: Oops is none of Rekognition's, which are AccessDeniedException"),
        ({"errors": {"InternalServerError": "x"}}, "errors: InternalServerError must be a number from 0 up"),
        ({"errors": ["InternalServerError"]}, "errors must map error codes to shares"),
        (
            {"errors": {"InternalServerError": 0.6, "ThrottlingException": 0.6}},
            "errors: the shares must come to at most 1",
        ),
        ({"speed": 1}, "There is no setting speed; there are seed, p50_ms"),
    ],
)
def test_given_a_bad_setting_when_read_then_a_sentence_names_it(bad: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - its words are the point
        SimulationSettings().changed(bad)

    assert str(raised.value).startswith(sentence)


def test_given_some_settings_when_changed_then_the_others_stay() -> None:
    changed = SimulationSettings(seed=4, tps=9).changed({"tps": 5})

    assert changed == SimulationSettings(seed=4, tps=5)
