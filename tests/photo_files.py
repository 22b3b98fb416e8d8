"""Photo files as cameras and scanners write them, made here: no library writes these."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pillow_heif
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


pillow_heif.register_heif_opener()

BYTE, ASCII, SHORT, LONG, UNDEFINED, LONG8 = 1, 2, 3, 4, 7, 16
_SIZES = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, UNDEFINED: 1, LONG8: 8}
_CODES = {SHORT: "H", LONG: "I", LONG8: "Q"}
CFA = 32803


@dataclass(frozen=True)
class Placed:
    """Bytes somewhere in the file; as a value: their place, or their length."""

    content: bytes


@dataclass(frozen=True)
class LengthOf:
    """The length of bytes that are in the file."""

    content: bytes


@dataclass
class Directory:
    """An image file directory: tag -> (type, values)."""

    entries: dict[int, Any] = field(default_factory=dict)


def tiff(
    *pages: Directory, order: str = "<", magic: bytes | None = None, is_big: bool = False, between: bytes = b""
) -> bytes:
    """Return a TIFF of these pages; `magic`: the two bytes of a camera's own instead of 42; `between`: after it."""
    writer = _Writer(order, is_big)
    header = {"<": b"II", ">": b"MM"}[order] + (magic or struct.pack(order + "H", 43 if is_big else 42))
    if is_big:
        header += struct.pack(order + "HH", 8, 0)
    writer.file += header + bytes(8 if is_big else 4) + between
    at = len(header)
    for page in pages:
        place, end = writer.directory(page)
        writer.put_number(at, place)
        at = end
    return bytes(writer.file)


class _Writer:
    def __init__(self, order: str, is_big: bool) -> None:
        self.order, self.is_big, self.file = order, is_big, bytearray()
        self._number = "Q" if is_big else "I"
        self._placed: dict[int, int] = {}

    def put_number(self, at: int, number: int) -> None:
        struct.pack_into(self.order + self._number, self.file, at, number)

    def place(self, content: bytes) -> int:
        if id(content) not in self._placed:
            self._placed[id(content)] = len(self.file)
            self.file += content + bytes(len(content) % 2)
        return self._placed[id(content)]

    def directory(self, page: Directory) -> tuple[int, int]:
        """Append a directory; return its place, and that of the number of the next one's."""
        packed = [(tag, kind, *self._packed(kind, values)) for tag, (kind, values) in sorted(page.entries.items())]
        room = struct.calcsize(self._number)
        entries = b""
        for tag, kind, count, content in packed:
            if len(content) > room:
                value = struct.pack(self.order + self._number, self.place(content))
            else:
                value = content.ljust(room, b"\0")
            entries += struct.pack(self.order + "HH" + self._number, tag, kind, count) + value
        place = len(self.file)
        self.file += struct.pack(self.order + ("Q" if self.is_big else "H"), len(packed)) + entries + bytes(room)
        return place, len(self.file) - room

    def _packed(self, kind: int, values: Sequence[Any] | bytes) -> tuple[int, bytes]:
        if isinstance(values, bytes):
            return len(values) // _SIZES[kind], values
        numbers = [self._number_of(value) for value in values]
        return len(numbers), struct.pack(f"{self.order}{len(numbers)}{_CODES.get(kind, 'B')}", *numbers)

    def _number_of(self, value: Any) -> int:
        if isinstance(value, Placed):
            return self.place(value.content)
        if isinstance(value, LengthOf):
            return len(value.content)
        return self.directory(value)[0] if isinstance(value, Directory) else value


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a file of a picture in a format of Pillow's, or as HEIF."""
    made = io.BytesIO()
    image.save(made, kind, **options)
    return made.getvalue()


def page(image: Image.Image, **tags: int) -> Directory:
    """Return an uncompressed RGB page; `tags` as `t254=1`."""
    pixels = image.convert("RGB").tobytes()
    own = {int(name[1:]): (LONG, [value]) for name, value in tags.items()}
    return Directory(
        {
            256: (LONG, [image.width]),
            257: (LONG, [image.height]),
            258: (SHORT, [8, 8, 8]),
            259: (SHORT, [1]),
            262: (SHORT, [2]),
            273: (LONG, [Placed(pixels)]),
            277: (SHORT, [3]),
            278: (LONG, [image.height]),
            279: (LONG, [len(pixels)]),
        }
        | own
    )


def sensor() -> Directory:
    """Return a directory of a sensor's own data, which nothing here reads."""
    data = bytes(64)
    return Directory(
        {
            254: (LONG, [0]),
            256: (LONG, [8]),
            257: (LONG, [8]),
            258: (SHORT, [8]),
            259: (SHORT, [1]),
            262: (SHORT, [CFA]),
            273: (LONG, [Placed(data)]),
            277: (SHORT, [1]),
            278: (LONG, [8]),
            279: (LONG, [len(data)]),
        }
    )


def _jpeg_page(jpeg: bytes, size: tuple[int, int], **tags: int) -> Directory:
    """Return a directory whose one strip is a JPEG file."""
    own = {int(name[1:]): (LONG, [value]) for name, value in tags.items()}
    return Directory(
        {
            256: (LONG, [size[0]]),
            257: (LONG, [size[1]]),
            258: (SHORT, [8, 8, 8]),
            273: (LONG, [Placed(jpeg)]),
            277: (SHORT, [3]),
            278: (LONG, [size[1]]),
            279: (LONG, [LengthOf(jpeg)]),
        }
        | own
    )


def raw(kind: str, image: Image.Image, orientation: int = 1) -> bytes:
    """Return a camera's file, by its suffix: a sensor's data, and the picture as the JPEG inside it.

    The places of previews are those of ExifTool's documentation of each format.
    """
    exif = Image.Exif()
    exif[274] = orientation
    # Fuji's alone says itself how it is turned.
    jpeg = encoded(image, "JPEG", quality=95, **({"exif": exif} if kind == ".raf" else {}))
    return _RAW[kind](jpeg, image, Directory({274: (SHORT, [orientation])}))


def _cr2(jpeg: bytes, image: Image.Image, turn: Directory) -> bytes:
    first = _jpeg_page(jpeg, image.size, t259=6)
    first.entries |= turn.entries
    return tiff(first, _preview(_small(image)), sensor(), between=b"CR\2\0" + bytes(4))


def _dng(jpeg: bytes, image: Image.Image, turn: Directory) -> bytes:
    shown = _jpeg_page(jpeg, image.size, t254=1, t259=7, t262=6)
    tiny = page(image.resize((16, 12)), t254=1)
    tiny.entries |= turn.entries | {50706: (BYTE, [1, 4, 0, 0]), 330: (LONG, [sensor(), shown])}
    return tiff(tiny)


def _nef(jpeg: bytes, _: Image.Image, turn: Directory) -> bytes:
    turn.entries[330] = (LONG, [_preview(jpeg), sensor()])
    return tiff(turn, order=">")


def _arw(jpeg: bytes, image: Image.Image, turn: Directory) -> bytes:
    turn.entries |= _preview(jpeg).entries | {330: (LONG, [sensor()])}
    return tiff(turn, _preview(_small(image)))


def _orf(jpeg: bytes, _: Image.Image, turn: Directory) -> bytes:
    """Write the JPEG into the notes of the camera's maker, which nobody has described."""
    exif = Directory({37500: (UNDEFINED, b"OLYMPUS\0II\3\0" + bytes(30) + jpeg)})
    turn.entries |= sensor().entries | {34665: (LONG, [exif])}
    return tiff(turn, magic=b"RO")


def _rw2(jpeg: bytes, _: Image.Image, turn: Directory) -> bytes:
    turn.entries[46] = (UNDEFINED, jpeg)
    return tiff(turn, magic=b"U\0")


def _raf(jpeg: bytes, _: Image.Image, __: Directory) -> bytes:
    head = b"FUJIFILMCCD-RAW 0201FF119502X-T3".ljust(84, b"\0")
    return head + struct.pack(">II", 160, len(jpeg)) + bytes(160 - 92) + jpeg + bytes(64)


def _cr3(jpeg: bytes, _: Image.Image, turn: Directory) -> bytes:
    canon = _box(b"uuid", bytes.fromhex("85c0b687820f11e08111f4ce462b6a48") + _box(b"CMT1", tiff(turn)))
    return _box(b"ftyp", b"crx \0\0\0\1crx isom") + _box(b"moov", canon) + _box(b"mdat", bytes(24) + jpeg)


_RAW: dict[str, Callable[[bytes, Image.Image, Directory], bytes]] = {
    ".cr2": _cr2,
    ".dng": _dng,
    ".nef": _nef,
    ".nrw": _nef,
    ".pef": _nef,
    ".srw": _nef,
    ".arw": _arw,
    ".orf": _orf,
    ".rw2": _rw2,
    ".raf": _raf,
    ".cr3": _cr3,
}


def _small(image: Image.Image) -> bytes:
    return encoded(image.resize((16, 12)), "JPEG")


def _preview(jpeg: bytes) -> Directory:
    return Directory({513: (LONG, [Placed(jpeg)]), 514: (LONG, [LengthOf(jpeg)])})


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def psd(
    image: Image.Image, mode: int = 3, bits: int = 8, *, is_large: bool = False, is_packed: bool = False
) -> bytes:
    """Return a Photoshop file without layers, as "maximise compatibility" adds it to those with layers.

    `mode`: Photoshop's, of as many colours as the image has; `bits`: 8, 16, or 32, which are floats of light.
    """
    bands = image.split()
    head = struct.pack(
        ">4sH6xHIIHH", b"8BPS", 2 if is_large else 1, len(bands), image.height, image.width, bits, mode
    )
    sections = bytes(8) + bytes(8 if is_large else 4)
    content = [_channel(band.tobytes(), bits) for band in bands]
    if not is_packed:
        return head + sections + struct.pack(">H", 0) + b"".join(content)
    row = image.width * bits // 8
    rows = [_packed(one[at : at + row]) for one in content for at in range(0, len(one), row)]
    lengths = struct.pack(f">{len(rows)}{'I' if is_large else 'H'}", *map(len, rows))
    return head + sections + struct.pack(">H", 1) + lengths + b"".join(rows)


def _channel(values: bytes, bits: int) -> bytes:
    if bits == 32:
        return b"".join(struct.pack(">f", (value / 255) ** 2.2) for value in values)
    return values if bits == 8 else b"".join(bytes([value, 255 - value]) for value in values)


def _packed(row: bytes) -> bytes:
    """Pack a row as PackBits may: as it is, in pieces."""
    return b"".join(bytes([len(row[at : at + 128]) - 1]) + row[at : at + 128] for at in range(0, len(row), 128))


def of_format(name: str, image: Image.Image) -> bytes:
    """Return a file of a format of `photo_labels.records.formats`."""
    if name == "PSD":
        return psd(image.convert("RGB"))
    return raw(".raf", image) if name == "RAW" else encoded(image, name)
