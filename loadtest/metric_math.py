"""Metric math as CloudWatch evaluates it, of what our alarms use: anything else is refused.

By the user guide, "Using math expressions with CloudWatch metrics": a time series has a value, or none, for each
period; arithmetic and comparisons of two series take a missing value for 0 where the other has one.
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# A value for each period; None: no data.
Series = list[float | None]
Value = float | Series

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(&&|\|\||[<>=!]=|[-+*/<>(),]))")
# By how tightly they bind, loosest first.
_LEVELS: tuple[dict[str, Callable[[float, float], float]], ...] = (
    {"OR": lambda left, right: float(bool(left) or bool(right))},
    {"AND": lambda left, right: float(bool(left) and bool(right))},
    {
        "<": operator.lt,
        ">": operator.gt,
        "<=": operator.le,
        ">=": operator.ge,
        "==": operator.eq,
        "!=": operator.ne,
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul},
)
_SAME = {"&&": "AND", "||": "OR"}


class UnknownMathError(Exception):
    """The expression has something in it that is not known here."""


def evaluate(expression: str, series: Mapping[str, Series]) -> Series:
    """Return the series that an expression comes to; `series` has the metrics by their ids, all of one length.

    Raises UnknownMathError.
    """
    found = _Parser(expression, series).parse()
    if not isinstance(found, list):
        raise UnknownMathError(f"{expression}: a number, where an alarm needs a time series")
    return found


class _Parser:
    """Evaluates while it reads."""

    def __init__(self, expression: str, series: Mapping[str, Series]) -> None:
        self._expression = expression
        self._series = series
        self._tokens = self._split()

    def parse(self) -> Value:
        value = self._level(0)
        if self._tokens:
            raise self._unknown(self._tokens[0])
        return value

    def _split(self) -> list[str]:
        tokens, at, text = [], 0, self._expression.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                raise self._unknown(text[at:])
            tokens.append(_SAME.get(match[0].strip(), match[0].strip()))
            at = match.end()
        return tokens

    def _level(self, level: int) -> Value:
        if level == len(_LEVELS):
            return self._operand()
        value = self._level(level + 1)
        while self._tokens and self._tokens[0] in _LEVELS[level]:
            operation = _LEVELS[level][self._tokens.pop(0)]
            value = _combined(operation, value, self._level(level + 1))
        return value

    def _operand(self) -> Value:
        token = self._take()
        if token[0].isdigit():
            return float(token)
        if token == "(":  # noqa: S105 - none of a password
            value = self._level(0)
            self._take(")")
            return value
        if self._tokens[:1] == ["("]:
            return self._call(token)
        if token not in self._series:
            raise self._unknown(token)
        return self._series[token]

    def _call(self, name: str) -> Value:
        self._take("(")
        arguments = [self._level(0)]
        while self._tokens[:1] == [","]:
            self._take()
            arguments.append(self._level(0))
        self._take(")")
        match name, arguments:
            case "FILL", [list() as series, float() as filler]:
                return [filler if value is None else value for value in series]
            case "IF", [condition, then, otherwise]:
                return _chosen(condition, then, otherwise)
        raise self._unknown(f"{name} of {len(arguments)} arguments")

    def _take(self, expected: str | None = None) -> str:
        if not self._tokens:
            raise self._unknown("its end")
        token = self._tokens.pop(0)
        if expected and token != expected:
            raise self._unknown(token)
        return token

    def _unknown(self, what: str) -> UnknownMathError:
        return UnknownMathError(f"{self._expression}: {what} is not known here")


def _combined(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        return float(operation(left, right))
    rows = _rows(left, right)
    return [None if _is_missing(row, (left, right)) else float(operation(*map(_or_zero, row))) for row in rows]


def _chosen(condition: Value, then: Value, otherwise: Value) -> Value:
    """Return one or the other; where the condition has no value, neither.

    The guide, "Using IF expressions": a missing value is 0 where the condition holds, and else dropped.
    """
    if not isinstance(condition, list):
        return then if condition else otherwise
    return [
        None if when is None else (_or_zero(yes) if when else no)
        for when, yes, no in _rows(condition, then, otherwise)
    ]


def _rows(*values: Value) -> list[Sequence[float | None]]:
    length = max(len(value) for value in values if isinstance(value, list))
    return list(zip(*(value if isinstance(value, list) else [value] * length for value in values), strict=True))


def _is_missing(row: Sequence[float | None], operands: Sequence[Value]) -> bool:
    """Tell whether none of the series among the operands has a value."""
    return all(value is None for value, operand in zip(row, operands, strict=True) if isinstance(operand, list))


def _or_zero(value: float | None) -> float:
    return 0.0 if value is None else value
