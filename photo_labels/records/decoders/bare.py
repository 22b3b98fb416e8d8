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
    """Give items that are not the picture itself a type that decoders leave out: EXIF, gain maps, alpha.

    Pillow's refuses files whose alpha does not say how large it is, and those with two boxes in the place of one.
    """
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        if kind == b"meta":
            meta = bytearray(content[at : at + length])
            _rename_alpha(meta)
            _join_associations(meta)
            renamed = bytes(meta).replace(b"Exif", b"none").replace(b"tmap", b"none")
            return content[:at] + renamed + content[at + length :]
        at += max(length, 8)
    return content


def _rename_alpha(meta: bytearray) -> None:
    """Change the types of the items that are auxiliary to others (`auxl`; ISO 14496-12, 8.11.6 and 8.11.12)."""
    references = meta.find(b"iref")
    wide = 4 if meta[references + 4 : references + 5] == b"\1" else 2
    auxiliary = {bytes(meta[at + 4 : at + 4 + wide]).rjust(4, b"\0") for at in _all(meta, b"auxl")}
    for at in _all(meta, b"infe"):
        wide = 4 if meta[at + 4 : at + 5] == b"\3" else 2
        if bytes(meta[at + 8 : at + 8 + wide]).rjust(4, b"\0") in auxiliary:
            meta[at + 10 + wide : at + 14 + wide] = b"none"


def _join_associations(meta: bytearray) -> None:
    """Join two boxes of what belongs to which item (`ipma`; ISO 23008-12, 9.3.2), where they are side by side."""
    places = list(_all(meta, b"ipma"))
    if len(places) != 2:
        return
    first, second = (at - 4 for at in places)
    (size, one), (other_size, other) = (struct.unpack(">I8xI", meta[at : at + 16]) for at in (first, second))
    if first + size == second and meta[first + 8 : first + 12] == meta[second + 8 : second + 12]:
        entries = meta[first + 16 : second] + meta[second + 16 : second + other_size]
        joined = (
            struct.pack(">I8sI", size + other_size, bytes(meta[first + 4 : first + 12]), one + other) + entries
        )
        meta[first : second + other_size] = joined.ljust(size + other_size, b"\0")


def _all(meta: bytearray, name: bytes) -> Iterator[int]:
    at = meta.find(name)
    while at >= 0:
        yield at
        at = meta.find(name, at + 4)


_STRIPPERS: dict[str, Callable[[bytes], bytes]] = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "AVIF": _avif}
