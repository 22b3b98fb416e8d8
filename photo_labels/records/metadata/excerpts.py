"""The parts of a file that were read: its first bytes, and perhaps one range further on."""

from __future__ import annotations

MORE_BYTES = 64 * 1024
# The range begins so far before what was missing: programs that write a directory last write its values before it.
_BEFORE = 8 * 1024


class Excerpts:
    """A file of which only parts are at hand; it remembers the first range that was asked for and is not."""

    __slots__ = ("_after", "_head", "_size", "_start", "missing")

    def __init__(self, head: bytes, size: int | None, after: tuple[int, bytes] | None) -> None:
        self._head, self._size = head, size
        self._start, self._after = after or (0, b"")
        # Its first byte, and how many.
        self.missing: tuple[int, int] | None = None

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from start to stop, or as many of the first of them as are at hand."""
        if stop <= len(self._head):
            return self._head[start:stop]
        if self._start <= start < self._start + len(self._after):
            found = self._after[start - self._start : stop - self._start]
        else:
            found = self._head[start:stop]
        if start + len(found) < stop and self.missing is None:
            self.missing = self._range_around(start)
        return found

    def _range_around(self, start: int) -> tuple[int, int] | None:
        begin = max(len(self._head), start - _BEFORE)
        length = MORE_BYTES if self._size is None else min(MORE_BYTES, self._size - begin)
        is_there = start < self._size if self._size is not None else start < 2**63
        return (begin, length) if is_there and length > 0 else None


class Window:
    """A stretch of a file, with places counted from its start."""

    __slots__ = ("_file", "_start", "_stop")

    def __init__(self, file: Excerpts, start: int, stop: int | None = None) -> None:
        self._file, self._start, self._stop = file, start, stop

    def at(self, place: int, length: int) -> bytes:
        """Return so many bytes from a place on; fewer where the stretch, or what was read of it, ends before."""
        start = self._start + place
        stop = start + length if self._stop is None else min(start + length, self._stop)
        return self._file.read(start, stop) if start < stop else b""

    def number(self, place: int, length: int) -> int:
        """Return a big-endian number; 0 where it is not there."""
        found = self.at(place, length)
        return int.from_bytes(found) if len(found) == length else 0

    def within(self, place: int, length: int | None = None) -> Window:
        """Return a stretch of this one; without a length, up to its end."""
        start = self._start + place
        stop = self._stop
        if length is not None:
            stop = start + length if stop is None else min(start + length, stop)
        return Window(self._file, start, stop)
