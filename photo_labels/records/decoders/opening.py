"""A file of any format decoded: which decoder reads it is decided by its first bytes, never by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from photo_labels.records.decoders import by_libheif, by_pillow, psd, raw, tiff
from photo_labels.records.decoders.content import content_of
from photo_labels.records.decoders.errors import DECODER_ERRORS, refusal
from photo_labels.records.decoders.limits import UndecodableError
from photo_labels.records.decoders.tiff_structure import directories
from photo_labels.records.formats import RAW, SIGNATURE_BYTES, format_by_content

if TYPE_CHECKING:
    from photo_labels.records.decoders.picture import Picture

# A codestream, and a container of one (ISO 18181-2).
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")


def decode(file: BinaryIO, longest_side: int) -> Picture:
    """Decode a photo, scaled down to no less than that side where its decoder can. Raises UndecodableError."""
    file.seek(0)
    beginning = file.read(SIGNATURE_BYTES)
    found = format_by_content(beginning)
    if found is None:
        raise _unknown(beginning)
    if found.name in {"TIFF", RAW}:
        return _from_tiff_or_raw(file, found.name, longest_side)
    if found.name == "HEIF":
        return _from_heif(file, longest_side)
    if found.name == "PSD":
        return psd.decode(file)
    return by_pillow.decode(file, found.name, longest_side)


def _from_tiff_or_raw(file: BinaryIO, name: str, longest_side: int) -> Picture:
    content = content_of(file)
    found = directories(content)
    if name == RAW or raw.is_raw(content, found):
        return raw.decode(content, found, longest_side)
    return tiff.decode(file, content, found, longest_side)


def _from_heif(file: BinaryIO, longest_side: int) -> Picture:
    try:
        return by_libheif.decode(file, longest_side)
    except DECODER_ERRORS as error:
        if "AV1" in str(error):  # an AVIF under a general name: its codec is Pillow's, and not in this libheif
            return by_pillow.decode(file, "AVIF", longest_side)
        raise refusal(error, "HEIF") from error


def _unknown(beginning: bytes) -> UndecodableError:
    if beginning.startswith(_JPEG_XL):
        return UndecodableError(
            "UnknownFormat", "The file is a JPEG XL, which is not read here: save it as a JPEG."
        )
    return UndecodableError("UnknownFormat", "The file is no photo in a format that is known here.")
