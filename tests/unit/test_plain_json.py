"""What our clients read of DynamoDB is what botocore reads; errors are botocore's."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError

from photo_labels.library.plain_json import read_plainly
from photo_labels.records.attributes import to_attributes
from tests.unit.deployed import document

if TYPE_CHECKING:
    from collections.abc import Callable

ITEM = to_attributes(document("ünï\n😀.jpg", {"Cat": 98.5, "犬": 97.0}).to_item())
ANSWERS = {
    "scan": {"Items": [ITEM], "Count": 1, "ScannedCount": 1, "LastEvaluatedKey": {"ImageID": {"S": "é"}}},
    "query": {"Items": [ITEM], "Count": 1, "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 0.5}},
    "batch_get_item": {"Responses": {"t": [ITEM]}, "UnprocessedKeys": {"t": {"Keys": [{"ImageID": {"S": "a"}}]}}},
}
ASKED: dict[str, dict[str, Any]] = {
    "scan": {"TableName": "t"},
    "query": {"TableName": "t"},
    "batch_get_item": {"RequestItems": {"t": {"Keys": [{"ImageID": {"S": "a"}}]}}},
}


class Raw:
    """The body of an answer."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        return [self._content]


def client(status: int, content: bytes) -> Any:
    """Return a client of DynamoDB that always gets the same answer."""
    session = boto3.Session(aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1")
    made: Any = session.client("dynamodb")

    def answer(request: Any, **_: Any) -> AWSResponse:
        headers: Any = HeadersDict()
        return AWSResponse(request.url, status, headers, Raw(content))

    made.meta.events.register("before-send.dynamodb", answer)
    return made


def without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def read_both(operation: str, status: int, content: bytes) -> list[Callable[[], Any]]:
    plain, usual = client(status, content), client(status, content)
    read_plainly(plain)
    return [partial(getattr(one, operation), **ASKED[operation]) for one in (plain, usual)]


@pytest.mark.parametrize("operation", sorted(ANSWERS))
def test_given_an_answer_when_it_is_read_plainly_then_it_is_as_botocore_reads_it(operation: str) -> None:
    plain, usual = read_both(operation, 200, json.dumps(ANSWERS[operation]).encode())
    assert without_metadata(plain()) == without_metadata(usual()) == ANSWERS[operation]
    assert plain()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_given_an_error_when_it_is_read_plainly_then_it_is_botocores() -> None:
    content = json.dumps({"__type": "x#ExpiredTokenException", "message": "expired"}).encode()
    plain, _ = read_both("scan", 400, content)
    with pytest.raises(ClientError, match=r"ExpiredTokenException.*expired"):
        plain()


def test_given_what_is_no_json_when_it_is_read_plainly_then_it_is_what_botocore_makes_of_it() -> None:
    plain, usual = read_both("scan", 200, b"<html>a proxy")
    assert without_metadata(plain()) == without_metadata(usual())
