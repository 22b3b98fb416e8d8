"""What DetectLabels is asked for beside a photo, as the settings say, and the name of that in documents."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from handler.settings import LabelFilters
from photo_labels.records.image_properties import MAX_COLOURS

if TYPE_CHECKING:
    from handler.settings import Settings


def request_of(settings: Settings) -> dict[str, Any]:
    """Return the arguments of DetectLabels beside the image; Features and Settings only where they say more."""
    request: dict[str, Any] = {"MinConfidence": settings.min_confidence, "MaxLabels": settings.max_labels}
    more: dict[str, Any] = {}
    if filters := settings.label_filters.to_request():
        more["GeneralLabels"] = filters
    if settings.image_properties:
        more["ImageProperties"] = {"MaxDominantColors": MAX_COLOURS}
    if more:
        properties = ["IMAGE_PROPERTIES"] if settings.image_properties else []
        request |= {"Features": ["GENERAL_LABELS", *properties], "Settings": more}
    return request


def digest_of(settings: Settings) -> str | None:
    """Name what is asked for besides MinConfidence and MaxLabels, in 16 characters; None: nothing.

    A photo is labelled again where it changed. The order of filters makes no difference.
    """
    if settings.label_filters == LabelFilters() and not settings.image_properties:
        return None
    asked = {"filters": asdict(settings.label_filters), "image_properties": settings.image_properties}
    said = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
