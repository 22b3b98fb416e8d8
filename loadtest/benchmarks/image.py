"""`make bench-image`: the image beside plain ones of the same dependencies, measured in one run.

All run under Lambda's runtime interface emulator, on the local cloud with a recogniser that answers at once.
Their cold starts alternate, so that whatever else the machine does befalls all of them.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tarfile
import tempfile
import time
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from infra import image as images
from loadtest.benchmarks.emulator import Emulator
from local.cloud import LocalCloud
from local.environments import deployed
from photo_labels.records.messages import reconcile_message
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

_COLD_STARTS = 15
_PHOTOS = 10
_SAMPLES = Path(__file__).resolve().parents[2] / "samples"
_CPUS = {"1 CPU (1769 MB)": 1.0, "0.29 CPU (512 MB)": 0.29}
_AT_ONCE = ("--mode", "simulated", "--simulation", json.dumps({"p50_ms": 0, "p99_ms": 0}))
_PLAIN, _BARE = "photo-labels:plain-for-bench", "photo-labels:bare-for-bench"
_CHUNK_BYTES = 2**20


def main(base: str | None = None) -> None:
    """Measure, and print a table; `base` as for `make image`."""
    engine = images.reach_engine()
    ours = images.build(engine, images.native_architecture(engine), base=base).name
    images.build_dockerfile(engine, "loadtest/benchmarks/plain.Dockerfile", _PLAIN, base=base)
    images.build_dockerfile(engine, "loadtest/benchmarks/bare.Dockerfile", _BARE)
    rows: dict[str, dict[str, str]] = {ours: {}, _PLAIN: {}, _BARE: {}}
    for image, row in rows.items():
        row["on disk"] = f"{engine.images.get(image).attrs['Size'] / 1e6:.0f} MB"
        layers = [size / 1e6 for size in _pushed_bytes(engine, image)]
        row["pushed (layers, compressed)"] = f"{sum(layers):.1f} MB"
        if image != _BARE:  # whose last layer is another
            row["pushed after a change in handler/ alone"] = f"{layers[-1]:.2f} MB"
    with (
        tempfile.TemporaryDirectory() as state,
        LocalCloud(Path(state) / "cloud", recogniser=_AT_ONCE) as cloud,
    ):
        function = deployed(cloud.target.outputs.labelling.name, cloud.endpoint_url, cloud.rekognition_url)
        environment = function.environment | function.assume_role()[0]
        events = _batches(cloud)
        for label, cpus in _CPUS.items():
            colds: dict[str, list[float]] = {image: [] for image in rows}
            firsts: dict[str, list[float]] = {image: [] for image in rows}
            peaks: dict[str, list[float]] = {image: [] for image in rows}
            for _, image in itertools.product(range(_COLD_STARTS), rows):
                with Emulator(engine, image, environment, cpus=cpus) as one:
                    colds[image].append(_timed(one, _EMPTY))
                    firsts[image].append(_timed(one, next(events)))
                    peaks[image].append(one.peak_mib())
            for image, row in rows.items():
                row[f"init + first invoke, {label}"] = _spread(colds[image])
                row[f"then its first batch of {_PHOTOS} photos, {label}"] = _spread(firsts[image])
                row[f"peak memory, {label}"] = f"{max(peaks[image]):.0f} MiB"
    engine.images.remove(_BARE)
    engine.images.remove(_PLAIN)
    table = Table("figure", "ours", "plain", "plain, standard library without bytecode")
    for figure in rows[ours]:
        table.add_row(figure, *(row.get(figure, "") for row in rows.values()))
    Console().print(table)


# A batch that starts the function and calls nothing.
_EMPTY = {
    "Records": [
        {
            "messageId": "test",
            "receiptHandle": "test",
            "body": json.dumps({"Event": "s3:TestEvent"}),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795400000000"},
        }
    ]
}


def _timed(function: Emulator, event: Any) -> float:
    started = time.perf_counter()
    answer = function.invoke(event)
    if answer != {"batchItemFailures": []}:
        raise SystemExit(f"The function failed: {answer}\n{function.log()}")
    return (time.perf_counter() - started) * 1000


def _batches(cloud: LocalCloud) -> Iterator[Any]:
    """Return batches of ten photos, each of which is labelled again every time."""
    bucket, photo = cloud.target.outputs.bucket, (_SAMPLES / "coffee.jpg").read_bytes()
    keys = [f"bench/{number}.jpg" for number in range(_PHOTOS)]
    for key in keys:
        cloud.target.client("s3").put_object(Bucket=bucket, Key=key, Body=photo)
    records = []
    for key in keys:
        body = reconcile_message(bucket, key, force=True)
        records.append(_EMPTY["Records"][0] | {"messageId": key, "body": body})
    return itertools.repeat({"Records": records})


def _pushed_bytes(engine: docker.DockerClient, image: str) -> list[int]:
    """Return the compressed size of each layer, as a push sends it, the lowest first."""
    with tempfile.TemporaryFile() as file:
        for chunk in engine.images.get(image).save():
            file.write(chunk)
        file.seek(0)
        with tarfile.open(fileobj=file) as saved:
            manifest = json.load(_member(saved, "manifest.json"))[0]
            return [_compressed_bytes(_member(saved, layer)) for layer in manifest["Layers"]]


def _member(saved: tarfile.TarFile, name: str) -> IO[bytes]:
    member = saved.extractfile(name)
    if member is None:
        raise SystemExit(f"Docker saved an image without its {name}.")
    return member


def _compressed_bytes(layer: IO[bytes]) -> int:
    compressor, size = zlib.compressobj(wbits=31), 0
    while chunk := layer.read(_CHUNK_BYTES):
        size += len(compressor.compress(chunk))
    return size + len(compressor.flush())


def _spread(values_ms: list[float]) -> str:
    return f"median {statistics.median(values_ms):.0f}  ({min(values_ms):.0f}-{max(values_ms):.0f}) ms"


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]), "bench-image")
