"""`make bench`: the figures that the README names, measured here and now, on the local cloud.

Rekognition is simulated with one fixed latency, so that what the function adds to it can be told apart.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from handler.deadline import Deadline
from handler.documents import Document, labels_from
from handler.labelling import Write
from handler.storage import Storage
from local.cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Callable

_LATENCY_MS = 300
_BATCHES = 100
_PHOTOS = 50
_RECOGNISER = ("--mode", "simulated", "--simulation", json.dumps({"p50_ms": _LATENCY_MS, "p99_ms": _LATENCY_MS}))


def main() -> None:
    """Measure one after another, and print a table."""
    figures: list[tuple[str, str]] = []
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as state,
        LocalCloud(Path(state) / "cloud", recogniser=_RECOGNISER) as cloud,
    ):
        figures.append(("local cloud up, stack deployed, function warm", f"{time.monotonic() - started:.1f} s"))
        idle = _environments(cloud)
        figures.append(("cold start: import of the handler", _spread(idle["init_ms"])))
        beyond = _batches(cloud)
        figures.append((f"batch of 10, beyond its slowest DetectLabels ({_BATCHES} batches)", _spread(beyond)))
        latencies = _uploads(cloud)
        figures.append(
            (f"PUT to searchable, DetectLabels at {_LATENCY_MS} ms ({_PHOTOS} photos)", _spread(latencies))
        )
        figures += _commits(cloud)
        figures.append(("peak memory of the function", f"{_environments(cloud)['peak_mb']:.0f} MiB"))
    table = Table("figure", "measured")
    for figure in figures:
        table.add_row(*figure)
    Console().print(table)


def _spread(values_ms: list[float]) -> str:
    if len(values_ms) < 20:
        return " ".join(f"{value:.0f}" for value in sorted(values_ms)) + " ms"
    cuts = statistics.quantiles(values_ms, n=100)
    return f"p50 {cuts[49]:.0f}  p95 {cuts[94]:.0f}  max {max(values_ms):.0f} ms"


def _environments(cloud: LocalCloud) -> dict[str, Any]:
    with urllib.request.urlopen(f"{cloud.environments_url}/_environments", timeout=10) as answer:
        state: dict[str, Any] = json.load(answer)
    return state


def _batches(cloud: LocalCloud) -> list[float]:
    """Invoke one environment with ten photos at a time; milliseconds beyond the slowest recognition."""
    totals = [_invoked(cloud, number) for number in range(_BATCHES)]
    logs = cloud.target.client("logs").get_paginator("filter_log_events")
    slowest: dict[str, float] = {}
    while len(slowest) < _BATCHES:
        for page in logs.paginate(
            logGroupName=cloud.target.outputs["LogGroup"], filterPattern="RecognitionLatency"
        ):
            for event in page["events"]:
                emf = json.loads(event["message"])
                if len(emf.get("RecognitionLatency", ())) == 10:
                    slowest[event["eventId"]] = max(emf["RecognitionLatency"])
    return [total - one for total, one in zip(totals, slowest.values(), strict=True)]


def _invoked(cloud: LocalCloud, number: int) -> float:
    event = {"Records": [_record(cloud, f"bench/{number}-{photo}.jpg") for photo in range(10)]}
    request = urllib.request.Request(
        f"{cloud.environments_url}/{cloud.target.outputs['FunctionName']}", json.dumps(event).encode()
    )
    started = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer) == {"batchItemFailures": []}
    return (time.perf_counter() - started) * 1000


def _record(cloud: LocalCloud, key: str) -> dict[str, Any]:
    now = datetime.now(UTC)
    s3 = {
        "eventName": "ObjectCreated:Put",
        "eventTime": now.isoformat(),
        "s3": {
            "bucket": {"name": cloud.target.outputs["Bucket"]},
            "object": {"key": key, "size": 1, "eTag": "e", "sequencer": f"{time.time_ns():X}"},
        },
    }
    return {
        "messageId": key,
        "receiptHandle": key,
        "body": json.dumps({"Records": [s3]}),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(now.timestamp() * 1000)),
        },
    }


def _commits(cloud: LocalCloud) -> list[tuple[str, str]]:
    """Ten new documents at a time, written in each of the two ways that the function has."""
    client = cloud.target.client("dynamodb")
    store = Storage(client, cloud.target.outputs["ImageLabelsTable"], cloud.target.outputs["LabelIndexTable"])
    deadline = Deadline(lambda: 60_000)
    with ThreadPoolExecutor(8) as pool:

        def put(writes: list[Write]) -> None:
            list(pool.map(lambda write: store.commit(write, deadline), writes))

        ways: dict[str, Callable[[list[Write]], object]] = {
            "PutItem": put,
            "BatchExecuteStatement": lambda writes: store.insert(writes, deadline),
        }
        measured: dict[str, list[float]] = {name: [] for name in ways}
        cpu_ms = dict.fromkeys(ways, 0.0)
        for number in range(_BATCHES):
            for name, write_all in ways.items():
                writes = [_new_document(f"commit/{name}/{number}-{photo}.jpg") for photo in range(10)]
                started, cpu = time.perf_counter(), time.process_time()
                write_all(writes)
                measured[name].append((time.perf_counter() - started) * 1000)
                cpu_ms[name] += (time.process_time() - cpu) * 1000 / _BATCHES
    return [
        (f"10 new documents by {name}", f"{_spread(measured[name])}; CPU {cpu_ms[name]:.0f} ms") for name in ways
    ]


def _new_document(key: str) -> Write:
    response = [{"Name": f"Label {number}", "Confidence": 99.0 - number} for number in range(8)]
    document = Document("bench", key, "01", "LABELLED", "2026-01-01T00:00:00.000Z", labels_from(response))
    return Write(document, known=None, reconciled=False)


def _uploads(cloud: LocalCloud) -> list[float]:
    """Upload one photo after another; milliseconds until a reader sees its document."""
    s3, dynamodb = cloud.target.client("s3"), cloud.target.client("dynamodb")
    bucket, latencies = cloud.target.outputs["Bucket"], []
    for number in range(_PHOTOS):
        key = {"ImageID": {"S": f"{bucket}/one-{number}.jpg"}}
        started = time.perf_counter()
        s3.put_object(Bucket=bucket, Key=f"one-{number}.jpg", Body=b"x" * 200_000)
        while "Item" not in dynamodb.get_item(
            TableName=cloud.target.outputs["ImageLabelsTable"], Key=key, ConsistentRead=True
        ):
            pass
        latencies.append((time.perf_counter() - started) * 1000)
    return latencies


if __name__ == "__main__":
    main()
