"""What is decoded at all: the one set of limits, and the refusal of what is beyond them."""

from __future__ import annotations

from photo_labels.records.formats import TOO_SMALL

# The largest sensors of phones have 200 million.
MAX_PIXELS = 250_000_000
# Of Rekognition (developer guide, "Guidelines and quotas"), in pixels.
SHORTEST_SIDE, LONGEST_SIDE = 80, 10_000


class UndecodableError(Exception):
    """No photo comes out of this file: `reason` for machines, `detail` for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def check_size(size: tuple[int, int]) -> None:
    """Refuse a size before anything is decoded: a file of 100 KB may hold gigabytes. Raises UndecodableError."""
    width, height = size
    if min(size) < 1:
        raise UndecodableError("BrokenPhoto", f"By its own account the photo has {width} x {height} pixels.")
    if width * height > MAX_PIXELS:
        raise UndecodableError(
            "PhotoTooLarge", f"{_has(size)}; at most {MAX_PIXELS:,} are decoded. Scale it down."
        )


def check_recognisable(size: tuple[int, int]) -> None:
    """Refuse what Rekognition does not take at any scale. Raises UndecodableError."""
    if detail := why_too_small(size):
        raise UndecodableError(TOO_SMALL, detail)
    if max(size) * SHORTEST_SIDE > min(size) * LONGEST_SIDE:
        raise UndecodableError(
            "TooNarrow",
            f"{_has(size)}: within the {LONGEST_SIDE:,} that Rekognition takes, its shorter side would have fewer "
            f"than {SHORTEST_SIDE}. Cut it into pieces.",
        )


def why_too_small(size: tuple[int, int]) -> str | None:
    """Return the sentence for a person, where a side is too short for Rekognition; None: none is."""
    return f"{_has(size)}; Rekognition needs {SHORTEST_SIDE} on each side." if min(size) < SHORTEST_SIDE else None


def _has(size: tuple[int, int]) -> str:
    return f"The photo has {size[0]:,} x {size[1]:,} pixels"
