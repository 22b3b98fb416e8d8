"""Boxes of the upright photo, turned back to the one that is stored: by the document, or by the photo beside."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from photo_labels.library.sidecars.beside import StoredImage, stored_image
from photo_labels.library.sidecars.regions import regions_of
from photo_labels.records.decoders import exif
from photo_labels.records.decoders.bare import exif_of_jpeg
from tests.unit.sidecars.reading import label, labelled

if TYPE_CHECKING:
    from photo_labels.records.documents import Document

UPRIGHT = (200, 120)
# From (20, 24) to (80, 72): off the middle in both directions, so that no two orientations have it in one place.
BOX = (0.1, 0.2, 0.3, 0.4)
# How an upright image is turned, so that the orientation turns it upright again.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photo(orientation: int | None, kind: str = "JPEG") -> bytes:
    """Return a photo of a white box on black that its orientation turns upright."""
    image = Image.new("RGB", UPRIGHT)
    image.paste("white", (20, 24, 80, 72))
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    data = Image.Exif()
    if orientation:
        data[274] = orientation
    file = io.BytesIO()
    image.save(file, kind, exif=data)
    return file.getvalue()


def document_of(body: bytes, **changes: Any) -> Document:
    usual: dict[str, Any] = {"etag": hashlib.md5(body).hexdigest(), "size": len(body)}
    return labelled("a.jpg", label("Dog", boxes=[BOX]), **(usual | changes))


def looked_at(document: Document, body: bytes) -> StoredImage:
    return stored_image(document, io.BytesIO(body))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("is_told", [True, False])
def test_given_a_turned_photo_when_its_box_becomes_a_region_then_it_is_where_the_dog_is_stored(
    orientation: int, is_told: bool
) -> None:
    body = photo(orientation)
    document = document_of(body, orientation=orientation if is_told else None)
    stored = looked_at(document, body)
    with Image.open(io.BytesIO(body)) as image:
        assert stored == StoredImage(orientation, image.size)
        [region] = regions_of(document.labels, stored.orientation or 0)
        white = image.convert("L").point(lambda value: 255 * (value > 127)).getbbox()
        assert white
        wide, high = region.width * image.width, region.height * image.height
        left, top = region.x * image.width - wide / 2, region.y * image.height - high / 2
    assert white == pytest.approx((left, top, left + wide, top + high), abs=1.5)


def test_given_a_photo_without_an_orientation_when_looked_at_then_it_is_upright() -> None:
    body = photo(None)
    assert looked_at(document_of(body), body) == (1, UPRIGHT)


def test_given_a_png_when_looked_at_then_its_orientation_counts_for_nothing() -> None:
    jpeg, file, chunks = photo(6), io.BytesIO(), PngInfo()
    start = jpeg.index(b"\xff\xe1")
    chunks.add(b"teSt", jpeg[start : start + 2 + int.from_bytes(jpeg[start + 2 : start + 4])])
    with Image.open(io.BytesIO(photo(6, "PNG"))) as image:
        image.save(file, "PNG", pnginfo=chunks, exif=image.getexif())
    body = file.getvalue()
    assert exif.orientation(exif_of_jpeg(body)) == 6, "as a JPEG it would be turned"
    assert looked_at(document_of(body), body) == (1, (120, 200))


def test_given_another_photo_of_the_name_when_looked_at_then_it_tells_nothing() -> None:
    entry = b"\x01\x12\0\x03\0\0\0\x01\0"  # of the orientation, before its number
    labelled_one = photo(6)
    turned_since = labelled_one.replace(entry + b"\x06", entry + b"\x08")
    assert turned_since != labelled_one
    assert looked_at(document_of(labelled_one), turned_since) == (None, None)
    assert looked_at(document_of(labelled_one), labelled_one + b" ") == (None, None)
    assert looked_at(document_of(labelled_one, orientation=6), turned_since) == (6, None)


def test_given_no_photo_when_looked_at_then_only_the_document_tells() -> None:
    assert stored_image(document_of(b""), None) == (None, None)
    assert stored_image(document_of(b"", orientation=6), None) == (6, None)
    assert stored_image(document_of(b"", orientation=9), None) == (None, None)


@pytest.mark.parametrize(
    "changes", [{"etag": None}, {"size": None}, {"etag": "0" * 32}, {"etag": "0" * 32 + "-2"}]
)
def test_given_a_document_that_does_not_tell_of_the_bytes_when_looked_at_then_nothing_is_known(
    changes: dict[str, Any],
) -> None:
    body = photo(6)
    assert looked_at(document_of(body, **changes), body) == (None, None)


def test_given_a_photo_uploaded_in_parts_when_looked_at_then_it_is_known_by_its_etag() -> None:
    body = photo(6)
    parts = hashlib.md5(hashlib.md5(body).digest()).hexdigest()
    assert looked_at(document_of(body, etag=f"{parts}-1"), body).orientation == 6


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_given_a_format_that_is_converted_when_looked_at_then_its_document_has_to_tell(
    kind: str,
) -> None:
    body = photo(6, kind)
    assert looked_at(document_of(body), body) == (None, None)
    assert looked_at(document_of(body, orientation=6), body) == (6, None)


@pytest.mark.parametrize("body", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff", b"\x89PNG\r\n\x1a\n"])
def test_given_a_broken_photo_when_looked_at_then_no_size_is_made_up(body: bytes) -> None:
    assert looked_at(document_of(body), body).size is None
