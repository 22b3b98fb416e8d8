"""TIFF as scanners write it: which of its pages is the photo, and what Pillow does not read of it as it is."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from photo_labels.records.decoders import by_pillow, tiff_samples
from photo_labels.records.decoders.errors import DECODER_ERRORS, refusal
from photo_labels.records.decoders.limits import UndecodableError
from photo_labels.records.decoders.tiff_rewriting import rewritten
from photo_labels.records.decoders.tiff_structure import (
    OLD_SUBFILE_TYPE,
    SUBFILE_TYPE,
    Directory,
)

if TYPE_CHECKING:
    from photo_labels.records.decoders.content import Content
    from photo_labels.records.decoders.picture import Picture

# Bits of NewSubfileType: a smaller version of another page, a mask of one. The older tag's number of the former.
_SMALLER_OR_MASK, _OLD_SMALLER = 0b101, 2
# A first page of at most that share of the pixels of a page of the same shape is its thumbnail.
_THUMBNAIL, _SAME_SHAPE = 0.25, 0.05
# A BigTIFF whose bytes are in that order is none to Pillow.
_BIG_ENDIAN_BIG_TIFF = b"MM\0+"


def decode(file: BinaryIO, content: Content, found: list[Directory], longest_side: int) -> Picture:
    """Decode the page of a TIFF that is the photo; `found`: its `directories`. Raises UndecodableError.

    Where Pillow does not read it, it gets that page alone, without metadata; where the samples are of a kind that
    it does not know, they are read here.
    """
    pages = [one for one in found if not one.is_below]
    number = _number_of_photo(pages)
    if content[:4] != _BIG_ENDIAN_BIG_TIFF:
        try:
            return by_pillow.decode_strictly(file, "TIFF", longest_side, page=number)
        except DECODER_ERRORS as error:
            why = refusal(error, "TIFF")
    else:
        why = refusal(SyntaxError("it is cut off"), "TIFF")
    if not pages:
        raise why
    return _decoded_page(content, pages[number], longest_side, why)


def _decoded_page(content: Content, page: Directory, longest_side: int, why: UndecodableError) -> Picture:
    if tiff_samples.are_unusual(page):
        with suppress(*DECODER_ERRORS):
            return tiff_samples.decode(content, page)
    try:
        return by_pillow.decode(io.BytesIO(rewritten(content, page)), "TIFF", longest_side)
    except UndecodableError as error:
        raise why from error


def _number_of_photo(pages: list[Directory]) -> int:
    """Return which page is the photo: the first that is not a smaller version of another."""
    full = [number for number, page in enumerate(pages) if not _is_other(page)]
    if not full:
        return max(range(len(pages)), key=lambda number: pages[number].area, default=0)
    larger = [number for number in full[1:] if _is_thumbnail(pages[full[0]], pages[number])]
    return larger[0] if larger else full[0]


def _is_other(page: Directory) -> bool:
    return bool(
        page.number(SUBFILE_TYPE) & _SMALLER_OR_MASK
        or page.number(OLD_SUBFILE_TYPE) == _OLD_SMALLER
        or not page.area
    )


def _is_thumbnail(page: Directory, other: Directory) -> bool:
    shape, others = (one.size[0] / max(one.size[1], 1) for one in (page, other))
    return abs(shape - others) <= _SAME_SHAPE * others and page.area <= _THUMBNAIL * other.area
