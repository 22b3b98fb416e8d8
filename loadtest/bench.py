"""`make bench`: the figures that the README names, measured here and now, on the local cloud.

Rekognition is simulated with one fixed latency, so that what the function adds to it can be told apart.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local.cloud import LocalCloud

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
        figures.append(("peak memory of the function", f"{_environments(cloud)['peak_mb']:.0f} MiB"))
    table = Table("figure", "measured", title="photo-labels on this machine")
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
