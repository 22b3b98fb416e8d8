"""Files of boxes, ISO 14496-12: HEIF and AVIF, whose metadata are items of ISO 23008-12, and Canon's CR3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.records.metadata.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from photo_labels.records.metadata.excerpts import Window

_XMP_TYPE = b"application/rdf+xml\0"
_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
# A photo of 200 megapixels has some 800 items, a tile each.
MAX_BOXES, MAX_ITEMS = 64, 2_048


def pieces_of(file: Window) -> Pieces:
    """Return the metadata of a file of boxes."""
    pieces = Pieces()
    for kind, box in _boxes(file, 0):
        if kind == b"meta" and not pieces.exif:
            return _of_items(file, box)
        if kind == b"moov":
            pieces.exif, pieces.gps = _of_canon(box)
        if kind == b"uuid" and box.at(0, 16) == _XMP_UUID:
            pieces.xmp = box.within(16)
            break
    return pieces


def _boxes(window: Window, place: int) -> Iterator[tuple[bytes, Window]]:
    """Yield the kinds and contents of the boxes from a place on, as far as they can be told."""
    for _ in range(MAX_BOXES):
        head = window.at(place, 8)
        if len(head) < 8:
            return
        size, begin = int.from_bytes(head[:4]), 8
        if size == 1:
            size, begin = window.number(place + 8, 8), 16
        if size and size < begin:
            return
        yield head[4:], window.within(place + begin, size - begin if size else None)
        if not size:  # up to the end of the file
            return
        place += size


def _of_canon(moov: Window) -> tuple[tuple[Window, ...], Window | None]:
    """Return the directories that CR3 has in boxes of their own: a TIFF each."""
    for kind, box in _boxes(moov, 0):
        if kind == b"uuid" and box.at(0, 16) == _CANON:
            found = dict(_boxes(box, 16))
            return tuple(found[name] for name in (b"CMT1", b"CMT2") if name in found), found.get(b"CMT4")
    return (), None


def _of_items(file: Window, meta: Window) -> Pieces:
    found: dict[bytes, Window] = {}
    for kind, box in _boxes(meta, 4):
        found.setdefault(kind, box)
    if b"iinf" not in found or b"iloc" not in found:
        return Pieces()
    kinds = dict(_kinds(found[b"iinf"]))
    pieces = Pieces()
    for item, window in _places(found[b"iloc"], kinds.keys(), file, found.get(b"idat")):
        if kinds[item] == b"Exif" and not pieces.exif:
            # It begins with how many bytes are before the TIFF.
            pieces.exif = (window.within(4 + window.number(0, 4)),)
        elif kinds[item] == b"mime" and not pieces.xmp:
            pieces.xmp = window
    return pieces


def _kinds(iinf: Window) -> Iterator[tuple[int, bytes]]:
    """Yield the numbers and kinds of the items that are EXIF or XMP."""
    wide = 4 if iinf.number(0, 1) else 2
    place = 4 + wide
    for _ in range(min(iinf.number(4, wide), MAX_ITEMS)):
        head = iinf.at(place, 20)
        size = int.from_bytes(head[:4])
        if size < 20 or len(head) < 20:
            return
        # `infe` of version 2 or 3: the item's number, its protection, its kind.
        after = 14 if head[8] == 2 else 16
        kind = (head + iinf.at(place + 20, 2))[after + 2 : after + 6] if head[8] in {2, 3} else b""
        if kind == b"Exif" or (kind == b"mime" and _XMP_TYPE in iinf.at(place, min(size, 256))):
            yield int.from_bytes(head[12:after]), kind
        place += size


def _places(
    iloc: Window, wanted: Container[int], file: Window, idat: Window | None
) -> Iterator[tuple[int, Window]]:
    """Yield the wanted items' first extents, which metadata have no more of."""
    version, widths = iloc.number(0, 1), iloc.number(4, 2)
    of_offset, of_length, of_base = widths >> 12, widths >> 8 & 15, widths >> 4 & 15
    of_index = widths & 15 if version else 0
    of_item = 4 if version == 2 else 2
    place = 6 + of_item
    for _ in range(min(iloc.number(6, of_item), MAX_ITEMS)):
        item = iloc.number(place, of_item)
        place += of_item
        method = iloc.number(place, 2) & 15 if version else 0
        place += 4 if version else 2
        base = iloc.number(place, of_base)
        extents = iloc.number(place + of_base, 2)
        place += of_base + 2
        if item in wanted and extents:
            start = base + iloc.number(place + of_index, of_offset)
            length = iloc.number(place + of_index + of_offset, of_length)
            origin = {0: file, 1: idat}.get(method)
            if origin:
                yield item, origin.within(start, length or None)
        place += extents * (of_index + of_offset + of_length)
