"""`make bench-convert`: the CPU and memory that converting phones' photos takes.

Each photo is decoded by the decoder as the function runs it, several times over. Memory is that of the function's
environment: of the process that waits, once it has started, and of the decoder at its peak.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pillow_heif
from PIL import Image
from rich.console import Console
from rich.table import Table

from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "mountain.jpg"
_TIMES = 5
_SETTINGS = ("IMAGE_LABELS_TABLE", "LABEL_INDEX_TABLE", "LABEL_QUOTA_TABLE", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL")
_FUNCTION = "import handler.convert; from local.runtime import peak_mb; print(peak_mb())"
_DECODER = """
import sys
from photo_labels.records import decoder
from local.runtime import peak_mb
decoder.main()
print(peak_mb(), file=sys.stderr)
"""
_12_MEGAPIXELS, _48_MEGAPIXELS = (4032, 3024), (8064, 6048)


@dataclass(frozen=True, slots=True)
class DecoderRun:
    """One photo decoded."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    jpeg_bytes: int


def photos() -> Iterator[tuple[str, bytes]]:
    """Return names and files: a landscape, as large as phones take photos."""
    pillow_heif.register_heif_opener()
    landscape = Image.open(_SAMPLE).convert("RGB")
    for size in (_12_MEGAPIXELS, _48_MEGAPIXELS):
        large = landscape.resize(size, Image.Resampling.BICUBIC)
        for kind in ("JPEG", "HEIF", "WEBP", "AVIF", "PNG", "TIFF"):
            file = io.BytesIO()
            fast = {"PNG": {"compress_level": 1}, "AVIF": {"speed": 10}, "WEBP": {"method": 0}}
            large.save(file, kind, **fast.get(kind, {}))
            yield f"{kind} {size[0] * size[1] // 10**6} MP", file.getvalue()


def decoded(photo: Path, answer: Path) -> DecoderRun:
    """Run the decoder once, and return what it took."""
    with photo.open("rb") as given, answer.open("wb") as taken:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-c", _DECODER],
            stdin=given,
            stdout=taken,
            stderr=subprocess.PIPE,
            env={"MALLOC_ARENA_MAX": "1"},
        )
        assert process.stderr
        peak_mb = float(process.stderr.read())
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
    facts, _, jpeg = answer.read_bytes().partition(b"\n")
    if status or "reason" in json.loads(facts):
        raise RuntimeError(f"{photo.name} was not decoded: {facts.decode()}")
    return DecoderRun(wall_s, used.ru_utime + used.ru_stime, peak_mb, len(jpeg))


def main() -> None:
    """Measure, and print a table."""
    settings = dict.fromkeys(_SETTINGS, "x") | {"AWS_DEFAULT_REGION": "us-east-1"}
    printed = subprocess.check_output([sys.executable, "-c", _FUNCTION], env=os.environ | settings)
    waiting_mb = float(printed)
    table = Table(
        "photo", "MB", "s", "s of CPU", "decoder, MiB", "both, MiB", "JPEG, KB",
        title=f"Photos decoded and scaled, medians of {_TIMES}", title_justify="left",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as folder:
        photo, answer = Path(folder, "photo"), Path(folder, "answer")
        for name, content in photos():
            photo.write_bytes(content)
            runs = [decoded(photo, answer) for _ in range(_TIMES)]
            peak_mb = max(run.peak_mb for run in runs)
            table.add_row(
                name,
                f"{len(content) / 1e6:.1f}",
                f"{statistics.median(run.wall_s for run in runs):.2f}",
                f"{statistics.median(run.cpu_s for run in runs):.2f}",
                f"{peak_mb:.0f}",
                f"{peak_mb + waiting_mb:.0f}",
                f"{runs[0].jpeg_bytes / 1e3:.0f}",
            )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"the function itself, waiting: {waiting_mb:.0f} MiB")


if __name__ == "__main__":
    run(main, "bench-convert")
