"""What the committed models see in the sample photos, under Rekognition's names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from local.models.vision import ENOUGH, FLOOR, LabelTable, Vision
from local.request import Refusal, decoded
from tests.photo_files import encoded

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
EXIF_ORIENTATION = 0x0112
TURNED_CLOCKWISE_TO_VIEW = 6


@pytest.fixture(scope="module")
def vision() -> Vision:
    return Vision()


def sample(name: str) -> Image.Image:
    return Image.open(io.BytesIO((SAMPLES / f"{name}.jpg").read_bytes()))


def labels_of(vision: Vision, photo: Image.Image) -> dict[str, dict[str, Any]]:
    return {label["Name"]: label for label in vision.detect_labels(photo.convert("RGB"))}


@pytest.mark.parametrize(
    ("photo", "names"),
    [
        ("astronaut", {"Person"}),
        ("cat", {"Cat", "Pet", "Mammal", "Animal"}),
        ("coffee", {"Cup", "Coffee", "Espresso", "Beverage", "Food"}),
        ("dogs", {"Dog", "Canine", "Spaniel", "Pet", "Mammal", "Animal"}),
        ("flower", {"Flower", "Plant", "Outdoors"}),
        ("mountain", {"Mountain", "Nature", "Outdoors", "Sky", "Grass"}),
        ("pagoda", {"Building", "Architecture", "Sky", "Tree", "Outdoors"}),
        ("rocket", {"Rocket", "Vehicle", "Transportation"}),
    ],
)
def test_given_a_sample_photo_when_labelled_then_what_is_plain_to_see_is_sure(
    vision: Vision, photo: str, names: set[str]
) -> None:
    sure = {name for name, label in labels_of(vision, sample(photo)).items() if label["Confidence"] >= 80}

    assert names <= sure


def test_given_a_pagoda_when_labelled_then_the_detectors_boat_is_doubted(vision: Vision) -> None:
    labels = labels_of(vision, sample("pagoda"))

    assert labels["Boat"]["Confidence"] < 55 < labels["Building"]["Confidence"]


def test_given_a_person_when_two_witnesses_see_them_then_the_label_is_surer_than_its_box(vision: Vision) -> None:
    person = labels_of(vision, sample("astronaut"))["Person"]

    assert person["Confidence"] > 90 > person["Instances"][0]["Confidence"]


def test_given_a_cat_when_labelled_then_its_label_has_rekognitions_form(vision: Vision) -> None:
    cat = labels_of(vision, sample("cat"))["Cat"]

    (instance,) = cat.pop("Instances")
    assert cat.pop("Confidence") > 95
    assert cat == {
        "Name": "Cat",
        "Parents": [{"Name": "Animal"}, {"Name": "Mammal"}, {"Name": "Pet"}],
        "Aliases": [],
        "Categories": [{"Name": "Animals and Pets"}],
    }
    assert instance["Confidence"] > 90
    assert instance["BoundingBox"].keys() == {"Width", "Height", "Left", "Top"}


def test_given_the_table_when_read_then_aliases_are_other_names_and_none_is_a_label(vision: Vision) -> None:
    table = vision.table
    phone = table.response("Mobile Phone", 0.99)
    assert (phone["Aliases"], table.response("Car", 0.99)["Aliases"]) == (
        [{"Name": "Cell Phone"}],
        [{"Name": "Auto"}, {"Name": "Automobile"}],
    )
    given = [alias for aliases in table.aliases.values() for alias in aliases]
    assert len(given) > 400
    assert not set(given) & set(table.names)


@pytest.mark.parametrize(
    ("photo", "name", "box"),
    [("coffee", "Cup", (0.28, 0.06, 0.42, 0.57)), ("astronaut", "Person", (0.05, 0.0, 0.67, 0.95))],
)
def test_given_a_thing_when_detected_then_its_box_is_where_it_is(
    vision: Vision, photo: str, name: str, box: tuple[float, ...]
) -> None:
    found = labels_of(vision, sample(photo))[name]["Instances"][0]["BoundingBox"]

    assert [found[side] for side in ("Left", "Top", "Width", "Height")] == pytest.approx(box, abs=0.08)


def test_given_any_photo_when_labelled_then_surest_come_first_and_parents_are_at_least_as_sure(
    vision: Vision,
) -> None:
    for path in SAMPLES.glob("*.jpg"):
        labels = labels_of(vision, sample(path.stem))
        confidences = [label["Confidence"] for label in labels.values()]
        assert confidences == sorted(confidences, reverse=True)
        assert all(FLOOR <= confidence <= 100 for confidence in confidences)
        for label in labels.values():
            for parent in label["Parents"]:
                assert labels[parent["Name"]]["Confidence"] >= label["Confidence"]


def test_given_a_detector_that_has_no_doubt_when_labelled_then_its_label_is_as_sure_as_can_be(
    vision: Vision, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Detector:
        def run(self, *_: Any) -> Any:
            scores = np.zeros((1, 1917, 90), np.float32)
            scores[0, 0, vision.table.detector.index("Person")] = 1
            return scores, np.full((1, 1917, 1, 4), 0.5, np.float32)

    monkeypatch.setattr(vision, "_detector", Detector())
    assert labels_of(vision, Image.new("RGB", (80, 80)))["Person"]["Confidence"] == 100


def test_given_a_photo_on_its_side_with_exif_when_labelled_then_boxes_are_of_the_upright_photo(
    vision: Vision,
) -> None:
    upright = sample("coffee")
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED_CLOCKWISE_TO_VIEW
    on_its_side = encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)

    (found,) = labels_of(vision, decoded(on_its_side))["Cup"]["Instances"]
    (expected,) = labels_of(vision, upright)["Cup"]["Instances"]

    assert found["BoundingBox"] == pytest.approx(expected["BoundingBox"], abs=0.03)


def test_given_a_png_on_its_side_with_exif_when_decoded_then_it_stays_so() -> None:
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = TURNED_CLOCKWISE_TO_VIEW
    png = encoded(sample("coffee"), "PNG", exif=exif)

    assert decoded(png).width > decoded(png).height


def with_alpha(image: Image.Image) -> Image.Image:
    image.putalpha(255)
    return image


def sixteen_bit(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 257)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("JPEG", lambda image: image.convert("CMYK")),
        ("JPEG", lambda image: image.convert("L")),
        ("PNG", sixteen_bit),
        ("PNG", lambda image: image.quantize(128)),
        ("PNG", with_alpha),
        ("PNG", lambda image: image.convert("L").convert("LA")),
    ],
    ids=["CMYK", "grey", "16 bits", "palette", "alpha", "grey and alpha"],
)
def test_given_a_photo_in_another_mode_when_labelled_then_a_cat_is_still_a_cat(
    vision: Vision, kind: str, change: Callable[[Image.Image], Image.Image]
) -> None:
    photo = encoded(change(sample("cat")), kind)

    assert labels_of(vision, decoded(photo))["Cat"]["Confidence"] >= 80


def test_given_transparency_when_decoded_then_it_is_white() -> None:
    clear = sample("cat").convert("RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 100, 100))

    assert decoded(encoded(clear, "PNG")).getpixel((50, 50)) == (255, 255, 255)


@pytest.mark.parametrize(("kind", "options"), [("JPEG", {}), ("PNG", {"compress_level": 1})])
def test_given_a_large_photo_when_decoded_then_no_more_of_it_than_is_useful(
    kind: str, options: dict[str, int]
) -> None:
    large = encoded(sample("coffee").resize((4800, 3200), Image.Resampling.NEAREST), kind, **options)

    assert decoded(large).size == (900, ENOUGH)


def test_given_a_truncated_photo_when_decoded_then_it_raises() -> None:
    data = (SAMPLES / "cat.jpg").read_bytes()

    with pytest.raises(Refusal, match="image format"):
        decoded(data[: len(data) // 2])


def test_given_both_models_when_they_name_a_thing_then_every_name_has_parents_and_a_category() -> None:
    table = LabelTable()

    assert {*table.classifier, *filter(None, table.detector)} <= set(table.names)
    assert len(table.classifier) == 1000
    assert sum(name is not None for name in table.detector) == 80
    assert table.parents["Tiger Cat"] == ["Animal", "Cat", "Mammal", "Pet"]
    assert table.parents["Car"] == ["Transportation", "Vehicle"]
    for parents in table.parents.values():
        assert set(parents).union(*(table.parents[parent] for parent in parents)) == set(parents)
