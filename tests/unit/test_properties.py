"""What the local Rekognition says of a photo's quality and colours, by its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from local.models.properties import properties_of, simplified

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BOX = {"Left": 0.5, "Top": 0.0, "Width": 0.5, "Height": 1.0}


def sample(name: str) -> Image.Image:
    with Image.open(SAMPLES / f"{name}.jpg") as image:
        return image.convert("RGB")


def quality(photo: Image.Image) -> dict[str, float]:
    found: dict[str, float] = properties_of(photo, [], 5)["Quality"]
    return found


@pytest.mark.parametrize("name", ["cat", "coffee", "mountain", "pagoda"])
def test_given_a_photo_when_blurred_darkened_or_flattened_then_that_very_measure_falls(name: str) -> None:
    photo = sample(name)
    usual = quality(photo)
    blurred = quality(photo.filter(ImageFilter.GaussianBlur(max(photo.size) / 150)))
    assert usual["Sharpness"] > 60
    assert blurred["Sharpness"] < 20
    assert blurred["Brightness"] == pytest.approx(usual["Brightness"], abs=1)
    assert quality(ImageEnhance.Brightness(photo).enhance(0.5))["Brightness"] < 0.6 * usual["Brightness"]
    assert quality(ImageEnhance.Contrast(photo).enhance(0.5))["Contrast"] < 0.6 * usual["Contrast"]


@pytest.mark.parametrize("name", ["dogs", "flower", "mountain"])
def test_given_a_photo_of_any_size_when_measured_then_its_sharpness_is_comparable(name: str) -> None:
    photo = sample(name)
    larger = photo.resize((2 * photo.width, 2 * photo.height), Image.Resampling.LANCZOS)
    assert quality(larger)["Sharpness"] == pytest.approx(quality(photo)["Sharpness"], abs=20)


def test_given_a_box_when_measured_then_what_is_in_it_is_the_foreground() -> None:
    halves = np.zeros((200, 300, 3), np.uint8)
    halves[:, 150:] = (255, 0, 0)
    labels = [{"Instances": [{"BoundingBox": BOX, "Confidence": 90.0}]}]
    found = properties_of(Image.fromarray(halves), labels, 5)
    assert [one["CSSColor"] for one in found["Foreground"]["DominantColors"]] == ["red"]
    assert [one["CSSColor"] for one in found["Background"]["DominantColors"]] == ["black"]
    assert {one["CSSColor"] for one in found["DominantColors"]} == {"red", "black"}
    assert found["Foreground"]["Quality"]["Brightness"] > found["Background"]["Quality"]["Brightness"]
    assert "Contrast" not in found["Foreground"]["Quality"]


def test_given_a_box_around_all_when_measured_then_there_is_no_background() -> None:
    labels = [{"Instances": [{"BoundingBox": BOX | {"Left": -0.001, "Width": 1.1}, "Confidence": 90.0}]}]
    assert "Background" not in properties_of(Image.new("RGB", (100, 100)), labels, 5)


@pytest.mark.parametrize("size", [(80, 80), (80, 10_000), (10_000, 80)])
def test_given_a_photo_of_one_colour_when_measured_then_all_is_as_it_must_be(size: tuple[int, int]) -> None:
    found = properties_of(Image.new("RGB", size, "white"), [], 3)
    assert found["Quality"] == {"Brightness": pytest.approx(100), "Sharpness": 0, "Contrast": 0}
    [colour] = found["DominantColors"]
    assert colour == {
        "Red": 255,
        "Green": 255,
        "Blue": 255,
        "HexCode": "#ffffff",
        "CSSColor": "white",
        "SimplifiedColor": "white",
        "PixelPercent": 100,
    }


# As AWS was seen to name them, and plain ones.
@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((47, 79, 79), "grey"),
        ((85, 107, 47), "green"),
        ((128, 128, 128), "grey"),
        ((105, 105, 105), "grey"),
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((255, 0, 0), "red"),
        ((255, 165, 0), "orange"),
        ((255, 255, 0), "yellow"),
        ((0, 0, 255), "blue"),
        ((128, 0, 128), "purple"),
        ((139, 69, 19), "brown"),
        ((75, 0, 130), "purple"),
        ((255, 105, 180), "pink"),
        ((245, 222, 179), "beige"),
        ((255, 192, 203), "pink"),
    ],
)
def test_given_a_colour_when_simplified_then_it_has_one_of_twelve_names(rgb: Any, name: str) -> None:
    assert simplified(*rgb) == name
