"""What DetectLabels is asked for beside a photo, as the settings say, and the name of that in documents."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from handler.settings import Settings


@dataclass(frozen=True, slots=True)
class LabelFilters:
    """Names of labels and of categories, sorted, each once; where none is included, all are but the excluded."""

    included_labels: tuple[str, ...] = ()
    excluded_labels: tuple[str, ...] = ()
    included_categories: tuple[str, ...] = ()
    excluded_categories: tuple[str, ...] = ()

    def to_request(self) -> dict[str, list[str]]:
        """Return them as Settings.GeneralLabels of a request, without those that are empty."""
        named = {
            "LabelInclusionFilters": self.included_labels,
            "LabelExclusionFilters": self.excluded_labels,
            "LabelCategoryInclusionFilters": self.included_categories,
            "LabelCategoryExclusionFilters": self.excluded_categories,
        }
        return {name: list(names) for name, names in named.items() if names}


def request_of(settings: Settings) -> dict[str, Any]:
    """Return the arguments of DetectLabels beside the image; Features and Settings only where they say more."""
    request: dict[str, Any] = {"MinConfidence": settings.min_confidence, "MaxLabels": settings.max_labels}
    if filters := settings.label_filters.to_request():
        request |= {"Features": ["GENERAL_LABELS"], "Settings": {"GeneralLabels": filters}}
    return request


def digest_of(settings: Settings) -> str | None:
    """Name what is asked for besides MinConfidence and MaxLabels, in 16 characters; None: nothing.

    A photo is labelled again where it changed. The order of filters makes no difference.
    """
    if settings.label_filters == LabelFilters():
        return None
    said = json.dumps({"filters": asdict(settings.label_filters)}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]
