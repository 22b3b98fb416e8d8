"""Photos with a high dynamic range (HDR): what their values of 8 bits stand for, and how they look on a screen.

ITU-R BT.2100: PQ's values are absolute, up to 10,000 candela per square metre; HLG's are relative.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from PIL import Image

# A `colr` box of coded values (ISO 23001-8): after its name the primaries, then the transfer function.
_COLOUR_BOX = b"colrnclx"
_TRANSFERS = {16: "PQ", 18: "HLG"}
# It is in front of the pixels.
_HEAD_BYTES = 2**16
# White of a printed page (ITU-R BT.2408), of PQ's 10,000.
_WHITE = 203 / 10_000
# What is so many times brighter than white is shown as white; the rest is pressed together below.
_BRIGHTEST = 8.0


def transfer(file: BinaryIO) -> str | None:
    """Return the transfer function of a HEIF or AVIF file: "PQ", "HLG", or None where it is a usual one."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    at = head.find(_COLOUR_BOX)
    if at < 0:
        return None
    return _TRANSFERS.get(int.from_bytes(head[at + 10 : at + 12], "big"))


def as_shown(image: Image.Image, transfer: str) -> Image.Image:
    """Return an RGB image as a screen shows it."""
    return image.point(_table(transfer) * 3)


@cache
def _table(transfer: str) -> list[int]:
    to_light = _light_of_pq if transfer == "PQ" else _light_of_hlg
    brightest = min(to_light(1.0), _BRIGHTEST)
    return [round(255 * _coded(_pressed(to_light(value / 255), brightest))) for value in range(256)]


def _light_of_pq(value: float) -> float:
    """Return the light that a value stands for; 1: white."""
    power = value ** (32 / 2523)
    light: float = (max(power - 107 / 128, 0.0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305)
    return light / _WHITE


def _light_of_hlg(value: float) -> float:
    """Return the light that a value stands for; 1: white, which is at 75 per cent of the signal."""
    scene = value**2 / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    white = (math.exp((0.75 - 0.55991073) / 0.17883277) + 0.28466892) / 12
    light: float = (scene / white) ** 1.2
    return light


def _pressed(light: float, brightest: float) -> float:
    """Press light together as Reinhard does (2002): dark stays as it is, `brightest` becomes 1."""
    return min(1.0, light * (1 + light / brightest**2) / (1 + light))


def _coded(light: float) -> float:
    """Return sRGB's value for light (IEC 61966-2-1)."""
    return 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
