"""When, where and by which camera a photo was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.records.metadata import boxes, containers, exif
from photo_labels.records.metadata.excerpts import Excerpts, Window
from photo_labels.records.metadata.pieces import Pieces
from photo_labels.records.metadata.values import camera_of, text_of, time_of
from photo_labels.records.metadata.xmp import Xmp

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

# EXIF is within the first 64 KB of a JPEG: no segment is longer.
HEAD_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a photo says of itself; None: it does not say it, or nothing that can be true."""

    # ISO 8601, whole seconds: "2019-07-14T18:03:22+02:00", without an offset where that is not known.
    taken_at: str | None = None
    # "Canon EOS 80D".
    camera: str | None = None
    # Latitude and longitude, degrees with six decimals.
    location: tuple[Decimal, Decimal] | None = None
    # The first byte, and how many, of the range where the rest is that the given bytes lack.
    more: tuple[int, int] | None = None


def _of_tiff(file: Window) -> Pieces:
    return Pieces(exif=(file,))


_READERS: dict[bytes, Callable[[Window], Pieces]] = {
    b"\xff\xd8": containers.of_jpeg,
    b"II": _of_tiff,
    b"MM": _of_tiff,
    b"\x89PNG\r\n\x1a\n": containers.of_png,
    b"FUJIFILMCCD-RAW": containers.of_raf,
    b"8BPS": containers.of_psd,
}


def _reader_of(head: bytes) -> Callable[[Window], Pieces] | None:
    if head[4:8] == b"ftyp":
        return boxes.pieces_of
    if head[8:12] == b"WEBP":
        return containers.of_webp
    return next((reader for beginning, reader in _READERS.items() if head.startswith(beginning)), None)


def metadata_by(read: Callable[[int, int], bytes | None], size: int | None) -> Metadata | None:
    """Return what a photo tells, by its first bytes and at most one more range; None: it has no bytes to read.

    `read` gets the first byte and how many, and raises what it does; `size`: of the whole file.
    """
    head = read(0, HEAD_BYTES)
    if head is None:
        return None
    found = metadata_of(head, size)
    if not found.more:
        return found
    start, length = found.more
    return metadata_of(head, size, (start, read(start, length) or b""))


def metadata_of(head: bytes, size: int | None = None, after: tuple[int, bytes] | None = None) -> Metadata:
    """Return what the first bytes of a photo tell (64 KB or more do for most); it never raises.

    `size`: of the whole file, so that nothing beyond it is asked for. `after`: the first byte and the content of
    one more range, which an answer for the same head has asked for as `more`.
    """
    file = Excerpts(head, size, after)
    whole = Window(file, 0)
    if not (reader := _reader_of(head)):
        return Metadata()
    pieces = reader(whole)
    texts: dict[int, bytes] = {}
    location, xmp_window = None, pieces.xmp
    for window in pieces.exif:
        found = exif.exif_of(window)
        texts = {**texts, **found.texts}
        location = location or found.location
        xmp_window = xmp_window or found.xmp
    if pieces.gps:
        location = exif.location_in(pieces.gps)
    taken_at = _time(texts, exif.ORIGINAL, exif.ORIGINAL_OFFSET)
    camera = camera_of(texts.get(exif.MAKE, b""), texts.get(exif.MODEL, b""))
    # XMP is asked for what EXIF has not told, and no more is read from S3 for it where EXIF has told the time.
    more = file.missing
    digitized = None
    if xmp_window and not (taken_at and camera and location):
        xmp = Xmp(xmp_window)
        taken_at, digitized = taken_at or xmp.taken, xmp.digitized
        camera = camera or camera_of(xmp.make, xmp.model)
        location = location or xmp.location
    taken_at = taken_at or _time(texts, exif.DIGITIZED, exif.DIGITIZED_OFFSET) or digitized
    return Metadata(taken_at, camera, location, more if taken_at else file.missing)


def _time(texts: dict[int, bytes], tag: int, offset: int) -> str | None:
    return time_of(text_of(texts.get(tag, b"")), text_of(texts.get(offset, b"")))
