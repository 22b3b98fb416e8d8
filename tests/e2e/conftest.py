"""Local clouds, each shared by many tests: the real template, the real function, the real models."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from boto3.dynamodb.types import TypeDeserializer

from loadtest.mix import distinct
from local.cloud import LocalCloud
from photo_labels.library.target import DEFAULT_STACK
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


# Fixtures that run a cloud for several tests. These tests run in one worker, so that each cloud is started once.
SHARED = (
    "pipeline",
    "limited",
    "spending",
    "watched",
    "with_quota",
    "machine",
    "cloud_of_imports",
    "by_event_bridge",
    "by_suffix",
    "each_for_itself",
)


def _group_of(item: pytest.Item) -> str | None:
    return next((one for one in SHARED if one in getattr(item, "fixturenames", ())), None)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests by the cloud they share."""
    for item in items:
        if group := _group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail where pytest-xdist did not read the groups: each worker would start every cloud."""
    if session.config.getoption("loadgroup", default=False):
        ungrouped = [item.nodeid for item in session.items if _group_of(item) and "@" not in item.nodeid]
        if ungrouped:
            raise pytest.UsageError(f"pytest-xdist puts no tests into groups, {ungrouped[0]} for one")


class Pipeline:
    """The deployed pipeline as a user's own boto3 sees it."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud
        stack = cloud.target.client("cloudformation").describe_stacks(StackName=DEFAULT_STACK)["Stacks"][0]
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        self.bucket = self.outputs["Bucket"]
        self.s3, self.dynamodb, self.sqs, self.logs = (
            cloud.target.client(service) for service in ("s3", "dynamodb", "sqs", "logs")
        )

    def upload(self, key: str, body: bytes, *, exactly: bool = False) -> str:
        """Upload a photo; gives its ETag.

        Unless it is to have exactly these bytes, its end is that of no other key: it would be labelled as a copy.
        """
        if body and not exactly:
            body = distinct(body, key)
        etag: str = self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)["ETag"]
        return etag.strip('"')

    def etag(self, key: str) -> str:
        """The ETag of what is in the bucket."""
        etag: str = self.s3.head_object(Bucket=self.bucket, Key=key)["ETag"]
        return etag.strip('"')

    def document(self, key: str) -> dict[str, Any] | None:
        item = self.dynamodb.get_item(
            TableName=self.outputs["ImageLabelsTable"],
            Key={"ImageID": {"S": f"{self.bucket}/{key}"}},
            ConsistentRead=True,
        ).get("Item")
        return _plain(item) if item else None

    def settled(self, key: str, etag: str) -> dict[str, Any]:
        """Wait for the document of this very upload."""

        def look() -> dict[str, Any] | None:
            document = self.document(key)
            return document if document and document.get("ETag") == etag else None

        return eventually(look)

    def rows(self, label: str) -> list[dict[str, Any]]:
        """A label's rows, best first."""
        answer = self.dynamodb.query(
            TableName=self.outputs["LabelIndexTable"],
            KeyConditionExpression="Label = :label",
            ExpressionAttributeValues={":label": {"S": label}},
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return [_plain(item) for item in answer["Items"]]

    def keys_under(self, label: str) -> set[str]:
        return {row["ImageID"].removeprefix(f"{self.bucket}/") for row in self.rows(label)}

    def send(self, body: str, queue: str = "QueueUrl") -> str:
        message_id: str = self.sqs.send_message(QueueUrl=self.outputs[queue], MessageBody=body)["MessageId"]
        return message_id

    def dead_letter(self, message_id: str, queue: str = "DeadLetterQueueUrl") -> dict[str, Any]:
        """Wait until a DLQ has what became of a message."""

        def look() -> dict[str, Any] | None:
            answer = self.sqs.receive_message(
                QueueUrl=self.outputs[queue],
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
                MessageAttributeNames=["All"],
            )
            found = {
                message.get("MessageAttributes", {}).get("SourceMessageId", {}).get("StringValue"): message
                for message in answer.get("Messages", [])
            }
            return found.get(message_id)

        return eventually(look)

    def log_lines(self, word: str, group: str = "LogGroup") -> list[str]:
        """Lines that have a word, of the group in an output of the stack."""
        events = self.logs.filter_log_events(logGroupName=self.outputs[group], limit=10_000)["events"]
        return [event["message"] for event in events if word in event["message"]]

    def recogniser(self, path: str, settings: dict[str, Any] | None = None) -> Any:
        """Ask, or set, what the local Rekognition does."""
        request = urllib.request.Request(
            f"{self.cloud.rekognition_url}/_rekognition/{quote(path)}",
            json.dumps(settings).encode() if settings is not None else None,
            {"Content-Type": "application/json"},
            method="GET" if settings is None else "PUT",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with LocalCloud(tmp_path_factory.mktemp("cloud") / "state") as cloud:
        yield Pipeline(cloud)
