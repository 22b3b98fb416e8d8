"""What is searched for: labels, joined by and, or, not, and parentheses.

    dog
    dog and cat not indoors
    (dog or cat) and dining table

Words side by side are one label. A label that has one of the three words in its name goes in double quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_TOKEN = re.compile(r'"[^"]*"?|[()]|[^\s()"]+')
_MAX_WORDS = 200
_JOINTS = ("and", "or", "not", "(", ")")


@dataclass(frozen=True, slots=True)
class Has:
    """The photo has this label, at least as surely as was asked for."""

    label: str

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True)
class Not:
    """The photo is not one of these."""

    query: Query

    def __str__(self) -> str:
        return f"not {_bracketed(self.query)}"


@dataclass(frozen=True, slots=True)
class And:
    """The photo is one of all of these."""

    queries: tuple[Query, ...]

    def __str__(self) -> str:
        return " and ".join(map(_bracketed, self.queries))


@dataclass(frozen=True, slots=True)
class Or:
    """The photo is one of any of these."""

    queries: tuple[Query, ...]

    def __str__(self) -> str:
        return " or ".join(map(_bracketed, self.queries))


Query = Has | Not | And | Or


def _bracketed(query: Query) -> str:
    return f"({query})" if isinstance(query, And | Or) else str(query)


def holds(query: Query, labels: Collection[str]) -> bool:
    """Tell whether a photo with just these labels is searched for."""
    match query:
        case Has(label):
            return label in labels
        case Not(inner):
            return not holds(inner, labels)
        case And(queries):
            return all(holds(one, labels) for one in queries)
        case Or(queries):
            return any(holds(one, labels) for one in queries)


def labels_in(query: Query) -> Iterator[str]:
    """Return all labels that are named, those after `not`, too."""
    match query:
        case Has(label):
            yield label
        case Not(inner):
            yield from labels_in(inner)
        case And(queries) | Or(queries):
            for one in queries:
                yield from labels_in(one)


def excluded(query: Query, *, is_excluding: bool = False) -> Iterator[str]:
    """Return the labels that photos are left out for, those after `not`; after two of them, none is."""
    match query:
        case Has(label):
            yield from [label] * is_excluding
        case Not(inner):
            yield from excluded(inner, is_excluding=not is_excluding)
        case And(queries) | Or(queries):
            for one in queries:
                yield from excluded(one, is_excluding=is_excluding)


def renamed(query: Query, meant: Callable[[str], Query]) -> Query:
    """Return the same query with what is meant by its labels."""
    match query:
        case Has(label):
            return meant(label)
        case Not(inner):
            return Not(renamed(inner, meant))
        case And(queries):
            return And(tuple(renamed(one, meant) for one in queries))
        case Or(queries):
            return Or(tuple(renamed(one, meant) for one in queries))


def drivers(query: Query, count: Callable[[str], int]) -> frozenset[str] | None:
    """Choose labels so that every photo that is searched for has one of them, and as few others as possible.

    `count` tells of how many photos a label is. None: there are no such labels, as with `not dog`.
    """
    match query:
        case Has(label):
            return frozenset({label})
        case Not():
            return None
        case And(queries):
            usable = [found for one in queries if (found := drivers(one, count)) is not None]
            return min(usable, key=lambda some: sum(map(count, some)), default=None)
        case Or(queries):
            each = [drivers(one, count) for one in queries]
            some = [found for found in each if found is not None]
            return frozenset().union(*some) if len(some) == len(each) else None


def parse(text: str) -> Query:
    """Read a query. Raises UserError where it makes no sense."""
    tokens = _TOKEN.findall(text)
    if len(tokens) > _MAX_WORDS:
        raise UserError(f"The search has {len(tokens):,} words; at most {_MAX_WORDS} are read.")
    return _Parser(tokens).parsed()


class _Parser:
    """Reads tokens from left to right: `or` of `and` of `not` of labels and parentheses."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def parsed(self) -> Query:
        query = self._or()
        if self._at < len(self._tokens):
            raise UserError("The search has a `)` without its `(`.")
        return query

    def _next(self) -> str:
        """Return the next token: a word that joins labels in lower case, anything else as it is; "": the end."""
        token = self._tokens[self._at] if self._at < len(self._tokens) else ""
        return token.lower() if token.lower() in _JOINTS else token

    def _skip(self, token: str) -> bool:
        if self._next() != token:
            return False
        self._at += 1
        return True

    def _or(self) -> Query:
        queries = [self._and()]
        while self._skip("or"):
            queries.append(self._and())
        return queries[0] if len(queries) == 1 else Or(tuple(queries))

    def _and(self) -> Query:
        queries = [self._not()]
        # `dog not cat` is `dog and not cat`, and so is `dog (cat or horse)`.
        while self._skip("and") or self._next() in {"not", "("}:
            queries.append(self._not())
        return queries[0] if len(queries) == 1 else And(tuple(queries))

    def _not(self) -> Query:
        if self._skip("not"):
            return Not(self._not())
        if self._skip("("):
            query = self._or()
            if not self._skip(")"):
                raise UserError("The search has a `(` without its `)`.")
            return query
        return Has(self._label())

    def _label(self) -> str:
        words: list[str] = []
        while (token := self._next()) and token not in _JOINTS:
            words += token.strip('"').split()
            self._at += 1
        if not words:
            where = f"before `{self._next()}`" if self._next() else "at its end"
            raise UserError(f"The search lacks a label {where}: say, for instance, dog and cat, or dog not cat.")
        return " ".join(words)
