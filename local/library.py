"""A library: a folder in which a local cloud keeps photos and documents for good.

It has a mark of its own, which no local cloud takes for that of a folder that it may empty, nor does an earlier
version of this program. Nothing in it names where it is, so that it can be moved.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from local.document_log import DocumentLog, sync_folder
from local.state import MARK, disk_errors, lock
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

FORMAT = 1
_TITLE = "A library of photo-labels, which is never emptied: `make up LIBRARY=folder` keeps photos in it."
_SIGNED = re.compile(rf"{re.escape(_TITLE)}\nformat (\d{{1,9}})\n".encode())


class Library:
    """A folder that is a library, or is to become one: new, or empty."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.photos = folder / "s3"
        self.documents = DocumentLog(folder / "documents.log")
        self._mark = folder / MARK

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Keep others from using it; a new or empty folder becomes a library. Yields whether it was new.

        Raises UserError, and has touched nothing in it, where it is no library, of a newer format, or in use.
        """
        with self._disk_errors():
            mark = self._open_mark()
        with mark:
            with self._disk_errors():
                lock(mark, f"The library in {self.folder} is in use by another local cloud: stop that one first.")
                is_new = not mark.read()
                if is_new:
                    mark.write(f"{_TITLE}\nformat {FORMAT}\n".encode())
                    os.fsync(mark.fileno())
                    sync_folder(self.folder)
            yield is_new

    def check(self) -> None:
        """Raise as `held` does where it cannot be one; make nothing, and touch nothing."""
        with self._disk_errors(), suppress(FileNotFoundError):  # it is to be made
            self._check_names()

    def _open_mark(self) -> FileIO:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_names()
        return os.fdopen(os.open(self._mark, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b", buffering=0)

    def _check_names(self) -> None:
        """Raises UserError where it is neither empty nor has the mark: a file that says what ours do."""
        names = {path.name for path in self.folder.iterdir()}
        if not names:
            return
        signed = b""
        if MARK in names and stat.S_ISREG(self._mark.lstat().st_mode):
            signed = self._mark.read_bytes()
            if not signed and names == {MARK}:  # somebody is about to sign it, or was
                return
        found = _SIGNED.fullmatch(signed)
        if not found:
            raise UserError(
                f"{self.folder} holds files and is no library, so nothing in it is touched: name a folder that is "
                "new or empty, or your library."
            )
        if int(found[1]) > FORMAT:
            raise UserError(
                f"The library in {self.folder} was made by a newer version of photo-labels (its format is "
                f"{int(found[1])}, this one reads {FORMAT}): use that version, or a newer one."
            )

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        with disk_errors(f"No library can be kept in {self.folder}", "name another folder"):
            try:
                yield
            except (NotADirectoryError, FileExistsError) as error:
                raise UserError(f"{self.folder} is no folder: name another.") from error
