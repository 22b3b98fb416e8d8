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
    leaves,
    may_hold,
    parse,
    renamed,
)
from photo_labels.library.searching.terms import REJECTED, UNLABELLED, InFolder, Named
from photo_labels.library.user_errors import UserError

LABELS = ("Cat", "Dog", "Dining Table", "Salt and Pepper", "in:2019", "Dog (big)")
KEYS = ("a.jpg", "2019/IMG_1.jpg", "my photos/a (1).jpg", "x/(old)/SS.jpg")
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
        ("(a or b) c", And((Or((A, B)), C))),
        ("a in:2019/", And((A, InFolder("2019/")))),
        ("in:2019 dining table name:IMG_03*", And((InFolder("2019"), Has("dining table"), Named("IMG_03*")))),
        ('In:"my photos/"', InFolder("my photos/")),
        ("(a or name:IMG(1)*)", Or((A, Named("IMG(1)*")))),
        ("not is:rejected or IS:Unlabelled", Or((Not(REJECTED), UNLABELLED))),
        ('"in:2019" or "a:b"', Or((Has("in:2019"), Has("a:b")))),
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
        ("in: 2019", "in: lacks a folder"),
        ("in:/", "in: lacks a folder"),
        ('name:""', "name: lacks a file name"),
        ("is:reject", "Did you mean is:rejected?"),
        ("is:", "Say is:unlabelled or is:rejected."),
        ("nam:IMG_03*", "Did you mean name:IMG_03*?"),
        ("colour:red", 'A label with a colon goes in double quotes: "colour:red".'),
        ("and:a", "A search has no and: in it."),
    ],
)
def test_given_a_text_that_makes_no_sense_when_parsed_then_a_sentence_says_why(text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        parse(text)
    assert said in str(raised.value)


queries = st.recursive(
    st.one_of(
        st.sampled_from(LABELS).map(Has),
        st.sampled_from(["2019", "/my photos/", "(old)"]).map(InFolder),
        st.sampled_from(["IMG*", "a (1).jpg", "ß", "?"]).map(Named),
        st.sampled_from([REJECTED, UNLABELLED]),
    ),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: And(tuple(some))),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: Or(tuple(some))),
    ),
    max_leaves=8,
)


@given(queries, st.sets(st.sampled_from(LABELS)), st.sampled_from(KEYS), st.booleans())
def test_given_any_query_when_printed_and_parsed_then_it_means_the_same(
    query: Query, labels: set[str], key: str, is_rejected: bool
) -> None:
    again = parse(str(query))
    assert holds(again, labels, key, is_rejected=is_rejected) == holds(query, labels, key, is_rejected=is_rejected)
    assert set(leaves(again)) == set(leaves(query))


@given(queries, st.sets(st.sampled_from(LABELS)), st.sampled_from(KEYS), st.booleans())
def test_given_any_query_when_a_key_rules_a_photo_out_then_no_labels_make_it_wanted(
    query: Query, labels: set[str], key: str, is_rejected: bool
) -> None:
    assert may_hold(query, key) or not holds(query, labels, key, is_rejected=is_rejected)


@given(queries, st.dictionaries(st.sampled_from(LABELS), st.integers(0, 9)), st.sets(st.sampled_from(LABELS)))
def test_given_any_query_when_its_drivers_are_read_then_no_photo_is_missed(
    query: Query, counts: dict[str, int], labels: set[str]
) -> None:
    read = drivers(query, lambda label: counts.get(label, 0))
    if read is None:
        assert _may_have_nothing(query), "some labels must be there, so that they could be read"
    elif any(holds(query, labels, key) for key in KEYS):
        assert labels & read


def _may_have_nothing(query: Query) -> bool:
    """Whether somewhere a photo is wanted for what it lacks, or for what is no label."""
    return any(not isinstance(one, Has | And | Or) for one in _parts(query))


def _parts(query: Query) -> list[Query]:
    match query:
        case Not(inner):
            return [query, *_parts(inner)]
        case And(some) | Or(some):
            return [query, *(part for one in some for part in _parts(one))]
        case _:
            return [query]


def test_given_several_labels_when_drivers_are_chosen_then_they_are_the_rarest() -> None:
    counts = {"a": 9, "b": 2, "c": 5}
    assert drivers(And((A, B, C)), counts.__getitem__) == frozenset({"b"})
    assert drivers(And((A, Or((B, C)))), counts.__getitem__) == frozenset({"b", "c"})
    assert drivers(And((A, Not(B))), counts.__getitem__) == frozenset({"a"})
    assert drivers(Or((A, Not(B))), counts.__getitem__) is None


def test_given_other_names_when_renamed_then_all_labels_have_them() -> None:
    assert renamed(parse("a and (b or not c)"), lambda label: Has(label.upper())) == parse("A and (B or not C)")
