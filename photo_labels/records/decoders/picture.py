"""A photo that is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels, and what the photo was."""

    # Already scaled down by the decoder where that is cheaper.
    image: Image.Image
    # Its name in `photo_labels.records.formats`.
    format: str
    # As stored, in pixels.
    size: tuple[int, int]
    # EXIF's.
    orientation: int = 1
    # The decoder has applied it already.
    is_upright: bool = False
    # The file lacks its end; what is missing is grey.
    is_truncated: bool = False
    # What the values of 8 bits stand for, where that is not what screens show: "PQ" or "HLG" (ITU-R BT.2100).
    transfer: str | None = None
