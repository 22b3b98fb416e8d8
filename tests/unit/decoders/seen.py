"""What the decoders make of a file, in this process."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageStat

from photo_labels.records.decoder import recognisable
from photo_labels.records.decoders.limits import UndecodableError

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
CAT = Image.open(SAMPLES / "cat.jpg").convert("RGB")


def seen(data: bytes) -> tuple[dict[str, Any], Image.Image]:
    """Return the facts of a photo, and what Rekognition is shown of it. Raises UndecodableError."""
    facts, jpeg = recognisable(io.BytesIO(data))
    return facts, Image.open(io.BytesIO(jpeg))


def refusal(data: bytes) -> str:
    """Return the sentence of a refusal; one where there is none, too: the photo is seen."""
    try:
        seen(data)
    except UndecodableError as error:
        return error.detail
    return "It is seen."


def is_like(image: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures show the same, but for what compression does."""
    assert image.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(image, other.convert("RGB"))).mean) < 8
