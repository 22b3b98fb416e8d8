"""The rules of keys, rows and sizes that everybody who reads the tables relies on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from handler.attributes import from_attribute, from_attributes, to_attribute
from handler.documents import Document, backs, fitted, item_bytes, labels_from, rank
from tests.fakes.dynamodb import size_of

confidences = st.decimals(0, 100, places=6)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = st.recursive(
    texts | st.decimals(-100, 100, places=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)

DOCUMENT = Document(
    bucket="b",
    key="a/é.jpg",
    sequencer="0055",
    status="LABELLED",
    labelled_at="2026-11-23T06:00:00.000Z",
    labels=labels_from([{"Name": "Cat", "Confidence": 98.5}, {"Name": "Animal", "Confidence": 100.0}]),
    event_time="2026-11-23T06:00:00.000Z",
    etag="e",
    size=1,
    label_model_version="3.0",
    min_confidence=Decimal(80),
    max_labels=50,
)


@given(st.lists(confidences, min_size=2, max_size=10))
def test_given_any_confidences_when_ranked_then_string_order_is_their_order(values: list[Decimal]) -> None:
    ranks = [rank(value, "b/a", "00") for value in sorted(values)]
    assert ranks == sorted(ranks)
    assert {len(one.split("#")[0]) for one in ranks} == {6}


@given(st.text(min_size=1, max_size=1024))
def test_given_any_key_when_ranked_then_the_sort_key_is_short(key: str) -> None:
    image = "b/" + key.encode("utf-8", "replace").decode()
    assert len(rank(Decimal(100), image, "F" * 32).encode()) < 1024


def test_given_a_document_when_stored_and_read_then_it_is_the_same() -> None:
    assert Document.from_item(DOCUMENT.to_item()) == DOCUMENT
    assert "VersionId" not in DOCUMENT.to_item()


def test_given_two_versions_when_indexed_then_they_share_no_row() -> None:
    newer = replace(DOCUMENT, sequencer="0056")
    assert not {row.key for row in DOCUMENT.rows()} & {row.key for row in newer.rows()}


def test_given_a_row_when_its_document_is_of_another_version_or_confidence_then_it_does_not_count() -> None:
    [animal, cat] = DOCUMENT.rows()
    assert backs(DOCUMENT, cat.label, cat.rank)
    assert backs(DOCUMENT, animal.label, animal.rank)
    assert not backs(None, cat.label, cat.rank)
    assert not backs(DOCUMENT, cat.label, animal.rank)
    assert not backs(replace(DOCUMENT, sequencer="0056"), cat.label, cat.rank)
    assert not backs(replace(DOCUMENT, status="REMOVED"), cat.label, cat.rank)


def test_given_a_label_twice_when_reduced_then_the_surer_one_stays() -> None:
    labels = labels_from([{"Name": "Cat", "Confidence": 80.1}, {"Name": "Cat", "Confidence": 99.95352935791016}])
    assert [(one["Name"], one["Confidence"]) for one in labels] == [("Cat", Decimal("99.95352935791016"))]


@given(st.dictionaries(texts, plain, max_size=5))
def test_given_any_item_when_measured_then_it_is_never_taken_for_smaller_than_dynamodb_does(
    item: dict[str, object],
) -> None:
    stored = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    assert item_bytes(item) >= size_of(stored)


@given(plain)
def test_given_any_value_when_it_goes_to_dynamodb_and_back_then_as_with_boto3(value: object) -> None:
    attribute = to_attribute(value)
    theirs: Any = TypeSerializer().serialize(value)
    assert attribute == theirs
    assert from_attribute(attribute) == TypeDeserializer().deserialize(theirs) == value


@pytest.mark.parametrize("value", [1.5, True, None, b"bytes", {"set"}])
def test_given_a_value_that_no_document_has_when_it_goes_to_dynamodb_then_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        to_attribute(value)


def test_given_attributes_that_others_added_when_read_then_they_do_no_harm() -> None:
    item = {"Tag": {"BOOL": True}, "Parts": {"SS": ["a"]}, "Nothing": {"NULL": True}, "Size": {"N": "1E+3"}}
    assert from_attributes(item)["Size"] == 1000


@pytest.mark.parametrize("labels", [1, 300, 3000])
def test_given_any_number_of_labels_when_fitted_then_dynamodb_takes_the_document(labels: int) -> None:
    box = {"Left": 0.123456, "Top": 0.123456, "Width": 0.123456, "Height": 0.123456}
    crowded = [
        {
            "Name": f"Label {n}" * 20,
            "Confidence": 99.0,
            "Instances": [{"Confidence": 9.0, "BoundingBox": box}] * 30,
        }
        for n in range(labels)
    ]
    document = fitted(replace(DOCUMENT, labels=labels_from(crowded)))
    stored = {name: TypeSerializer().serialize(value) for name, value in document.to_item().items()}
    assert size_of(stored) <= 400 * 1024
    assert document.status == ("REJECTED" if labels == 3000 else "LABELLED")
