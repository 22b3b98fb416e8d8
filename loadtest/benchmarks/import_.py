"""`make bench-import`: how fast `photos import` uploads, beside bare PutObject calls, in turn on one local cloud.

The function is paused: what is compared is uploading. The import reads, hashes, keeps its journal, and has S3
compare checksums and look whether the key is free; the bare calls send what is in memory.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from loadtest.benchmarks.arguments import whole_number
from loadtest.mix import distinct, many_sizes
from local.cloud import LocalCloud
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import Journal
from photo_labels.library.importing.pace import MOST
from photo_labels.library.mapping import Mappings
from photo_labels.terminal.ending import run

_PHOTOS = 5_000
_ROUNDS = 5
_BARE_AT_A_TIME = (8, 16)


class Bench:
    """Photos on a disk, and a cloud to put them into."""

    def __init__(self, cloud: LocalCloud, folder: Path, count: int) -> None:
        self._target = cloud.target
        self._bucket = cloud.target.outputs.bucket
        self._s3 = cloud.target.client("s3", connections=MOST)
        self._folder = folder
        mix = many_sizes()
        self._bodies = [
            distinct(mix.bodies[choice], str(number)) for number, choice in enumerate(mix.choose(count, 0))
        ]
        for number, body in enumerate(self._bodies):
            (folder / f"{number:06d}.jpg").write_bytes(body)

    def bare(self, name: str, at_a_time: int) -> float:
        """Photos a second."""
        started = time.monotonic()
        with ThreadPoolExecutor(at_a_time) as pool:
            list(pool.map(lambda at: self._put(f"{name}/{at:06d}.jpg", at), range(len(self._bodies))))
        return len(self._bodies) / (time.monotonic() - started)

    def ours(self, name: str) -> float:
        """Photos a second, from finding the first."""
        started = time.monotonic()
        with Journal(self._folder.parent / f"{name}.sqlite") as journal:
            importer = Importer(self._target, journal)
            importer.find(PhotoFinder(f"{name}/"), [self._folder], lambda _count: None)
            importer.run(is_waiting=False)
            uploaded = journal.counts().uploaded
        return uploaded / (time.monotonic() - started)

    def _put(self, key: str, at: int) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=self._bodies[at])


def main(count: int) -> None:
    """Measure, and print a table."""
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as name:
        folder = Path(name, "photos")
        folder.mkdir()
        with LocalCloud(Path(name) / "cloud", recogniser=["--mode", "simulated"]) as cloud:
            Mappings(cloud.target).switch(on=False)
            bench = Bench(cloud, folder, count // _ROUNDS)
            for turn in range(_ROUNDS):
                for at_a_time in _BARE_AT_A_TIME:
                    rate = bench.bare(f"bare-{at_a_time}-{turn}", at_a_time)
                    rates.setdefault(f"PutObject, {at_a_time} at a time", []).append(rate)
                rates.setdefault("photos import", []).append(bench.ours(f"ours-{turn}"))
    table = Table(
        "", "photos a second", "of the fastest",
        title=f"{count:,} photos of 9 KB to 2.0 MB each way, {_ROUNDS} turns", title_justify="left",
    )  # fmt: skip
    medians = {name: statistics.median(some) for name, some in rates.items()}
    for name, median in medians.items():
        spread = f"{median:.0f} ({min(rates[name]):.0f}-{max(rates[name]):.0f})"
        table.add_row(name, spread, f"{median / max(medians.values()):.0%}")
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"memory of this process, which both are part of: {psutil.Process().memory_info().rss / 2**20:.0f} MiB"
    )


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-import")
