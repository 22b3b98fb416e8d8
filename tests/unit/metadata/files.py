"""Photos with metadata, made here."""

from __future__ import annotations

import struct
from typing import Any

import pillow_heif
from PIL import Image

from tests.photo_files import encoded

MAKE, MODEL, CHANGED, EXIF, GPS = 271, 272, 306, 34665, 34853
ORIGINAL, DIGITIZED, ORIGINAL_OFFSET = 36867, 36868, 36881
ASCII, LONG, RATIONAL = 2, 4, 5
PICTURE = Image.new("RGB", (96, 88), "teal")
TAKEN = "2019:07:14 18:03:22"
PACKET = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b"<rdf:Description %s>%s</rdf:Description></rdf:RDF></x:xmpmeta>"
)
Entries = dict[int, tuple[int, Any]]


def text(value: str) -> tuple[int, bytes]:
    return ASCII, value.encode() + b"\0"


def gps(latitude: str, degrees: tuple[int, ...], longitude: str, more: tuple[int, ...]) -> Entries:
    """GPS's entries; degrees: numerators and denominators of degrees, minutes and seconds."""
    return {1: text(latitude), 2: (RATIONAL, degrees), 3: text(longitude), 4: (RATIONAL, more)}


def exif(image: Entries, order: str = "<", far: int = 0) -> bytes:
    """Return EXIF of a first directory, in which entries of EXIF and GPS are such entries; `far`: its place."""
    content = bytearray({"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, far or 8))
    content += bytes(max(0, far - 8))
    _directory(content, image, order)
    return bytes(content)


def _directory(content: bytearray, entries: Entries, order: str) -> None:
    start = len(content)
    content += struct.pack(order + "H", len(entries)) + bytes(12 * len(entries) + 4)
    for index, (tag, (kind, value)) in enumerate(sorted(entries.items())):
        at = start + 2 + 12 * index
        if isinstance(value, dict):
            struct.pack_into(order + "HHII", content, at, tag, LONG, 1, len(content))
            _directory(content, value, order)
            continue
        packed = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)
        count = len(packed) // (8 if kind == RATIONAL else 1)
        own = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(order + "I", len(content))
        struct.pack_into(order + "HHI4s", content, at, tag, kind, count, own)
        content += packed if len(packed) > 4 else b""


def taken(time: str = TAKEN, order: str = "<", **more: Any) -> bytes:
    """Return EXIF of a photo that was taken then."""
    return exif(
        {MAKE: text("Canon"), MODEL: text("Canon EOS 80D"), EXIF: (LONG, {ORIGINAL: text(time)})}, order, **more
    )


def xmp(attributes: str = "", elements: str = "") -> bytes:
    return PACKET % (attributes.encode(), elements.encode())


def jpeg(exif_data: bytes | None = None, packet: bytes | None = None) -> bytes:
    """Return a JPEG with segments of EXIF and XMP."""
    plain = encoded(PICTURE, "JPEG")
    segments = [b"Exif\0\0" + exif_data] if exif_data is not None else []
    segments += [b"http://ns.adobe.com/xap/1.0/\0" + packet] if packet is not None else []
    return plain[:2] + b"".join(segment(0xE1, one) for one in segments) + plain[2:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def heif(exif_data: bytes | None = None, packet: bytes | None = None, size: int = 96) -> bytes:
    noise = Image.effect_noise((size, size), 200).convert("RGB")
    extra = {name: value for name, value in (("exif", exif_data), ("xmp", packet)) if value}
    pillow_heif.register_heif_opener()
    return encoded(noise, "HEIF", quality=100, **extra)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def cr3(image: bytes, photo: bytes, place: bytes, packet: bytes = b"") -> bytes:
    """Return the boxes that Canon's raw files begin with."""
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    inner = box(b"CNCV", b"CanonCR3") + box(b"CMT1", image) + box(b"CMT2", photo) + box(b"CMT4", place)
    file = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", box(b"uuid", canon + inner))
    return file + box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + packet)


def raf(inside: bytes) -> bytes:
    """Return what Fuji's raw files begin with, and the JPEG inside."""
    return b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + struct.pack(">II", 160, len(inside)) + bytes(68) + inside
