"""`make bench-memory`: memory of the page's server while it is asked for many large photos at once.

A process of its own, `python -m http.server`, stands in for S3. Memory is resident memory at its peak, looked at
every few milliseconds: of the server's process, of its decoders, and of both at one moment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil
from PIL import Image
from rich.console import Console
from rich.table import Table

from photo_labels.browsing.pictures import Pictures
from photo_labels.library.outputs import StackOutputs
from photo_labels.library.target import Target, local_session, scrub_environment
from photo_labels.records.documents import Document
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUESTS = 24
_PHOTOS = {"JPEG, 6 MB": ("small.jpg", (4032, 3024)), "BMP, 190 MB": ("large.bmp", (7960, 7960))}
_BUCKET = "bucket"
_LOOK_S = 0.005


class Peak:
    """Looks at the memory of this process and its decoders until it is stopped; in MB."""

    def __init__(self) -> None:
        self.own = self.decoders = self.both = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        process = psutil.Process()
        decoders = [one for one in process.children() if "photo_labels.library.decoding" in one.cmdline()]
        while not self._is_over.wait(_LOOK_S):
            own = process.memory_info().rss / 1e6
            beside = sum(one.memory_info().rss for one in decoders) / 1e6
            self.own, self.decoders = max(self.own, own), max(self.decoders, beside)
            self.both = max(self.both, own + beside)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a folder's folders as buckets; returns the URL."""
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    quiet: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=folder, **quiet) as beside:
        try:
            assert beside.stdout
            found = re.search(r"http://[\d.:]+", beside.stdout.readline())
            assert found
            yield found.group()
        finally:
            beside.kill()


def _photo(key: str, number: int) -> Document:
    """Return the document of a photo; each number is another version, of which no thumbnail is kept."""
    return Document(_BUCKET, key, f"{number:02}", "LABELLED", "2026-11-23T06:00:00.000Z")


def _measured(target: Target, key: str) -> tuple[float, Peak]:
    pictures = Pictures(target)
    started = time.monotonic()
    with Peak() as peak, ThreadPoolExecutor(_REQUESTS) as threads:
        list(threads.map(pictures.thumbnail, [_photo(key, number) for number in range(_REQUESTS)]))
    took_s = time.monotonic() - started
    pictures.close()
    return took_s, peak


def main() -> None:
    """Measure, and print a table."""
    scrub_environment(os.environ)
    table = Table(
        f"{_REQUESTS} at once", "s", "server, MB", "decoders, MB", "both, MB",
        title="The page's server: memory at its peak", title_justify="left",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as name:
        os.environ["XDG_CACHE_HOME"] = name
        folder = Path(name, _BUCKET)
        folder.mkdir()
        for key, size in _PHOTOS.values():
            Image.effect_noise(size, 64).convert("RGB").save(folder / key)
        with _served(folder.parent) as url:
            target = Target(local_session(), url, "stand-in", StackOutputs.from_stack(defaultdict(str)))
            for what, (key, _) in _PHOTOS.items():
                took_s, peak = _measured(target, key)
                table.add_row(
                    what, f"{took_s:.1f}", f"{peak.own:,.0f}", f"{peak.decoders:,.0f}", f"{peak.both:,.0f}"
                )
    Console(highlight=False).print(table)


if __name__ == "__main__":
    run(main, "bench-memory")
