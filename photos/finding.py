"""Finding photos in a folder: nothing is skipped without being counted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from photos.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PHOTOS = frozenset((".jpg", ".jpeg", ".png", ".heic", ".heif", ".webp", ".avif", ".tif", ".tiff", ".gif", ".bmp"))
_LONGEST_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is a photo by its name; `key` is None where S3 has no key for it, and `why` says why."""

    path: Path
    key: str | None
    why: str = ""


def find(folder: Path, key_prefix: str) -> tuple[list[Found], int]:
    """Find the photos below a folder, sorted, and count the files that are none by their name.

    Raises UserError where there is no photo to find.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{folder} {what}: name a folder with photos.")
    files = sorted(_files(folder))
    photos = [path for path in files if path.suffix.lower() in _PHOTOS and not path.name.startswith(".")]
    if not photos:
        raise UserError(f"There are no photos in {folder}: it has {len(files)} files, none named like a photo.")
    return [_found(path, folder, key_prefix) for path in photos], len(files) - len(photos)


def _files(folder: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(folder):
        yield from (Path(directory, name) for name in names)


def _found(path: Path, folder: Path, key_prefix: str) -> Found:
    key = key_prefix + path.relative_to(folder).as_posix()
    try:
        length = len(key.encode())
    except UnicodeEncodeError:  # the file system's bytes, which Python keeps as lone surrogates
        return Found(path, None, "Its name is not valid UTF-8: rename it.")
    if length > _LONGEST_KEY_BYTES:
        return Found(path, None, f"Its key would have {length} bytes, and S3 takes 1,024: shorten its path.")
    return Found(path, key)
