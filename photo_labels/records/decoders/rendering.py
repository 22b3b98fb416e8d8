"""What a person sees of a decoded photo: upright, RGB, scaled, transparent parts white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from photo_labels.records.decoders import hdr
from photo_labels.records.decoders.scaling import scaled_size

if TYPE_CHECKING:
    from photo_labels.records.decoders.picture import Picture

# What makes a photo upright, by its orientation (EXIF 2.32, tag 274).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow's modes whose colours are multiplied by their alpha, which convert() takes to nothing else.
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
# What all pixels may differ by in a picture that shows nothing.
_SAME = 2
_MOST_OF_8_BITS, _MOST_OF_12_BITS, _MOST_OF_16_BITS = 255, 4_095, 65_535


def rendered(picture: Picture, longest_side: int) -> Image.Image:
    """Return the photo as RGB, upright, of at most that size."""
    image = _scaled(_rgb(picture.image, longest_side), longest_side)
    if picture.transfer:
        image = hdr.as_shown(image, picture.transfer)
    turn = None if picture.is_upright else _TURNS.get(picture.orientation)
    return image if turn is None else image.transpose(turn)


def is_blank(image: Image.Image) -> bool:
    """Tell whether it shows nothing: a decoder that fails without an error gives black, or grey."""
    extremes: Any = image.getextrema()
    return all(most - least <= _SAME for least, most in extremes)


def _scaled(image: Image.Image, longest_side: int) -> Image.Image:
    size = scaled_size(image.size, longest_side)
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _rgb(image: Image.Image, longest_side: int) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode in _PREMULTIPLIED:
        image = image.convert(_PREMULTIPLIED[image.mode])
    if image.mode.startswith(("I", "F")):
        image = _eight_bit(image)
    if "A" in image.mode or "transparency" in image.info:
        return _on_white(_scaled(image.convert("RGBA"), longest_side))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Return a picture without its alpha: on white, or where that shows nothing on black, or as it is."""
    for background in ("white", "black"):
        shown = Image.alpha_composite(Image.new("RGBA", image.size, background), image).convert("RGB")
        if not is_blank(shown):
            return shown
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale values of more than 8 bits, which Pillow would cut off at 255, and leave white.

    Those of 16 bits by what they may be. Others, and those of 16 that hold 12 bits or fewer, by what they are.
    """
    if image.mode != "F":
        image = image.convert("I")
    extremes: Any = image.getextrema()
    least, most = extremes
    if image.mode == "I" and least >= 0 and _MOST_OF_12_BITS < most <= _MOST_OF_16_BITS:
        least, most = 0, _MOST_OF_16_BITS
    elif image.mode == "I" and least >= 0 and most <= _MOST_OF_12_BITS:
        least = 0
    scale = _MOST_OF_8_BITS / (most - least or 1)
    return image.point(lambda value: value * scale - least * scale).convert("L")
