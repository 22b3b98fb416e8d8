"""A photo's quality and colours by its pixels, in the form of DetectLabels' ImageProperties.

What Rekognition measures is not published; these are the usual measures, scaled to 0 … 100: the mean of luma, its
spread from the 5th to the 95th percentile, and the variance of its Laplacian. The foreground is what boxes are
around, else the middle of the photo.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageColor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Mask = NDArray[np.bool_]

# Of the shorter side, so that the sharpness of large and small photos can be compared.
_PIXELS = 400
_COLOUR_PIXELS = 64
# The variance of a Laplacian that is half as sharp as can be.
_HALF_SHARP = 100.0
_LEAST_PERCENT = 5.0
# Per cent: boxes of what is less sure are around nothing that matters.
_SURE = 55.0

# CSS's colours, one name each.
_NAMES = {ImageColor.getrgb(code): name for name, code in ImageColor.colormap.items()}
_COLOURS = np.array(list(_NAMES), np.int32)


def properties_of(photo: Image.Image, labels: Iterable[Mapping[str, Any]], max_colours: int) -> dict[str, Any]:
    """Return ImageProperties of an RGB photo; `labels`: those that were found in it, with their boxes."""
    scale = min(1.0, _PIXELS / min(photo.size))
    luma = np.asarray(photo.convert("L").resize([max(3, round(side * scale)) for side in photo.size]), np.float64)
    edges = _laplacian(luma)
    boxes = [one["BoundingBox"] for label in labels for one in label["Instances"] if one["Confidence"] >= _SURE]
    small = np.asarray(photo.resize((_COLOUR_PIXELS, _COLOUR_PIXELS)), np.int32)
    whole = {
        "Quality": _quality(luma, edges) | {"Contrast": float(np.ptp(np.percentile(luma, (5, 95)))) / 2.55},
        "DominantColors": _colours(small.reshape(-1, 3), max_colours),
    }
    for name, is_inside in (("Foreground", True), ("Background", False)):
        place = _mask(luma.shape, boxes) == is_inside
        if place.any():
            pixels = small[_mask((_COLOUR_PIXELS, _COLOUR_PIXELS), boxes) == is_inside]
            whole[name] = {
                "Quality": _quality(luma[place], edges[place]),
                "DominantColors": _colours(pixels, max_colours),
            }
    return whole


def _quality(luma: Floats, edges: Floats) -> dict[str, float]:
    variance = float(edges.var())
    return {"Brightness": float(luma.mean()) / 2.55, "Sharpness": 100 * variance / (variance + _HALF_SHARP)}


def _laplacian(luma: Floats) -> Floats:
    """Return how far each pixel is from its four neighbours, the photo's edges repeated."""
    wide = np.pad(luma, 1, mode="edge")
    return wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * luma


def _mask(shape: tuple[int, ...], boxes: list[dict[str, float]]) -> Mask:
    """Return which pixels are in the foreground."""
    height, width = shape
    mask = np.zeros((height, width), np.bool_)
    for box in boxes or [{"Left": 0.25, "Top": 0.25, "Width": 0.5, "Height": 0.5}]:
        left, top = max(0.0, box["Left"]), max(0.0, box["Top"])
        bottom, right = box["Top"] + box["Height"], box["Left"] + box["Width"]
        mask[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = True
    return mask


def _colours(pixels: NDArray[np.int32], most: int) -> list[dict[str, Any]]:
    """Return the colours of CSS that most pixels are nearest to, the most frequent first."""
    if not len(pixels):
        return []
    nearest = ((pixels[:, None, :] - _COLOURS[None]) ** 2).sum(axis=2).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(_COLOURS)) / len(pixels) * 100
    found = [number for number in np.argsort(-shares, kind="stable")[:most] if shares[number] >= _LEAST_PERCENT]
    return [_colour(tuple(_COLOURS[number].tolist()), float(shares[number])) for number in found]


def _colour(rgb: tuple[int, int, int], percent: float) -> dict[str, Any]:
    red, green, blue = rgb
    return {
        "Red": red,
        "Green": green,
        "Blue": blue,
        "HexCode": f"#{red:02x}{green:02x}{blue:02x}",
        "CSSColor": _NAMES[rgb],
        "SimplifiedColor": simplified(*rgb),
        "PixelPercent": percent,
    }


def simplified(red: int, green: int, blue: int) -> str:
    """Return one of 12 names of colours."""
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if saturation * value < 0.15:
        return "black" if value < 0.15 else "white" if value > 0.9 else "grey"
    degrees = hue * 360
    if 15 <= degrees < 45:
        return "brown" if value < 0.7 else "beige" if saturation < 0.4 else "orange"
    if degrees < 15 or degrees >= 345:
        return "pink" if value > 0.7 and saturation < 0.6 else "red"
    for end, name in ((70, "yellow"), (170, "green"), (260, "blue"), (315, "purple")):
        if degrees < end:
            return name
    return "pink"
