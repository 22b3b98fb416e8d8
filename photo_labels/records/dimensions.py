"""How many pixels a JPEG or PNG has, by what it begins with: without a decoder, and so at the price of nothing.

Strict where decoders are lenient. Nothing may be refused for its size that a decoder would find to be larger, so
what is not exactly as the standards have it cannot be told, and Rekognition is asked as ever.
"""

from __future__ import annotations

from photo_labels.records.decoders.limits import why_too_small

# PNG specification, 11.2.1: signature, and the first chunk, IHDR, of 13 bytes.
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
# ITU-T T.81, table B.1. Baseline, extended sequential and progressive frames, Huffman coding.
_FRAMES = {0xC0, 0xC1, 0xC2}
_SCAN = 0xDA
# What may be before the first scan besides: tables (DHT, DAC, DQT, DRI), applications' segments, comments.
_SEGMENTS = {0xC4, 0xCC, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)}


def why_too_small_by_header(beginning: bytes) -> str | None:
    """Return the sentence for a person, of a photo that begins so; None: it is large enough, or cannot be told."""
    size = size_by_header(beginning)
    return why_too_small(size) if size else None


def size_by_header(beginning: bytes) -> tuple[int, int] | None:
    """Return width and height, as they are stored, of a photo that begins so; None: that cannot be told."""
    size = _of_png(beginning) if beginning.startswith(_PNG_BEGINS) else _of_jpeg(beginning)
    return size if size and min(size) > 0 else None


def _of_png(beginning: bytes) -> tuple[int, int] | None:
    start = len(_PNG_BEGINS)
    if len(beginning) < start + 8:
        return None
    return _number(beginning, start, 4), _number(beginning, start + 4, 4)


def _of_jpeg(beginning: bytes) -> tuple[int, int] | None:
    """Read the one frame header that is before the first scan; the preview in an EXIF segment is passed over.

    Where the bytes end before that scan, nothing is told: there may be another frame, which decoders believe.
    """
    if not beginning.startswith(b"\xff\xd8\xff"):
        return None
    size, place = None, 2
    while beginning[place : place + 1] == b"\xff":
        while beginning[place : place + 1] == b"\xff":  # any number of them fills up
            place += 1
        marker = int.from_bytes(beginning[place : place + 1])
        place += 1
        if marker == _SCAN:
            return size
        if (marker in _FRAMES and size) or marker not in _FRAMES | _SEGMENTS:
            return None
        length = _number(beginning, place, 2)
        if marker in _FRAMES:
            if length < 8:
                return None
            size = _number(beginning, place + 5, 2), _number(beginning, place + 3, 2)
        place += length
    return None


def _number(content: bytes, start: int, length: int) -> int:
    return int.from_bytes(content[start : start + length])
