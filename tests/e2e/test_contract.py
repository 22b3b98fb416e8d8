"""The local DynamoDB answers as the strict fake of the unit tests; the local S3 and SQS as AWS was recorded to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from tests.contract.refusals import REFUSALS, seen
from tests.fakes.dynamodb import DynamoDB, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.e2e.conftest import Pipeline

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


# ---------------------------------------------------------------- SQS and S3

# What the local SQS takes although AWS refuses it: the strict fake does not.
KINDER = {"an empty attribute"}


@pytest.mark.parametrize("name", REFUSALS)
def test_given_a_request_that_sqs_refuses_when_sent_then_the_local_sqs_refuses_it_alike(
    pipeline: Pipeline, name: str
) -> None:
    refusal = REFUSALS[name]
    queue = pipeline.sqs.create_queue(QueueName="contract")["QueueUrl"]
    call = getattr(pipeline.sqs, refusal.method)
    parameters = refusal.parameters({"queue": queue, "dead letters": queue})
    if name in KINDER:
        call(**parameters)
        return
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert seen(error.value) == (refusal.code, refusal.status)


class Versioned:
    """A bucket of its own, with an object in every state."""

    def __init__(self, s3: Any) -> None:
        self.bucket = "contract-versions"
        s3.create_bucket(Bucket=self.bucket)
        self._s3 = s3
        s3.put_object(Bucket=self.bucket, Key="old", Body=b"1")
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        first = s3.put_object(Bucket=self.bucket, Key="deleted", Body=b"1")["VersionId"]
        marker = s3.delete_object(Bucket=self.bucket, Key="deleted")["VersionId"]
        gone = s3.put_object(Bucket=self.bucket, Key="gone", Body=b"1")["VersionId"]
        s3.delete_object(Bucket=self.bucket, Key="gone", VersionId=gone)
        s3.put_object(
            Bucket=self.bucket, Key="secret", Body=b"1", SSECustomerAlgorithm="AES256", SSECustomerKey=b"0" * 32
        )
        s3.put_object(Bucket=self.bucket, Key="archived", Body=b"1", StorageClass="GLACIER")
        self.versions = {"first": first, "marker": marker, "gone": gone, "null": "null"}

    def ask(self, method: str, key: str, version: str | None) -> dict[str, Any]:
        more = {"VersionId": self.versions[version]} if version else {}
        answer: dict[str, Any] = getattr(self._s3, method)(Bucket=self.bucket, Key=key, **more)
        return answer


@pytest.fixture(scope="module")
def versioned(pipeline: Pipeline) -> Iterator[Versioned]:
    yield Versioned(pipeline.s3)
    objects = pipeline.s3.list_object_versions(Bucket="contract-versions")
    for one in [*objects.get("Versions", []), *objects.get("DeleteMarkers", [])]:
        pipeline.s3.delete_object(Bucket="contract-versions", Key=one["Key"], VersionId=one["VersionId"])
    pipeline.s3.delete_bucket(Bucket="contract-versions")


# As tests/contract/test_s3.py has them, with their sources.
REFUSED = {
    ("head_object", "none", None): ("404", 404),
    ("get_object", "none", None): ("NoSuchKey", 404),
    ("head_object", "deleted", None): ("404", 404),
    ("get_object", "deleted", None): ("NoSuchKey", 404),
    ("head_object", "deleted", "marker"): ("405", 405),
    ("get_object", "deleted", "marker"): ("MethodNotAllowed", 405),
    ("head_object", "gone", "gone"): ("404", 404),
    ("get_object", "gone", "gone"): ("NoSuchVersion", 404),
    ("head_object", "secret", None): ("400", 400),
    ("get_object", "secret", None): ("InvalidRequest", 400),
    ("get_object", "archived", None): ("InvalidObjectState", 403),
}


@pytest.mark.parametrize("asked", REFUSED, ids=str)
def test_given_an_object_that_s3_refuses_when_asked_for_then_the_local_s3_refuses_it_alike(
    versioned: Versioned, asked: tuple[str, str, str | None]
) -> None:
    with pytest.raises(ClientError) as error:
        versioned.ask(*asked)
    assert seen(error.value) == REFUSED[asked]
    headers = error.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert ("x-amz-delete-marker" in headers) == ("deleted" in asked)


@pytest.mark.parametrize(
    ("key", "version", "expected"),
    [
        ("deleted", "first", {"VersionId": "first"}),
        # S3 names the version: x-amz-version-id: null. The local one does not, but the strict fake does.
        ("old", None, {"VersionId": None}),
        ("old", "null", {"VersionId": None}),
        ("archived", None, {"StorageClass": "GLACIER"}),
    ],
)
def test_given_an_object_when_looked_at_then_the_local_s3_tells_of_it_as_s3_does(
    versioned: Versioned, key: str, version: str | None, expected: dict[str, str | None]
) -> None:
    answer = versioned.ask("head_object", key, version)
    told = {"VersionId": answer.get("VersionId"), "StorageClass": answer.get("StorageClass")}
    assert {
        name: versioned.versions.get(value or "", value) for name, value in expected.items()
    }.items() <= told.items()
