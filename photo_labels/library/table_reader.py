"""Reads of the tables by their keys."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from photo_labels.records.attributes import from_attributes
from photo_labels.records.documents import Document, NotOursError, image_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from photo_labels.library.target import Target

MAX_READ_ITEMS = 100
# DynamoDB reads at least one of those that it was asked for: so it ends.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0


def candidates(bucket: str, image: str) -> list[str]:
    """Return the ImageIDs that a key, bucket/key, or s3://bucket/key may mean in the pipeline's `bucket`."""
    plain = image.removeprefix("s3://")
    return [plain] if image.startswith("s3://") else list(dict.fromkeys([image_id(bucket, plain), plain]))


def beginning_of(bucket: str, prefix: str) -> str:
    """What ImageIDs begin with of all photos under a prefix, or s3://bucket/prefix; `bucket` is the pipeline's."""
    plain = prefix.removeprefix("s3://")
    return plain if prefix.startswith("s3://") else image_id(bucket, plain) if prefix else ""


def documents_in(items: Iterable[dict[str, Any]]) -> Iterator[Document]:
    """Read items of the table of documents, and leave out those that somebody else put there."""
    for item in items:
        with suppress(NotOursError):
            yield Document.from_item(from_attributes(item))


class TableReader:
    """Reads a pipeline's tables, consistently but for scans."""

    def __init__(
        self,
        target: Target,
        pause: Callable[[float], None] = time.sleep,
        *,
        connections: int = 1,
        client: Any = None,
    ) -> None:
        """`connections`: threads that read at a time; `client`: DynamoDB's, where there is one already."""
        self._client = client or target.client("dynamodb", connections=connections)
        self._labels_table = target.outputs.image_labels_table
        self._index_table = target.outputs.label_index_table
        self._pause = pause

    def query(self, **asked: Any) -> Any:
        """Run a query of the index; return a page of its answer."""
        return self._client.query(TableName=self._index_table, ReturnConsumedCapacity="TOTAL", **asked)

    def scan(self, **asked: Any) -> Any:
        """Run a scan of the documents, eventually consistent for half the price; return a page of its answer."""
        return self._client.scan(TableName=self._labels_table, ReturnConsumedCapacity="TOTAL", **asked)

    def documents(
        self, images: Sequence[str], on_answer: Callable[[Any], None] = lambda _: None
    ) -> dict[str, Document]:
        """The documents of any number of ImageIDs, as far as there are any; `on_answer` gets each answer."""
        items = self.items(self._labels_table, [{"ImageID": {"S": image}} for image in images], on_answer)
        return {document.image_id: document for document in documents_in(items)}

    def items(
        self,
        table: str,
        keys: Sequence[dict[str, Any]],
        on_answer: Callable[[Any], None] = lambda _: None,
    ) -> Iterator[dict[str, Any]]:
        """Any number of items of a table, by their keys, as far as there are any; in DynamoDB's own form."""
        for start in range(0, len(keys), MAX_READ_ITEMS):
            unread: Any = keys[start : start + MAX_READ_ITEMS]
            pause_s = _FIRST_PAUSE_S
            while unread:
                answer = self._client.batch_get_item(
                    RequestItems={table: {"Keys": unread, "ConsistentRead": True}}, ReturnConsumedCapacity="TOTAL"
                )
                on_answer(answer)
                yield from answer["Responses"].get(table, ())
                unread = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys")
                if unread:
                    self._pause(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
