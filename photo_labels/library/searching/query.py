"""What is searched for: labels and terms, joined by and, or, not, and parentheses.

    dog
    mountain and sky not building
    (dog or cat) and dining table
    dog in:2019 not name:IMG_03*

Words side by side are one label. A label that has one of the three words, or a colon, in its name goes in double
quotes. Terms are those of `photo_labels.library.searching.terms`; what stands beside one is joined by `and`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.library.searching.terms import REJECTED, InFolder, Is, Named, parse_term
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from photo_labels.library.searching.terms import Term

# A term has what follows its colon, with quotes and with parentheses in pairs, as in name:IMG(1)*.
_TERM = re.compile(r'[^\s()":]+:(?:"[^"]*"?|\([^\s()"]*\)|[^\s()"])*')
_TOKEN = re.compile(rf'{_TERM.pattern}|"[^"]*"?|[()]|[^\s()"]+')
_MAX_WORDS = 200
_JOINTS = ("and", "or", "not", "(", ")")


@dataclass(frozen=True, slots=True)
class Has:
    """The photo has this label, at least as surely as was asked for."""

    label: str

    def __str__(self) -> str:
        needs_quotes = ":" in self.label or not set(_JOINTS).isdisjoint(self.label.lower().split())
        return f'"{self.label}"' if needs_quotes else self.label


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


Query = Has | InFolder | Named | Is | Not | And | Or


def _bracketed(query: Query) -> str:
    return f"({query})" if isinstance(query, And | Or) else str(query)


def holds(query: Query, labels: Collection[str], key: str = "", *, is_rejected: bool = False) -> bool:
    """Tell whether a photo with just these labels, and that key, is searched for."""

    def tell(leaf: Has | Term) -> bool:
        match leaf:
            case Has(label):
                return label in labels
            case Is():
                return is_rejected if leaf == REJECTED else not labels
            case _:
                return leaf.holds(key)

    return bool(_evaluated(query, tell))


def may_hold(query: Query, key: str) -> bool:
    """Tell whether a photo with a key may be searched for, whatever its labels are."""

    def tell(leaf: Has | Term) -> bool | None:
        return leaf.holds(key) if isinstance(leaf, InFolder | Named) else None

    return _evaluated(query, tell) is not False


def _evaluated(query: Query, tell: Callable[[Has | Term], bool | None]) -> bool | None:
    """Tell whether a query is true; None: that depends on what `tell` does not know of its labels and terms."""
    match query:
        case Not(inner):
            value = _evaluated(inner, tell)
            return None if value is None else not value
        case And(queries) | Or(queries):
            decides = isinstance(query, Or)
            values = {_evaluated(one, tell) for one in queries}
            return decides if decides in values else None if None in values else not decides
        case _:
            return tell(query)


def leaves(query: Query) -> Iterator[Has | Term]:
    """Return all labels and terms, those after `not`, too."""
    match query:
        case Not(inner):
            yield from leaves(inner)
        case And(queries) | Or(queries):
            for one in queries:
                yield from leaves(one)
        case _:
            yield query


def labels_in(query: Query) -> Iterator[str]:
    """Return all labels that are named, those after `not`, too."""
    return (leaf.label for leaf in leaves(query) if isinstance(leaf, Has))


def has_term(query: Query | None, *kinds: type[Term]) -> bool:
    """Tell whether a query has a term of some kind."""
    return query is not None and any(isinstance(leaf, kinds) for leaf in leaves(query))


def joined(*queries: Query | None) -> Query | None:
    """Return a query for what is of all of these; None stands for all photos."""
    some = tuple(query for query in queries if query is not None)
    return And(some) if len(some) > 1 else some[0] if some else None


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
        case _:
            return query


def drivers(query: Query, count: Callable[[str], int]) -> frozenset[str] | None:
    """Choose labels so that every photo that is searched for has one of them, and as few others as possible.

    `count` tells of how many photos a label is. None: there are no such labels, as with `not dog` or `in:2019`.
    """
    match query:
        case Has(label):
            return frozenset({label})
        case And(queries):
            usable = [found for one in queries if (found := drivers(one, count)) is not None]
            return min(usable, key=lambda some: sum(map(count, some)), default=None)
        case Or(queries):
            each = [drivers(one, count) for one in queries]
            some = [found for found in each if found is not None]
            return frozenset().union(*some) if len(some) == len(each) else None
        case _:
            return None


def parse(text: str) -> Query:
    """Read a query. Raises UserError where it makes no sense."""
    tokens = _TOKEN.findall(text)
    if len(tokens) > _MAX_WORDS:
        raise UserError(f"The search has {len(tokens):,} words; at most {_MAX_WORDS} are read.")
    return _Parser(tokens).parsed()


class _Parser:
    """Reads tokens from left to right: `or` of `and` of `not` of labels, terms and parentheses."""

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
        # `dog not cat` is `dog and not cat`; so it is with `dog (cat or horse)`, `dog in:2019` and `in:2019 dog`.
        while self._skip("and") or self._next() not in {"", "or", ")"}:
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
        if _TERM.fullmatch(self._next()):
            self._at += 1
            return parse_term(self._tokens[self._at - 1])
        return Has(self._label())

    def _label(self) -> str:
        words: list[str] = []
        while (token := self._next()) and token not in _JOINTS and not _TERM.fullmatch(token):
            words += token.strip('"').split()
            self._at += 1
        if not words:
            where = f"before `{self._next()}`" if self._next() else "at its end"
            raise UserError(f"The search lacks a label {where}: say, for instance, dog and cat, or dog not cat.")
        return " ".join(words)
