"""A pipeline's two tables, as searches read them: in memory, sorted, paged as DynamoDB pages."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from photo_labels.library.searching.searcher import Searcher
from photo_labels.library.table_reader import TableReader
from photo_labels.records.attributes import to_attributes
from tests.fakes.aws import Client
from tests.fakes.stack import outputs_of_stack

if TYPE_CHECKING:
    from photo_labels.library.searching.searcher import Hit, SearchCriteria
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

# Rows of a page where no limit is given; DynamoDB's own is 1 MB.
_PAGE = 1000
# More than there are rows of one search.
_MAX_PAGES = 100
_BETWEEN = "Label = :label AND #rank BETWEEN :least AND :last"


class Index(Client):
    """DynamoDB with the items of a pipeline."""

    service = "dynamodb"

    def __init__(self) -> None:
        super().__init__()
        self._documents: dict[str, dict[str, Any]] = {}
        # By label: ranks and ImageIDs, in order.
        self._rows: dict[str, list[tuple[str, str]]] = {}

    @property
    def target(self) -> Target:
        names = {"Bucket": "photos", "ImageLabelsTable": "ImageLabels", "LabelIndexTable": "LabelIndex"}
        outputs = outputs_of_stack(names)
        found: Any = SimpleNamespace(client=lambda *_, **__: self, outputs=outputs, is_local=False)
        return found  # type: ignore[no-any-return]

    def paged(self, wanted: SearchCriteria, limit: int, max_rows: float) -> list[Hit]:
        """Search page by page, each in a process of its own as far as it can tell; it ends, and no page lacks photos."""
        found: list[Hit] = []
        after = None
        for _ in range(_MAX_PAGES):
            page = Searcher(TableReader(self.target), {}).page(wanted, limit, after, max_rows)
            found += page.hits
            after = page.more_after
            if after is None:
                return found
            assert len(page.hits) == limit or max_rows < math.inf
        raise AssertionError(f"There are more than {_MAX_PAGES} pages.")

    def put(self, document: Document, leave_rows_of: Document | None = None) -> None:
        """Store a document and its rows; those of the one before stay, as a kill would leave them, for every other."""
        for row in leave_rows_of.rows() if leave_rows_of and len(document.labels) % 2 else ():
            self._rows[row.label].remove((row.rank, row.image_id))
        for row in document.rows():
            insort(self._rows.setdefault(row.label, []), (row.rank, row.image_id))
        self._documents[document.image_id] = to_attributes(document.to_item())

    def query(self, **parameters: Any) -> dict[str, Any]:
        self._called("Query", parameters)
        values = {name: value["S"] for name, value in parameters["ExpressionAttributeValues"].items()}
        rows = self._rows.get(values[":label"], [])
        if parameters.get("Select") == "COUNT":
            least, last = values.get(":least", ""), values.get(":last", "\U0010ffff")
            return {"Count": min(sum(least <= rank <= last for rank, _ in rows), parameters["Limit"])}
        assert parameters["KeyConditionExpression"] == _BETWEEN
        assert not parameters["ScanIndexForward"], "the surest come first"
        assert values[":least"] <= values[":last"], "DynamoDB refuses such bounds"
        first, end = bisect_left(rows, (values[":least"],)), bisect_right(rows, (values[":last"], "\U0010ffff"))
        start: Any = parameters.get("ExclusiveStartKey")
        if start:
            end = min(end, bisect_left(rows, (start["Rank"]["S"],)))
        begin = max(first, end - parameters.get("Limit", _PAGE))
        items = [{"Rank": {"S": rank}, "ImageID": {"S": image}} for rank, image in reversed(rows[begin:end])]
        answer: dict[str, Any] = {"Items": items, "Count": len(items)}
        if len(items) == parameters.get("Limit", _PAGE):
            answer["LastEvaluatedKey"] = {"Label": {"S": values[":label"]}, "Rank": items[-1]["Rank"]}
        return answer

    def batch_get_item(self, **parameters: Any) -> dict[str, Any]:
        self._called("BatchGetItem", parameters)
        [(table, request)] = parameters["RequestItems"].items()
        images = [key["ImageID"]["S"] for key in request["Keys"]]
        assert len(images) == len(set(images)) <= 100
        return {"Responses": {table: [self._documents[one] for one in images if one in self._documents]}}

    def scan(self, **parameters: Any) -> dict[str, Any]:
        self._called("Scan", parameters)
        assert "ConsistentRead" not in parameters, "it is paid for twice"
        images = sorted(self._documents)
        begin = bisect_right(images, parameters.get("ExclusiveStartKey", {"ImageID": {"S": ""}})["ImageID"]["S"])
        some = images[begin : begin + parameters.get("Limit", _PAGE)]
        answer: dict[str, Any] = {"Items": [self._documents[one] for one in some], "Count": len(some)}
        if len(some) == parameters.get("Limit", _PAGE):
            answer["LastEvaluatedKey"] = {"ImageID": {"S": some[-1]}}
        return answer
