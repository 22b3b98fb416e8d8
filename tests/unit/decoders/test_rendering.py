"""What is shown of a photo, and what is refused because it shows nothing."""

from __future__ import annotations

import io

import pillow_heif
import pytest
from PIL import Image

from photo_labels.records.decoder import viewable
from photo_labels.records.decoders.hdr import as_shown, transfer
from photo_labels.records.decoders.limits import UndecodableError
from photo_labels.records.formats import PHOTO_FORMATS
from tests.photo_files import encoded, of_format
from tests.unit.decoders.seen import CAT, is_like, seen


@pytest.mark.parametrize("name", [one.name for one in PHOTO_FORMATS])
@pytest.mark.parametrize("colour", ["black", "grey"])
def test_given_a_picture_of_one_colour_when_decoded_then_it_is_refused(name: str, colour: str) -> None:
    blank = of_format(name, Image.new("RGB", (200, 100), colour))
    with pytest.raises(UndecodableError, match=r"BlankPhoto: All of the photo has the same colour"):
        seen(blank)
    assert viewable(io.BytesIO(blank), 100)  # a person may look at it


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((79, 200), r"TooSmall: The photo has 79 x 200 pixels; Rekognition needs 80 on each side\."),
        ((300, 12), r"TooSmall: The photo has 300 x 12 pixels"),
        ((10_100, 80), r"TooNarrow: The photo has 10,100 x 80 pixels: within the 10,000"),
    ],
)
@pytest.mark.parametrize("name", ["PNG", "WEBP", "TIFF"])
def test_given_a_size_that_rekognition_never_takes_when_decoded_then_the_users_numbers_are_said(
    name: str, size: tuple[int, int], reason: str
) -> None:
    with pytest.raises(UndecodableError, match=reason):
        seen(of_format(name, CAT.resize(size)))


def test_given_a_photo_that_is_very_narrow_when_viewed_then_it_is_a_picture() -> None:
    narrow = encoded(Image.linear_gradient("L").resize((70_000, 80)), "PNG")
    assert Image.open(io.BytesIO(viewable(io.BytesIO(narrow), 400))).size == (10_000, 11)


def test_given_what_is_all_transparent_when_decoded_then_its_colours_are_seen() -> None:
    clear = CAT.convert("RGBA")
    clear.putalpha(0)
    for name in ("PNG", "WEBP"):
        assert is_like(seen(encoded(clear, name, **({"exact": True} if name == "WEBP" else {})))[1], CAT)


def test_given_white_on_nothing_when_decoded_then_it_is_seen_on_black() -> None:
    drawing = Image.new("RGBA", (200, 200), (255, 255, 255, 0))
    drawing.paste((255, 255, 255, 255), (50, 50, 150, 150))
    _, shown = seen(encoded(drawing, "PNG"))
    assert shown.convert("L").getextrema() == (0, 255)


# HDR


def heif_with(transfer_number: int) -> bytes:
    made = io.BytesIO()
    heif = pillow_heif.from_pillow(CAT)
    heif.save(made, quality=95, color_primaries=9, transfer_characteristics=transfer_number, matrix_coefficients=9)
    return made.getvalue()


@pytest.mark.parametrize(("number", "name"), [(16, "PQ"), (18, "HLG"), (13, None), (1, None)])
def test_given_a_heif_when_asked_for_its_transfer_function_then_it_is_told(number: int, name: str | None) -> None:
    assert transfer(io.BytesIO(heif_with(number))) == name


@pytest.mark.parametrize(("name", "white"), [("PQ", 148), ("HLG", 191)])
def test_given_values_of_hdr_when_shown_then_white_is_bright_and_order_is_kept(name: str, white: int) -> None:
    ramp = Image.merge("RGB", [Image.linear_gradient("L")] * 3)
    shown = [as_shown(ramp, name).getpixel((0, row)) for row in range(256)]
    levels = [value[0] for value in shown if isinstance(value, tuple)]
    assert levels == sorted(levels)
    assert (levels[0], levels[255]) == (0, 255)
    assert 180 <= levels[white] <= 200
