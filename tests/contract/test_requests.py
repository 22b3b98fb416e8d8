"""Whatever comes in, every request that goes out is one that the service's model allows: nothing else checks them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.settings import Settings, SettingsError
from infra.trim_botocore import CALLED
from photo_labels.records.budget import Budget
from tests.contract.answers import dynamodb, head_error, photo, rekognition, rekognition_error
from tests.contract.function import BUCKET, DECODED, ENVIRONMENT, SETTINGS, notification, reconcile
from tests.contract.test_dynamodb import DUPLICATE, OLDER, item
from tests.contract.test_s3 import OWNERS_KEY, UNREADABLE
from tests.contract.valid import violations

if TYPE_CHECKING:
    from tests.contract.function import Function
    from tests.contract.server import Aws

KEYS = st.text(min_size=1, max_size=200).filter(str.strip)
VERSIONS = st.none() | st.text("abcXYZ0189._-", min_size=1, max_size=64) | st.just("null")
SIZES = st.none() | st.integers(0, 6 * 1000**4)
SEQUENCERS = st.none() | st.text("0123456789ABCDEF", min_size=1, max_size=70)
LABELS = st.lists(
    st.fixed_dictionaries(
        {
            "Name": st.text(min_size=1, max_size=50),
            "Confidence": st.floats(80, 100, allow_nan=False) | st.just(100),
            "Instances": st.just([]),
            "Parents": st.lists(st.fixed_dictionaries({"Name": st.text(max_size=20)}), max_size=2),
            "Aliases": st.lists(st.fixed_dictionaries({"Name": st.text(max_size=20)}), max_size=2),
            "Categories": st.just([{"Name": "Animals and Pets"}]),
        }
    ),
    max_size=60,
)
MANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


OBJECTS = st.fixed_dictionaries({"key": KEYS, "versionId": VERSIONS, "size": SIZES, "sequencer": SEQUENCERS})


@MANY
@given(of_object=OBJECTS, labels=LABELS, is_converting=st.booleans())
def test_given_any_photo_when_labelled_then_every_request_is_valid(
    function: Function, aws: Aws, of_object: dict[str, Any], labels: list[dict[str, Any]], is_converting: bool
) -> None:
    aws.tell("DetectLabels", rekognition({"Labels": labels, "LabelModelVersion": "3.0"}))
    aws.tell("GetObject", photo(DECODED))
    function.receive(notification(**of_object), is_converting=is_converting)
    assert aws.invalid == []


NAMES = st.lists(st.text("ABCabcé' -_().0", min_size=1, max_size=50).filter(str.strip), max_size=100, unique=True)
FILTERS = [f"LABEL{kind}_{what}_FILTERS" for kind in ("", "_CATEGORY") for what in ("INCLUSION", "EXCLUSION")]


@MANY
@given(names=st.lists(NAMES, min_size=4, max_size=4), wants_properties=st.booleans())
def test_given_any_filters_that_the_function_starts_with_when_it_labels_then_the_request_is_valid(
    function: Function, aws: Aws, names: list[list[str]], wants_properties: bool
) -> None:
    asked = dict(zip(FILTERS, map(",".join, names), strict=True))
    try:
        settings = Settings.from_environment(
            ENVIRONMENT | asked | {"IMAGE_PROPERTIES": str(wants_properties).lower()}
        )
    except SettingsError:  # a name is in two of them
        return
    function.receive(notification(), settings=settings)
    assert aws.invalid == []


# What SQS takes; it refuses a message with anything else in its body or attributes. API reference, SendMessage.
SENDABLE = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
BODIES = st.text(max_size=300).filter(lambda text: bool(text and SENDABLE.fullmatch(text)))


@MANY
@given(body=BODIES, part=st.text(max_size=100))
def test_given_any_body_when_received_then_every_request_is_valid(
    function: Function, aws: Aws, body: str, part: str
) -> None:
    unknown = {"source": "photo-labels", "action": part}
    function.receive(body, json.dumps(unknown), notification(name=part), reconcile(bucket=part))
    assert aws.invalid == []
    for call in aws.of("SendMessage"):
        texts = [one["StringValue"] for one in call.content["MessageAttributes"].values()]
        assert all(text and SENDABLE.fullmatch(text) for text in [call.content["MessageBody"], *texts])


def test_given_everything_that_function_can_call_when_it_goes_all_its_ways_then_each_is_called(
    function: Function, aws: Aws
) -> None:
    limited = replace(SETTINGS, rekognition_tps=1000.0)
    old = item(OLDER, Labels={"L": [{"M": {"Name": {"S": "Dog"}, "Confidence": {"N": "90.5"}}}]})
    function.receive(notification(), "{", notification(key="a.heic"), settings=limited)
    aws.tell("DetectLabels", UNREADABLE)
    aws.tell("HeadObject", head_error(400))
    aws.tell("GetObject", OWNERS_KEY)
    function.receive(notification(versionId="v1"))
    aws.tell("HeadObject", head_error(404))
    aws.tell("BatchExecuteStatement", dynamodb({"Responses": [DUPLICATE]}))
    function.receive(reconcile())
    aws.tell("BatchGetItem", dynamodb({"Responses": {"ImageLabels": [old]}, "UnprocessedKeys": {}}))
    aws.tell("PutItem", dynamodb({"Attributes": old}))
    function.receive(reconcile(force=True))
    aws.tell("DetectLabels", rekognition_error("AccessDeniedException", "No."))
    function.receive(notification())
    waiting = replace(SETTINGS, budget=Budget(daily=1))
    spent = {"CountedOn": {"N": "99991231"}, "CallsOfDay": {"N": "1"}, "CallsOfMonth": {"N": "1"}}
    aws.tell("GetItem", dynamodb({"Item": spent}))
    assert function.check_budget(waiting)
    aws.tell("GetItem", dynamodb({}), dynamodb({"Item": {"Operation": {"S": "SwitchedOff photo-labels"}}}))
    assert function.check_budget(waiting) is None
    assert set().union(*CALLED.values()) <= set(aws.operations())


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "what"),
    [
        ("dynamodb", "BatchGetItem", {"RequestItems": {"t": {"Keys": []}}}, "min length"),
        ("dynamodb", "BatchExecuteStatement", {"Statements": [{"Statement": "INSERT"}] * 26}, "26, at most 25"),
        ("dynamodb", "PutItem", {"TableName": "t", "Item": {"a": {"S": 1}}}, "Invalid type"),
        ("dynamodb", "PutItem", {"TableName": "t", "Item": {}, "ReturnValues": "SOME"}, "none of"),
        ("rekognition", "DetectLabels", {"Image": {"S3Object": {"Bucket": BUCKET, "Name": "k" * 1025}}}, "1025"),
        ("rekognition", "DetectLabels", {"Image": {"S3Object": {"Bucket": "a b c", "Name": "k"}}}, "a b c"),
        ("s3", "HeadObject", {"Bucket": BUCKET}, "Missing required parameter"),
        ("sqs", "SendMessage", {"QueueUrl": "q", "MessageBody": "b", "Attributes": {}}, "Unknown parameter"),
    ],
)
def test_given_a_request_that_the_model_does_not_allow_when_checked_then_it_is_noticed(
    service: str, operation: str, parameters: dict[str, Any], what: str
) -> None:
    assert what in " ".join(violations(service, operation, parameters))
