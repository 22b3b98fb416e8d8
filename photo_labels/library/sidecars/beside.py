"""How a photo is stored, as far as its document and the photo itself, where it lies beside the sidecar, tell.

Rekognition turns a JPEG by its EXIF data, and does not say so: the document of a photo that was not converted has
no orientation. So it is read from the photo, if that is the one that was labelled: one whose orientation somebody
has changed since would have its boxes turned wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from photo_labels.library.importing.comparison import Comparison, compare
from photo_labels.library.sidecars.regions import ORIENTATIONS
from photo_labels.records.decoders import exif
from photo_labels.records.decoders.bare import exif_of_jpeg
from photo_labels.records.dimensions import size_by_header
from photo_labels.records.formats import SIGNATURE_BYTES, format_by_content

if TYPE_CHECKING:
    from typing import BinaryIO

    from photo_labels.records.documents import Document

# Of what Rekognition reads as it is, all (15 MB); of a larger photo its headers are in front.
_READ_BYTES = 16 * 2**20


class StoredImage(NamedTuple):
    """What is known of the image as it is stored."""

    # EXIF's, 1 to 8; None: it cannot be known how the boxes are turned.
    orientation: int | None
    # Width and height in pixels; None: not known.
    size: tuple[int, int] | None


def stored_image(document: Document, beside: BinaryIO | None) -> StoredImage:
    """Return how a photo is stored; `beside`: the file of its name, where there is one."""
    known = document.orientation if document.orientation in ORIENTATIONS else None
    if beside is None or not _is_labelled_photo(document, beside):
        return StoredImage(known, None)
    beside.seek(0)
    content = beside.read(_READ_BYTES)
    size = size_by_header(content)
    return StoredImage(_orientation(content) if document.orientation is None else known, size)


def _is_labelled_photo(document: Document, beside: BinaryIO) -> bool:
    """Tell whether a file has the bytes that were labelled, by size and ETag; where that tells nothing: no."""
    there = {"ContentLength": document.size, "ETag": document.etag or ""}
    return compare(there, beside, sha256=b"", size_of_first_part=lambda: 0) is Comparison.SAME


def _orientation(content: bytes) -> int | None:
    """Return by what Rekognition has turned a photo that it read as it is; it never turns a PNG."""
    found = format_by_content(content[:SIGNATURE_BYTES])
    if found is None or not found.is_read_by_rekognition:
        return None
    return exif.orientation(exif_of_jpeg(content)) if found.name == "JPEG" else 1
