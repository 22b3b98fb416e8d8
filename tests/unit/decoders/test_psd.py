"""Photoshop's files: the flattened picture, in every mode and depth."""

from __future__ import annotations

import struct
from itertools import product

import pytest
from PIL import Image, ImageChops, ImageCms

from photo_labels.records.decoders.limits import UndecodableError
from tests.photo_files import psd
from tests.unit.decoders.seen import CAT, is_like, seen

GREY, RGB, CMYK, LAB = 1, 3, 4, 9
TO_LAB = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")


def stored(mode: int) -> Image.Image:
    """The cat with the bands that Photoshop stores in that mode."""
    if mode == LAB:
        lab = ImageCms.applyTransform(CAT, TO_LAB)
        assert lab
        return lab
    if mode == CMYK:
        inks = CAT.convert("CMYK")
        return Image.merge("CMYK", [ImageChops.invert(band) for band in inks.split()])
    return CAT.convert("L") if mode == GREY else CAT


@pytest.mark.parametrize("is_packed", [False, True], ids=["raw", "packed"])
@pytest.mark.parametrize("is_large", [False, True], ids=["PSD", "PSB"])
@pytest.mark.parametrize(
    ("mode", "bits"), [*product([GREY, RGB, CMYK, LAB], [8, 16]), *product([GREY, RGB], [32])]
)
def test_given_any_mode_and_depth_when_decoded_then_it_is_seen(
    mode: int, bits: int, is_large: bool, is_packed: bool
) -> None:
    facts, shown = seen(psd(stored(mode), mode, bits, is_large=is_large, is_packed=is_packed))
    assert facts["format"] == "PSD"
    assert is_like(shown, CAT.convert("L") if mode == GREY else CAT)


def test_given_indexed_colours_when_decoded_then_they_are_seen() -> None:
    few = CAT.quantize(256)
    palette = few.getpalette()
    assert palette
    data = psd(Image.frombytes("L", few.size, few.tobytes()), mode=2)
    colours = b"".join(bytes(palette[band::3]) for band in range(3))
    _, shown = seen(data[:26] + (768).to_bytes(4, "big") + colours + data[30:])
    assert is_like(shown, few.convert("RGB"))


def test_given_a_compression_that_is_not_known_when_decoded_then_it_says_so() -> None:
    data = bytearray(psd(CAT))
    data[39] = 3
    with pytest.raises(UndecodableError, match="UnsupportedPhoto: This kind of PSD is not read here"):
        seen(bytes(data))


def test_given_an_alpha_channel_when_decoded_then_it_counts_where_the_layers_say_so() -> None:
    clear = CAT.convert("RGBA")
    left = (0, 0, CAT.width // 2, CAT.height)
    clear.paste((0, 0, 0, 0), left)
    data = psd(clear)
    layers = struct.pack(">IIhH", 8, 4, -1, 0)
    for section, expected in ((bytes(4), "black"), (layers, "white")):
        _, shown = seen(data[:34] + section + data[38:])
        assert is_like(shown.crop(left), Image.new("RGB", CAT.size, expected).crop(left))
