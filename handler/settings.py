"""The function's settings: its environment as one typed, validated object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.records.budget import Budget
from photo_labels.records.documents import TIME, TIME_AND_LOCATION

if TYPE_CHECKING:
    from collections.abc import Mapping


_METADATA = {"off": None, "time": TIME, "time-and-location": TIME_AND_LOCATION}
# Of a label or category, and how many a filter takes (Rekognition's API reference, GeneralLabelsSettings).
_NAME = re.compile("[A-Za-z0-9àâèçñó'_(). -]{1,50}")
_MAX_NAMES = 100


class SettingsError(ValueError):
    """A setting is missing or makes no sense; the message names the variable and says what it takes."""


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


@dataclass(frozen=True, slots=True)
class Settings:
    """What `infra/pipeline.yaml` sets in the function's environment."""

    image_labels_table: str
    label_index_table: str
    label_quota_table: str
    # Where photos of equal bytes find each other; None: each is labelled for itself.
    content_claims_table: str | None
    queue_url: str
    dead_letter_queue_url: str
    # Where photos go that Rekognition does not read as they are; None: they are rejected.
    convert_queue_url: str | None
    # The other lanes (`handler.lanes`); None: there is only the live one.
    overflow_queue_url: str | None
    bulk_queue_url: str | None
    bulk_convert_queue_url: str | None
    min_confidence: float
    max_labels: int
    # What is looked for in photos themselves: TIME, or TIME_AND_LOCATION; None: nothing.
    photo_metadata: str | None
    # Which labels Rekognition gives of those that it finds.
    label_filters: LabelFilters
    # Whether quality and colours are asked for, too, which is charged for.
    image_properties: bool
    # DetectLabels calls in flight in one execution environment.
    rekognition_concurrency: int
    # DetectLabels calls a second that the whole pipeline may make; 0: no limit of ours.
    rekognition_tps: float
    # Execution environments of the labelling function at the same time, its mapping's MaximumConcurrency.
    max_concurrency: int
    # Those that work on the overflow, and as many that do on bulk work.
    bulk_concurrency: int
    # Those of the converting function, for each of its lanes.
    convert_concurrency: int
    # Calls that may be made in a day and in a month.
    budget: Budget
    # The stack's name.
    stack: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check every variable; raises SettingsError on the first that is bad."""
        tps = _number(environment, "REKOGNITION_TPS", default=0, low=0, high=100_000)
        return cls(
            image_labels_table=_required(environment, "IMAGE_LABELS_TABLE"),
            label_index_table=_required(environment, "LABEL_INDEX_TABLE"),
            label_quota_table=_required(environment, "LABEL_QUOTA_TABLE"),
            content_claims_table=_optional(environment, "CONTENT_CLAIMS_TABLE"),
            queue_url=_required(environment, "QUEUE_URL"),
            dead_letter_queue_url=_required(environment, "DEAD_LETTER_QUEUE_URL"),
            convert_queue_url=_optional(environment, "CONVERT_QUEUE_URL"),
            overflow_queue_url=_optional(environment, "OVERFLOW_QUEUE_URL"),
            bulk_queue_url=_optional(environment, "BULK_QUEUE_URL"),
            bulk_convert_queue_url=_optional(environment, "BULK_CONVERT_QUEUE_URL"),
            min_confidence=_number(environment, "MIN_CONFIDENCE", default=80, low=0, high=100),
            max_labels=_whole(environment, "MAX_LABELS", default=50, low=1, high=1000),
            photo_metadata=_one_of(environment, "PHOTO_METADATA", _METADATA, default="time"),
            label_filters=_label_filters(environment),
            image_properties=_flag(environment, "IMAGE_PROPERTIES"),
            rekognition_concurrency=_whole(environment, "REKOGNITION_CONCURRENCY", default=10, low=1, high=100),
            rekognition_tps=tps,
            max_concurrency=_whole(environment, "MAX_CONCURRENCY", default=10, low=2, high=1000),
            bulk_concurrency=_whole(environment, "BULK_CONCURRENCY", default=2, low=2, high=1000),
            convert_concurrency=_whole(environment, "CONVERT_CONCURRENCY", default=0, low=0, high=1000),
            budget=_budget(environment, tps),
            stack=_optional(environment, "POWERTOOLS_SERVICE_NAME") or "photo-labels",
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set: infra/pipeline.yaml sets it in the function's environment.")
    return value


def _optional(environment: Mapping[str, str], name: str) -> str | None:
    return environment.get(name, "").strip() or None


def _one_of(
    environment: Mapping[str, str], name: str, choices: Mapping[str, str | None], *, default: str
) -> str | None:
    chosen = environment.get(name, "").strip() or default
    if chosen not in choices:
        raise SettingsError(f"{name} is {chosen!r}: it must be one of {', '.join(choices)}.")
    return choices[chosen]


def _number(environment: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise SettingsError(f"{name} is {text!r}: it must be a number from {low} to {high}.")
    return value


def _whole(environment: Mapping[str, str], name: str, *, default: int, low: int, high: int) -> int:
    value = _number(environment, name, default=default, low=low, high=high)
    if value != int(value):
        raise SettingsError(f"{name} is {environment[name]!r}: it must be a whole number.")
    return int(value)


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "").strip() or "false"
    if text not in {"true", "false"}:
        raise SettingsError(f"{name} is {text!r}: it must be true or false.")
    return text == "true"


def _label_filters(environment: Mapping[str, str]) -> LabelFilters:
    filters = []
    for kind in ("LABEL", "LABEL_CATEGORY"):
        names = f"{kind}_INCLUSION_FILTERS", f"{kind}_EXCLUSION_FILTERS"
        included, excluded = (_names(environment, name) for name in names)
        if both := set(included) & set(excluded):
            raise SettingsError(
                f"{names[0]} and {names[1]} both name {min(both)!r}: it can be in one of them only."
            )
        filters += [included, excluded]
    return LabelFilters(*filters)


def _names(environment: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """Read names with commas between them."""
    names = {name for text in environment.get(variable, "").split(",") if (name := text.strip())}
    if bad := [name for name in names if not _NAME.fullmatch(name)]:
        raise SettingsError(
            f"{variable} is {environment[variable]!r}: {min(bad)!r} must be a name of at most 50 letters, digits, "
            "blanks and any of '-_()."
        )
    if len(names) > _MAX_NAMES:
        raise SettingsError(f"{variable} has {len(names)} names: Rekognition takes at most {_MAX_NAMES}.")
    return tuple(sorted(names))


def _budget(environment: Mapping[str, str], tps: float) -> Budget:
    """Calls are counted where their slots are booked, so that a budget takes a rate limit."""
    names = ("DAILY_BUDGET_PHOTOS", "MONTHLY_BUDGET_PHOTOS")
    daily, monthly = (_whole(environment, name, default=0, low=0, high=10**12) for name in names)
    if (daily or monthly) and not tps:
        raise SettingsError("DAILY_BUDGET_PHOTOS and MONTHLY_BUDGET_PHOTOS take a REKOGNITION_TPS above 0.")
    return Budget.of(daily, monthly)
