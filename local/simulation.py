"""A recogniser that does not look at photos: it has a set latency, quota and errors, and repeatable labels.

For load and fault tests, in which hundreds of calls are in flight and only the pipeline is of interest.
"""

from __future__ import annotations

import hashlib
import math
import random
import time
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.models.vision import LabelTable

# Where a box begins whose thing is at the photo's edge: API reference, BoundingBox.
_OUTSIDE = -0.0013083279132843018
# Standard deviations from the middle of a normal distribution to its 99th percentile.
_P99 = 2.3263478740408408


@dataclass(frozen=True)
class SimulationSettings:
    """How the simulated Rekognition behaves. Raises ValueError with a sentence that names the bad setting."""

    seed: int = 0
    p50_ms: float = 300.0
    # Quantiles of the log-normal time from request to answer; 0 and 0: at once.
    p99_ms: float = 900.0
    # Calls a second, with bursts of one second's worth; over it ThrottlingException. 0: no quota.
    tps: float = 0.0
    # Error code of Rekognition to its share of calls, 0 … 1; together at most 1.
    errors: Mapping[str, float] = field(default_factory=dict)
    # Read and check the photo as Rekognition would, instead of believing that it is there.
    read_object: bool = False

    def __post_init__(self) -> None:
        """Check all settings."""
        shares = {f"errors: {code}": share for code, share in self.errors.items()}
        for name, value in {"p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "tps": self.tps, **shares}.items():
            if type(value) not in {int, float} or not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a number from 0 up, not {value!r}.")
        for name, kind, value in (("seed", int, self.seed), ("read_object", bool, self.read_object)):
            if type(value) is not kind:
                raise ValueError(f"{name} must be of type {kind.__name__}, not {value!r}.")
        if self.p99_ms < self.p50_ms or (self.p50_ms == 0) != (self.p99_ms == 0):
            raise ValueError(f"p99_ms ({self.p99_ms}) must be at least p50_ms ({self.p50_ms}), or both 0.")
        if unknown := self.errors.keys() - ERRORS.keys():
            raise ValueError(f"errors: {min(unknown)} is none of Rekognition's, which are {', '.join(ERRORS)}.")
        if sum(self.errors.values()) > 1 + 1e-9:
            raise ValueError(f"errors: the shares must come to at most 1, not {sum(self.errors.values())}.")

    def changed(self, given: dict[str, Any]) -> SimulationSettings:
        """Return the settings with changes from JSON. Raises ValueError."""
        names = [one.name for one in fields(self)]
        if unknown := given.keys() - set(names):
            raise ValueError(f"There is no setting {min(unknown)}; there are {', '.join(names)}.")
        if not isinstance(given.get("errors", {}), dict):
            raise ValueError(f"errors must map error codes to shares, not be {given['errors']!r}.")  # noqa: TRY004
        return replace(self, **given)


# What DetectLabels may answer instead of labels (API reference), in the words that AWS was seen to use.
ERRORS = {
    "AccessDeniedException": "You are not authorized to perform the action.",
    "ImageTooLargeException": "Image size is too large.",
    "InternalServerError": "Internal server error.",
    "InvalidImageFormatException": "Request has invalid image format",
    "InvalidParameterException": "Request has Invalid Parameters",
    "InvalidS3ObjectException": (
        "Unable to get object metadata from S3. Check object key, region and/or access permissions."
    ),
    "ProvisionedThroughputExceededException": "Provisioned rate exceeded",
    "ThrottlingException": "Rate exceeded",
}


class TokenBucket:
    """`rate` tokens a second, of which at most one second's worth (or one) is saved up; full at the start."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._capacity = self._tokens = max(1.0, rate)
        self._at = clock()

    def take(self) -> bool:
        """Take a token, unless there is none."""
        now = self._clock()
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Simulation:
    """Decides on each call; used from one thread."""

    def __init__(
        self, settings: SimulationSettings, table: LabelTable, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self._table = table
        self._random = random.Random(settings.seed)
        self._quota = TokenBucket(settings.tps, clock) if settings.tps else None

    def draw(self) -> tuple[float, str | None]:
        """Decide on the next call: return the seconds until its answer, and an error code."""
        latency_s = self._latency_s()
        chance = self._random.random()
        if self._quota and not self._quota.take():
            return 0.0, "ThrottlingException"
        for code, share in self.settings.errors.items():
            if chance < share:
                return latency_s, code
            chance -= share
        return latency_s, None

    def labels(self, bucket: str, key: str, revision: str) -> list[dict[str, Any]]:
        """Return the labels of an object, the surest first; the same for the same seed, object and revision."""
        chance = self._chance(bucket, key, revision)
        confidences: dict[str, float] = {}
        for name in chance.sample(self._table.names, chance.randint(2, 5)):
            confidence = round(chance.uniform(55, 100), 4)
            for label in (name, *self._table.parents[name]):
                confidences[label] = max(confidences.get(label, 0), confidence)
        (name, confidence), *others = sorted(confidences.items(), key=lambda item: (-item[1], item[0]))
        box = {"Width": 0.5, "Height": 0.5, "Left": _OUTSIDE, "Top": round(chance.uniform(0, 0.5), 4)}
        surest = self._table.response(name, confidence, [{"BoundingBox": box, "Confidence": confidence}])
        return [surest, *(self._table.response(name, confidence) for name, confidence in others)]

    def properties(self, bucket: str, key: str, revision: str) -> dict[str, Any]:
        """Return ImageProperties of an object, as repeatable as its labels."""
        chance = self._chance(bucket, key, revision)
        quality = {name: round(chance.uniform(0, 100), 4) for name in ("Brightness", "Sharpness")}
        grey = {"Red": 128, "Green": 128, "Blue": 128, "HexCode": "#808080", "PixelPercent": 100.0}
        colours = [grey | {"CSSColor": "gray", "SimplifiedColor": "grey"}]
        part = {"Quality": quality, "DominantColors": colours}
        return part | {"Quality": quality | {"Contrast": 50.0}, "Foreground": part, "Background": part}

    def _chance(self, bucket: str, key: str, revision: str) -> random.Random:
        identity = f"{self.settings.seed}\0{bucket}\0{key}\0{revision}".encode()
        return random.Random(hashlib.sha256(identity).digest())

    def _latency_s(self) -> float:
        if not self.settings.p50_ms:
            return 0.0
        middle = math.log(self.settings.p50_ms / 1000)
        return self._random.lognormvariate(middle, math.log(self.settings.p99_ms / self.settings.p50_ms) / _P99)
