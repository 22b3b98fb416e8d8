"""Purging: photos as if they had never been there: documents, rows, waiting messages, and objects if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.attributes import from_attributes
from handler.documents import Document
from photos.queues import depth, give_back, photos_of, received, without_photos
from photos.reading import Reader, candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from photos.target import Target

_QUEUES = ("QueueUrl", "ConvertQueueUrl", "DeadLetterQueueUrl", "ConvertDeadLetterQueueUrl")
_WRITE_AT_MOST = 25


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which photos: by their ImageIDs, or all of a bucket whose keys begin alike."""

    images: Collection[str] = ()
    bucket: str = ""
    prefix: str | None = None

    def has(self, image: str) -> bool:
        if self.prefix is not None:
            return image.startswith(f"{self.bucket}/{self.prefix}")
        return image in self.images


def named(target: Target, images: Collection[str]) -> Chosen:
    """Choose photos by what a person calls them: that of which something is known, or else a key of ours."""
    bucket = target.outputs["Bucket"]
    meant = [candidates(bucket, image) for image in images]
    known = Reader(target).documents([one for some in meant for one in some])
    return Chosen({next((one for one in some if one in known), some[0]) for some in meant})


def beginning_with(target: Target, prefix: str) -> Chosen:
    """Choose photos by how their keys begin, or s3://bucket/ and that."""
    if not prefix.startswith("s3://"):
        return Chosen(bucket=target.outputs["Bucket"], prefix=prefix)
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    return Chosen(bucket=bucket, prefix=key)


@dataclass(slots=True)
class Purged:
    """What there is, or what was removed."""

    documents: int = 0
    rows: int = 0
    messages: int = 0
    objects: int = 0
    """With their older versions."""
    under_way: int = 0
    """Messages that nobody could look at, since the functions have them."""


class Purger:
    """Removes photos from a pipeline."""

    def __init__(self, target: Target, chosen: Chosen) -> None:
        self._chosen = chosen
        self._s3, self._sqs = target.client("s3"), target.client("sqs")
        self._dynamodb = target.client("dynamodb")
        self._reader = Reader(target)
        self._labels_table = target.outputs["ImageLabelsTable"]
        self._index_table = target.outputs["LabelIndexTable"]
        self._queues = [target.outputs[output] for output in _QUEUES]

    def count(self, *, with_objects: bool) -> Purged:
        """Only look; messages are not looked at before they are removed."""
        there = Purged()
        for document in self._documents():
            there.documents += 1
            there.rows += sum(1 for _ in document.rows())
        if with_objects:
            there.objects = sum(len(some) for _, some in self._objects())
        return there

    def run(self, *, with_objects: bool, tell: Callable[[Purged], None]) -> Purged:
        """Remove them: objects first, then messages about them, so that nothing labels them again.

        Stopped half-way, it goes on when it is run again. Raises ClientError where AWS refuses.
        """
        purged = Purged()
        if with_objects:
            for bucket, objects in self._objects():
                self._delete_objects(bucket, objects)
                purged.objects += len(objects)
                tell(purged)
        for queue in self._queues:
            self._purge_messages(queue, purged, tell)
        for document in self._documents():
            # Rows first: who stops between finds them again by the document.
            purged.rows += self._delete_rows(document)
            purged.documents += self._delete_document(document)
            tell(purged)
        return purged

    # ------------------------------------------------------------ documents and rows

    def _documents(self) -> Iterator[Document]:
        """Read them; by prefix all documents are read, for DynamoDB has no other way."""
        if self._chosen.prefix is None:
            yield from self._reader.documents(list(self._chosen.images)).values()
            return
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._labels_table,
            FilterExpression="begins_with(ImageID, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": f"{self._chosen.bucket}/{self._chosen.prefix}"}},
            ConsistentRead=True,
        )
        for page in pages:
            for item in page["Items"]:
                yield Document.from_item(from_attributes(item))

    def _delete_rows(self, document: Document) -> int:
        keys = [{"Label": {"S": row.label}, "Rank": {"S": row.rank}} for row in document.rows()]
        for start in range(0, len(keys), _WRITE_AT_MOST):
            requests: Any = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _WRITE_AT_MOST]]
            while requests:
                answer = self._dynamodb.batch_write_item(RequestItems={self._index_table: requests})
                requests = answer.get("UnprocessedItems", {}).get(self._index_table)
        return len(keys)

    def _delete_document(self, document: Document) -> int:
        """Delete it, unless the function has written another since: then that one's rows are there."""
        try:
            self._dynamodb.delete_item(
                TableName=self._labels_table,
                Key={"ImageID": {"S": document.image_id}},
                ConditionExpression="LabelledAt = :seen",
                ExpressionAttributeValues={":seen": {"S": document.labelled_at}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return 0
        return 1

    # ------------------------------------------------------------ objects

    def _objects(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """Give buckets and objects, with all their versions, as DeleteObjects takes them."""
        if self._chosen.prefix is not None:
            yield from self._versions(self._chosen.bucket, self._chosen.prefix, lambda _: True)
            return
        for image in self._chosen.images:
            bucket, _, key = image.partition("/")
            yield from self._versions(bucket, key, key.__eq__)

    def _versions(
        self, bucket: str, prefix: str, is_wanted: Callable[[str], bool]
    ) -> Iterator[tuple[str, Sequence[Any]]]:
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            wanted = [one for one in found if is_wanted(one["Key"])]
            if wanted:
                yield bucket, [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in wanted]

    def _delete_objects(self, bucket: str, objects: Sequence[Any]) -> None:
        answer = self._s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if errors := answer.get("Errors"):
            raise ClientError(
                {"Error": {"Code": errors[0]["Code"], "Message": errors[0]["Message"]}}, "DeleteObjects"
            )

    # ------------------------------------------------------------ messages

    def _purge_messages(self, queue: str, purged: Purged, tell: Callable[[Purged], None]) -> None:
        """Look at every message that can be seen, and give the others back."""
        _, in_hand = depth(self._sqs, queue)
        purged.under_way += in_hand
        others: list[str] = []
        try:
            for messages in received(self._sqs, queue, datetime.now(UTC)):
                for message in messages:
                    if self._is_purged(queue, message):
                        purged.messages += 1
                    else:
                        others.append(message["ReceiptHandle"])
                tell(purged)
        finally:
            give_back(self._sqs, queue, others)

    def _is_purged(self, queue: str, message: Any) -> bool:
        """Delete a message about chosen photos. What it says about others is sent again, before."""
        photos = photos_of(message["Body"])
        chosen = [image for image in photos if self._chosen.has(image)]
        if not chosen:
            return False
        if len(chosen) < len(photos):
            body = without_photos(message["Body"], self._chosen.has)
            self._sqs.send_message(
                QueueUrl=queue, MessageBody=body, MessageAttributes=message.get("MessageAttributes", {})
            )
        self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return True
