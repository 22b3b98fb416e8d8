"""TIFF as scanners and cameras write it."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from tests.photo_files import LONG, SHORT, Directory, Placed, encoded, page, tiff
from tests.unit.decoders.seen import CAT, is_like, seen

THUMBNAIL = CAT.resize((90, 60))


@pytest.mark.parametrize(
    "first",
    [page(THUMBNAIL, t254=1), page(THUMBNAIL, t254=4), page(THUMBNAIL, t255=2), page(THUMBNAIL)],
    ids=["smaller version", "mask", "smaller version, as of old", "nothing said"],
)
def test_given_a_thumbnail_first_when_decoded_then_the_photo_is_seen(first: Directory) -> None:
    facts, shown = seen(tiff(first, page(CAT)))
    assert (facts["width"], facts["height"]) == CAT.size
    assert is_like(shown, CAT)


def test_given_pages_of_different_photos_when_decoded_then_the_first_is_seen() -> None:
    _, shown = seen(tiff(page(CAT), page(CAT.rotate(180).resize((1_000, 200)))))
    assert is_like(shown, CAT)


def test_given_nothing_but_a_smaller_version_when_decoded_then_that_is_seen() -> None:
    assert is_like(seen(tiff(page(CAT, t254=1)))[1], CAT)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
def test_given_either_byte_order_and_width_when_decoded_then_it_is_seen(order: str, is_big: bool) -> None:
    assert is_like(seen(tiff(page(CAT), order=order, is_big=is_big))[1], CAT)


@pytest.mark.parametrize("scale", [1, 257], ids=["8 bits", "16 bits"])
def test_given_a_colour_map_of_8_or_16_bits_when_decoded_then_its_colours_are_seen(scale: int) -> None:
    few = CAT.quantize(256)
    palette = few.getpalette()
    assert palette
    colours = [value * scale for band in range(3) for value in palette[band::3]]
    own = page(CAT)
    pixels = few.tobytes()
    own.entries |= {
        258: (SHORT, [8]),
        262: (SHORT, [3]),
        273: (LONG, [Placed(pixels)]),
        277: (SHORT, [1]),
        279: (LONG, [len(pixels)]),
        320: (SHORT, colours),
    }
    assert is_like(seen(tiff(own))[1], few.convert("RGB"))


@pytest.mark.parametrize(("bands", "mode"), [("La", "LA"), ("RGBa", "RGBA")])
def test_given_colours_multiplied_by_their_alpha_when_decoded_then_they_are_seen(bands: str, mode: str) -> None:
    image = CAT.convert(mode)
    image.putalpha(255)
    own = page(CAT)
    pixels, count = image.tobytes(), len(mode)
    own.entries |= {
        258: (SHORT, [8] * count),
        262: (SHORT, [1 if mode == "LA" else 2]),
        273: (LONG, [Placed(pixels)]),
        277: (SHORT, [count]),
        279: (LONG, [len(pixels)]),
        338: (SHORT, [1]),
    }
    assert is_like(seen(tiff(own))[1], image.convert("RGB"))


def test_given_16_bits_of_which_12_are_used_when_decoded_then_it_is_not_black() -> None:
    grey = CAT.convert("L")
    deep = Image.frombytes("I;16", grey.size, b"".join(struct.pack("<H", value * 16) for value in grey.tobytes()))
    _, shown = seen(encoded(deep, "TIFF"))
    assert is_like(shown, grey.point(lambda value: value * 255 / grey.getextrema()[1]))
