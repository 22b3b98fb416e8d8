"""A photo as the vision models are shown it."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from local.models.vision import ENOUGH
from photo_labels.records.decoders import by_pillow
from photo_labels.records.decoders.limits import UndecodableError
from photo_labels.records.decoders.rendering import rendered
from photo_labels.records.formats import RAW, SIGNATURE_BYTES, format_by_content

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image


def decoded(path: Path) -> Image.Image | None:
    """Decode what Pillow reads; None: something else, or a raw photo."""
    content = path.read_bytes()
    found = format_by_content(content[:SIGNATURE_BYTES])
    if not found or found.name == RAW:
        return None
    try:
        size = by_pillow.size_of(io.BytesIO(content), found.name)
        longest_side = math.ceil(ENOUGH * max(size) / min(size))
        return rendered(by_pillow.decode(io.BytesIO(content), found.name, longest_side), longest_side)
    except UndecodableError:
        return None
