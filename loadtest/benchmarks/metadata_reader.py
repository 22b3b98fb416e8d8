"""One library that reads metadata, in a process of its own: prints what importing it and reading with it takes.

It is run by the Python of `.local/readers`, and so imports nothing but that library.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import random
import statistics
import struct
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What the function has imported before.
for _module in ("dataclasses", "datetime", "decimal", "re"):
    importlib.import_module(_module)

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES, DAMAGED = 100, 100
# So much of the photo is damaged, which has all its metadata.
_DAMAGED_BYTES = 2_000
# What these libraries raise of a photo that they do not read.
_RAISED = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, OSError, RuntimeError),
    *(TypeError, ValueError, struct.error),
)
MODULES = {
    "ours": "photo_labels.records.metadata.reading",
    "Pillow": "PIL.Image",
    "exifread": "exifread",
    "piexif": "piexif",
    "pyexiv2": "pyexiv2",
}


def reader(name: str, module: Any) -> Callable[[bytes], object]:
    """Return what reads time, camera and place of a photo with a library."""
    if name == "pyexiv2":

        def by_exiv2(photo: bytes) -> object:
            with module.ImageData(photo) as image:
                return image.read_exif()

        return by_exiv2
    readers: dict[str, Callable[[bytes], object]] = {
        "ours": lambda photo: module.metadata_of(photo).taken_at,
        "Pillow": lambda photo: by_pillow(module, photo),
        "exifread": lambda photo: module.process_file(io.BytesIO(photo), details=False),
        "piexif": lambda photo: module.load(photo)["Exif"],
    }
    return readers[name]


def by_pillow(module: Any, photo: bytes) -> object:
    found = module.open(io.BytesIO(photo)).getexif()
    return found.get_ifd(34665) and (found, found.get_ifd(34853))


def cpu_ms(read: Callable[[bytes], object], photo: bytes) -> tuple[float, bool]:
    """Return the CPU time of one photo, and whether it was read without an exception."""
    started = time.process_time()
    try:
        read(photo)
    except _RAISED:
        return (time.process_time() - started) * 1e3, False
    return (time.process_time() - started) * 1e3, True


def is_read(read: Callable[[bytes], object], photo: bytes) -> bool:
    try:
        return bool(read(photo))
    except _RAISED:
        return False


def damaged(photo: bytes) -> bytes:
    """Return the photo with eight other bytes where its metadata are."""
    spoilt = bytearray(photo)
    for _ in range(8):
        spoilt[random.randrange(min(_DAMAGED_BYTES, len(spoilt)))] = random.randrange(256)
    return bytes(spoilt)


def main() -> None:
    """Measure a library with the photos in a folder; print a line for usual photos, one for damaged ones."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    logging.disable()
    started = time.process_time()
    module = importlib.import_module(MODULES[name])
    import_ms = (time.process_time() - started) * 1e3
    read = reader(name, module)
    jpeg = (folder / "photo.jpg").read_bytes()
    usual = {
        "import_ms": import_ms,
        "jpeg_ms": statistics.median(cpu_ms(read, jpeg)[0] for _ in range(TIMES)),
        "reads_heif": is_read(read, (folder / "photo.heic").read_bytes()),
        "reads_xmp": is_read(read, (folder / "xmp.jpg").read_bytes()),
    }
    print(json.dumps(usual), flush=True)
    random.seed(1)
    spoilt = [cpu_ms(read, damaged(jpeg)) for _ in range(DAMAGED)]
    raised = sum(not is_whole for _, is_whole in spoilt)
    print(json.dumps({"raised": raised, "worst_ms": max(took for took, _ in spoilt)}))


if __name__ == "__main__":
    main()
