"""`make bench-metadata`: what reading time, camera and place of a photo takes, and with which library.

Each library runs in processes of its own, with the same photos: as phones make them, and the same with bytes of
their metadata damaged, where a library may raise or hang.
"""

from __future__ import annotations

import io
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image
from rich.console import Console
from rich.table import Table

from loadtest.benchmarks.metadata_reader import DAMAGED, MODULES
from local.ministack import REPOSITORY
from photo_labels.terminal.ending import run

_PYTHON = REPOSITORY / ".local" / "readers" / "bin" / "python"
_READER = Path(__file__).with_name("metadata_reader.py")
_PROCESSES = 3
# One that has not ended by then is taken to hang.
_MOST_S = 15
_XMP = b'<rdf:Description xmlns:photoshop="" photoshop:DateCreated="2019-07-14T18:03:22"/>'


def photos(folder: Path) -> None:
    """Write the photos: EXIF in JPEG and HEIF as phones write it, and XMP alone."""
    pillow_heif.register_heif_opener()
    landscape = Image.open(REPOSITORY / "samples" / "mountain.jpg").convert("RGB")
    told = Image.Exif()
    told.update({271: "Apple", 272: "iPhone 12", 282: 72.0, 283: 72.0, 296: 2, 306: "2019:07:14 18:03:22"})
    told.get_ifd(34665).update(  # EXIF's own
        {
            33434: 0.01,
            33437: 1.6,
            34855: 100,
            36867: "2019:07:14 18:03:22",
            36881: "+02:00",
            37386: 4.2,
            37500: bytes(900),
        }
    )
    told.get_ifd(34853).update({1: "N", 2: (48.0, 51.0, 29.64), 3: "E", 4: (2.0, 17.0, 40.2), 6: 35.0})
    for name, kind, extra in (
        ("photo.jpg", "JPEG", {"exif": told.tobytes()}),
        ("photo.heic", "HEIF", {"exif": told.tobytes()}),
        ("xmp.jpg", "JPEG", {"xmp": _XMP}),
    ):
        file = io.BytesIO()
        landscape.save(file, kind, **extra)
        (folder / name).write_bytes(file.getvalue())


def measured(name: str, folder: Path) -> dict[str, Any]:
    """Return the medians of a library's figures; without those of damaged photos, where it does not end."""
    runs = [_figures(name, folder) for _ in range(_PROCESSES)]
    medians = {key: statistics.median(one[key] for one in runs) for key in runs[0] if key.endswith("_ms")}
    return {**runs[0], **medians}


def _figures(name: str, folder: Path) -> dict[str, Any]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY) if name == "ours" else ""}
    command = [str(_PYTHON), str(_READER), name, str(folder)]
    try:
        printed = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=_MOST_S).stdout
    except subprocess.TimeoutExpired as stopped:
        printed = stopped.stdout or b""
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith(b"{")]
    return {key: value for line in lines for key, value in line.items()}


def main() -> None:
    """Measure, and print a table."""
    table = Table(
        "library", "import, ms", "photo, ms", "HEIF", "XMP alone", f"raises, of {DAMAGED}", "slowest, ms",
        title=f"Time, camera and place of a photo, CPU, medians of {_PROCESSES} processes", title_justify="left",
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as made:
        photos(folder := Path(made))
        for name in MODULES:
            one = measured(name, folder)
            table.add_row(
                name,
                f"{one['import_ms']:.1f}",
                f"{one['jpeg_ms']:.2f}",
                "yes" if one["reads_heif"] else "no",
                "yes" if one["reads_xmp"] else "no",
                str(one.get("raised", "hangs")),
                f"{one['worst_ms']:.1f}" if "worst_ms" in one else "",
            )
    console = Console(highlight=False)
    console.print(table)
    console.print(f"raises, slowest: of {DAMAGED} photos with eight other bytes in their metadata")


if __name__ == "__main__":
    run(main, "bench-metadata")
