"""The stand-in for AWS in `make bench-browse`: a full bucket, its documents and its index, read only.

    python -m loadtest.benchmarks.full_table --photos 100000 --exit-with-parent

Once it accepts calls it prints a line of JSON, `{"url": "http://127.0.0.1:PORT"}`. It answers DynamoDB's Query,
Scan and BatchGetItem, of sorted lists as DynamoDB does (the local AWS looks through the whole table), and S3's
GetObject; all else it refuses.
"""

from __future__ import annotations

import argparse
import json
import random
from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loadtest.mix import many_sizes
from local.child import exit_with_parent
from photo_labels.library.http_server import create_server, listen
from photo_labels.records.attributes import to_attributes
from photo_labels.records.documents import Document
from photo_labels.records.index import rank, row_key

if TYPE_CHECKING:
    from starlette.requests import Request

BUCKET = "full"
LABELS = 100
LABELS_A_PHOTO = 10
_KEY = "photos/{:07d}.jpg"
_MAX_SCANNED = 1_000


@dataclass(frozen=True, slots=True)
class _Label:
    name: str
    confidence: Decimal


class Full:
    """A pipeline's tables and bucket with a number of photos."""

    def __init__(self, photos: int) -> None:
        self._photos = photos
        self._bodies = many_sizes().bodies
        self._images = sorted(f"{BUCKET}/{_KEY.format(number)}" for number in range(photos))
        self._rows: dict[str, list[tuple[str, str]]] = {}
        for number, image in enumerate(self._images):
            for label in _labels_of(number):
                self._rows.setdefault(label.name, []).append((rank(label.confidence, image, "01"), image))
        for rows in self._rows.values():
            rows.sort()

    def query(self, asked: dict[str, Any]) -> dict[str, Any]:
        values = {name: value["S"] for name, value in asked["ExpressionAttributeValues"].items()}
        rows = self._rows.get(values[":label"], [])
        if asked.get("Select") == "COUNT":
            return {"Count": min(len(rows), asked["Limit"])}
        first = bisect_left(rows, (values[":least"],))
        last = asked.get("ExclusiveStartKey", {}).get("Rank", {}).get("S")
        end = bisect_left(rows, (last,)) if last else bisect_right(rows, (values[":last"],))
        begin = max(first, end - asked["Limit"])
        items = [{"Rank": {"S": rank}, "ImageID": {"S": image}} for rank, image in reversed(rows[begin:end])]
        answer: dict[str, Any] = {"Items": items, "Count": len(items)}
        if begin > first:
            answer["LastEvaluatedKey"] = row_key(values[":label"], rows[begin][0])
        return answer

    def scan(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["TableName"] == "LabelIndex":
            return {"Items": [{"Label": {"S": name}} for name, rows in self._rows.items() for _ in rows]}
        last = asked.get("ExclusiveStartKey", {}).get("ImageID", {}).get("S", "")
        begin = bisect_right(self._images, last)
        images = self._images[begin : begin + asked.get("Limit", _MAX_SCANNED)]
        more = {"LastEvaluatedKey": {"ImageID": {"S": images[-1]}}} if images else {}
        return {"Items": [_item_of(image) for image in images]} | more

    def batch_get_item(self, asked: dict[str, Any]) -> dict[str, Any]:
        [(table, request)] = asked["RequestItems"].items()
        return {"Responses": {table: [_item_of(key["ImageID"]["S"]) for key in request["Keys"]]}}

    async def call(self, request: Request) -> Response:
        """Answer a call of DynamoDB's."""
        name = request.headers.get("x-amz-target", "").partition(".")[2]
        answers = {"Query": self.query, "Scan": self.scan, "BatchGetItem": self.batch_get_item}
        if name not in answers:
            return JSONResponse({"__type": "AccessDeniedException", "message": f"no {name} here"}, 400)
        return JSONResponse(answers[name](await request.json()))

    async def photo(self, request: Request) -> Response:
        """Answer GetObject."""
        number = _number_of(request.path_params["key"])
        return Response(self._bodies[random.Random(number).randrange(len(self._bodies))])


def _number_of(key: str) -> int:
    return int(key.rpartition("/")[2].partition(".")[0])


def _labels_of(number: int) -> list[_Label]:
    """Return a photo's labels; Label 0 is that of nearly all, Label 99 of few."""
    chance = random.Random(number)
    chosen = {min(LABELS - 1, int(chance.expovariate(0.05))) for _ in range(3 * LABELS_A_PHOTO)}
    some = chance.sample(sorted(chosen), LABELS_A_PHOTO)
    return [_Label(f"Label {one}", Decimal(chance.randrange(8_000, 10_000)) / 100) for one in some]


@lru_cache(maxsize=10_000)
def _item_of(image: str) -> dict[str, Any]:
    bucket, _, key = image.partition("/")
    labels = tuple(
        {"Name": one.name, "Confidence": one.confidence, "Parents": [], "Categories": ["Made Up"], "Instances": []}
        for one in sorted(_labels_of(_number_of(key)), key=lambda label: -label.confidence)
    )
    document = Document(
        bucket, key, "01", "LABELLED", "2026-11-23T06:00:00.000Z", labels, "2026-11-23T06:00:00.000Z", etag="e"
    )
    return to_attributes(document.to_item())


def main() -> None:
    """Make the tables, and serve them."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.benchmarks.full_table", description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--exit-with-parent", action="store_true", help="exit when stdin ends")
    options = parser.parse_args()
    if options.exit_with_parent:
        exit_with_parent()
    full = Full(options.photos)
    routes = [
        Route("/", full.call, methods=["POST"]),
        Route("/{bucket}/{key:path}", full.photo, methods=["GET"]),
    ]
    server, listener = create_server(Starlette(routes=routes)), listen(0)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    with suppress(KeyboardInterrupt):
        server.run([listener])


if __name__ == "__main__":
    main()
