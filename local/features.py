"""What a call of DetectLabels asks for: its features, and which of the labels that are found it is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LABELS, PROPERTIES = "GENERAL_LABELS", "IMAGE_PROPERTIES"

# API reference, GeneralLabelsSettings and DetectLabelsImagePropertiesSettings.
_FILTERS = (
    "LabelInclusionFilters",
    "LabelExclusionFilters",
    "LabelCategoryInclusionFilters",
    "LabelCategoryExclusionFilters",
)
_NAME = re.compile(r"[A-Za-z0-9àâèçñó'-_(). ]{0,50}")
_MAX_NAMES, _MAX_COLOURS, _USUAL_COLOURS = 100, 20, 10


class InvalidValueError(ValueError):
    """What the layer in front of Rekognition refuses, by the service's model."""


class InvalidCombinationError(ValueError):
    """What Rekognition itself refuses."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is asked for. AWS says that filters can be combined, and not how: here exclusion is the stronger."""

    names: frozenset[str]
    included_labels: frozenset[str]
    excluded_labels: frozenset[str]
    included_categories: frozenset[str]
    excluded_categories: frozenset[str]
    max_colours: int

    @classmethod
    def parse(cls, request: Mapping[str, Any]) -> Features:
        """Read Features and Settings. Raises InvalidValueError, InvalidCombinationError."""
        names = request.get("Features") or [LABELS]
        settings = request.get("Settings") or {}
        filters = settings.get("GeneralLabels") or {}
        colours = (settings.get("ImageProperties") or {}).get("MaxDominantColors", _USUAL_COLOURS)
        if len(names) > 2 or not {LABELS, PROPERTIES}.issuperset(names):
            raise InvalidValueError(f"Value {names} at 'features' is not of {LABELS}, {PROPERTIES}")
        if not 0 <= int(colours) <= _MAX_COLOURS:
            raise InvalidValueError(f"Value {colours} at 'maxDominantColors' is not from 0 to {_MAX_COLOURS}")
        labels, not_labels, categories, not_categories = found = [
            _names(name, filters.get(name) or []) for name in _FILTERS
        ]
        if (any(found) and LABELS not in names) or ("ImageProperties" in settings and PROPERTIES not in names):
            raise InvalidCombinationError
        return cls(frozenset(names), labels, not_labels, categories, not_categories, int(colours))

    def gives(self, label: Mapping[str, Any]) -> bool:
        """Tell whether a label is one of those that are asked for."""
        name, categories = label["Name"], {category["Name"] for category in label["Categories"]}
        if name in self.excluded_labels or categories & self.excluded_categories:
            return False
        includes_all = not (self.included_labels or self.included_categories)
        return includes_all or name in self.included_labels or bool(categories & self.included_categories)


def _names(filter_name: str, names: list[str]) -> frozenset[str]:
    if len(names) > _MAX_NAMES or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        raise InvalidValueError(
            f"Value at '{filter_name}' is not of at most {_MAX_NAMES} names as {_NAME.pattern}"
        )
    return frozenset(names)


# What a call asks for that does not say.
USUAL = Features.parse({})
