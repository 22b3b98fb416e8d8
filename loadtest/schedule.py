"""When each photo of a load test is to be sent: fixed beforehand, whatever the pipeline does (an open model)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from loadtest.samples import Floats

# A burst is what a steady rate would bring in so many seconds, at once.
BURST_S = 5.0
# A spike is so many times the rate, for the middle fifth of the photos.
SPIKE = 5.0


def intended_s(number: int, rate: float, profile: str) -> Floats:
    """Return the seconds after the start at which each of `number` photos is to be sent, in order.

    `rate`: photos a second on average; 0: all at once, whatever the profile is.
    """
    return PROFILES[profile](np.arange(number, dtype=float), rate) if rate else np.zeros(number)


def _steady(photos: Floats, rate: float) -> Floats:
    return photos / rate


def _burst(photos: Floats, rate: float) -> Floats:
    """Silence, and then all at once what a steady rate would have brought."""
    return np.floor(photos / (rate * BURST_S)) * BURST_S


def _ramp(photos: Floats, rate: float) -> Floats:
    """From nothing to twice the rate, linearly: after t seconds rate * t² / T photos are sent of rate * T."""
    total_s = len(photos) / rate
    return np.sqrt(photos / len(photos)) * total_s


def _spike(photos: Floats, rate: float) -> Floats:
    middle = (photos >= 0.4 * len(photos)) & (photos < 0.6 * len(photos))
    gaps = np.where(middle, 1 / (SPIKE * rate), 1 / rate)
    return np.concatenate(([0.0], np.cumsum(gaps)[:-1]))


PROFILES: dict[str, Callable[[Floats, float], Floats]] = {
    "steady": _steady,
    "burst": _burst,
    "ramp": _ramp,
    "spike": _spike,
}
