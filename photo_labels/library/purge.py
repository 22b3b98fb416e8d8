"""Purging: photos as if they had never been there: documents, rows, waiting messages, and objects if wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from photo_labels.library.queues import depth, give_back, photos_of, received, without_photos
from photo_labels.library.table_reader import TableReader, candidates, documents_in
from photo_labels.records.documents import image_id
from photo_labels.records.index import row_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

_MAX_WRITE_ITEMS = 25
_KEYS_NAMED = 3


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
    """Choose photos by their names: ImageIDs of known documents, or else keys of the pipeline's bucket."""
    bucket = target.outputs.bucket
    meant = [candidates(bucket, image) for image in images]
    known = TableReader(target).documents([one for some in meant for one in some])
    return Chosen({next((one for one in some if one in known), some[0]) for some in meant})


def beginning_with(target: Target, prefix: str) -> Chosen:
    """Choose photos by how their keys begin, or s3://bucket/ and that."""
    if not prefix.startswith("s3://"):
        return Chosen(bucket=target.outputs.bucket, prefix=prefix)
    bucket, _, key = prefix.removeprefix("s3://").partition("/")
    return Chosen(bucket=bucket, prefix=key)


@dataclass(slots=True)
class Purged:
    """What there is, or what was removed."""

    documents: int = 0
    rows: int = 0
    messages: int = 0
    # With their older versions.
    objects: int = 0
    # Of the objects, in bytes.
    size: int = 0
    # Objects of which nothing is known, and which stay.
    spared: int = 0
    # Messages that nobody could look at, since the functions have them.
    under_way: int = 0
    # A few.
    keys: list[str] = field(default_factory=list, compare=False)

    def add(self, key: str) -> None:
        """Remember a key as an example, up to a few."""
        if len(self.keys) < _KEYS_NAMED and key not in self.keys:
            self.keys.append(key)


class Purger:
    """Removes photos from a pipeline."""

    def __init__(self, target: Target, chosen: Chosen, objects: Literal["known", "all"] | None = None) -> None:
        """`objects`: remove the photos themselves, those that have a document, or all; None: they stay."""
        self._chosen = chosen
        self._objects_wanted = objects
        self._s3, self._sqs = target.client("s3"), target.client("sqs")
        self._dynamodb = target.client("dynamodb")
        self._reader = TableReader(target)
        self._labels_table = target.outputs.image_labels_table
        self._index_table = target.outputs.label_index_table
        self._queues = target.outputs.queue_urls + target.outputs.dead_letter_queue_urls
        # What was removed so far.
        self.purged = Purged()

    def count(self) -> Purged:
        """Only look; messages are not looked at before they are removed."""
        there = Purged()
        for document in self._documents():
            there.documents += 1
            there.rows += sum(1 for _ in document.rows())
            there.add(document.key)
        for _, objects in self._objects(there):
            _add(there, objects)
        return there

    def run(self, tell: Callable[[Purged], None]) -> Purged:
        """Remove them: objects first, then messages about them, so that nothing labels them again.

        After an interruption, running it again resumes. Raises ClientError where AWS refuses.
        """
        purged = self.purged
        for bucket, objects in self._objects(purged):
            self._delete_objects(bucket, objects)
            _add(purged, objects)
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
            yield from documents_in(page["Items"])

    def _delete_rows(self, document: Document) -> int:
        keys = [row_key(*row.key) for row in document.rows()]
        for start in range(0, len(keys), _MAX_WRITE_ITEMS):
            requests: Any = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _MAX_WRITE_ITEMS]]
            while requests:
                answer = self._dynamodb.batch_write_item(RequestItems={self._index_table: requests})
                requests = answer.get("UnprocessedItems", {}).get(self._index_table)
        return len(keys)

    def _delete_document(self, document: Document) -> int:
        """Delete it, unless the function has written another since: that one's rows are others, and are there."""
        name, seen = ("CommitID", document.commit) if document.commit else ("LabelledAt", document.labelled_at)
        try:
            self._dynamodb.delete_item(
                TableName=self._labels_table,
                Key={"ImageID": {"S": document.image_id}},
                ConditionExpression=f"{name} = :seen",
                ExpressionAttributeValues={":seen": {"S": seen}},
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException:
            return 0
        return 1

    # ------------------------------------------------------------ objects

    def _objects(self, purged: Purged) -> Iterator[tuple[str, Sequence[Any]]]:
        """Find buckets and versions of objects that are to go, page by page, and count those that stay."""
        if self._objects_wanted is None:
            return
        if self._chosen.prefix is not None:
            pages = self._versions(self._chosen.bucket, self._chosen.prefix, lambda _: True)
        else:
            named = (image.partition("/") for image in self._chosen.images)
            pages = chain.from_iterable(self._versions(bucket, key, key.__eq__) for bucket, _, key in named)
        for bucket, versions in pages:
            keys = {one["Key"] for one in versions}
            known = keys if self._objects_wanted == "all" else self._known(bucket, keys)
            purged.spared += len(keys - known)
            if wanted := [one for one in versions if one["Key"] in known]:
                yield bucket, wanted

    def _known(self, bucket: str, keys: Collection[str]) -> set[str]:
        """Tell which keys have a document."""
        documents = self._reader.documents([image_id(bucket, key) for key in keys])
        return {document.key for document in documents.values()}

    def _versions(
        self, bucket: str, prefix: str, is_wanted: Callable[[str], bool]
    ) -> Iterator[tuple[str, Sequence[Any]]]:
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if wanted := [one for one in found if is_wanted(one["Key"])]:
                yield bucket, wanted

    def _delete_objects(self, bucket: str, versions: Sequence[Any]) -> None:
        objects: Any = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
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
        chosen = {image for image in photos if self._chosen.has(image)}
        if self._objects_wanted == "known":  # what stays in the bucket because nothing is known of it yet
            chosen &= self._reader.documents(list(chosen)).keys()
        if not chosen:
            return False
        if len(chosen) < len(set(photos)):
            body = without_photos(message["Body"], chosen.__contains__)
            self._sqs.send_message(
                QueueUrl=queue, MessageBody=body, MessageAttributes=message.get("MessageAttributes", {})
            )
        self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return True


def _add(purged: Purged, versions: Sequence[Any]) -> None:
    purged.objects += len(versions)
    purged.size += sum(one.get("Size", 0) for one in versions)
    for one in versions:
        purged.add(one["Key"])
