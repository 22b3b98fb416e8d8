"""The same event by whatever way it comes: from S3 itself, by SNS, by EventBridge, and by EventBridge and SNS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from hypothesis import given
from hypothesis import strategies as st

from chaos.envelopes import in_sns, of_event_bridge
from handler.events import Message, body_of, read_message
from photo_labels.library.queues import photos_of, without_photos

if TYPE_CHECKING:
    from collections.abc import Callable

hostile = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200) | st.text(
    "a+ %20B/\\\"'&=?#\x00\x01\t\n\r\x7f\u0085é日👩‍👧", min_size=1, max_size=60
)
records = st.builds(
    lambda name, key, time, **of_object: {
        "eventName": name,
        "eventTime": time,
        "s3": {
            "bucket": {"name": "holiday-photos"},
            "object": {"key": quote_plus(key)}
            | {name: value for name, value in of_object.items() if value is not None},
        },
    },
    st.sampled_from(["ObjectCreated:Put", "ObjectRemoved:Delete"]),
    hostile.filter(lambda key: len(key.encode()) <= 1024),
    st.sampled_from(["2026-11-23T06:00:00Z", "2026-11-23T06:00:00.123Z"]),
    size=st.none() | st.integers(0, 5 * 10**12),
    eTag=st.none() | st.just("d41d8cd98f00b204e9800998ecf8427e-2"),
    versionId=st.none() | st.just("3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"),
    sequencer=st.none() | st.sampled_from(["0055AED6DCD90281E5", "617f08299329d189", "00"]),
)
FORMS: dict[str, Callable[[dict[str, Any]], str]] = {
    "S3": lambda record: json.dumps({"Records": [record]}),
    "SNS": lambda record: in_sns(json.dumps({"Records": [record]})),
    "EventBridge": of_event_bridge,
    "EventBridge by SNS": lambda record: in_sns(of_event_bridge(record)),
}


def read(body: str) -> Message:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1795400000000"}
    return read_message(
        SQSRecord({"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes})
    )


@pytest.mark.parametrize("form", FORMS)
@given(record=records)
def test_given_an_event_when_it_comes_by_another_way_then_it_is_the_same(
    form: str, record: dict[str, Any]
) -> None:
    plain, other = read(FORMS["S3"](record)), read(FORMS[form](record))
    assert plain.events
    assert (other.events, other.malformed) == (plain.events, None)


@pytest.mark.parametrize("form", FORMS)
@given(record=records)
def test_given_an_event_when_forwarded_then_it_is_the_same_without_its_envelope(
    form: str, record: dict[str, Any]
) -> None:
    [event] = read(FORMS[form](record)).events
    forwarded = body_of(event)
    assert not {"Message", "detail-type"} & json.loads(forwarded).keys()
    [again] = read(forwarded).events
    assert (again.image_id, again.sequencer) == (event.image_id, event.sequencer)
    assert (again.etag, again.size, again.version_id) == (event.etag, event.size, event.version_id) or not (
        event.sequencer
    )


@pytest.mark.parametrize("form", FORMS)
@given(record=records)
def test_given_a_dead_letter_when_looked_at_then_its_photo_is_named_as_the_function_does(
    form: str, record: dict[str, Any]
) -> None:
    body = FORMS[form](record)
    assert photos_of(body) == [event.image_id for event in read(body).events]


def test_given_many_events_by_sns_when_one_is_taken_out_then_the_others_are_read() -> None:
    def of(key: str) -> dict[str, Any]:
        content = {"key": quote_plus(key), "sequencer": "01"}
        at = {"eventName": "ObjectCreated:Put", "eventTime": "2026-11-23T06:00:00Z"}
        return at | {"s3": {"bucket": {"name": "photos"}, "object": content}}

    body = in_sns(json.dumps({"Records": [of("a b.jpg"), of("c.jpg")]}))
    left = without_photos(body, lambda photo: photo.endswith("/c.jpg"))
    assert photos_of(left) == ["photos/a b.jpg"]
    assert len(left) < len(body)


@pytest.mark.parametrize("wrapped", [0, 1, 2])
def test_given_a_reconcile_message_by_sns_when_read_then_it_is_one(wrapped: int) -> None:
    body = json.dumps({"source": "photo-labels", "action": "reconcile", "bucket": "photos", "key": "a+b.jpg"})
    for _ in range(wrapped):
        body = in_sns(body)
    assert photos_of(body) == ["photos/a+b.jpg"]
    assert [event.key for event in read(body).events] == ["a+b.jpg"]


# What can be in any of the places that are looked at.
VALUES: list[Any] = [
    None,
    0,
    1e999,
    "",
    "Notification",
    "Object Created",
    "Object Tags Added",
    "aws.s3",
    "{}",
    "7",
    [],
]
VALUES += [
    "SubscriptionConfirmation",
    {},
    [{}],
    {"object": {}},
    {"object": {"key": 7}, "bucket": []},
    ["Object Created"],
]
VALUES += [{"bucket": {"name": "photos"}, "object": {"key": "\ud800", "sequencer": "01"}}]
PLACES = ["Type", "TopicArn", "Message", "detail-type", "detail", "source", "time", "Records", "key", "Event"]


@given(st.dictionaries(st.sampled_from(PLACES), st.sampled_from(VALUES)))
def test_given_any_mixture_of_envelopes_when_read_then_it_is_malformed_or_of_nothing(
    content: dict[str, Any],
) -> None:
    for body in (json.dumps(content), in_sns(json.dumps(content))):
        message = read(body)
        assert message.events == ()
        assert isinstance(photos_of(body), list)
