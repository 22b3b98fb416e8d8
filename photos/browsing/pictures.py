"""Photos as a browser shows them, whatever their format: small ones for the grid, which are kept, and large ones.

They are decoded in processes of their own, since decoders crash; such a photo has no picture, and all others have.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

from handler.decoder import LONGEST_SIDE, UndecodableError, decoded
from photos.opening import photo

if TYPE_CHECKING:
    from handler.documents import Document
    from photos.target import Target

THUMBNAIL_SIDE = 400
_KEPT_AT_MOST = 20_000
"""Thumbnails, of 20 to 40 KB."""
_CONNECTIONS = 40
"""As many as Starlette has threads."""


def cache_folder() -> Path:
    """Where thumbnails are kept; only their user may read them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "photo-labels"


class Pictures:
    """Makes pictures of photos; used from several threads."""

    def __init__(self, target: Target, folder: Path | None = None) -> None:
        self._s3 = target.client("s3", connections=_CONNECTIONS)
        self._folder = folder or cache_folder()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._pool = _pool()
        self._forget_oldest()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def thumbnail(self, document: Document) -> bytes:
        """A JPEG for the grid. Raises UserError where the photo is gone, UndecodableError where it is none."""
        version = f"{document.image_id} {document.etag} {document.version_id} {document.sequencer}"
        kept = self._folder / f"{hashlib.sha256(version.encode()).hexdigest()}.jpg"
        try:
            return kept.read_bytes()
        except FileNotFoundError:
            jpeg = self._decoded(photo(self._s3, document), THUMBNAIL_SIDE)
        new = kept.with_suffix(f".{threading.get_ident()}")
        new.write_bytes(jpeg)
        new.chmod(0o600)
        new.replace(kept)
        return jpeg

    def view(self, document: Document) -> bytes:
        """A JPEG as large as a screen. Raises what `thumbnail` does."""
        return self._decoded(photo(self._s3, document), LONGEST_SIDE)

    def _decoded(self, body: bytes, longest_side: int) -> bytes:
        pool = self._pool
        try:
            jpeg, why = pool.submit(_decode, body, longest_side).result()
        except BrokenProcessPool as error:
            with self._lock:
                if self._pool is pool:
                    self._pool = _pool()
            raise UndecodableError("DecoderCrashed", "Its decoder, or that of another photo, crashed.") from error
        if why:
            raise UndecodableError(*why)
        return jpeg

    def _forget_oldest(self) -> None:
        kept = sorted(self._folder.glob("*.jpg"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[_KEPT_AT_MOST:]:
            path.unlink(missing_ok=True)


def _pool() -> ProcessPoolExecutor:
    # Not forked: this process has threads. A process takes half a second to start, and does so at once.
    pool = ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"))
    for _ in range(os.cpu_count() or 1):
        pool.submit(_start)
    return pool


def _start() -> None:
    """Do nothing in a process that has imported what it needs."""


def _decode(body: bytes, longest_side: int) -> tuple[bytes, tuple[str, str] | None]:
    """Give a JPEG, or reason and detail why there is none: such an exception could not leave its process."""
    try:
        _, jpeg = decoded(io.BytesIO(body), longest_side)
    except UndecodableError as error:
        return b"", (error.reason, error.detail)
    return jpeg, None
