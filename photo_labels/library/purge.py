"""Purging: what is known of photos is removed (documents, rows, dead letters), and the photos if wanted.

In place of its document each photo gets a mark: a tombstone with the moment of the purge. By that the functions
end whatever waits in their queues and happened before, however much it is, without labelling anything; and what
happens later is labelled as ever. So nobody looks through the queues of the functions, which would hide messages
from them.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from photo_labels.library.queues import DeadLetterLook, photos_of, without_photos
from photo_labels.library.s3_clock import last_millisecond
from photo_labels.library.table_reader import MAX_READ_ITEMS, TableReader, candidates, documents_in
from photo_labels.records.attributes import to_attributes
from photo_labels.records.contents import claimed_content, content_key
from photo_labels.records.documents import (
    NO_SEQUENCER,
    TOMBSTONE_LIFE,
    Document,
    expression_values,
    image_id,
    iso,
    new_commit,
    unchanged,
)
from photo_labels.records.errors import code_of
from photo_labels.records.index import row_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from photo_labels.library.target import Target

_MAX_WRITE_ITEMS = 25
_KEYS_NAMED = 3
_THREADS = 16


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
    # Photos of which nothing was known, or only that they were purged: events of them may wait.
    unlabelled: int = 0
    # Dead letters.
    messages: int = 0
    # About as many dead letters were not looked at.
    not_seen: int = 0
    # With their older versions.
    objects: int = 0
    # Of the objects, in bytes.
    size: int = 0
    # Objects of which nothing is known, and which stay.
    spared: int = 0
    # A few.
    keys: list[str] = field(default_factory=list, compare=False)

    @property
    def photos(self) -> int:
        """Return how many photos it is about."""
        return self.documents + self.unlabelled

    @property
    def is_any(self) -> bool:
        """Tell whether there is anything, dead letters aside."""
        return bool(self.photos or self.objects)

    def add(self, key: str) -> None:
        """Remember a key as an example, up to a few."""
        if len(self.keys) < _KEYS_NAMED and key not in self.keys:
            self.keys.append(key)


class Purger:
    """Removes photos from a pipeline."""

    def __init__(
        self,
        target: Target,
        chosen: Chosen,
        objects: Literal["known", "all"] | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        executor: Callable[[int], Executor] = ThreadPoolExecutor,
    ) -> None:
        """`objects`: remove the photos themselves, those that have a document, or all; None: they stay."""
        self._chosen = chosen
        self._objects_wanted = objects
        self._bucket = target.outputs.bucket
        self._s3, self._sqs = target.client("s3"), target.client("sqs")
        self._dynamodb = target.client("dynamodb", connections=_THREADS)
        self._reader = TableReader(target)
        self._labels_table = target.outputs.image_labels_table
        self._claims_table = target.outputs.content_claims_table
        self._index_table = target.outputs.label_index_table
        self._dead_letter_queues = target.outputs.dead_letter_queue_urls
        self._pause = pause
        self._clock = clock
        self._executor = executor
        # What was removed so far.
        self.purged = Purged()
        # How many rows photos had when their objects went: then the function removes what is known of them, too.
        self._rows_before: dict[str, int] = {}

    def count(self, tell: Callable[[Purged], None] = lambda _: None) -> Purged:
        """Only look; messages are not looked at before they are removed. `tell` gets what was found so far."""
        there = Purged()
        for documents in self._documents():
            for document in documents:
                _count(there, document.key, _rows_of(document))
            tell(there)
        for images in self._unknown():
            for image in images:
                _count(there, image.partition("/")[2], None)
            tell(there)
        for _, objects in self._objects(there):
            _add(there, objects)
            tell(there)
        return there

    def run(self, tell: Callable[[Purged], None]) -> Purged:
        """Remove what happened until now, objects first; what happens from now on stays, and is labelled.

        After an interruption, running it again resumes. Raises ClientError where AWS refuses.
        """
        purged = self.purged
        until = last_millisecond(self._s3, self._bucket, self._pause)
        for images in self._unknown():
            self._purge(dict.fromkeys(images), until)
            tell(purged)
        for bucket, objects in self._objects(purged):
            # Another may have been uploaded since.
            old = [one for one in objects if one["LastModified"] <= until]
            if old:
                self._remember_rows(bucket, {one["Key"] for one in old}, until)
                self._delete_objects(bucket, old)
            _add(purged, old)
            tell(purged)
        for documents in self._documents():
            self._purge({one.image_id: one for one in documents}, until)
            tell(purged)
        for queue in self._dead_letter_queues:
            self._purge_messages(queue, until, tell)
        return purged

    # ------------------------------------------------------------ documents and rows

    def _remember_rows(self, bucket: str, keys: Collection[str], until: datetime) -> None:
        """Count the rows of photos whose objects are about to go, while they are there."""
        for image, document in self._reader.documents([image_id(bucket, key) for key in keys]).items():
            if document.purged_at is None and not _is_later(document, until):
                self._rows_before.setdefault(image, sum(1 for _ in document.rows()))

    def _documents(self) -> Iterator[list[Document]]:
        """Read them; by prefix all documents are read, for DynamoDB has no other way."""
        if self._chosen.prefix is None:
            yield list(self._reader.documents(list(self._chosen.images)).values())
            return
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._labels_table,
            FilterExpression="begins_with(ImageID, :prefix)",
            ExpressionAttributeValues={":prefix": {"S": f"{self._chosen.bucket}/{self._chosen.prefix}"}},
            ConsistentRead=True,
        )
        for page in pages:
            yield list(documents_in(page["Items"]))

    def _unknown(self) -> Iterator[list[str]]:
        """Find chosen objects without a document: their events may wait in a queue."""
        if self._objects_wanted == "known":
            return
        for images in self._present():
            for start in range(0, len(images), MAX_READ_ITEMS):
                part = images[start : start + MAX_READ_ITEMS]
                known = self._reader.documents(part)
                yield [image for image in part if image not in known]

    def _present(self) -> Iterator[list[str]]:
        """List the chosen objects that are in the bucket."""
        if self._chosen.prefix is not None:
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._chosen.bucket, Prefix=self._chosen.prefix
            )
            for page in pages:
                yield [image_id(self._chosen.bucket, one["Key"]) for one in page.get("Contents", [])]
            return
        for image in self._chosen.images:
            bucket, _, key = image.partition("/")
            # Of all keys that begin so, the key itself comes first.
            found = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
            yield [image for one in found if one["Key"] == key]

    def _purge(self, photos: Mapping[str, Document | None], until: datetime) -> None:
        """Purge photos, by their ImageIDs, with the documents that they have."""
        with self._executor(_THREADS) as pool:
            done = pool.map(partial(self._put_mark, until), photos, photos.values())
            for image, replaced in zip(photos, done, strict=True):
                rows = self._rows_before.pop(image, None)
                if rows is not None:
                    _count(self.purged, image.partition("/")[2], rows)
                elif replaced:
                    _count(self.purged, replaced.key, _rows_of(replaced))

    def _put_mark(self, until: datetime, image: str, document: Document | None) -> Document | None:
        """Put a mark in place of a document, or of none, unless that is of what happened later.

        The function may write another document meanwhile: then that one is looked at. Once the mark is there, it
        writes none of what happened before. Returns what was replaced, or the mark itself; None: nothing was done.
        """
        while document is None or not _is_later(document, until):
            if document:  # rows and claim first: who stops between finds them again by the document
                self._delete_rows(document)
                self._release(document)
            mark = _mark(image, document, until)
            found = self._put(mark, document)
            if found is mark:
                return document or mark
            if found is None:  # deleted meanwhile, or an item of somebody else's
                return None
            document = found
        return None

    def _put(self, mark: Document, replaced: Document | None) -> Document | None:
        """Write a mark where `replaced` is still there; return the document that is there then."""
        condition, values = unchanged(replaced)
        try:
            self._dynamodb.put_item(
                TableName=self._labels_table,
                Item=to_attributes(mark.to_item()),
                ConditionExpression=condition,
                **expression_values(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            response: Any = error.response
            found = next(documents_in([response["Item"]] if "Item" in response else []), None)
            # The client sends again what got no answer, and finds that it is done.
            return mark if found and found.commit == mark.commit else found
        return mark

    def _delete_rows(self, document: Document) -> None:
        keys = [row_key(*row.key) for row in document.rows()]
        for start in range(0, len(keys), _MAX_WRITE_ITEMS):
            requests: Any = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + _MAX_WRITE_ITEMS]]
            while requests:
                answer = self._dynamodb.batch_write_item(RequestItems={self._index_table: requests})
                requests = answer.get("UnprocessedItems", {}).get(self._index_table)

    def _release(self, document: Document) -> None:
        """Delete the claim of a photo to be the one of its content that is labelled: it has the photo's name."""
        content = claimed_content(document)
        if self._claims_table and content:
            try:
                self._dynamodb.delete_item(
                    TableName=self._claims_table,
                    Key=content_key(content),
                    ConditionExpression="ImageID = :own",
                    ExpressionAttributeValues={":own": {"S": document.image_id}},
                )
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise

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
        """Tell which keys have a document; a mark says nothing about what it is."""
        documents = self._reader.documents([image_id(bucket, key) for key in keys])
        return {document.key for document in documents.values() if document.purged_at is None}

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

    # ------------------------------------------------------------ dead letters

    def _purge_messages(self, queue: str, until: datetime, tell: Callable[[Purged], None]) -> None:
        """Look through a dead-letter queue: a redrive would start the clocks of reconcile messages again."""
        look = DeadLetterLook(self._sqs, queue, until, clock=self._clock, executor=self._executor)
        with closing(look.pages()) as pages:
            for messages in pages:
                gone = [message for message in messages if self._is_purged(queue, message)]
                if gone:
                    look.delete(gone)
                self.purged.messages += len(gone)
                tell(self.purged)
        self.purged.not_seen += look.left

    def _is_purged(self, queue: str, message: Any) -> bool:
        """Tell whether a message is about chosen photos, and is to go. What it says about others is sent again."""
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
        return True


def _add(purged: Purged, versions: Sequence[Any]) -> None:
    purged.objects += len(versions)
    purged.size += sum(one.get("Size", 0) for one in versions)
    for one in versions:
        purged.add(one["Key"])


def _count(purged: Purged, key: str, rows: int | None) -> None:
    """Count a photo; `rows`: of its document, None where it has none."""
    if rows is None:
        purged.unlabelled += 1
    else:
        purged.documents += 1
        purged.rows += rows
    purged.add(key)


def _rows_of(document: Document) -> int | None:
    """Return how many rows a document has; None: it is a mark, which says nothing about the photo."""
    return None if document.purged_at else sum(1 for _ in document.rows())


def _is_later(document: Document, until: datetime) -> bool:
    """Tell whether a document is of what happened after the purge began, or the mark of this or a later purge."""
    if document.was_purged_after(until):
        return True
    return document.event_time is not None and datetime.fromisoformat(document.event_time) > until


def _mark(image: str, replaced: Document | None, until: datetime) -> Document:
    """Return a tombstone that says when the photo was purged, and nothing of what was known."""
    bucket, _, key = image.partition("/")
    return Document(
        bucket=bucket,
        key=key,
        # Later events are newer than those that the document was of, and than none.
        sequencer=replaced.sequencer if replaced else NO_SEQUENCER,
        status="REMOVED",
        labelled_at=iso(until),
        expires_at=int((until + TOMBSTONE_LIFE).timestamp()),
        purged_at=iso(until),
        commit=new_commit(),
    )
