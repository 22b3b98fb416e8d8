"""Photoshop's files: the flattened picture, in every mode and depth."""

from __future__ import annotations

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
@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("mode", [GREY, RGB, CMYK, LAB])
def test_given_any_mode_and_depth_when_decoded_then_it_is_seen(
    mode: int, bits: int, is_large: bool, is_packed: bool
) -> None:
    if bits == 32 and mode in {CMYK, LAB}:
        pytest.skip("Photoshop has none of 32 bits")
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
