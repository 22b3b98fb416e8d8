"""TIFF as scanners and cameras write it."""

from __future__ import annotations

import struct

import pytest
from PIL import Image, ImageCms

from tests.photo_files import LONG, SHORT, Directory, Placed, encoded, page, tiff
from tests.unit.decoders.seen import CAT, is_like, seen

TO_LAB = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
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


def of_samples(
    samples: bytes, bits: int, kind: int, photometric: int = 2, bands: int = 3, **tags: int
) -> Directory:
    own = page(CAT, t339=kind, **tags)
    own.entries |= {
        258: (SHORT, [bits] * bands),
        262: (SHORT, [photometric]),
        273: (LONG, [Placed(samples)]),
        277: (SHORT, [bands]),
        279: (LONG, [len(samples)]),
        339: (SHORT, [kind] * bands),
    }
    return own


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("bits", "kind", "code", "scale"),
    [(16, 3, "e", 1 / 255), (32, 3, "f", 1 / 255), (64, 3, "d", 1 / 255), (32, 1, "I", 2**24), (16, 2, "h", 100)],
    ids=["half floats", "floats", "doubles", "32 bits", "with a sign"],
)
def test_given_colours_as_numbers_when_decoded_then_they_are_seen(
    bits: int, kind: int, code: str, scale: float, order: str
) -> None:
    image = CAT.copy()  # from black to white, by which numbers of some kinds are scaled
    image.paste("white", (0, 0, 9, 9))
    image.paste("black", (9, 0, 18, 9))
    values = [type(scale)(value * scale) for value in image.tobytes()]
    data = tiff(of_samples(struct.pack(f"{order}{len(values)}{code}", *values), bits, kind), order=order)
    assert is_like(seen(data)[1], image)


@pytest.mark.parametrize("order", ["<", ">"])
def test_given_lab_of_16_bits_when_decoded_then_it_is_seen(order: str) -> None:
    lab = ImageCms.applyTransform(CAT, TO_LAB)
    assert lab
    values = [value for pixel in zip(*(band.tobytes() for band in lab.split()), strict=True) for value in pixel]
    signed = [value if number % 3 == 0 else value ^ 128 for number, value in enumerate(values)]
    samples = struct.pack(f"{order}{len(signed)}H", *(value * 256 for value in signed))
    assert is_like(seen(tiff(of_samples(samples, 16, 1, photometric=8), order=order))[1], CAT)


def test_given_floats_stored_as_differences_when_decoded_then_they_are_seen() -> None:
    floats = [value / 255 for value in CAT.tobytes()]
    row = CAT.width * 3
    stored = bytearray()
    for start in range(0, len(floats), row):
        big = struct.pack(f">{row}f", *floats[start : start + row])
        apart = b"".join(big[byte::4] for byte in range(4))  # the first byte of each, the second of each, ...
        stored += bytes((apart[at] - (apart[at - 3] if at >= 3 else 0)) % 256 for at in range(len(apart)))
    assert is_like(seen(tiff(of_samples(bytes(stored), 32, 3, t317=3)))[1], CAT)


def test_given_differences_of_32_bits_when_decoded_then_they_are_seen() -> None:
    values = [value * 2**24 for value in CAT.tobytes()]
    row = CAT.width * 3
    stored = [(value - (values[at - 3] if at % row >= 3 else 0)) % 2**32 for at, value in enumerate(values)]
    samples = struct.pack(f"<{len(stored)}I", *stored)
    assert is_like(seen(tiff(of_samples(samples, 32, 1, t317=2)))[1], CAT)


def test_given_floats_one_band_after_another_when_decoded_then_they_are_seen() -> None:
    bands = [
        struct.pack(f"<{CAT.width * CAT.height}f", *(v / 255 for v in band.tobytes())) for band in CAT.split()
    ]
    own = of_samples(b"", 32, 3, t284=2)
    own.entries |= {273: (LONG, [Placed(band) for band in bands]), 279: (LONG, [len(band) for band in bands])}
    assert is_like(seen(tiff(own))[1], CAT)
