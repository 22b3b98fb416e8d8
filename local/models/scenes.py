"""Labels of what a photo is taken of or in: sky, trees, water, a building, which no class of ImageNet is.

Each is a weighted sum over the logarithms of the classifier's probabilities, as the classes say much even where
none of them is right: what looks a little like an alp, a lakeside and a wing has a sky. `build/scenes.py` learns
the weights.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

FILE = "scenes.json"
# Of a probability: what is less is noise, and the logarithm of 0 is none.
_LEAST = 1e-9
# The odds are multiplied by it: learnt from few photos and held back by a penalty, they are lower than right.
# Chosen on the tuning part, each tenth of it judged by weights learnt without it.
_HELD_BACK = 2.0


class Scenes:
    """The weights, loaded."""

    def __init__(self, models: Path) -> None:
        content = json.loads((models / FILE).read_text())
        self.labels: list[str] = list(content["labels"])
        rows = content["labels"].values()
        self._weights = np.array([row["weights"] for row in rows], np.float64) / content["scale"]
        self._biases = np.array([row["bias"] for row in rows], np.float64)

    def confidences(self, middle: Floats, whole: Floats) -> dict[str, float]:
        """Return each label's confidence (0 … 1) by the classifier's probabilities."""
        odds = _HELD_BACK * np.exp(self._weights @ evidence(middle, whole) + self._biases)
        return dict(zip(self.labels, (odds / (1 + odds)).tolist(), strict=True))


def evidence(middle: Floats, whole: Floats) -> Floats:
    """Return what the weights are for: the mean of both logarithms, around 0."""
    logarithms = np.log(np.maximum(middle, _LEAST)) + np.log(np.maximum(whole, _LEAST))
    return np.asarray((logarithms - logarithms.mean()) / 2)
