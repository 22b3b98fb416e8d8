"""Photos that Pillow reads: as they are, or else without their metadata, or else with what is there of them."""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image, ImageFile

from photo_labels.records.decoders import exif, hdr
from photo_labels.records.decoders.bare import exif_of_jpeg, without_metadata
from photo_labels.records.decoders.errors import DECODER_ERRORS, refusal
from photo_labels.records.decoders.limits import check_size
from photo_labels.records.decoders.picture import Picture
from photo_labels.records.decoders.scaling import scaled_size
from photo_labels.records.decoders.tiff_structure import COLOUR_MAP, ORIENTATION

if TYPE_CHECKING:
    from collections.abc import Iterator

# Sizes are checked before anything is decoded: `limits`.
Image.MAX_IMAGE_PIXELS = None
# Rekognition takes a PNG as it is stored, whatever its EXIF data say (developer guide, "Getting image orientation
# and bounding box coordinates"), and so does everything here: boxes would not fit what is shown.
_NEVER_TURNED = "PNG"
# Pillow's modules, by the format that they register.
_PLUG_INS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "AVIF": "AvifImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
}
_MAY_BE_CUT = {"JPEG", "PNG", "GIF", "BMP", "TIFF"}


def decode(file: BinaryIO, name: str, longest_side: int, *, is_whole: bool = False) -> Picture:
    """Decode a photo in a format, by the name in its table; `is_whole`: refuse what lacks its end.

    Raises UndecodableError.
    """
    try:
        return decode_strictly(file, name, longest_side)
    except DECODER_ERRORS as error:
        why = refusal(error, name)
    # Out of the block, since the error holds the pixels that there are.
    file.seek(0)
    content = file.read()
    bare, exif_data = without_metadata(content, name), exif_of_jpeg(content) if name == "JPEG" else b""
    picture = None if bare is None else _attempt(bare, name, longest_side, exif_data)
    if picture is None and not is_whole and name in _MAY_BE_CUT:
        with _truncated_allowed():
            cut = _attempt(bare or content, name, longest_side, exif_data)
        picture = cut and replace(cut, is_truncated=True)
    if picture is None:
        raise why
    return picture


def size_of(file: BinaryIO, name: str) -> tuple[int, int]:
    """Return width and height as stored, without decoding. Raises UndecodableError."""
    try:
        return _opened(file, name).size
    except DECODER_ERRORS as error:
        file.seek(0)
        bare = without_metadata(file.read(), name)
        try:
            return _opened(io.BytesIO(bare or b""), name).size
        except DECODER_ERRORS:
            raise refusal(error, name) from error


def decode_strictly(
    file: BinaryIO, name: str, longest_side: int, *, page: int = 0, exif_data: bytes = b""
) -> Picture:
    """Decode a photo that is as it should be; `page`: of a TIFF.

    Raises UndecodableError, and what `errors.DECODER_ERRORS` names.
    """
    image: Any = _opened(file, name)
    if page:
        image.seek(page)
    size = image.size
    check_size(size)
    transfer = hdr.transfer(file) if name == "AVIF" else None
    turn = _orientation(image, name, exif_data)
    # A JPEG is decoded at a half, a quarter or an eighth where that is enough: in a fraction of time and memory.
    image.draft("RGB", scaled_size(size, longest_side))
    image.load()
    if name == "TIFF":
        _mend_colours(image)
    return Picture(image, name, size, turn, is_upright=name == "TIFF", transfer=transfer)


def _orientation(image: Any, name: str, exif_data: bytes) -> int:
    if name == _NEVER_TURNED:
        return 1
    if name == "TIFF":  # which Pillow turns upright while it decodes it, and forgets the tag then
        return exif.known_orientation(image.tag_v2.get(ORIENTATION))
    return exif.orientation(exif_data or image.info.get("exif", b""))


def _mend_colours(image: Any) -> None:
    """Read a colour map of 8 bits as such: some scanners write it into a TIFF's fields of 16 bits as it is."""
    colours = image.tag_v2.get(COLOUR_MAP)
    if image.mode == "P" and colours and max(colours) < 256:
        third = len(colours) // 3
        by_colour = zip(colours[:third], colours[third : 2 * third], colours[2 * third :], strict=True)
        image.putpalette(bytes(value for colour in by_colour for value in colour))


def _opened(file: BinaryIO, name: str) -> ImageFile.ImageFile:
    """Open a file by the plug-in itself: Image.open() does not tell why one refuses."""
    warnings.simplefilter("ignore")  # about broken metadata, which the pixels do not depend on
    import_module(f"PIL.{_PLUG_INS[name]}")  # to import all of them takes as long as to decode a photo
    file.seek(0)
    opener, _ = Image.OPEN[name]
    return opener(file, "")


def _attempt(content: bytes, name: str, longest_side: int, exif_data: bytes) -> Picture | None:
    try:
        return decode_strictly(io.BytesIO(content), name, longest_side, exif_data=exif_data)
    except DECODER_ERRORS:
        return None


@contextmanager
def _truncated_allowed() -> Iterator[None]:
    """Let Pillow decode what is there. It is a setting of the process: nothing else may be decoded meanwhile."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
