"""The folder of a local cloud: marked as ours, held by one process, and emptied when a cloud starts in it.

The mark is a file that the process which uses the folder keeps locked as long as it lives: whoever finds it locked
knows that there is one, and nobody is fooled by what a crash left behind. A folder that is not empty and has no
mark is somebody else's: nothing in it is read, changed or removed.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from photo_labels.library.target import STATE_FILE
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from io import FileIO
    from pathlib import Path
    from typing import IO

MARK = ".photo-labels"
LOG = "cloud.log"
_SIGNED = b"The local cloud of photo-labels is kept in this folder, which is emptied each time it starts.\n"
# Whoever only looks whether it is locked has it locked for an instant.
_LOCK_S = 1.0


class InUseError(UserError):
    """Another process holds the folder."""


@dataclass(frozen=True, slots=True)
class Running:
    """What a running cloud publishes about itself."""

    pid: int
    endpoint_url: str
    rekognition_url: str
    stack: str
    # The folder of the library that it keeps; empty: none, it forgets its photos.
    library: str = ""
    # What was said of the library when it was opened.
    opening: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError where it is damaged, or of another shape."""
        found: Any = json.loads(text)
        names = [field.name for field in fields(cls)]
        kinds = dict.fromkeys(names, str) | {"pid": int}
        if not isinstance(found, dict) or any(type(found.get(name)) is not kind for name, kind in kinds.items()):
            raise ValueError("it is not what a local cloud says of itself")
        return cls(**{name: found[name] for name in names})


class State:
    """A folder, and what is known of the cloud that runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / LOG
        self._mark = folder / MARK
        self._file = folder / STATE_FILE

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only one that uses the folder; it is made, or emptied but for its log.

        Raises UserError, and has touched nothing in it, where it is somebody else's, or in use.
        """
        with self._disk_errors():
            mark = self._open_mark()
        with mark:
            with self._disk_errors():
                lock(mark, "The local cloud is running already.")
                if mark.read() != _SIGNED:
                    mark.truncate(0)
                    mark.write(_SIGNED)
                self._empty()
            yield

    def is_held(self) -> bool:
        """Tell whether a cloud is running or starting in it. Raises UserError where that cannot be seen."""
        with self._disk_errors():
            try:
                with os.fdopen(os.open(self._mark, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as mark:
                    if mark.read() in {b"", _SIGNED}:  # a library has a lock, too, and no cloud publishes there
                        fcntl.flock(mark, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return False
            except BlockingIOError:
                return True
        return False

    def open_log(self) -> IO[bytes]:
        """Start a new log; for whoever holds the folder, which is known to be ours then."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC | os.O_NOFOLLOW
        with self._disk_errors():
            return os.fdopen(os.open(self.log, flags, 0o600), "ab")

    def last_line(self) -> str:
        """Return the last line of the log."""
        with self._disk_errors():
            return (
                self.log.read_text(errors="replace").strip().splitlines()
                or ["it said nothing; is there room on the disk?"]
            )[-1]

    def publish(self, running: Running) -> None:
        """Publish atomically, readable by its user only, that the cloud runs."""
        new = self._file.with_suffix(".new")
        with self._disk_errors():
            new.touch(mode=0o600)
            new.write_text(json.dumps(asdict(running)))
            new.replace(self._file)

    def withdraw(self) -> None:
        """Withdraw it: a cloud that does not find what it has published stops."""
        with self._disk_errors():
            _remove(self._file)

    def is_published(self) -> bool:
        return self._file.exists()

    def running(self) -> Running | None:
        """Return what the cloud in it says of itself; None: nothing. Raises UserError where that is damaged."""
        with self._disk_errors():
            try:
                return Running.parse(self._file.read_text())
            except (FileNotFoundError, NotADirectoryError):
                return None
            except (ValueError, RecursionError, IsADirectoryError) as error:
                raise UserError(f"{self._file} is damaged ({error}): `make down && make up`.") from error

    def _open_mark(self) -> FileIO:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._is_ours():
            raise UserError(
                f"{self.folder} holds files that are not the local cloud's, which would empty it: "
                "name a folder that is new or empty with PHOTOS_LOCAL_STATE, or remove it yourself."
            )
        return os.fdopen(os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b", buffering=0)

    def _is_ours(self) -> bool:
        """Tell whether it is empty, or has the mark: a file that says what ours do, no link to one."""
        names = {path.name for path in self.folder.iterdir()}
        if not names or MARK not in names or not stat.S_ISREG(self._mark.lstat().st_mode):
            return not names
        signed = self._mark.read_bytes()
        return signed == _SIGNED or (not signed and names == {MARK})  # another process is about to sign it

    def _empty(self) -> None:
        self.withdraw()  # first: what a crash left is not to be taken for a cloud that runs
        for path in list(self.folder.iterdir()):
            if path.name not in (MARK, LOG):
                _remove(path)

    def _disk_errors(self) -> AbstractContextManager[None]:
        return disk_errors(
            f"The local cloud cannot be kept in {self.folder}",
            "make room, or name another folder (PHOTOS_LOCAL_STATE for `make up`, otherwise TMPDIR)",
        )


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; of a link, the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def disk_errors(what: str, advice: str) -> Iterator[None]:
    """Raise UserError where the disk fails: what cannot be done, why, and what the user may do about it."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{what} ({error.strerror or error}): {advice}.") from error


def lock(mark: FileIO, why: str) -> None:
    """Raises InUseError, with the reason, where another process has it locked."""
    end = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise InUseError(why) from None
            time.sleep(0.02)
        else:
            return
