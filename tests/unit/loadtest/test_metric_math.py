"""Metric math as CloudWatch's user guide has it."""

from __future__ import annotations

import pytest

from loadtest.metric_math import Series, UnknownMathError, evaluate

# "Comparison and logical operators" in the user guide, "Using math expressions with CloudWatch metrics".
METRICS: dict[str, Series] = {"metric1": [30, 20, 0, 0], "metric2": [20, None, 20, None]}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(metric1 < metric2)", [0, 0, 1, 0]),
        ("(metric1 >= 30)", [1, 0, 0, 0]),
        ("(metric1 > 15 AND metric2 > 15)", [1, 0, 0, 0]),
        ("metric1 > 15 && metric2 > 15", [1, 0, 0, 0]),
        ("metric1 + metric2", [50, 20, 20, 0]),
        ("5 * metric1 - metric2", [130, 100, -20, 0]),
        ("metric2 + 1", [21, None, 21, None]),
        ("FILL(metric2, 0)", [20, 0, 20, 0]),
        ("FILL(metric2, 0) == 0", [0, 1, 0, 1]),
        ("IF(metric1 > 0, 1, 0)", [1, 1, 0, 0]),
        ("IF(metric2, metric1, 7)", [30, None, 0, None]),
        ("IF(metric1 > 0, metric2, 5)", [20, 0, 5, 5]),
        ("IF(metric1 > 25, 0, metric2)", [0, None, 20, None]),
        ("metric1 > 25 OR metric2 > 15 AND metric1 == 0", [1, 0, 1, 0]),
        ("FILL(metric2, 0) + 2 * (metric1 - 10)", [60, 20, 0, -20]),
    ],
)
def test_given_an_expression_of_the_guide_when_evaluated_then_it_comes_to_what_the_guide_says(
    expression: str, expected: Series
) -> None:
    assert evaluate(expression, METRICS) == expected


# "Using IF expressions" there.
CHOSEN: dict[str, Series] = {
    "metric1": [1, 1, 0, 0, None],
    "metric2": [30, None, 0, 0, 30],
    "metric3": [0, 0, 20, None, 20],
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("IF(metric1, metric2, metric3)", [30, 0, 20, None, None]),
        ("IF(metric1, 5, metric3)", [5, 5, 20, None, None]),
        ("IF(metric1, metric2, 5)", [30, 0, 5, 5, None]),
    ],
)
def test_given_values_that_are_missing_when_one_is_chosen_then_it_is_that_of_the_guides_tables(
    expression: str, expected: Series
) -> None:
    assert evaluate(expression, CHOSEN) == expected


@pytest.mark.parametrize(
    "expression",
    ["AVG(metric1)", "metric3", "metric1 / 2", "FILL(metric1)", "FILL(metric1, REPEAT)", "metric1 +", "1 + 1",
     "(metric1", "metric1 metric2", "metric1 ? 2", ""],
)  # fmt: skip
def test_given_what_is_not_known_here_when_evaluated_then_it_is_refused(expression: str) -> None:
    with pytest.raises(UnknownMathError):
        evaluate(expression, METRICS)
