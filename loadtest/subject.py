"""The pipeline under test: photos go in, documents come out, and what is between can be looked at."""

from __future__ import annotations

import json
import os
import re
import socket
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_plus

from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from handler.documents import Document, image_id
from loadtest.log import Invocation, invocations
from loadtest.samples import End
from photos.errors import UserError
from photos.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from photos.target import Target

LOOK_AT_MOST = 100
"""Keys of one look: those of one BatchGetItem."""
_DELETE_AT_MOST = 1000
_SEND_S = 60
"""The longest that sending a photo may take."""
_ENDS = {"LABELLED": End.LABELLED, "REJECTED": End.REJECTED}


@dataclass(frozen=True, slots=True)
class Found:
    """A photo's document as a reader sees it."""

    end: End
    event_s: float | None
    """The event's time, epoch seconds."""


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in the source queue, and in the dead-letter queue."""

    waiting: int
    in_flight: int
    dead: int


class Subject(Protocol):
    """What a load test needs of a pipeline. All methods are called from several threads."""

    def send(self, key: str, body: bytes) -> None:
        """Upload a photo; raises one of `photos.errors.TOLD` when it was not."""

    def look(self, keys: Sequence[str]) -> dict[str, Found]:
        """Read the documents of at most LOOK_AT_MOST photos, consistently; those that are done, by key."""

    def depth(self) -> Depth:
        """Count messages, as well as SQS knows."""

    def dead_letters(self, prefix: str) -> set[str]:
        """Keys below a prefix whose messages are in the dead-letter queue."""

    def invocations(self, since_s: float) -> Iterator[Invocation]:
        """What the function has logged since a moment, in epoch seconds, as far as it has arrived."""


class Deployed:
    """A deployed pipeline, on AWS or on this machine."""

    def __init__(self, target: Target, connections: int) -> None:
        """`connections`: photos that are sent at a time."""
        self.target = target
        self.prefix = target.outputs["KeyPrefix"]
        self._bucket = target.outputs["Bucket"]
        self._documents = target.outputs["ImageLabelsTable"]
        self._queues = [target.outputs["QueueUrl"], target.outputs["DeadLetterQueueUrl"]]
        self._s3 = target.client("s3")
        verify: Any = os.environ.get("AWS_CA_BUNDLE") or True  # a path is as good, which the types do not know
        no_delay: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
        # A signed URL takes half of the CPU that PutObject takes, and the generator is to be in nobody's way.
        self._http = URLLib3Session(
            verify=verify,
            proxies=get_environ_proxies(self._s3.meta.endpoint_url),
            timeout=_SEND_S,
            max_pool_connections=connections,
            # As botocore has it for its own clients: 40 ms of some PUTs otherwise (Nagle's algorithm).
            socket_options=no_delay,
        )
        self._dynamodb = target.client("dynamodb", config=Config(parameter_validation=False))
        self._sqs = target.client("sqs")
        self._logs = target.client("logs")

    def send(self, key: str, body: bytes) -> None:
        url = self._s3.generate_presigned_url("put_object", Params={"Bucket": self._bucket, "Key": key})
        answer = self._http.send(AWSRequest("PUT", url, data=body).prepare())
        if answer.status_code != HTTPStatus.OK:
            code = re.search(r"<Code>(\w+)</Code>", answer.text)
            raise UserError(f"S3 refuses photos ({code[1] if code else answer.status_code}).")

    def look(self, keys: Sequence[str]) -> dict[str, Found]:
        images = {image_id(self._bucket, key): key for key in keys}
        request: Any = {
            "Keys": [{"ImageID": {"S": image}} for image in images],
            "ConsistentRead": True,
            "ProjectionExpression": "ImageID, #status, EventTime",
            "ExpressionAttributeNames": {"#status": "Status"},
        }
        answer = self._dynamodb.batch_get_item(RequestItems={self._documents: request})
        found = {}
        for item in answer["Responses"].get(self._documents, ()):
            if end := _ENDS.get(item["Status"]["S"]):
                at = datetime.fromisoformat(item["EventTime"]["S"]).timestamp() if "EventTime" in item else None
                found[images[item["ImageID"]["S"]]] = Found(end, at)
        return found

    def depth(self) -> Depth:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = []
        for queue in self._queues:
            attributes = self._sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
            counts += [int(attributes[name]) for name in names]
        return Depth(waiting=counts[0], in_flight=counts[1], dead=counts[2] + counts[3])

    def dead_letters(self, prefix: str) -> set[str]:
        """Look at all dead letters, and leave them; they come back into view after 30 seconds."""
        found: set[str] = set()
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._queues[1], MaxNumberOfMessages=10, VisibilityTimeout=30, WaitTimeSeconds=1
            )
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                found |= {key for key in _keys(message["Body"]) if key.startswith(prefix)}

    def invocations(self, since_s: float) -> Iterator[Invocation]:
        yield from invocations(self._logs, self.target.outputs["LogGroup"], int(since_s * 1000))

    def remove_objects(self, keys: Sequence[str]) -> None:
        """Delete photos, whose events then make the function delete their rows."""
        for start in range(0, len(keys), _DELETE_AT_MOST):
            objects: Any = [{"Key": key} for key in keys[start : start + _DELETE_AT_MOST]]
            self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})

    def remove_tombstones(self, keys: Sequence[str]) -> list[str]:
        """Delete the documents that are tombstones by now; gives the photos that still have another."""
        left = []
        for key in keys:
            try:
                self._dynamodb.delete_item(
                    TableName=self._documents,
                    Key={"ImageID": {"S": image_id(self._bucket, key)}},
                    ConditionExpression="attribute_not_exists(ImageID) OR #status = :removed",
                    ExpressionAttributeNames={"#status": "Status"},
                    ExpressionAttributeValues={":removed": {"S": "REMOVED"}},
                )
            except self._dynamodb.exceptions.ConditionalCheckFailedException:
                left.append(key)
        return left

    def documents(self, keys: Sequence[str]) -> list[Document]:
        """Read whole documents of a few photos."""
        return list(Reader(self.target).documents([image_id(self._bucket, key) for key in keys]).values())

    def rows(self, documents: Sequence[Document]) -> tuple[int, int]:
        """Look for the index rows of documents; gives how many there are to be, and how many are missing."""
        wanted = [{"Label": {"S": row.label}, "Rank": {"S": row.rank}} for one in documents for row in one.rows()]
        table, found = self.target.outputs["LabelIndexTable"], 0
        for start in range(0, len(wanted), LOOK_AT_MOST):
            keys = wanted[start : start + LOOK_AT_MOST]
            while keys:
                request: Any = {table: {"Keys": keys, "ConsistentRead": True, "ProjectionExpression": "Label"}}
                answer = self._dynamodb.batch_get_item(RequestItems=request)
                found += len(answer["Responses"].get(table, ()))
                keys = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys")
        return len(wanted), len(wanted) - found


def _keys(body: str) -> Iterator[str]:
    """Keys that a message is about; one that nobody can read is about none."""
    try:
        content = json.loads(body)
        for record in content.get("Records", ()):
            yield unquote_plus(record["s3"]["object"]["key"])
        if "key" in content:
            yield content["key"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return
