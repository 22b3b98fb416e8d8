"""Where photos were taken, as a user says it: within a distance of a place, 48.1,11.6,20km."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from photo_labels.library.user_errors import UserError

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_NEAR = re.compile(rf"\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*{_NUMBER}\s*(km|mi|m)\s*", re.ASCII | re.IGNORECASE)
_METRES = {"km": 1_000.0, "mi": 1_609.344, "m": 1.0}
_EARTH_RADIUS_M = 6_371_008.8  # the mean one
_FORM = "say latitude, longitude and distance, as in 48.1,11.6,20km (or m, mi)"


@dataclass(frozen=True, slots=True)
class Near:
    """All that is within a distance of a place."""

    # Degrees.
    latitude: float
    longitude: float
    within_m: float
    # As the user said it.
    text: str

    @classmethod
    def parse(cls, text: str) -> Near:
        """Read a place with a distance. Raises UserError where it is malformed, or not on earth."""
        match = _NEAR.fullmatch(text)
        if match is None:
            raise UserError(f"{text} is no place with a distance: {_FORM}.")
        latitude, longitude, distance = (float(number) for number in match.groups()[:3])
        if abs(latitude) > 90:
            raise UserError(f"The latitude {match[1]} is not from -90 to 90: {_FORM}.")
        if abs(longitude) > 180:
            raise UserError(f"The longitude {match[2]} is not from -180 to 180: {_FORM}.")
        if distance <= 0:
            raise UserError(f"The distance {match[3]} is not more than 0: {_FORM}.")
        return cls(latitude, longitude, distance * _METRES[match[4].lower()], text.strip())

    def __str__(self) -> str:
        return self.text

    def __contains__(self, place: tuple[float, float]) -> bool:
        """Tell whether a latitude and longitude, in degrees, are in it."""
        return self._distance_m(*place) <= self.within_m

    def _distance_m(self, latitude: float, longitude: float) -> float:
        """Return the distance on a sphere (haversine formula), which is wrong by half a per cent at most."""
        here, there = math.radians(self.latitude), math.radians(latitude)
        eastward = math.radians(longitude - self.longitude)
        half = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(eastward / 2) ** 2
        return 2 * _EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, max(0.0, half))))
