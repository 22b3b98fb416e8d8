"""Photos as a browser shows them, whatever their format: small for the grid, which are kept, and large."""

from __future__ import annotations

import hashlib
import os
import queue
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from handler.decoder import LONGEST_SIDE, UndecodableError
from photos.decoding import Decoder
from photos.opening import photo

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self._decoders: queue.Queue[Decoder] = queue.Queue()
        for _ in range(os.cpu_count() or 1):
            self._decoders.put(Decoder())
        self._without_picture: dict[str, UndecodableError] = {}
        self._forget_oldest()

    def close(self) -> None:
        """End the decoders; those at work, too, when they have ended."""
        for _ in range(os.cpu_count() or 1):
            self._decoders.get().close()

    def thumbnail(self, document: Document) -> bytes:
        """A JPEG for the grid. Raises UserError where the photo is gone, UndecodableError where it is none."""
        version = f"{document.image_id} {document.etag} {document.version_id} {document.sequencer}"
        kept = self._folder / f"{hashlib.sha256(version.encode()).hexdigest()}.jpg"
        if version in self._without_picture:
            raise self._without_picture[version]
        with suppress(OSError):
            return kept.read_bytes()
        try:
            jpeg = self._decoded(document, THUMBNAIL_SIDE)
        except UndecodableError as error:
            self._without_picture[version] = error
            raise
        with suppress(OSError):  # a full disk is no reason not to show it
            _keep(jpeg, kept)
        return jpeg

    def view(self, document: Document) -> bytes:
        """A JPEG as large as a screen. Raises what `thumbnail` does."""
        return self._decoded(document, LONGEST_SIDE)

    def _decoded(self, document: Document, longest_side: int) -> bytes:
        body = photo(self._s3, document)
        with self._a_decoder() as decoder:
            return decoder.jpeg(body, longest_side)

    @contextmanager
    def _a_decoder(self) -> Iterator[Decoder]:
        decoder = self._decoders.get()
        try:
            yield decoder
        finally:
            self._decoders.put(decoder)

    def _forget_oldest(self) -> None:
        for path in self._folder.glob("*.new"):  # of a run that was killed
            path.unlink(missing_ok=True)
        kept = sorted(self._folder.glob("*.jpg"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[_KEPT_AT_MOST:]:
            path.unlink(missing_ok=True)


def _keep(jpeg: bytes, path: Path) -> None:
    """Write it whole or not at all, for its user alone."""
    new = path.with_suffix(f".{os.urandom(4).hex()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(jpeg)
    new.replace(path)
