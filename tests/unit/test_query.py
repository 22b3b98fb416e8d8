"""The language of searches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_labels.library.searching.query import (
    And,
    Has,
    Not,
    Or,
    Query,
    drivers,
    holds,
    labels_in,
    parse,
    renamed,
)
from photo_labels.library.user_errors import UserError

LABELS = ("Cat", "Dog", "Dining Table", "Salt and Pepper")
A, B, C = Has("a"), Has("b"), Has("c")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("dining   table", Has("dining table")),
        ("a and b", And((A, B))),
        ("a AND NOT b", And((A, Not(B)))),
        ("a not b", And((A, Not(B)))),
        ("a or b and c", Or((A, And((B, C))))),
        ("(a or b) and c", And((Or((A, B)), C))),
        ("a (b or c)", And((A, Or((B, C))))),
        ("not not a", Not(Not(A))),
        ('"salt and pepper" or a', Or((Has("salt and pepper"), A))),
        ('"not closed', Has("not closed")),
        ("((a))", A),
    ],
)
def test_given_a_text_when_parsed_then_it_is_that_query(text: str, query: Query) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lacks a label at its end"),
        ("a and", "lacks a label at its end"),
        ("or a", "lacks a label before `or`"),
        ("a and or b", "lacks a label before `or`"),
        ("(a", "without its `)`"),
        ("a)", "without its `(`"),
        ("()", "lacks a label before `)`"),
        ('""', "lacks a label at its end"),
        ("(" * 201, "has 201 words"),
        ("(" * 200, "lacks a label"),
        ("not " * 200, "lacks a label"),
    ],
)
def test_given_a_text_that_makes_no_sense_when_parsed_then_a_sentence_says_why(text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        parse(text)
    assert said in str(raised.value)


queries = st.recursive(
    st.sampled_from(["Cat", "Dog", "Dining Table"]).map(Has),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: And(tuple(some))),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: Or(tuple(some))),
    ),
    max_leaves=8,
)


@given(queries, st.sets(st.sampled_from(LABELS)))
def test_given_any_query_when_printed_and_parsed_then_it_means_the_same(query: Query, labels: set[str]) -> None:
    again = parse(str(query))
    assert holds(again, labels) == holds(query, labels)
    assert set(labels_in(again)) == set(labels_in(query))


@given(queries, st.dictionaries(st.sampled_from(LABELS), st.integers(0, 9)), st.sets(st.sampled_from(LABELS)))
def test_given_any_query_when_its_drivers_are_read_then_no_photo_is_missed(
    query: Query, counts: dict[str, int], labels: set[str]
) -> None:
    read = drivers(query, lambda label: counts.get(label, 0))
    if read is None:
        assert _may_have_nothing(query), "some labels must be there, so that they could be read"
    elif holds(query, labels):
        assert labels & read


def _may_have_nothing(query: Query) -> bool:
    """Whether somewhere a photo is wanted for what it lacks."""
    return any(isinstance(one, Not) for one in _parts(query))


def _parts(query: Query) -> list[Query]:
    match query:
        case Has():
            return [query]
        case Not(inner):
            return [query, *_parts(inner)]
        case And(some) | Or(some):
            return [query, *(part for one in some for part in _parts(one))]


def test_given_several_labels_when_drivers_are_chosen_then_they_are_the_rarest() -> None:
    counts = {"a": 9, "b": 2, "c": 5}
    assert drivers(And((A, B, C)), counts.__getitem__) == frozenset({"b"})
    assert drivers(And((A, Or((B, C)))), counts.__getitem__) == frozenset({"b", "c"})
    assert drivers(And((A, Not(B))), counts.__getitem__) == frozenset({"a"})
    assert drivers(Or((A, Not(B))), counts.__getitem__) is None


def test_given_other_names_when_renamed_then_all_labels_have_them() -> None:
    assert renamed(parse("a and (b or not c)"), lambda label: Has(label.upper())) == parse("A and (B or not C)")
