"""The documents of a library, in a file that is only appended to: whatever ends a write, what was there stays.

A line is a checksum and JSON: an item of the table as DynamoDB gives it, the ImageID of one that is gone, or that
the library was opened or closed. Of an ImageID the last line counts. What is damaged or cut off is left out, and
counted.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.state import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

_ITEM, _GONE, _LIBRARY = "item", "gone", "library"
_OPENED, _CLOSED = "opened", "closed"
_CHECKSUM_DIGITS = 8
# Of ministack's.
_SEQUENCER_DIGITS = 18


@dataclass(slots=True)
class Saved:
    """What the file says."""

    # By ImageID: where its last line begins, in bytes.
    offsets: dict[str, int] = field(default_factory=dict)
    was_closed: bool = False
    damaged: int = 0
    # Lines that later ones have replaced, and those of what is gone.
    outdated: int = 0
    # Of all documents, as a number.
    greatest_sequencer: int = 0


class DocumentLog:
    """The file; used by whoever holds the library."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Not written yet, since there was no room.
        self._unwritten: list[bytes] = []

    def read(self) -> Saved:
        """Read what is saved, and write the file anew where some of it counts no more.

        Raises UserError where it cannot be read or written; nothing is lost then.
        """
        with self._disk_errors():
            saved = self._read()
            if saved.damaged or saved.outdated:
                self._write_anew(saved)
                saved.offsets = self._read().offsets
        return saved

    def items(self, saved: Saved) -> Iterator[dict[str, Any]]:
        """Yield the items that are saved, as DynamoDB's JSON has them. Raises UserError as `read` does."""
        with self._disk_errors():
            if not saved.offsets:
                return
            with self._path.open("rb") as file:
                for offset in saved.offsets.values():
                    file.seek(offset)
                    yield _parse(file.readline())[_ITEM]

    def open(self) -> None:
        """Note that the library is open; without a later `close`, it did not end in order."""
        self._append([{_LIBRARY: _OPENED}])

    def close(self) -> None:
        """Note that all is saved."""
        self._append([{_LIBRARY: _CLOSED}])

    def save(self, changes: Iterable[tuple[str, dict[str, Any] | None]]) -> None:
        """Append items by their ImageIDs; None: it is gone.

        Raises UserError where there is no room: the next call writes these, too.
        """
        self._append([{_GONE: image} if item is None else {_ITEM: item} for image, item in changes])

    def was_closed(self) -> bool:
        """Tell whether the last that was done is `close`."""
        last = b""
        with self._disk_errors():
            if self._path.is_file():
                with self._path.open("rb") as file:
                    file.seek(max(0, self._path.stat().st_size - len(_CLOSED_LINE)))
                    last = file.read()
        return last == _CLOSED_LINE

    def _read(self) -> Saved:
        saved = Saved()
        if not self._path.exists():
            return saved
        offset = items = 0
        with self._path.open("rb") as file:
            for line in file:
                said = _parse(line)
                saved.was_closed = said.get(_LIBRARY) == _CLOSED
                if item := said.get(_ITEM):
                    items += 1
                    saved.offsets[item["ImageID"]["S"]] = offset
                    saved.greatest_sequencer = max(saved.greatest_sequencer, _number(item))
                elif image := said.get(_GONE):
                    items += 1
                    saved.offsets.pop(image, None)
                elif not said:
                    saved.damaged += 1
                offset += len(line)
        saved.outdated = items - len(saved.offsets)
        return saved

    def _write_anew(self, saved: Saved) -> None:
        new = self._path.with_suffix(".new")
        try:
            with self._path.open("rb") as old, os.fdopen(_opened(new, os.O_TRUNC), "wb") as file:
                for offset in saved.offsets.values():
                    old.seek(offset)
                    file.write(old.readline())
                if saved.was_closed:
                    file.write(_CLOSED_LINE)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            new.unlink(missing_ok=True)  # the room that it takes is missing elsewhere
            raise
        new.replace(self._path)
        sync_folder(self._path.parent)

    def _append(self, said: list[dict[str, Any]]) -> None:
        self._unwritten += map(_line, said)
        if not self._unwritten:
            return
        with self._disk_errors():
            file = _opened(self._path, os.O_APPEND)
            try:
                _write_all(file, b"".join(self._unwritten))
            finally:
                os.close(file)
        self._unwritten = []

    def _disk_errors(self) -> AbstractContextManager[None]:
        return disk_errors(
            f"The library cannot be kept in {self._path.parent}",
            "make room, or see to it that you may write there",
        )


def _opened(path: Path, flag: int) -> int:
    """Open a file to write to, made where there is none, readable by its user only."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flag, 0o600)


def _write_all(file: int, content: bytes) -> None:
    """Append all of it, or nothing: what comes next is not to begin behind a part of a line."""
    whole = os.fstat(file).st_size
    try:
        while content:
            content = content[os.write(file, content) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, whole)
        raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(said: dict[str, Any]) -> bytes:
    content = json.dumps(said, separators=(",", ":"), default=_binary).encode()
    return _checked(content)


def _binary(value: bytes) -> str:
    """Return a binary attribute, which somebody else added, as DynamoDB's JSON has it."""
    return base64.b64encode(value).decode()


def _checked(content: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(content), content)


_CLOSED_LINE = _line({_LIBRARY: _CLOSED})


def _parse(line: bytes) -> dict[str, Any]:
    """Return what a line says; nothing where it is not as it was written."""
    content = line[_CHECKSUM_DIGITS + 1 : -1]
    if line != _checked(content):
        return {}
    said: dict[str, Any] = json.loads(content)
    return said


def _number(item: dict[str, Any]) -> int:
    """Return the sequencer of a document as a number: its trailing zeros are not written."""
    digits = item.get("Sequencer", {}).get("S", "")
    try:
        return int(digits.ljust(_SEQUENCER_DIGITS, "0"), 16)
    except ValueError:  # somebody else's
        return 0
