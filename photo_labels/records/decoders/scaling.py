"""The size at which things are recognised."""

from __future__ import annotations

from photo_labels.records.decoders.limits import LONGEST_SIDE, SHORTEST_SIDE


def scaled_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    """Return the size of a photo of at most that side; more where Rekognition needs it for the shorter one."""
    longer, shorter = max(size), min(size)
    scale = min(1.0, LONGEST_SIDE / longer, max(longest_side / longer, SHORTEST_SIDE / shorter))
    width, height = size
    return max(1, round(width * scale)), max(1, round(height * scale))
