"""Where JPEG, PNG, WebP, Fuji's RAF and Photoshop's files have their metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.records.metadata.pieces import Pieces

if TYPE_CHECKING:
    from photo_labels.records.metadata.excerpts import Window

MAX_PARTS = 1_000
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"
_SCAN, _END, _APP1 = 0xDA, 0xD9, 0xE1
# Markers without a segment: TEM, RST0 to 7, SOI.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def of_jpeg(file: Window) -> Pieces:
    """Return what is in the segments before the first scan."""
    pieces, place = Pieces(), 2
    for _ in range(MAX_PARTS):
        head = file.at(place, 4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in {_SCAN, _END}:
            break
        if head[1] == 0xFF or head[1] in _BARE:  # any number of bytes fills up
            place += 1 if head[1] == 0xFF else 2
            continue
        length = int.from_bytes(head[2:])
        if head[1] == _APP1:
            content = file.within(place + 4, max(length - 2, 0))
            if not pieces.exif and content.at(0, len(_EXIF)) == _EXIF:
                pieces.exif = (content,)
            elif not pieces.xmp and content.at(0, len(_XMP)) == _XMP:
                pieces.xmp = content.within(len(_XMP))
            if pieces.exif and pieces.xmp:
                break
        place += 2 + max(length, 2)
    return pieces


def of_png(file: Window) -> Pieces:
    """Return what is in its chunks; those after the pixels only where these are few."""
    pieces, place = Pieces(), 8
    for _ in range(MAX_PARTS):
        head = file.at(place, 8)
        if len(head) < 8 or head[4:] == b"IEND":
            break
        content = file.within(place + 8, int.from_bytes(head[:4]))
        if head[4:] == b"eXIf":
            pieces.exif = (content,)
        elif head[4:] == b"iTXt" and content.at(0, len(_PNG_XMP)) == _PNG_XMP:
            pieces.xmp = _text_in(content)
        place += 12 + int.from_bytes(head[:4])
    return pieces


def _text_in(chunk: Window) -> Window | None:
    """Return the text of an iTXt chunk, after two flags, its language, and its keyword in that."""
    at = len(_PNG_XMP)
    head = chunk.at(at, 200)
    if head[:1] != b"\0":  # compressed, which the specification of XMP advises against
        return None
    language = head.find(b"\0", 2)
    keyword = head.find(b"\0", language + 1)
    return chunk.within(at + keyword + 1) if -1 < language < keyword else None


def of_webp(file: Window) -> Pieces:
    """Return what is in its chunks: usually after the pixels."""
    pieces, place = Pieces(), 12
    for _ in range(MAX_PARTS):
        head = file.at(place, 8)
        if len(head) < 8:
            break
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF":
            pieces.exif = (file.within(place + 8, length),)
        elif head[:4] == b"XMP ":
            pieces.xmp = file.within(place + 8, length)
        place += 8 + length + length % 2
    return pieces


def of_raf(file: Window) -> Pieces:
    """Return what the JPEG inside has."""
    return of_jpeg(file.within(file.number(84, 4), file.number(88, 4)))


def of_psd(file: Window) -> Pieces:
    """Return what is in its image resources."""
    pieces = Pieces()
    place = 26 + 4 + file.number(26, 4)
    end = place + 4 + file.number(place, 4)
    place += 4
    for _ in range(MAX_PARTS):
        head = file.at(place, 7)
        if place >= end or head[:4] != b"8BIM":
            break
        kind = int.from_bytes(head[4:6])
        place += 6 + (head[6:7] or b"\0")[0] // 2 * 2 + 2  # its name, padded
        length = file.number(place, 4)
        content = file.within(place + 4, length)
        if kind == 1058:
            pieces.exif = (content,)
        elif kind == 1060:
            pieces.xmp = content
        place += 4 + length + length % 2
    return pieces
