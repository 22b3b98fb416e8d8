"""A photo's quality and colours as Rekognition measures them, the way a document holds them.

    {"Sharpness": 81.02, "Brightness": 59.91, "Contrast": 80.38,
     "DominantColors": [{"HexCode": "#2f4f4f", "SimplifiedColor": "grey", "PixelPercent": 25.4}, …],
     "Foreground": {"Sharpness": 81.9, "Brightness": 44.66},
     "Background": {"Sharpness": 80.8, "Brightness": 63.69}}

All measures are from 0 to 100. What Rekognition does not say is not there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MEASURES = ("Sharpness", "Brightness", "Contrast")
# That are asked for, and stored at most.
MAX_COLOURS = 5

_PARTS = ("Foreground", "Background")
_NAMES = ("HexCode", "SimplifiedColor")


def image_properties_from(response: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Reduce Rekognition's ImageProperties to what a document holds; None: there is nothing of it."""
    if not response:
        return None
    colours = [_colour(one) for one in response.get("DominantColors") or ()][:MAX_COLOURS]
    parts = {name: _quality(response.get(name)) for name in _PARTS}
    found: dict[str, Any] = _quality(response)
    found |= {"DominantColors": [one for one in colours if one]} if any(colours) else {}
    return found | {name: part for name, part in parts.items() if part} or None


def is_image_properties(value: Mapping[str, Any]) -> bool:
    """Tell whether an attribute of a document is what this module writes."""
    colours = value.get("DominantColors", [])
    return (
        _is_quality(value)
        and all(isinstance(value.get(name, {}), dict) and _is_quality(value.get(name, {})) for name in _PARTS)
        and isinstance(colours, list)
        and all(
            isinstance(one, dict)
            and all(isinstance(one.get(name), str) for name in _NAMES)
            and isinstance(one.get("PixelPercent"), Decimal)
            for one in colours
        )
    )


def own_image_properties(value: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what others added."""
    own: dict[str, Any] = {name: value[name] for name in MEASURES if name in value}
    if colours := value.get("DominantColors"):
        own["DominantColors"] = [{name: one[name] for name in (*_NAMES, "PixelPercent")} for one in colours]
    for part in _PARTS:
        if part in value:
            own[part] = {name: value[part][name] for name in MEASURES if name in value[part]}
    return own


def _quality(part: Mapping[str, Any] | None) -> dict[str, Any]:
    quality = (part or {}).get("Quality") or {}
    return {name: number for name in MEASURES if (number := _rounded(quality.get(name), 2)) is not None}


def _colour(colour: Mapping[str, Any]) -> dict[str, Any] | None:
    percent = _rounded(colour.get("PixelPercent"), 1)
    names = {name: colour.get(name) for name in _NAMES}
    if percent is None or not all(isinstance(name, str) for name in names.values()):
        return None
    return names | {"PixelPercent": percent}


def _rounded(number: object, digits: int) -> Decimal | None:
    if not isinstance(number, int | float) or not 0 <= number <= 100:
        return None
    return Decimal(str(round(number, digits)))


def _is_quality(value: Mapping[str, Any]) -> bool:
    return all(isinstance(value.get(name, Decimal(0)), Decimal) for name in MEASURES)
