"""Photos as a browser shows them, whatever their format: small for the grid, which are kept, and large."""

from __future__ import annotations

import hashlib
import os
import queue
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from photo_labels.browsing.memory import MemoryBudget
from photo_labels.library.decoding import Decoder
from photo_labels.library.state_files import home_folder
from photo_labels.library.user_errors import UserError
from photo_labels.library.viewing import downloaded, requested_photo
from photo_labels.records.decoder import MAX_SIDE, MEMORY_BYTES
from photo_labels.records.decoders.limits import UndecodableError
from photo_labels.records.formats import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

THUMBNAIL_SIDE = 400
# Of photos that are downloaded or decoded: two of the largest, or dozens of those that phones take.
_IN_MEMORY_BYTES = 2 * MAX_FILE_BYTES
# Thumbnails, of 20 to 40 KB.
_MAX_KEPT = 20_000
# As many as Starlette has threads.
_CONNECTIONS = 40


def cache_folder() -> Path | None:
    """Return the folder of thumbnails, readable by its user only; None: there is none."""
    try:
        folder = home_folder("XDG_CACHE_HOME", ".cache") / "photo-labels"
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except (OSError, UserError):  # nobody can write there, or there is no home at all
        return None
    return folder


class Pictures:
    """Makes pictures of photos; used from several threads. Raises UserError where there can be no decoders."""

    def __init__(self, target: Target) -> None:
        self._s3 = target.client("s3", connections=_CONNECTIONS)
        self._folder = cache_folder()
        self._memory = MemoryBudget(_IN_MEMORY_BYTES)
        self._is_ending = False
        self._all_decoders: list[Decoder] = []
        self._decoders: queue.Queue[Decoder] = queue.Queue()
        for _ in range(_decoders()):
            with _no_decoder():
                self._all_decoders.append(Decoder())
            self._decoders.put(self._all_decoders[-1])
        self._without_picture: dict[str, UndecodableError] = {}
        if self._folder:
            _forget_oldest(self._folder)

    def stop(self) -> None:
        """Begin to stop: requests that wait for a picture get UserError or UndecodableError."""
        self._is_ending = True
        for decoder in self._all_decoders:
            decoder.stop()

    def close(self) -> None:
        """Stop all decoders, also those that are working."""
        self.stop()
        for _ in self._all_decoders:
            self._decoders.get().close()

    def thumbnail(self, document: Document, is_gone: Callable[[], bool] = lambda: False) -> bytes:
        """Return a JPEG for the grid; `is_gone` tells whether who asked for it does not wait any more.

        Raises UserError where the photo is gone or nobody waits for it, UndecodableError where it is none.
        """
        version = f"{document.image_id} {document.etag} {document.version_id} {document.sequencer}"
        name = f"{hashlib.sha256(version.encode(errors='surrogatepass')).hexdigest()}.jpg"
        if version in self._without_picture:
            raise self._without_picture[version]
        if self._folder:
            with suppress(OSError):
                return (self._folder / name).read_bytes()
        try:
            jpeg = self._decoded(document, THUMBNAIL_SIDE, is_gone)
        except UndecodableError as error:
            self._without_picture[version] = error
            raise
        if self._folder:
            with suppress(OSError):  # a full disk is no reason not to show it
                _keep(jpeg, self._folder / name)
        return jpeg

    def view(self, document: Document, is_gone: Callable[[], bool] = lambda: False) -> bytes:
        """Return a JPEG as large as a screen. Raises what `thumbnail` does."""
        return self._decoded(document, MAX_SIDE, is_gone)

    def _decoded(self, document: Document, longest_side: int, is_gone: Callable[[], bool]) -> bytes:
        def check() -> None:
            """Stop early where nobody waits any more: scrolling leaves many requests behind."""
            if self._is_ending or is_gone():
                raise UserError("No request waits for this picture any more.")

        check()
        with requested_photo(self._s3, document) as (size, body), self._memory.taken(size):
            photo = downloaded(body, size, check)
            with self._a_decoder() as decoder, _no_decoder():
                check()
                return decoder.jpeg(photo, longest_side)

    @contextmanager
    def _a_decoder(self) -> Iterator[Decoder]:
        decoder = self._decoders.get()
        try:
            yield decoder
        finally:
            self._decoders.put(decoder)


def _decoders() -> int:
    """Return the number of decoders: one for each core, but not so many that they can fill half of the memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(os.cpu_count() or 1, memory // 2 // MEMORY_BYTES))


@contextmanager
def _no_decoder() -> Iterator[None]:
    """Raise UserError where a decoder cannot be started."""
    try:
        yield
    except OSError as error:
        raise UserError(f"The decoder of photos cannot be started ({error.strerror}).") from error


def _forget_oldest(folder: Path) -> None:
    """Remove what a killed run left, and the oldest thumbnails; another page may do so at the same time."""
    for path in folder.glob("*.new"):
        _forget(path)
    kept = sorted(folder.glob("*.jpg"), key=_changed_at, reverse=True)
    for path in kept[_MAX_KEPT:]:
        _forget(path)


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _changed_at(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0


def _keep(jpeg: bytes, path: Path) -> None:
    """Write a file atomically, readable by its user only."""
    new = path.with_suffix(f".{os.urandom(4).hex()}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(jpeg)
        new.replace(path)
    except OSError:
        _forget(new)  # half a thumbnail would only make a full disk fuller
        raise
