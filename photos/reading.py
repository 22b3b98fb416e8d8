"""Reading the two tables: documents, and labels' rows that count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handler.attributes import from_attributes
from handler.documents import Document, backs, image_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from photos.target import Target

_READ_AT_MOST = 100
_FIRST_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Hit:
    """An image that has the label that was searched for."""

    confidence: float
    document: Document


def candidates(bucket: str, image: str) -> list[str]:
    """ImageIDs that a person may mean by a key, bucket/key, or s3://bucket/key; `bucket` is the pipeline's."""
    plain = image.removeprefix("s3://")
    return [plain] if image.startswith("s3://") else list(dict.fromkeys([image_id(bucket, plain), plain]))


class Reader:
    """Reads a pipeline's tables, consistently."""

    def __init__(self, target: Target, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = target.client("dynamodb")
        self._labels_table = target.outputs["ImageLabelsTable"]
        self._index_table = target.outputs["LabelIndexTable"]
        self._pause = pause

    def documents(self, images: Sequence[str]) -> dict[str, Document]:
        """The documents of any number of ImageIDs, as far as there are any."""
        items = self.items(self._labels_table, [{"ImageID": {"S": image}} for image in images])
        documents = (Document.from_item(from_attributes(item)) for item in items)
        return {document.image_id: document for document in documents}

    def items(self, table: str, keys: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Any number of items of a table, by their keys, as far as there are any; in DynamoDB's own form."""
        for start in range(0, len(keys), _READ_AT_MOST):
            unread: Any = keys[start : start + _READ_AT_MOST]
            pause_s = _FIRST_PAUSE_S
            while unread:
                answer = self._client.batch_get_item(
                    RequestItems={table: {"Keys": unread, "ConsistentRead": True}}
                )
                yield from answer["Responses"].get(table, ())
                unread = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys")
                if unread:
                    self._pause(pause_s)
                    pause_s *= 2

    def search(self, label: str, min_confidence: float, limit: int) -> list[Hit]:
        """The images with a label, best first; rows that their document does not back are left out."""
        hits: list[Hit] = []
        for rows in self._pages(label, min_confidence, limit):
            documents = self.documents(list({row["ImageID"] for row in rows}))
            for row in rows:
                document = documents.get(row["ImageID"])
                if document and backs(document, label, row["Rank"]):
                    hits.append(Hit(float(row["Rank"].partition("#")[0]), document))
            if len(hits) >= limit:
                break
        return hits[:limit]

    def _pages(self, label: str, min_confidence: float, page: int) -> Iterator[list[dict[str, Any]]]:
        query: dict[str, Any] = {
            "TableName": self._index_table,
            "KeyConditionExpression": "Label = :label AND #rank >= :least",
            "ExpressionAttributeNames": {"#rank": "Rank"},
            "ExpressionAttributeValues": {":label": {"S": label}, ":least": {"S": f"{min_confidence:06.2f}"}},
            "ProjectionExpression": "#rank, ImageID",
            "ScanIndexForward": False,
            "ConsistentRead": True,
            "Limit": page,
        }
        while True:
            answer = self._client.query(**query)
            if answer["Items"]:
                yield [from_attributes(item) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
