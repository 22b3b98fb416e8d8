"""The photo formats: the one table that function, decoder, import, backfill and documentation go by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhotoFormat:
    """A format of photo files."""

    # Pillow's, and the one that the converting function logs.
    name: str
    suffixes: tuple[str, ...]
    # As it is; every other format is converted to JPEG first.
    is_read_by_rekognition: bool = False


# Not those that nobody photographs in: Pillow starts other programs for some of them (EPS).
PHOTO_FORMATS = (
    PhotoFormat("JPEG", (".jpg", ".jpeg"), is_read_by_rekognition=True),
    PhotoFormat("PNG", (".png",), is_read_by_rekognition=True),
    PhotoFormat("HEIF", (".heic", ".heif")),
    PhotoFormat("WEBP", (".webp",)),
    PhotoFormat("AVIF", (".avif",)),
    PhotoFormat("TIFF", (".tif", ".tiff")),
    PhotoFormat("GIF", (".gif",)),
    PhotoFormat("BMP", (".bmp",)),
)

PHOTO_SUFFIXES = frozenset(suffix for one in PHOTO_FORMATS for suffix in one.suffixes)
CONVERTED_SUFFIXES = tuple(
    suffix for one in PHOTO_FORMATS if not one.is_read_by_rekognition for suffix in one.suffixes
)

# Of a file that is converted: Lambda's /tmp takes 512 MB.
MAX_FILE_BYTES = 200 * 10**6
