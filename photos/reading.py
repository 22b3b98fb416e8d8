"""Reading the two tables: documents, and labels' rows that count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handler.attributes import from_attributes
from handler.documents import Document, backs

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


class Reader:
    """Reads a pipeline's tables, consistently."""

    def __init__(self, target: Target, pause: Callable[[float], None] = time.sleep) -> None:
        self._client = target.client("dynamodb")
        self._labels_table = target.outputs["ImageLabelsTable"]
        self._index_table = target.outputs["LabelIndexTable"]
        self._pause = pause

    def documents(self, images: Sequence[str]) -> dict[str, Document]:
        """The documents of any number of ImageIDs, as far as there are any."""
        found: dict[str, Document] = {}
        for start in range(0, len(images), _READ_AT_MOST):
            keys: Any = [{"ImageID": {"S": image}} for image in images[start : start + _READ_AT_MOST]]
            pause_s = _FIRST_PAUSE_S
            while keys:
                request = {self._labels_table: {"Keys": keys, "ConsistentRead": True}}
                answer = self._client.batch_get_item(RequestItems=request)
                for item in answer["Responses"].get(self._labels_table, ()):
                    document = Document.from_item(from_attributes(item))
                    found[document.image_id] = document
                keys = answer.get("UnprocessedKeys", {}).get(self._labels_table, {}).get("Keys")
                if keys:
                    self._pause(pause_s)
                    pause_s *= 2
        return found

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
