"""The classifier, shown a photo's middle, as it was trained, or the whole photo, squeezed into a square."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from local.models.session import load

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

_SHORT_SIDE, _SIDE = 256, 224


class Classifier:
    """Gives the probability of each of ImageNet's classes."""

    def __init__(self, models: Path) -> None:
        self._session = load(models / "classifier.onnx")

    def middle(self, photo: Image.Image) -> Floats:
        scale = _SHORT_SIDE / min(photo.size)
        width, height = (round(side * scale) for side in photo.size)
        left, top = (width - _SIDE) // 2, (height - _SIDE) // 2
        resized = photo.resize((width, height), Image.Resampling.BICUBIC)
        return self._probabilities(resized.crop((left, top, left + _SIDE, top + _SIDE)))

    def whole(self, photo: Image.Image) -> Floats:
        return self._probabilities(photo.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))

    def _probabilities(self, square: Image.Image) -> Floats:
        pixels = (np.asarray(square, np.float32) - 127) / 128
        (probabilities,) = self._session.run(None, {"image": pixels.transpose(2, 0, 1)[None]})
        return np.asarray(probabilities[0], np.float64)
