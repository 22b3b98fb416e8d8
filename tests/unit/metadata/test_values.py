"""Which times, cameras and places are believed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from photo_labels.records.metadata.reading import metadata_of
from photo_labels.records.metadata.values import camera_of, time_of
from tests.unit.metadata.files import GPS, LONG, exif, gps, jpeg


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2019:07:14 18:03:22", "2019-07-14T18:03:22"),
        ("2019-07-14T18:03:22", "2019-07-14T18:03:22"),
        ("2019-07-14 18:03:22.999", "2019-07-14T18:03:22"),
        ("2019-07-14T18:03:22Z", "2019-07-14T18:03:22+00:00"),
        ("2019-07-14T18:03:22+0530", "2019-07-14T18:03:22+05:30"),
        ("2019:07:14 18:03:22.5GMT+02:00", "2019-07-14T18:03:22+02:00"),
        ("2019-07-14T18:03", "2019-07-14T18:03:00"),
        ("2019:07:14", "2019-07-14T00:00:00"),
        ("2019:07:14   :  :  ", "2019-07-14T00:00:00"),
        ("2019-07", "2019-07-01T00:00:00"),
        ("1826", "1826-01-01T00:00:00"),
        ("2003: 1: 3  5:02: 1", "2003-01-03T05:02:01"),
        ("2000:01:01 00:00:00", "2000-01-01T00:00:00"),
        ("1970:01:01 00:00:01", "1970-01-01T00:00:01"),
        # An offset that no clock has is as if there were none.
        ("2019-07-14T18:03:22+19:00", "2019-07-14T18:03:22"),
        ("2019-07-14T18:03:22+02:75", "2019-07-14T18:03:22"),
    ],
)
def test_given_a_plausible_time_when_read_then_it_is_written_as_iso(text: str, time: str) -> None:
    assert time_of(text) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "    :  :     :  :  ",
        "0000:00:00 00:00:00",
        "1970:01:01 00:00:00",
        "1970-01-01T01:00:00+01:00",
        "2019:13:14 18:03:22",
        "2019:02:30 18:03:22",
        "2019:07:14 24:00:00",
        "2019:07:14 18:03:60",
        "1825:12:31 23:59:59",
        "2201:01:01 00:00:00",
        "9999:12:31 23:59:59",
        "0001-01-01T00:00:00+14:00",
        "٢٠١٩:07:14 18:03:22",
        "yesterday",
        "2019:07:14 18:03:22 and more",
        "2" * 10_000,
    ],
)
def test_given_an_implausible_time_when_read_then_there_is_none(text: str) -> None:
    assert time_of(text) is None


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        (b"Canon", b"Canon EOS 80D", "Canon EOS 80D"),
        (b"NIKON CORPORATION", b"NIKON D850", "NIKON D850"),
        (b"EASTMAN KODAK COMPANY", b"KODAK DX4530", "KODAK DX4530"),
        (b"Apple", b"iPhone 12", "Apple iPhone 12"),
        (b"samsung\0\0\0", b"  SM-G970F \0garbage", "samsung SM-G970F"),
        (b"vivo", b"vivo X90", "vivo X90"),
        (b"HUAWEI", b"", "HUAWEI"),
        (b"", b"DSC-1", "DSC-1"),
        (b"A\x1b[31mB", b"C\r\nD", "A [31mB C D"),
        ("Caméra".encode(), "\u202eX\u200b1".encode(), "Caméra X 1"),
        (b"\xff\xfe", b" \t\0", None),
        (b"", b"", None),
        (b"", b"x" * 300, "x" * 100),
    ],
)
def test_given_make_and_model_when_joined_then_the_make_is_there_once(
    make: bytes, model: bytes, camera: str | None
) -> None:
    assert camera_of(make, model) == camera


@pytest.mark.parametrize(
    ("place", "location"),
    [
        (gps("S", (33, 1, 51, 1, 2448, 100), "W", (70, 1, 12, 1, 0, 1)), ("-33.856800", "-70.200000")),
        (gps("n", (4851494, 100_000, 0, 1, 0, 1), "e", (2, 1, 0, 1, 0, 1)), ("48.514940", "2.000000")),
        (gps("N", (90, 1, 0, 1, 0, 1), "E", (180, 1, 0, 1, 0, 1)), ("90.000000", "180.000000")),
        (gps("N", (0, 1, 0, 1, 0, 1), "E", (6, 1, 0, 1, 0, 1)), ("0.000000", "6.000000")),
        (gps("N", (1, 3, 0, 1, 0, 1), "E", (6, 1, 0, 1, 0, 1)), ("0.333333", "6.000000")),
        # Nowhere.
        (gps("N", (0, 1, 0, 1, 0, 1), "E", (0, 1, 0, 1, 0, 1)), None),
        (gps("N", (0, 0, 0, 0, 0, 0), "E", (0, 0, 0, 0, 0, 0)), None),
        (gps("N", (48, 1, 51, 1, 0, 0), "E", (2, 1, 0, 1, 0, 1)), None),
        (gps("N", (91, 1, 0, 1, 0, 1), "E", (2, 1, 0, 1, 0, 1)), None),
        (gps("N", (1, 1, 0, 1, 0, 1), "E", (180, 1, 0, 1, 1, 1)), None),
        (gps("N", (4294967295, 1, 0, 1, 0, 1), "E", (2, 1, 0, 1, 0, 1)), None),
        (gps("X", (48, 1, 0, 1, 0, 1), "E", (2, 1, 0, 1, 0, 1)), None),
        (gps("", (48, 1, 0, 1, 0, 1), "E", (2, 1, 0, 1, 0, 1)), None),
        (gps("N", (48, 1), "E", (2, 1)), None),
    ],
)
def test_given_a_place_when_read_then_only_one_on_the_globe_counts(
    place: dict[int, object], location: tuple[str, str] | None
) -> None:
    expected = location and tuple(map(Decimal, location))
    found = metadata_of(jpeg(exif({GPS: (LONG, place)}))).location
    assert found == expected
    assert found is None or all(one == round(one, 6) for one in found)
