"""The pipeline under test: photos go in, documents come out, and what is between can be looked at."""

from __future__ import annotations

import os
import random
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from loadtest.log import Invocation, invocations
from loadtest.samples import End
from photo_labels.library.queues import depth, photos_of
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from photo_labels.records.documents import Document, image_id
from photo_labels.records.index import row_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from photo_labels.library.target import Target

# Keys of one look: those of one BatchGetItem.
MAX_LOOKED_AT = 100
_MAX_DELETED_OBJECTS = 1000
# The longest that S3 may keep silent.
_SEND_S = 30
# A photo that S3 cannot take at once (503 Slow Down) is sent so often, as SDKs do it.
_PUTS, _PUT_AGAIN_S = 3, 0.1
# At a time.
_DELETES = 8
_ENDS = {"LABELLED": End.LABELLED, "REJECTED": End.REJECTED}


@dataclass(frozen=True, slots=True)
class LookResult:
    """A photo's document as a reader sees it."""

    end: End
    # The event's time, epoch seconds.
    event_s: float | None
    # Its labels were taken over from a photo of equal bytes.
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class Depth:
    """Messages in the source queue, and in the dead-letter queue."""

    waiting: int
    in_flight: int
    dead: int


class SystemUnderTest(Protocol):
    """What a load test needs of a pipeline. All methods are called from several threads."""

    def send(self, key: str, body: bytes) -> int:
        """Upload a photo; returns the PUTs that it took. Raises one of TOLD when it was not."""

    def look(self, keys: Sequence[str]) -> dict[str, LookResult | None]:
        """Read the documents of at most LOOK_AT_MOST photos, consistently, by key.

        None: it is not done. A key that could not be read is left out.
        """

    def depth(self) -> Depth:
        """Count messages, as well as SQS knows."""

    def dead_letters(self, prefix: str) -> set[str]:
        """Keys below a prefix whose messages are in the dead-letter queue."""

    def invocations(self, since_s: float) -> Iterator[Invocation]:
        """What the function has logged since a moment, in epoch seconds, as far as it has arrived."""


class DeployedPipeline:
    """A deployed pipeline, on AWS or on this machine."""

    def __init__(self, target: Target, connections: int) -> None:
        """`connections`: photos that are sent at a time."""
        self.target = target
        self.prefix = target.outputs.keys.prefix
        self._bucket = target.outputs.bucket
        self._documents = target.outputs.image_labels_table
        self._queues = [target.outputs.labelling.queue_url, target.outputs.labelling.dead_letter_queue_url]
        signing = Config(signature_version="s3v4")
        if not target.is_local:
            # Signed URLs have the global endpoint's host otherwise, which new buckets elsewhere redirect from.
            signing = signing.merge(Config(s3={"addressing_style": "virtual"}))
        self._s3 = target.client("s3", config=signing)
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
        self._reader = TableReader(target)
        # By key, where the bucket has versions.
        self._versions: dict[str, str] = {}
        self._sqs = target.client("sqs")
        self._logs = target.client("logs")

    def send(self, key: str, body: bytes) -> int:
        url = self._s3.generate_presigned_url("put_object", Params={"Bucket": self._bucket, "Key": key})
        for attempt in range(1, _PUTS + 1):
            answer = self._http.send(AWSRequest("PUT", url, data=body).prepare())
            if answer.status_code == HTTPStatus.OK:
                if version := answer.headers.get("x-amz-version-id"):
                    self._versions[key] = version
                return attempt
            if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                break
            time.sleep(random.uniform(0, _PUT_AGAIN_S * 2**attempt))
        code = re.search(r"<Code>(\w+)</Code>", answer.text)
        raise UserError(f"S3 refuses photos ({code[1] if code else answer.status_code}).")

    def look(self, keys: Sequence[str]) -> dict[str, LookResult | None]:
        images = {image_id(self._bucket, key): key for key in keys}
        request: Any = {
            "Keys": [{"ImageID": {"S": image}} for image in images],
            "ConsistentRead": True,
            "ProjectionExpression": "ImageID, #status, EventTime, CopyOf",
            "ExpressionAttributeNames": {"#status": "Status"},
        }
        answer = self._dynamodb.batch_get_item(RequestItems={self._documents: request})
        unread = answer.get("UnprocessedKeys", {}).get(self._documents, {}).get("Keys", ())
        found: dict[str, LookResult | None] = dict.fromkeys(keys)
        for key in unread:
            del found[images[key["ImageID"]["S"]]]
        for item in answer["Responses"].get(self._documents, ()):
            if end := _ENDS.get(item["Status"]["S"]):
                at = datetime.fromisoformat(item["EventTime"]["S"]).timestamp() if "EventTime" in item else None
                found[images[item["ImageID"]["S"]]] = LookResult(end, at, "CopyOf" in item)
        return found

    def depth(self) -> Depth:
        (waiting, in_flight), dead = (depth(self._sqs, queue) for queue in self._queues)
        return Depth(waiting, in_flight, sum(dead))

    def dead_letters(self, prefix: str) -> set[str]:
        """Look at all dead letters, and leave them; they come back into view after 30 seconds.

        Of a queue so long that the first are back before the last was seen, only those before are looked at.
        """
        found: set[str] = set()
        seen: set[str] = set()
        messages: Sequence[Any] = ()
        if self.depth().dead:
            messages = self._peek()
        while messages:
            for message in messages:
                keys = {photo.partition("/")[2] for photo in photos_of(message["Body"])}
                found |= {key for key in keys if key.startswith(prefix)}
            if not seen.isdisjoint(message["MessageId"] for message in messages):
                break
            seen |= {message["MessageId"] for message in messages}
            messages = self._peek()
        return found

    def _peek(self) -> Sequence[Any]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queues[1], MaxNumberOfMessages=10, VisibilityTimeout=30, WaitTimeSeconds=1
        )
        messages: Sequence[Any] = answer.get("Messages", ())
        return messages

    def invocations(self, since_s: float) -> Iterator[Invocation]:
        yield from invocations(self._logs, self.target.outputs.labelling.log_group, int(since_s * 1000))

    def remove_objects(self, keys: Sequence[str]) -> dict[str, str]:
        """Delete photos, whose events then make the function delete their rows; gives those that stay, and why."""
        refused: dict[str, str] = {}
        for start in range(0, len(keys), _MAX_DELETED_OBJECTS):
            objects: Any = [self._object(key) for key in keys[start : start + _MAX_DELETED_OBJECTS]]
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            refused |= {error["Key"]: error.get("Code", "?") for error in answer.get("Errors", ())}
        return refused

    def _object(self, key: str) -> dict[str, str]:
        """Of a bucket with versions, the very version: no delete marker is left."""
        version = self._versions.get(key)
        return {"Key": key, "VersionId": version} if version else {"Key": key}

    def remove_tombstones(self, keys: Sequence[str]) -> list[str]:
        """Delete the documents that are tombstones by now; returns the photos that still have another."""
        images = {image_id(self._bucket, key): key for key in keys}
        documents = self._reader.documents(list(images))
        removed = [image for image, document in documents.items() if document.status == "REMOVED"]
        with ThreadPoolExecutor(_DELETES) as pool:
            gone = set(pool.map(self._remove_tombstone, removed))
        return [images[image] for image in documents if image not in gone]

    def _remove_tombstone(self, image: str) -> str | None:
        """Return the image, or none if it has another document by now."""
        try:
            self._dynamodb.delete_item(
                TableName=self._documents,
                Key={"ImageID": {"S": image}},
                ConditionExpression="#status = :removed",
                ExpressionAttributeNames={"#status": "Status"},
                ExpressionAttributeValues={":removed": {"S": "REMOVED"}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return None
        return image

    def documents(self, keys: Sequence[str]) -> list[Document]:
        """Read whole documents of a few photos."""
        return list(self._reader.documents([image_id(self._bucket, key) for key in keys]).values())

    def rows(self, documents: Sequence[Document]) -> tuple[int, int]:
        """Look for the index rows of documents; gives how many there are to be, and how many are missing."""
        wanted = [row_key(*row.key) for one in documents for row in one.rows()]
        found = sum(1 for _ in self._reader.items(self.target.outputs.label_index_table, wanted))
        return len(wanted), len(wanted) - found
