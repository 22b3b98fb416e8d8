"""The pixels of a file without the metadata around them, for files whose metadata a decoder stumbles over."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_WEBP_PIXELS = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
_WEBP_METADATA = 0x20 | 0x08 | 0x04  # flags of VP8X: ICC profile, EXIF, XMP
# JPEG's segments without a length (TEM, RST0 to RST7), of metadata (APP0 to APP15 but Adobe's, and comments), and
# where pixels begin, or the file ends.
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_METADATA = {*range(0xE0, 0xEE), 0xEF, 0xFE}
_SCAN, _END = 0xDA, 0xD9
_EXIF_SEGMENT, _EXIF = 0xE1, b"Exif\0\0"


def without_metadata(content: bytes, name: str) -> bytes | None:
    """Return a file of a format, by the name in its table, with nothing but pixels; None: it is kept as it is."""
    strip = _STRIPPERS.get(name)
    return strip(content) if strip else None


def exif_of_jpeg(content: bytes) -> bytes:
    """Return a JPEG's EXIF data, as they are; b"": it has none."""
    for marker, segment in _segments(content):
        if marker == _EXIF_SEGMENT and segment[4:].startswith(_EXIF):
            return segment[4:]
    return b""


def _jpeg(content: bytes) -> bytes:
    kept = [segment for marker, segment in _segments(content) if marker not in _METADATA]
    return b"\xff\xd8" + b"".join(kept)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Go through the segments up to the first scan, which is all the rest."""
    at = 2
    while 0 <= at < len(content) - 3:
        marker = content[at + 1]
        if content[at] != 0xFF or marker in {0x00, 0xFF}:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in {_SCAN, _END}:
            yield marker, content[at:]
            return
        else:
            end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
            if marker in _METADATA and content[end : end + 1] != b"\xff":  # its length is wrong
                end = _next_table(content, at + 2)
            yield marker, content[at:end]
            at = end


def _next_table(content: bytes, at: int) -> int:
    """Return where the tables of the quantisation begin, with which the pixels' own segments do."""
    found = content.find(b"\xff\xdb", at)
    return len(content) if found < 0 else found


def _png(content: bytes) -> bytes:
    """Keep the chunks of pixels, each with the right checksum, and what is there of one that is cut off."""
    kept, at = [_PNG], len(_PNG)
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        if kind in _PNG_PIXELS:
            kept.append(_png_chunk(kind, data))
        if kind == b"IEND":
            return b"".join(kept)
        at += 12 + length
    return b"".join([*kept, _png_chunk(b"IEND", b"")])


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _webp(content: bytes) -> bytes:
    kept, at = [b"WEBP"], 12
    while at + 8 <= len(content):
        kind, length = struct.unpack("<4sI", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        if kind == b"VP8X" and data:
            data = bytes([data[0] & ~_WEBP_METADATA]) + data[1:]
        if kind in _WEBP_PIXELS:
            kept.append(struct.pack("<4sI", kind, len(data)) + data + bytes(len(data) % 2))
        at += 8 + length + length % 2
    riff = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(riff)) + riff


def _avif(content: bytes) -> bytes:
    """Rename what is declared as EXIF: decoders leave out items of a type that they do not know."""
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"meta":
            end = at + length
            return content[:at] + content[at:end].replace(b"Exif", b"none") + content[end:]
        at += max(length, 8)
    return content


_STRIPPERS: dict[str, Callable[[bytes], bytes]] = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "AVIF": _avif}
