"""What is believed of a time, a camera and a place that a photo names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

# The first photograph was taken in 1826 or 1827.
_FIRST_YEAR, _LAST_YEAR = 1826, 2200
# What a clock shows that was never set: zero of Unix.
_UNSET = datetime(1970, 1, 1)  # noqa: DTZ001
# EXIF's 2019:07:14 18:03:22 and ISO's 2019-07-14T18:03:22.50+02:00, also where only the beginning is known; some
# cameras write a space for the first digit.
_TIME = re.compile(
    r"(\d{4})(?:[:/.-]([ \d]\d)(?:[:/.-]([ \d]\d)"
    r"(?:[ T]([ \d]\d):([ \d]\d)(?::([ \d]\d)(?:[.,]\d{0,12})?)?\s?(?:GMT|UTC)?([Zz]|[+-]\d\d:?\d\d)?)?)?)?"
    # EXIF writes spaces for what is unknown.
    r"[ :]*",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)", re.ASCII)
_WIDEST_OFFSET = timedelta(hours=14)
_MAX_CAMERA_CHARACTERS = 100
_PLACES = Decimal("0.000001")


def time_of(text: str, offset: str = "") -> str | None:
    """Return a time as ISO 8601, whole seconds, with its offset where it has one; None: it is no plausible one.

    What is not told of a date is the first of it: "1972-05" is the first of May, at midnight. `offset`: what is
    told of it beside the time.
    """
    if not (told := _TIME.fullmatch(text.strip(" \0\t\r\n"))):
        return None
    year, month, day, hour, minute, second, own_offset = told.groups()
    try:
        local = datetime(  # noqa: DTZ001
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        return None
    zone = _zone(own_offset or offset)
    time = local.replace(tzinfo=zone)
    if not _FIRST_YEAR <= local.year <= _LAST_YEAR:
        return None
    is_unset = local == _UNSET or (zone is not None and time == _UNSET.replace(tzinfo=UTC))
    return None if is_unset else time.isoformat()


def _zone(text: str) -> timezone | None:
    """Return an offset to UTC; None: it is not known, or on no clock of this world."""
    text = text.strip(" \0")
    if text in {"Z", "z"}:
        return UTC
    if not (told := _OFFSET.fullmatch(text)):
        return None
    sign, hours, minutes = told.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    if offset > _WIDEST_OFFSET or int(minutes) > 59:
        return None
    return timezone(-offset if sign == "-" else offset)


def text_of(value: bytes) -> str:
    """Return a text of EXIF's or XMP's without control characters, which ends at its first NUL."""
    text = value.partition(b"\0")[0].decode("utf-8", "ignore")
    if not text.isprintable():
        text = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(text.split())


def camera_of(make: bytes, model: bytes) -> str | None:
    """Return make and model, the make once, in at most 100 characters; None: neither is told."""
    maker, name = text_of(make), text_of(model)
    first = name.partition(" ")[0].lower()
    # "Canon" and "Canon EOS 80D", "NIKON CORPORATION" and "NIKON D850".
    is_named = bool(first) and first in maker.lower().split()
    camera = name if is_named or name.lower().startswith(maker.lower()) else f"{maker} {name}"
    return camera.strip()[:_MAX_CAMERA_CHARACTERS].rstrip() or maker[:_MAX_CAMERA_CHARACTERS].rstrip() or None


def location_of(latitude: Decimal | None, longitude: Decimal | None) -> tuple[Decimal, Decimal] | None:
    """Return degrees with six decimals; None: not on the globe, or where nothing but errors is, 0, 0."""
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    found = latitude.quantize(_PLACES), longitude.quantize(_PLACES)
    return found if any(found) else None
