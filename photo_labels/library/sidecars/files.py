"""The folder that sidecars are written into: below it and nowhere else, and never over somebody else's file.

Keys come from whoever uploads photos. Each part of a key is opened from the folder above it, and no symbolic link
is followed, so that neither a key nor what is in the folder leads outside.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Self

from photo_labels.library.sidecars.xmp import photo_of, sealed_photo
from photo_labels.library.user_errors import NotAllDoneError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

# Far more than all that fits into a document.
_MOST_BYTES = 16 * 2**20
# What is wrong with one name, or what is there of that name; anything else is wrong with the disk.
_OF_ONE_NAME = frozenset(
    (
        *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ENOENT, errno.EEXIST),
        *(errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM),
    )
)
_READ = os.O_RDONLY | os.O_CLOEXEC


class Outcome(Enum):
    """What became of a photo's sidecar."""

    WRITTEN = "new, or in the place of ours"
    UNCHANGED = "there already"
    NOT_OURS = "somebody else has made or changed the file of that name"
    OF_ANOTHER = "the file of that name is another photo's"
    IMPOSSIBLE = "there can be no file of that name"


class SidecarFolder:
    """A folder, made where there is none. Raises UserError where nothing can be written to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not os.access(path, os.W_OK | os.X_OK):
                raise UserError(f"{path} cannot be written to: name another folder, or change its permissions.")
            self._folder = os.open(path, _READ | os.O_DIRECTORY)
        except OSError as error:
            raise UserError(f"{path} is no folder, and cannot be made one ({error.strerror}).") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)

    def write(self, key: str, image_id: str, content: bytes) -> Outcome:
        """Write a photo's sidecar, unless the same is there, or what is not to be replaced.

        Raises NotAllDoneError where nothing more can be written, say on a full disk.
        """
        if not (parts := _parts(key)):
            return Outcome.IMPOSSIBLE
        try:
            with self._opened(parts[:-1], is_made=True) as folder:
                return _write(folder, parts[-1] + b".xmp", image_id, content)
        except OSError as error:
            if error.errno in _OF_ONE_NAME:
                return Outcome.IMPOSSIBLE
            raise NotAllDoneError(
                f"{key}.xmp cannot be written to {self._path} ({error.strerror}): mend that, and run it again."
            ) from error

    @contextmanager
    def photo(self, key: str) -> Iterator[BinaryIO | None]:
        """Open the file of a photo's own name; None: there is none that can be read."""
        with self._file(key) as descriptor:
            if descriptor is None or not stat.S_ISREG(os.fstat(descriptor).st_mode):
                yield None
                return
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                yield file

    @contextmanager
    def _file(self, key: str) -> Iterator[int | None]:
        descriptor = None
        if parts := _parts(key):
            # A photo that is a link is read: so libraries are kept by some programs.
            with suppress(OSError), self._opened(parts[:-1]) as folder:
                descriptor = os.open(parts[-1], _READ | os.O_NONBLOCK, dir_fd=folder)
        try:
            yield descriptor
        finally:
            if descriptor is not None:
                os.close(descriptor)

    @contextmanager
    def _opened(self, parts: list[bytes], *, is_made: bool = False) -> Iterator[int]:
        """Open a folder below this one; `is_made`: make it, where there is none. Raises OSError."""
        folder = os.dup(self._folder)
        try:
            for part in parts:
                if is_made:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=folder)
                below = os.open(part, _READ | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = below
            yield folder
        finally:
            os.close(folder)


def _parts(key: str) -> list[bytes]:
    """Return the names that a key is made of; []: they cannot be those of folders and a file."""
    try:
        parts = key.encode().split(b"/")
    except UnicodeEncodeError:
        return []
    return [] if "\0" in key or {b"", b".", b".."} & set(parts) else parts


def _write(folder: int, name: bytes, image_id: str, content: bytes) -> Outcome:
    there = _content(folder, name)
    if there == content:
        return Outcome.UNCHANGED
    if there is not None and (photo := sealed_photo(there)) != photo_of(image_id):
        return Outcome.OF_ANOTHER if photo else Outcome.NOT_OURS
    # One name for each sidecar, so that what a killed run left is replaced.
    new = b".photo-labels-%s.new" % hashlib.sha256(name).hexdigest()[:16].encode()
    try:
        with os.fdopen(_made(folder, new), "wb") as file:
            file.write(content)
        if _content(folder, name) != there:  # somebody has saved theirs meanwhile
            return Outcome.NOT_OURS
        os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new, dir_fd=folder)
    return Outcome.WRITTEN


def _made(folder: int, name: bytes) -> int:
    """Make a file that was not there, and open it to be written."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(name, flags, 0o666, dir_fd=folder)
    except FileExistsError:
        os.unlink(name, dir_fd=folder)
        return os.open(name, flags, 0o666, dir_fd=folder)


def _content(folder: int, name: bytes) -> bytes | None:
    """Return what is in a file; b"": in none that could be ours; None: there is none. Raises OSError."""
    try:
        descriptor = os.open(name, _READ | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:  # a symbolic link
            return b""
        raise
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            return b""
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)
