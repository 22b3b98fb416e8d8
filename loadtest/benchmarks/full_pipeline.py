"""The stand-in for AWS of audits and backfills: a bucket with its documents and its index, all as it should be.

    python -m loadtest.benchmarks.full_pipeline --photos 100000 --latency-ms 10 --exit-with-parent

Once it accepts calls it prints a line of JSON, `{"url": "http://127.0.0.1:PORT"}`. It answers DynamoDB's Scan in
segments and BatchGetItem, S3's ListObjectsV2 and HeadObject, and SQS's SendMessageBatch, each after the latency;
all else it refuses. How often each was called is told, and forgotten, by DELETE /_stand_in/record. Its items are
made as they are asked for, and take no memory. All rows of a label are in one segment, as with DynamoDB, and a
page of a scan is 1 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loadtest.benchmarks.stand_in import take_record
from local.child import Child, exit_with_parent
from photo_labels.library.http_server import create_server, listen
from photo_labels.library.outputs import StackOutputs
from photo_labels.library.target import Target, local_session, scrub_environment
from photo_labels.records.attributes import to_attributes
from photo_labels.records.documents import Document, item_bytes, labels_from
from photo_labels.records.index import rank, row_key
from photo_labels.terminal.text import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console
    from starlette.requests import Request

BUCKET = "full"
LABELS_A_PHOTO = 10
LATENCY_MS = 10
_KEY = "photos/{:08d}.jpg"
_TIME = "2026-11-23T06:00:00.000Z"
_ETAG = "9b2cf535f27731c974343645a3985328"
_SCAN_BYTES = 2**20
_LISTED = 1000
_LABELS = labels_from(
    [
        {
            "Name": f"Label {number}",
            "Confidence": 99.0 - number,
            "Parents": [{"Name": "Parent"}],
            "Categories": [{"Name": "Category"}],
        }
        for number in range(LABELS_A_PHOTO)
    ]
)


def _key(number: int) -> str:
    return _KEY.format(number)


def _commit(number: int) -> str:
    return f"{number:016x}"


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].partition(".")[0])


def _document(number: int) -> Document:
    return Document(
        BUCKET, _key(number), "01", "LABELLED", _TIME, _LABELS, _TIME, _ETAG, size=2_000_000,
        label_model_version="3.0", min_confidence=Decimal(80), max_labels=50, commit=_commit(number),
    )  # fmt: skip


class Full:
    """A pipeline with a number of photos."""

    def __init__(self, photos: int, latency_ms: float) -> None:
        self._photos = photos
        self._latency_s = latency_ms / 1000
        self._asked: Counter[str] = Counter()
        # A document is made once as JSON; another differs by its key and commit.
        one = _document(0)
        self._document_json = json.dumps(to_attributes(one.to_item()))
        self._documents_a_page = _SCAN_BYTES // item_bytes(one.to_item())
        self._rows_a_page = _SCAN_BYTES // item_bytes(next(one.rows()).to_item())

    async def call(self, request: Request) -> Response:
        """Answer DynamoDB and SQS."""
        operation = request.headers.get("x-amz-target", "").partition(".")[2]
        asked = json.loads(await request.body())
        self._asked[operation] += 1
        await asyncio.sleep(self._latency_s)
        if operation == "SendMessageBatch":
            sent = [{"Id": one["Id"], "MessageId": one["Id"], "MD5OfMessageBody": ""} for one in asked["Entries"]]
            return JSONResponse({"Successful": sent}, media_type="application/x-amz-json-1.0")
        if operation == "BatchGetItem":
            return Response(self._documents_of(asked), media_type="application/x-amz-json-1.0")
        scan = {"ImageLabels": self._documents, "LabelIndex": self._rows}.get(asked.get("TableName", ""))
        if operation != "Scan" or scan is None:
            return JSONResponse({"__type": "AccessDeniedException", "message": f"no {operation} here"}, 400)
        return Response(scan(asked), media_type="application/x-amz-json-1.0")

    def _documents_of(self, asked: dict[str, Any]) -> str:
        [(table, keys)] = asked["RequestItems"].items()
        numbers = [_number(key["ImageID"]["S"]) for key in keys["Keys"]]
        items = ",".join(map(self._document_as_json, numbers))
        return f'{{"Responses":{{"{table}":[{items}]}},"UnprocessedKeys":{{}}}}'

    def _documents(self, asked: dict[str, Any]) -> str:
        segment, total = asked["Segment"], asked["TotalSegments"]
        first, end = (self._photos * part // total for part in (segment, segment + 1))
        if "ExclusiveStartKey" in asked:
            first = _number(asked["ExclusiveStartKey"]["ImageID"]["S"]) + 1
        numbers = range(first, min(end, first + self._documents_a_page))
        items = ",".join(map(self._document_as_json, numbers))
        more = {"ImageID": {"S": _document(numbers[-1]).image_id}} if numbers and numbers[-1] + 1 < end else None
        return _scanned(items, more)

    def _rows(self, asked: dict[str, Any]) -> str:
        segment, total = asked["Segment"], asked["TotalSegments"]
        label, first = segment, 0
        if "ExclusiveStartKey" in asked:
            label = int(asked["ExclusiveStartKey"]["Label"]["S"].removeprefix("Label "))
            # The commit is the number.
            first = int(asked["ExclusiveStartKey"]["Rank"]["S"].rpartition("#")[2], 16) + 1
        if first == self._photos:
            label, first = label + total, 0
        if label >= LABELS_A_PHOTO:
            return _scanned("", None)
        numbers = range(first, min(self._photos, first + self._rows_a_page))
        name, confidence = _LABELS[label]["Name"], _LABELS[label]["Confidence"]
        ranks = [rank(confidence, f"{BUCKET}/{_key(number)}", _commit(number)) for number in numbers]
        items = ",".join(
            f'{{"Label":{{"S":"{name}"}},"Rank":{{"S":"{one}"}},"ImageID":{{"S":"{BUCKET}/{_key(number)}"}},'
            f'"Sequencer":{{"S":"01"}},"LabelledAt":{{"S":"{_TIME}"}},"CommitID":{{"S":"{_commit(number)}"}}}}'
            for number, one in zip(numbers, ranks, strict=True)
        )
        is_last = numbers[-1] + 1 == self._photos and label + total >= LABELS_A_PHOTO
        return _scanned(items, None if is_last else row_key(name, ranks[-1]))

    def _document_as_json(self, number: int) -> str:
        own = self._document_json.replace(_key(0), _key(number))
        return own.replace(_commit(0), _commit(number))

    async def listing(self, request: Request) -> Response:
        """Answer ListObjectsV2."""
        self._asked["ListObjectsV2"] += 1
        await asyncio.sleep(self._latency_s)
        after = request.query_params.get("continuation-token") or request.query_params.get("start-after")
        first = bisect_right(range(self._photos), after, key=_key) if after else 0
        numbers = range(first, min(self._photos, first + _LISTED))
        contents = "".join(
            f"<Contents><Key>{escape(_key(number))}</Key><LastModified>{_TIME}</LastModified>"
            f"<ETag>&quot;{_ETAG}&quot;</ETag><Size>2000000</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for number in numbers
        )
        more = f"<NextContinuationToken>{_key(numbers[-1])}</NextContinuationToken>" if numbers else ""
        if not numbers or numbers[-1] + 1 == self._photos:
            more = ""
        return Response(
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>{BUCKET}</Name>{contents}'
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}</ListBucketResult>",
            media_type="application/xml",
        )

    async def head(self, _: Request) -> Response:
        """Answer HeadObject."""
        self._asked["HeadObject"] += 1
        await asyncio.sleep(self._latency_s)
        return Response(headers={"ETag": f'"{_ETAG}"', "Last-Modified": "Mon, 23 Nov 2026 06:00:00 GMT"})

    async def record(self, _: Request) -> JSONResponse:
        asked, self._asked = self._asked, Counter()
        return JSONResponse(dict(asked))


def _scanned(items: str, last: dict[str, Any] | None) -> str:
    return f'{{"Items":[{items}]' + (f',"LastEvaluatedKey":{json.dumps(last)}}}' if last else "}")


def create_app(photos: int, latency_ms: float) -> Starlette:
    """Make the application."""
    full = Full(photos, latency_ms)
    return Starlette(
        routes=[
            Route("/", full.call, methods=["POST"]),
            Route("/_stand_in/record", full.record, methods=["DELETE"]),
            Route(f"/{BUCKET}", full.listing, methods=["GET"]),
            Route(f"/{BUCKET}/{{key:path}}", full.head, methods=["HEAD"]),
        ]
    )


def measured(console: Console, photos: int, what: str, url: str, job: Callable[[], object]) -> None:
    """Do a job for a number of photos, and print how long it takes, of what, and how long a million would."""
    before_mib, started, cpu_s = _peak_mib(), time.monotonic(), time.process_time()
    job()
    wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu_s
    console.print(
        f"{photos:,} photos {what}, {LATENCY_MS} ms a call: {wall_s:.1f} s, {photos / wall_s:,.0f} a second, "
        f"{cpu_s:.1f} s of CPU"
    )
    console.print("calls: " + ", ".join(f"{name} {count:,}" for name, count in sorted(take_record(url).items())))
    console.print(f"peak memory {_peak_mib():.0f} MiB, {before_mib:.0f} before")
    console.print(f"so a million photos take {duration(wall_s * 1_000_000 / photos)}")


def _peak_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def running(photos: int) -> Iterator[tuple[Target, str, Path]]:
    """Run it; yields the pipeline, the stand-in's URL, and a folder that is gone afterwards."""
    scrub_environment(os.environ)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="photo-labels-")))
        module = ["-m", "loadtest.benchmarks.full_pipeline", "--exit-with-parent"]
        options = ["--photos", f"{photos}", "--latency-ms", f"{LATENCY_MS}"]
        child = Child([sys.executable, *module, *options], folder / "stand-in.log", os.environ)
        stack.callback(child.stop)
        url = json.loads(child.first_line())["url"]
        names = {
            "Bucket": BUCKET,
            "KeyPrefix": "",
            "ImageLabelsTable": "ImageLabels",
            "LabelIndexTable": "LabelIndex",
        }
        outputs = StackOutputs.from_stack(defaultdict(lambda: "x" * 36, names))
        yield Target(local_session(), url, "stand-in", outputs), url, folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.benchmarks.full_pipeline", description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--latency-ms", type=float, default=10.0)
    parser.add_argument("--exit-with-parent", action="store_true", help="exit when stdin ends")
    options = parser.parse_args()
    if options.exit_with_parent:
        exit_with_parent()
    server, listener = create_server(create_app(options.photos, options.latency_ms)), listen(0)
    print(json.dumps({"url": f"http://127.0.0.1:{listener.getsockname()[1]}"}), flush=True)
    with suppress(KeyboardInterrupt):
        server.run([listener])


if __name__ == "__main__":
    main()
