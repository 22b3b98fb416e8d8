"""The strict fake of the unit tests and the local DynamoDB answer the same calls in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from tests.fakes.dynamodb import DynamoDB, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.e2e.conftest import Pipeline

pytestmark = pytest.mark.xdist_group("cloud")

NEWER = "attribute_not_exists(ImageID) OR Sequencer < :new"


def put(image: str, sequencer: str) -> tuple[str, dict[str, Any]]:
    return "put_item", {
        "TableName": "ImageLabels",
        "Item": {"ImageID": {"S": image}, "Sequencer": {"S": sequencer}},
        "ConditionExpression": NEWER,
        "ExpressionAttributeValues": {":new": {"S": sequencer}},
        "ReturnValues": "ALL_OLD",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def write(*requests: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "batch_write_item", {"RequestItems": {"LabelIndex": list(requests)}}


def row(label: str, rank: str, **attributes: str) -> dict[str, Any]:
    values = {"Label": label, "Rank": rank, **attributes}
    return {"PutRequest": {"Item": {name: {"S": value} for name, value in values.items()}}}


def deletion(label: str, rank: str) -> dict[str, Any]:
    return {"DeleteRequest": {"Key": {"Label": {"S": label}, "Rank": {"S": rank}}}}


def read(*images: str) -> tuple[str, dict[str, Any]]:
    keys = [{"ImageID": {"S": image}} for image in images]
    return "batch_get_item", {"RequestItems": {"ImageLabels": {"Keys": keys, "ConsistentRead": True}}}


def delete_of(commit: str) -> tuple[str, dict[str, Any]]:
    return "delete_item", {
        "TableName": "LabelIndex",
        "Key": {"Label": {"S": "contract"}, "Rank": {"S": "1"}},
        "ConditionExpression": "LabelledAt = :commit",
        "ExpressionAttributeValues": {":commit": {"S": commit}},
    }


def insert(image: str) -> tuple[str, dict[str, Any]]:
    return "batch_execute_statement", {
        "Statements": [
            {
                "Statement": "INSERT INTO \"ImageLabels\" VALUE {'ImageID': ?, 'Labels': ?}",
                "Parameters": [{"S": image}, {"L": [{"M": {"Name": {"S": "Cat"}}}]}],
            }
        ]
    }


CALLS: dict[str, Sequence[tuple[str, dict[str, Any]]]] = {
    "newer, older, equal": [put("c/1", "02"), put("c/1", "03"), put("c/1", "01"), put("c/1", "03"), read("c/1")],
    "inserted, once only": [insert("c/4"), insert("c/4"), read("c/4")],
    "a missing document": [read("c/none")],
    "the same key read twice": [read("c/2", "c/2")],
    "101 keys read": [read(*(f"c/{number}" for number in range(101)))],
    "25 rows": [write(*(row("contract", str(number)) for number in range(25)))],
    "26 rows": [write(*(row("contract", str(number)) for number in range(26)))],
    "no rows": [write()],
    "two operations on one key": [write(row("contract", "1"), deletion("contract", "1"))],
    "deleting what is not there": [write(deletion("contract", "nothing"))],
    "an empty key": [write(row("", "1"))],
    "a sort key of 1,025 bytes": [write(row("contract", "1" * 1025))],
    "a row beyond 400 KB": [write(row("contract", "1", Text="x" * 410_000))],
    "a document beyond 400 KB": [put("c/big", "1" * 410_000)],
    "deleting the row of another commit": [
        write(row("contract", "1", LabelledAt="a")),
        delete_of("b"),
        delete_of("a"),
    ],
    "a value that is not used": [
        ("put_item", put("c/3", "1")[1] | {"ExpressionAttributeValues": {":new": {"S": "1"}, ":more": {"S": "1"}}})
    ],
}


@pytest.mark.parametrize("name", CALLS)
def test_given_the_same_calls_when_made_to_both_then_the_fake_answers_as_the_local_dynamodb(
    pipeline: Pipeline, name: str
) -> None:
    fake = DynamoDB(Tables())
    for operation, parameters in CALLS[name]:
        assert answer(fake, operation, parameters) == answer(pipeline.dynamodb, operation, parameters)


def answer(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """What the function looks at in an answer, or the error."""
    try:
        given = getattr(client, operation)(**parameters)
    except ParamValidationError:
        return "ParamValidationError"
    except ClientError as error:
        return error.response["Error"]["Code"], error.response.get("Item")
    if operation == "batch_execute_statement":
        return [one.get("Error", {}).get("Code") for one in given["Responses"]]
    parts = ("Attributes", "Responses", "UnprocessedItems", "UnprocessedKeys")
    return {part: given[part] for part in parts if given.get(part)}
