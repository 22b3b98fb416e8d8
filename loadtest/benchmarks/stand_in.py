"""The stand-in for AWS in `make bench`: Rekognition and DynamoDB with set latencies, which store only claims.

    python -m loadtest.benchmarks.stand_in --seed 1 --exit-with-parent

Once it accepts calls it prints a line of JSON, `{"url": "http://127.0.0.1:PORT"}`. It finds every image new and
writes everything at once; the claim of a content is put on its condition. What it saw is told, and forgotten with
the claims, by DELETE /_stand_in/record:

    {"requests": {"PutItem": 9, …}, "cpu_ms": 4.2, "items": {"ImageLabels": [{"ImageID": {"S": …}}, …], …},
     "images": {"bucket/key.jpg": {"asked": 12.1, "answered": 12.5, "committed": 12.6}}}

Times are seconds of `time.monotonic`, the same clock in all processes of a machine: when DetectLabels was asked
and answered, and when the write of the image's document was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import re
import time
import urllib.request
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.child import exit_with_parent
from photo_labels.library.http_server import create_server, listen

if TYPE_CHECKING:
    import uvicorn
    from starlette.requests import Request

BUCKET = "bench-photos"
IMAGE_LABELS, LABEL_INDEX, CONTENT_CLAIMS = "ImageLabels", "LabelIndex", "ContentClaims"
# Names that begin so are recognised in 50 ms: long enough that calls meet, and every connection is made.
WARM_UP = "warm-up/"

_WARM_UP_S = 0.05
_P99 = NormalDist().inv_cdf(0.99)
_KEEP_ALIVE_S = 3600


@dataclass(frozen=True)
class Latencies:
    """From a request's arrival to its answer."""

    seed: int = 1
    p50_ms: float = 350.0
    # Quantiles of DetectLabels, log-normal; 0 and 0: at once.
    p99_ms: float = 800.0
    read_ms: float = 3.0
    # Of DynamoDB, always the same.
    write_ms: float = 5.0

    def recognition_s(self, name: str) -> float:
        """Return DetectLabels' latency for an object, the same whoever asks."""
        if name.startswith(WARM_UP):
            return _WARM_UP_S
        if not self.p50_ms:
            return 0.0
        chance = random.Random(f"{self.seed}/{name}")
        return chance.lognormvariate(math.log(self.p50_ms / 1000), math.log(self.p99_ms / self.p50_ms) / _P99)


@dataclass(slots=True)
class Image:
    """When an image reached which stage; None: it did not."""

    asked: float | None = None
    answered: float | None = None
    committed: float | None = None


class StandIn:
    """The server: what it saw, and the functions behind its routes."""

    def __init__(self, latencies: Latencies) -> None:
        self._latencies = latencies
        self._forget()

    async def call(self, request: Request) -> Response:
        """Answer any operation of either service; which one, X-Amz-Target tells."""
        operation = request.headers.get("x-amz-target", "").rpartition(".")[2]
        content = await request.body()
        self._requests[operation] += 1
        if operation == "DetectLabels":
            return await self._recognised(json.loads(content))
        if operation == "BatchGetItem":
            await asyncio.sleep(self._latencies.read_ms / 1000)
            return _answer({"Responses": self._read(json.loads(content)), "UnprocessedKeys": {}})
        if operation in _WRITES:
            written = json.loads(content)
            if written.get("TableName") == CONTENT_CLAIMS:
                return await self._claimed(written)
            return await self._written(operation, written)
        return _answer({"__type": "UnknownOperationException", "message": f"No {operation!r} here."}, 400)

    async def record(self, _: Request) -> JSONResponse:
        """Tell what was seen since the last time, and forget it."""
        record = {
            "requests": dict(self._requests),
            "cpu_ms": (time.process_time() - self._cpu_since) * 1000,
            "items": dict(self._items),
            "images": {name: asdict(image) for name, image in self._images.items()},
        }
        self._forget()
        return JSONResponse(record)

    def _forget(self) -> None:
        self._requests: Counter[str] = Counter()
        self._items: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._images: defaultdict[str, Image] = defaultdict(Image)
        self._claims: dict[str, dict[str, Any]] = {}
        self._cpu_since = time.process_time()

    async def _recognised(self, content: dict[str, Any]) -> Response:
        place = content["Image"]["S3Object"]
        image = self._images[f"{place['Bucket']}/{place['Name']}"]
        image.asked = time.monotonic()
        await asyncio.sleep(self._latencies.recognition_s(place["Name"]))
        image.answered = time.monotonic()
        return Response(_RECOGNISED, media_type="application/x-amz-json-1.1")

    def _read(self, content: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Return the claims that are asked for and there; of other tables nothing."""
        asked = [key["Content"]["S"] for key in content["RequestItems"].get(CONTENT_CLAIMS, {"Keys": []})["Keys"]]
        found = [self._claims[one] for one in asked if one in self._claims]
        return {CONTENT_CLAIMS: found} if found else {}

    async def _claimed(self, content: dict[str, Any]) -> Response:
        """Put a claim, unless there is another than those that the condition names (`handler.storage`)."""
        await asyncio.sleep(self._latencies.write_ms / 1000)
        own, values = content["Item"], content["ExpressionAttributeValues"]
        there = self._claims.get(own["Content"]["S"])
        over = values.get(":image"), values.get(":at")
        if there and there["ImageID"] != values[":own"] and (there["ImageID"], there["ClaimedAt"]) != over:
            refused = {"__type": "ConditionalCheckFailedException", "message": "it is claimed", "Item": there}
            return _answer(refused, 400)
        self._claims[own["Content"]["S"]] = own
        return _answer({})

    async def _written(self, operation: str, content: dict[str, Any]) -> Response:
        items, answer = _WRITES[operation](content)
        await asyncio.sleep(self._latencies.write_ms / 1000)
        for table, item in items:
            self._items[table].append(item)
            if table == IMAGE_LABELS:
                self._images[item["ImageID"]["S"]].committed = time.monotonic()
        return _answer(answer)


# Items, each with its table; and DynamoDB's answer.
_Written = tuple[list[tuple[str, dict[str, Any]]], dict[str, Any]]


def _put(content: dict[str, Any]) -> _Written:
    return [(content["TableName"], content["Item"])], {}


def _put_batch(content: dict[str, Any]) -> _Written:
    tables = content["RequestItems"].items()
    return [(table, one["PutRequest"]["Item"]) for table, requests in tables for one in requests], {
        "UnprocessedItems": {}
    }


def _put_statements(content: dict[str, Any]) -> _Written:
    """Read `INSERT INTO "ImageLabels" VALUE {'ImageID': ?, …}`, an item's values being the parameters."""
    items = []
    for one in content["Statements"]:
        table, names = re.findall('"(.+?)"', one["Statement"])[0], re.findall(r"'(\w+)': \?", one["Statement"])
        items.append((table, dict(zip(names, one["Parameters"], strict=True))))
    return items, {"Responses": [{"TableName": table} for table, _ in items]}


_WRITES = {"PutItem": _put, "BatchWriteItem": _put_batch, "BatchExecuteStatement": _put_statements}


def _answer(content: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(content, status, media_type="application/x-amz-json-1.0")


def _label(name: str, confidence: float, parents: str, category: str, *boxes: float) -> dict[str, Any]:
    """Describe a label as DetectLabels does; `boxes`: the left edges of its instances."""
    return {
        "Name": name,
        "Confidence": confidence,
        "Instances": [
            {
                "BoundingBox": {
                    "Width": 0.26779550313949585,
                    "Height": 0.6138198971748352,
                    "Left": left,
                    "Top": 0.2518399953842163,
                },
                "Confidence": confidence,
                "DominantColors": [],
            }
            for left in boxes
        ],
        "Parents": [{"Name": parent} for parent in parents.split()],
        "Aliases": [],
        "Categories": [{"Name": category}],
    }


_ANIMALS = "Animals and Pets"
# Of every image; all are surer than the 80 per cent that the function asks for.
_RECOGNISED = json.dumps(
    {
        "Labels": [
            _label(
                "Dog",
                99.31562805175781,
                "Animal Canine Mammal Pet",
                _ANIMALS,
                -0.0013083279132843018,
                0.39042,
                0.7021,
            ),
            _label("Animal", 99.31562805175781, "", _ANIMALS),
            _label("Canine", 99.31562805175781, "Animal Mammal", _ANIMALS),
            _label("Mammal", 99.31562805175781, "Animal", _ANIMALS),
            _label("Pet", 98.87417602539062, "Animal", _ANIMALS),
            _label("Person", 96.40519714355469, "", "Person Description", 0.514203),
            _label("Grass", 91.72034454345703, "Plant", "Plants and Flowers"),
            _label("Plant", 91.72034454345703, "", "Plants and Flowers"),
        ],
        "LabelModelVersion": "3.0",
    }
).encode()


def create_app(latencies: Latencies) -> Starlette:
    """Make the application."""
    server = StandIn(latencies)
    return Starlette(
        routes=[
            Route("/", server.call, methods=["POST"]),
            Route("/_stand_in/record", server.record, methods=["DELETE"]),
        ]
    )


def create_stand_in(latencies: Latencies) -> uvicorn.Server:
    """Return its server. Idle connections stay open: a baseline is idle only while others run."""
    server = create_server(create_app(latencies))
    server.config.timeout_keep_alive = _KEEP_ALIVE_S
    return server


def take_record(url: str) -> Any:
    """Return what a stand-in saw since the last call."""
    request = urllib.request.Request(f"{url}/_stand_in/record", method="DELETE")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.load(answer)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.benchmarks.stand_in", description=__doc__)
    parser.add_argument("--seed", type=int, default=Latencies.seed)
    parser.add_argument("--exit-with-parent", action="store_true", help="exit when stdin ends")
    options = parser.parse_args()
    if options.exit_with_parent:
        exit_with_parent()
    server, listener = create_stand_in(Latencies(options.seed)), listen(0)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    with suppress(KeyboardInterrupt):
        server.run([listener])


if __name__ == "__main__":
    main()
