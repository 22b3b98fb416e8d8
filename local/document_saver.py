"""Saves a library's documents as they change: the stream of their table is read, and appended to their file."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photo_labels.library.user_errors import USER_FACING_ERRORS, user_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.document_log import DocumentLog
    from photo_labels.library.target import Target

# What changed since is labelled again after a crash.
_EVERY_S = 1.0
# The iterator was not used for 15 minutes (the machine slept), or what it points to is older than a day.
_ITERATOR_IS_OVER = {"ExpiredIteratorException", "TrimmedDataAccessException"}


class DocumentSaver:
    """A thread that saves what changes from now on, until it is stopped."""

    def __init__(self, target: Target, documents: DocumentLog) -> None:
        """Raises UserError where nothing can be written."""
        self._documents = documents
        self._streams = target.client("dynamodbstreams")
        table = target.outputs.image_labels_table
        self._stream = target.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self._iterator = self._iterator_at("LATEST")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        documents.open()
        self._thread.start()

    def stop(self) -> None:
        """Save what is left, and note that it is all. Raises as `save` does."""
        self._ended.set()
        self._thread.join()
        self.save()
        self._documents.close()

    def save(self) -> None:
        """Save what has changed. Raises UserError or an error of botocore's; the next call saves that, too."""
        for records in self._pages():
            changes = [record["dynamodb"] for record in records]
            self._documents.save((one["Keys"]["ImageID"]["S"], one.get("NewImage")) for one in changes)

    def _run(self) -> None:
        said = ""
        while not self._ended.wait(_EVERY_S):
            try:
                self.save()
            except USER_FACING_ERRORS as error:
                if said != user_message(error):
                    said = user_message(error)
                    print(f"Changes wait to be saved: {said}", file=sys.stderr, flush=True)
            else:
                said = ""

    def _pages(self) -> Iterator[list[Any]]:
        """Read what is new: page after page, the last one empty."""
        records = [None]
        while records:
            try:
                answer = self._streams.get_records(ShardIterator=self._iterator)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _ITERATOR_IS_OVER:
                    raise
                self._iterator = self._iterator_at("TRIM_HORIZON")  # some once more: of each the last one counts
                continue
            self._iterator = answer["NextShardIterator"]
            records = answer["Records"]
            yield records

    def _iterator_at(self, position: str) -> str:
        (shard,) = self._streams.describe_stream(StreamArn=self._stream)["StreamDescription"]["Shards"]
        iterator: str = self._streams.get_shard_iterator(
            StreamArn=self._stream, ShardId=shard["ShardId"], ShardIteratorType=position
        )["ShardIterator"]
        return iterator
