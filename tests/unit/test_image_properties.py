"""Rekognition's ImageProperties, reduced to what documents hold and read again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from photo_labels.records.attributes import from_attributes, to_attributes
from photo_labels.records.documents import item_bytes
from photo_labels.records.image_properties import (
    MAX_COLOURS,
    image_properties_from,
    is_image_properties,
    own_image_properties,
)

numbers = st.floats(0, 100, width=32) | st.integers(0, 100)
anything = st.none() | st.floats() | st.integers() | st.text(max_size=5)


def shaped(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Answers in the form of botocore's model, in which nothing is required."""
    quality = st.fixed_dictionaries({}, optional=dict.fromkeys(("Sharpness", "Brightness", "Contrast"), values))
    names = dict.fromkeys(("HexCode", "SimplifiedColor", "CSSColor"), st.text(max_size=9) | values)
    colour = st.fixed_dictionaries({}, optional=names | {"PixelPercent": values, "Red": values})
    colours = st.lists(colour, max_size=20)
    part = st.fixed_dictionaries({}, optional={"Quality": quality, "DominantColors": colours})
    return st.fixed_dictionaries(
        {}, optional={"Quality": quality, "DominantColors": colours, "Foreground": part, "Background": part}
    )


@given(shaped(numbers) | shaped(anything) | st.none())
def test_given_any_properties_when_reduced_then_they_are_small_and_read_back_the_same(response: Any) -> None:
    stored = image_properties_from(response)
    if stored is None:
        return
    assert from_attributes(to_attributes(stored)) == stored
    TypeSerializer().serialize(stored)
    assert is_image_properties(stored)
    assert own_image_properties(stored) == stored
    assert own_image_properties(stored | {"Tag": "mine"}) == stored
    assert len(stored.get("DominantColors", ())) <= MAX_COLOURS
    assert item_bytes(stored) < 1000


@pytest.mark.parametrize(
    "response",
    [
        None,
        {},
        {"Quality": {}},
        {"DominantColors": [], "Foreground": {}},
        {"Quality": {"Sharpness": float("nan")}},
    ],
)
def test_given_no_property_when_reduced_then_there_is_none(response: Any) -> None:
    assert image_properties_from(response) is None


def test_given_numbers_when_reduced_then_they_are_rounded() -> None:
    response = {
        "Quality": {"Sharpness": 81.02310943603516, "Contrast": 7},
        "DominantColors": [{"HexCode": "#000000", "SimplifiedColor": "black", "PixelPercent": 22.312374114990234}],
    }
    assert image_properties_from(response) == {
        "Sharpness": Decimal("81.02"),
        "Contrast": Decimal(7),
        "DominantColors": [{"HexCode": "#000000", "SimplifiedColor": "black", "PixelPercent": Decimal("22.3")}],
    }
