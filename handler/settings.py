"""The function's settings: its environment as one typed, validated object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from photo_labels.records.budget import Budget
from photo_labels.records.documents import TIME, TIME_AND_LOCATION

if TYPE_CHECKING:
    from collections.abc import Mapping


_METADATA = {"off": None, "time": TIME, "time-and-location": TIME_AND_LOCATION}


class SettingsError(ValueError):
    """A setting is missing or makes no sense; the message names the variable and says what it takes."""


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


def _budget(environment: Mapping[str, str], tps: float) -> Budget:
    """Calls are counted where their slots are booked, so that a budget takes a rate limit."""
    names = ("DAILY_BUDGET_PHOTOS", "MONTHLY_BUDGET_PHOTOS")
    daily, monthly = (_whole(environment, name, default=0, low=0, high=10**12) for name in names)
    if (daily or monthly) and not tps:
        raise SettingsError("DAILY_BUDGET_PHOTOS and MONTHLY_BUDGET_PHOTOS take a REKOGNITION_TPS above 0.")
    return Budget.of(daily, monthly)
