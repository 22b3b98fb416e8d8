"""Finding photos on a disk: whatever is skipped is counted, or named with the reason."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from photos.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PHOTO_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".heic", ".heif", ".webp", ".avif", ".tif", ".tiff", ".gif", ".bmp")
)
_LONGEST_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is a photo by its name; `why` says why it cannot be uploaded, where it cannot."""

    path: Path
    key: str
    size: int = 0
    mtime_ns: int = 0
    why: str = ""


@dataclass(slots=True)
class Finder:
    """Goes through folders and files, and counts what it leaves alone."""

    prefix: str
    """Put before each key."""
    include: Sequence[str] = ()
    """Glob patterns of names, or of paths below the folder; none: all."""
    exclude: Sequence[str] = ()
    left_alone: Counter[str] = field(default_factory=Counter)
    """Files that are not photos by their name, or not wanted, by what they are."""

    def find(self, paths: Sequence[Path]) -> Iterator[Found]:
        """Give each photo folder by folder, in order. Raises UserError for a path that is not there.

        Links to files are followed, links to folders are named: they may lead in circles.
        """
        for path in paths:
            if not os.path.lexists(path):
                raise UserError(f"{path} does not exist: name folders or files with photos.")
        for path in paths:
            if path.is_dir():
                yield from self._below(path, path)
            else:
                yield from self._file(path, path.name)

    def _below(self, folder: Path, root: Path) -> Iterator[Found]:
        try:
            with os.scandir(folder) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Found(folder, "", why=f"The folder cannot be read: {error.strerror}.")
            return
        for entry in ordered:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(path, root)
            elif _is_link_to_folder(entry):
                yield Found(path, "", why="It is a link to a folder: name that folder to have it imported.")
            else:
                yield from self._file(path, path.relative_to(root).as_posix())

    def _file(self, path: Path, name: str) -> Iterator[Found]:
        if path.name.startswith(".") or path.suffix.lower() not in PHOTO_SUFFIXES:
            self.left_alone["by name no photo"] += 1
        elif not self._is_wanted(name):
            self.left_alone["not included, or excluded"] += 1
        else:
            yield self._looked_at(path, name)

    def _is_wanted(self, name: str) -> bool:
        def matches(pattern: str) -> bool:
            return fnmatch(name, pattern) or fnmatch(name.rpartition("/")[2], pattern)

        return (not self.include or any(map(matches, self.include))) and not any(map(matches, self.exclude))

    def _looked_at(self, path: Path, name: str) -> Found:
        try:
            status = path.stat()
        except OSError as error:
            what = "It is a link to nothing" if path.is_symlink() else f"It cannot be read: {error.strerror}"
            return Found(path, "", why=f"{what}.")
        if not stat.S_ISREG(status.st_mode):
            return Found(path, "", why="It is no file.")
        if not status.st_size:
            return Found(path, "", why="It is empty (0 bytes).")
        # Composed: macOS decomposes names, and whoever searches for one types it composed.
        key = self.prefix + unicodedata.normalize("NFC", name)
        try:
            length = len(key.encode())
        except UnicodeEncodeError:  # the file system's bytes, which Python keeps as lone surrogates
            return Found(path, "", why="Its name is not valid UTF-8: rename it.")
        if length > _LONGEST_KEY_BYTES:
            too_long = (
                f"Its key would have {length:,} bytes, and S3 takes {_LONGEST_KEY_BYTES:,}: shorten its path."
            )
            return Found(path, "", why=too_long)
        return Found(path, key, status.st_size, status.st_mtime_ns)


def _is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a link in a circle, or into a folder that may not be looked into
        return False
