"""Raw files of cameras: the picture inside is what is seen, upright."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from photo_labels.records.decoders.limits import UndecodableError
from photo_labels.records.formats import PHOTO_FORMATS, RAW
from tests.photo_files import CFA, LONG, SHORT, Directory, LengthOf, Placed, encoded, raw, sensor, tiff
from tests.unit.decoders.seen import CAT, is_like, refusal, seen

[SUFFIXES] = [one.suffixes for one in PHOTO_FORMATS if one.name == RAW]
# What a camera does to an upright picture before it stores it.
TURNED = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_given_a_raw_file_when_decoded_then_its_preview_is_seen_upright(suffix: str, orientation: int) -> None:
    turn = TURNED[orientation]
    stored = CAT if turn is None else CAT.transpose(turn)
    facts, shown = seen(raw(suffix, stored, orientation))
    assert (facts["format"], facts["orientation"]) == (RAW, orientation)
    assert is_like(shown, CAT)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_given_a_raw_file_that_is_cut_off_anywhere_when_decoded_then_there_is_an_answer(suffix: str) -> None:
    whole = raw(suffix, CAT)
    for share in range(0, 100, 7):
        assert refusal(whole[: len(whole) * share // 100]).endswith(".")


def test_given_a_preview_that_says_itself_how_it_is_turned_when_decoded_then_that_counts() -> None:
    exif = Image.Exif()
    exif[274] = 6
    jpeg = encoded(CAT.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)
    preview = {513: (LONG, [Placed(jpeg)]), 514: (LONG, [LengthOf(jpeg)])}
    facts, shown = seen(tiff(Directory(preview | {274: (SHORT, [1]), 330: (LONG, [sensor()])})))
    assert facts["orientation"] == 6
    assert is_like(shown, CAT)


def test_given_sensor_data_made_of_jpegs_when_decoded_then_no_piece_of_them_is_taken_for_the_photo() -> None:
    tile = encoded(CAT.resize((2_000, 2_000)), "JPEG")
    own = Directory({262: (SHORT, [34892]), 324: (LONG, [Placed(tile)]), 325: (LONG, [LengthOf(tile)])})
    small = encoded(CAT, "JPEG", quality=95)
    preview = {513: (LONG, [Placed(small)]), 514: (LONG, [LengthOf(small)])}
    _, shown = seen(tiff(Directory(preview | {330: (LONG, [own])})))
    assert is_like(shown, CAT)


@pytest.mark.parametrize("photometric", [CFA, 34892])
def test_given_a_raw_file_without_a_picture_when_decoded_then_it_says_what_to_do(photometric: int) -> None:
    only = sensor()
    only.entries[262] = (SHORT, [photometric])
    with pytest.raises(UndecodableError, match=r"NoPreview: .* export a JPEG of it\.$"):
        seen(tiff(only))


def test_given_a_preview_and_nothing_else_of_the_file_when_decoded_then_it_is_seen() -> None:
    jpeg = encoded(CAT, "JPEG", quality=95)
    alone = Directory({271: (2, b"SONY\0\0"), 513: (LONG, [Placed(jpeg)]), 514: (LONG, [LengthOf(jpeg)])})
    assert is_like(seen(tiff(alone))[1], CAT)


def test_given_directories_in_a_circle_when_read_then_it_ends() -> None:
    data = bytearray(raw(".nef", CAT))
    [first] = struct.unpack(">I", data[4:8])
    [count] = struct.unpack(">H", data[first : first + 2])
    struct.pack_into(">I", data, first + 2 + 12 * count, first)
    assert is_like(seen(bytes(data))[1], CAT)
