"""The rules of keys, rows and sizes that everybody who reads the tables relies on."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from photo_labels.records.attributes import from_attribute, from_attributes, to_attribute, to_attributes
from photo_labels.records.documents import (
    TIME_AND_LOCATION,
    Document,
    NotOursError,
    backs,
    fitted,
    item_bytes,
    labels_from,
    new_commit,
)
from photo_labels.records.index import digest, rank
from photo_labels.records.timeline import is_label, time_of, timeline_of
from tests.fakes.dynamodb import size_of
from tests.fakes.world import Function, Photo, World, failing

confidences = st.decimals(0, 100, places=6)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = st.recursive(
    texts | st.booleans() | st.decimals(-100, 100, places=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)

DOCUMENT = Document(
    bucket="b",
    key="a/é.jpg",
    sequencer="0055",
    status="LABELLED",
    labelled_at="2026-11-23T06:00:00.000Z",
    commit="c0ffee",
    labels=labels_from([{"Name": "Cat", "Confidence": 98.5}, {"Name": "Animal", "Confidence": 100.0}]),
    event_time="2026-11-23T06:00:00.000Z",
    etag="e",
    size=1,
    label_model_version="3.0",
    min_confidence=Decimal(80),
    max_labels=50,
)
PROPERTIES: dict[str, Any] = {
    "Sharpness": Decimal("81.02"),
    "Brightness": Decimal("59.91"),
    "Contrast": Decimal("80.38"),
    "DominantColors": [{"HexCode": "#2f4f4f", "SimplifiedColor": "grey", "PixelPercent": Decimal("25.4")}],
    "Foreground": {"Sharpness": Decimal("81.9"), "Brightness": Decimal("44.66")},
    "Background": {"Sharpness": Decimal("80.8"), "Brightness": Decimal("63.69")},
}


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


def test_given_a_document_with_every_attribute_when_it_goes_to_dynamodb_and_back_then_it_is_the_same() -> None:
    more: dict[str, Any] = {
        "version_id": "v",
        "model_settings": "0123456789abcdef",
        "image_properties": PROPERTIES,
        "orientation": 6,
        "truncated": True,
        "taken_at": "2019-07-14T18:03:22+02:00",
        "camera": "A camera",
        "location": {"Latitude": Decimal("48.1"), "Longitude": Decimal("-11.6")},
        "metadata_read": TIME_AND_LOCATION,
        "timeline": "2019-07-14T18:03:22",
        "copy_of": "b/original.jpg",
        "reason": "R",
        "detail": "D.",
        "expires_at": 1,
    }
    whole = replace(DOCUMENT, **more, purged_at=DOCUMENT.labelled_at)
    assert None not in asdict(whole).values()
    assert Document.from_item(from_attributes(to_attributes(whole.to_item()))) == whole


def test_given_two_commits_when_indexed_then_they_share_no_row() -> None:
    newer = replace(DOCUMENT, commit=new_commit())
    assert not {row.key for row in DOCUMENT.rows()} & {row.key for row in newer.rows()}


def test_given_row_when_its_document_is_of_another_commit_or_confidence_then_it_does_not_count() -> None:
    [animal, cat] = DOCUMENT.rows()
    assert backs(DOCUMENT, cat.label, cat.rank)
    assert backs(DOCUMENT, animal.label, animal.rank)
    assert not backs(None, cat.label, cat.rank)
    assert not backs(DOCUMENT, cat.label, animal.rank)
    assert not backs(replace(DOCUMENT, commit="decaf"), cat.label, cat.rank)
    assert not backs(replace(DOCUMENT, commit=None), cat.label, cat.rank)
    assert not backs(replace(DOCUMENT, status="REMOVED"), cat.label, cat.rank)


def test_given_a_photo_with_a_time_when_indexed_then_a_row_of_its_year_counts_as_those_of_labels() -> None:
    document = replace(DOCUMENT, timeline=timeline_of("2019-07-14T18:03:22+02:00", DOCUMENT.labelled_at))
    [year] = (row for row in document.rows() if not is_label(row.label))
    assert (year.label, time_of(year.rank)) == ("@taken/2019", "2019-07-14T18:03:22")
    assert len(list(document.rows())) == 1 + len(document.labels)
    assert backs(document, year.label, year.rank)
    assert not backs(replace(document, commit="decaf"), year.label, year.rank)
    assert not backs(replace(document, timeline=None), year.label, year.rank)
    assert not list(replace(document, labels=(), status="REJECTED").rows())


@given(st.lists(st.datetimes().filter(lambda time: time.year >= 1826), min_size=2, max_size=9))
def test_given_any_times_when_indexed_then_string_order_is_their_order(times: list[datetime]) -> None:
    def key_of(time: datetime) -> tuple[str, str]:
        [row] = replace(DOCUMENT, labels=(), timeline=timeline_of(time.isoformat(), "9999-12-31T23:59:59Z")).rows()
        return row.key

    keys = [key_of(time) for time in sorted(times)]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    "taken", [None, "2026-11-24T06:00:01", "2099-01-01T00:00:00+02:00", "1000-01-01T00:00:00"]
)
def test_given_no_time_or_an_impossible_one_when_chosen_then_that_of_the_upload(taken: str | None) -> None:
    assert timeline_of(taken, DOCUMENT.labelled_at) == "2026-11-23T06:00:00"


def test_given_a_time_ahead_by_less_than_a_day_when_chosen_then_it_counts() -> None:
    assert timeline_of("2026-11-23T19:00:00", DOCUMENT.labelled_at) == "2026-11-23T19:00:00"


WRITTEN_BEFORE_COMMITS = {
    "ImageID": {"S": "photos/a b.jpg"},
    "Bucket": {"S": "photos"},
    "Key": {"S": "a b.jpg"},
    "ETag": {"S": "0cc175b9c0f1b6a831c399e269772661"},
    "Size": {"N": "81920"},
    "Sequencer": {"S": "0055AED6DCD90281E5"},
    "Status": {"S": "LABELLED"},
    "Labels": {
        "L": [
            {
                "M": {
                    "Name": {"S": "Cat"},
                    "Confidence": {"N": "98.51234"},
                    "Parents": {"L": [{"S": "Animal"}]},
                    "Categories": {"L": []},
                    "Instances": {
                        "L": [
                            {
                                "M": {
                                    "Confidence": {"N": "98.5"},
                                    "BoundingBox": {
                                        "M": {
                                            "Left": {"N": "0.1"},
                                            "Top": {"N": "0.2"},
                                            "Width": {"N": "0.3"},
                                            "Height": {"N": "0.4"},
                                        }
                                    },
                                }
                            }
                        ]
                    },
                }
            }
        ]
    },
    "LabelModelVersion": {"S": "3.0"},
    "MinConfidence": {"N": "80.0"},
    "MaxLabels": {"N": "50"},
    "EventTime": {"S": "2026-11-23T06:00:00.000Z"},
    "LabelledAt": {"S": "2026-11-23T06:00:01.500Z"},
}
ITS_ROW = {
    "Label": {"S": "Cat"},
    "Rank": {"S": f"098.51#{digest('photos/a b.jpg')}#0055AED6DCD90281E5"},
    "ImageID": {"S": "photos/a b.jpg"},
    "Sequencer": {"S": "0055AED6DCD90281E5"},
    "LabelledAt": {"S": "2026-11-23T06:00:01.500Z"},
}


def test_given_what_was_written_before_commits_when_read_then_its_row_counts() -> None:
    document = Document.from_item(from_attributes(WRITTEN_BEFORE_COMMITS))
    [row] = document.rows()
    assert to_attributes(row.to_item()) == ITS_ROW
    assert to_attributes(document.to_item()) == WRITTEN_BEFORE_COMMITS
    assert backs(document, "Cat", ITS_ROW["Rank"]["S"])


@pytest.mark.parametrize("what", ["event", "reconciliation", "removal"])
def test_given_what_was_written_before_commits_when_replaced_then_nothing_of_it_is_left(what: str) -> None:
    world = World()
    world.tables.items["ImageLabels"]["photos/a b.jpg",] = WRITTEN_BEFORE_COMMITS
    world.tables.items["LabelIndex"]["Cat", ITS_ROW["Rank"]["S"]] = ITS_ROW
    event = world.put("a b.jpg", Photo({"Dog": 99.0}))
    message: dict[str, Any] = event | {"s3": event["s3"] | {"object": event["s3"]["object"] | {"sequencer": "01"}}}
    if what == "reconciliation":
        message = {"source": "photo-labels", "action": "reconcile", "bucket": "photos", "key": "a b.jpg"}
    if what == "removal":
        message = world.remove("a b.jpg") | {"eventName": "s3:ObjectRemoved:Delete"}
        message["s3"]["object"]["sequencer"] = "01"
    assert failing(Function(world).receive(world.message(message))) == set()
    assert world.found("Cat") == set()
    assert world.found("Dog") == (set() if what == "removal" else {"a b.jpg"})
    rows = {row["Label"] for row in world.tables.plain("LabelIndex")}
    assert rows == (set() if what == "removal" else {"Dog", "@taken/2026"})


def test_given_reconciliation_of_before_commits_when_it_was_replaced_meanwhile_then_that_stays() -> None:
    world = World()
    world.tables.items["ImageLabels"]["photos/a b.jpg",] = WRITTEN_BEFORE_COMMITS
    world.put("a b.jpg", Photo({"Dog": 99.0}))
    later = WRITTEN_BEFORE_COMMITS | {"LabelledAt": {"S": "2026-11-23T06:00:09.000Z"}}

    def meanwhile(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "PutItem":
            world.tables.items["ImageLabels"]["photos/a b.jpg",] = later

    message = {"source": "photo-labels", "action": "reconcile", "bucket": "photos", "key": "a b.jpg"}
    assert failing(Function(world, meanwhile).receive(world.message(message)))
    assert world.tables.items["ImageLabels"]["photos/a b.jpg",] == later


@pytest.mark.parametrize(
    "change",
    [
        {"Status": "READY"},
        {"Status": None},
        {"Key": "another.jpg"},
        {"Sequencer": Decimal(7)},
        {"LabelledAt": "yesterday"},
        {"LabelledAt": "2026-11-23T06:00:00"},
        {"EventTime": ""},
        {"Size": "large"},
        {"Labels": "Cat"},
        {"Labels": ["Cat"]},
        {"Labels": [{"Name": "Cat"}]},
        {"Labels": [DOCUMENT.labels[0] | {"Aliases": "Kitty"}]},
        {"Labels": [DOCUMENT.labels[0] | {"Aliases": [7]}]},
        {"Labels": [{"Name": "Cat", "Confidence": "high"}]},
        {"CommitID": b"c0ffee"},
        {"TakenAt": "last summer"},
        {"Timeline": "2019-07-14"},
        {"Timeline": "2019-07-14T18:03:22+02:00"},
        {"Location": {"Latitude": Decimal(1)}},
        {"Location": "at home"},
        {"ImageProperties": "sharp"},
        {"ImageProperties": {"Sharpness": "very"}},
        {"ImageProperties": {"Foreground": Decimal(1)}},
        {"ImageProperties": {"Background": {"Brightness": "low"}}},
        {"ImageProperties": {"DominantColors": [{"HexCode": "#000000"}]}},
        {"ImageProperties": {"DominantColors": Decimal(1)}},
    ],
)
def test_given_an_item_that_is_no_document_when_read_then_that_is_said(change: dict[str, Any]) -> None:
    item = {name: value for name, value in (DOCUMENT.to_item() | change).items() if value is not None}
    with pytest.raises(NotOursError):
        Document.from_item(item)


CHANGED = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("of_document", "of_object", "is_of"),
    [
        ({}, {}, True),
        ({}, {"etag": "f"}, False),
        ({"etag": None}, {}, False),
        ({}, {"version_id": "null"}, True),
        ({"version_id": "null"}, {}, True),
        ({}, {"version_id": "v1"}, False),
        ({"version_id": "v1"}, {"version_id": "v1"}, True),
        ({"version_id": "v1"}, {"version_id": "v2"}, False),
        ({"version_id": "v1"}, {}, False),
        ({}, {"last_modified": CHANGED + timedelta(minutes=1)}, False),
        ({"version_id": "v1"}, {"version_id": "v1", "last_modified": CHANGED + timedelta(minutes=1)}, True),
        ({"event_time": None}, {"last_modified": CHANGED + timedelta(minutes=1)}, True),
        ({}, {"last_modified": CHANGED - timedelta(days=900)}, True),
    ],
)
def test_given_a_document_and_an_object_when_compared_then_version_bytes_and_time_count(
    of_document: dict[str, Any], of_object: dict[str, Any], is_of: bool
) -> None:
    seen: dict[str, Any] = {"etag": "e", "last_modified": CHANGED, "version_id": None}
    assert replace(DOCUMENT, **of_document).is_of(**(seen | of_object)) is is_of


def test_given_a_label_twice_when_reduced_then_the_surer_one_stays() -> None:
    labels = labels_from([{"Name": "Cat", "Confidence": 80.1}, {"Name": "Cat", "Confidence": 99.95352935791016}])
    assert [(one["Name"], one["Confidence"]) for one in labels] == [("Cat", Decimal("99.95352935791016"))]


def test_given_labels_with_and_without_aliases_when_stored_and_read_then_only_those_there_are_are_kept() -> None:
    phone = {"Name": "Mobile Phone", "Confidence": 99.9, "Aliases": [{"Name": "Cell Phone"}]}
    labels = labels_from([phone, {"Name": "Wall", "Confidence": 90.0, "Aliases": []}])
    read = Document.from_item(from_attributes(to_attributes(replace(DOCUMENT, labels=labels).to_item()))).labels
    assert [one.get("Aliases") for one in read] == [["Cell Phone"], None]


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


@pytest.mark.parametrize("value", [1.5, None, b"bytes", {"set"}])
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
            "Aliases": [{"Name": f"Alias {n}" * 20}] * 30,
        }
        for n in range(labels)
    ]
    document = fitted(replace(DOCUMENT, labels=labels_from(crowded), image_properties=PROPERTIES))
    stored = {name: TypeSerializer().serialize(value) for name, value in document.to_item().items()}
    assert size_of(stored) <= 400 * 1024
    assert document.status == ("REJECTED" if labels == 3000 else "LABELLED")
