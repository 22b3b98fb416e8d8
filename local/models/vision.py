"""Labels of a photo from two small vision models, in the form of Rekognition's DetectLabels response.

The detector (COCO's 80 classes) finds people, cars, cups and their places; the classifier (ImageNet's 1,000)
knows things, food and species, and by what it sees `scenes` tells of sky, trees or water. `local/models/README.md`
tells where all of it comes from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from local.models.classifier import Classifier
from local.models.scenes import Scenes
from local.models.session import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

MODELS = Path(__file__).resolve().parent
# Per cent; what is less sure is not reported.
FLOOR = 10.0

_DETECTOR_SIDE = 300
# Pixels of the shorter side: twice what the detector sees. Decoding more only costs time and memory.
ENOUGH = 600

_SCORE_FLOOR = 0.2  # below it the detector mostly sees what is not there
_OVERLAP = 0.5
_DOUBT, _AGREEMENT = 6.0, 3.0
_UNSEEN, _SEEN = 0.05, 0.5
# A detection of which the classifier, which knows the thing, sees next to nothing, is mostly wrong (a pagoda taken
# for a boat): its odds are divided by _DOUBT; where it sees it, too, they are multiplied by _AGREEMENT. Not so for
# people, furniture and cups, which ImageNet seldom calls a photo after.
_BACKGROUND = {"Person Description", "Furniture and Furnishings", "Kitchen and Dining"}

# Exponent on the classifier's probabilities: trained with smoothed labels, it is less sure than it is right.
# Chosen on the sample photos: what is plain to see comes out at 80 per cent or more.
_SHARPNESS = 1.6


class LabelTable:
    """The labels, with their ancestors and categories."""

    def __init__(self, models: Path = MODELS) -> None:
        content = json.loads((models / "labels.json").read_text())
        self.detector: list[str | None] = content["detector"]
        self.classifier: list[str] = content["classifier"]
        labels = content["labels"].items()
        self.parents: dict[str, list[str]] = {name: label["parents"] for name, label in labels}
        self.categories: dict[str, str] = {name: label["category"] for name, label in labels}
        self.aliases: dict[str, list[str]] = {name: label.get("aliases", []) for name, label in labels}
        self.names = list(self.parents)

    def response(self, name: str, confidence: float, instances: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """Describe a label as DetectLabels does; `confidence` in per cent."""
        return {
            "Name": name,
            "Confidence": round(confidence, 4),
            "Instances": list(instances),
            "Parents": [{"Name": parent} for parent in self.parents[name]],
            "Aliases": [{"Name": alias} for alias in self.aliases[name]],
            "Categories": [{"Name": self.categories[name]}],
        }


class Vision:
    """The models, loaded. Calls from several threads at a time are fine; each uses one core."""

    def __init__(self, models: Path = MODELS) -> None:
        self.table = LabelTable(models)
        self._detector = load(models / "detector.onnx")
        self._classifier = Classifier(models)
        self._scenes = Scenes(models)
        self._numbers = {name: number for number, name in enumerate(self.table.names)}
        classes = enumerate(self.table.classifier)
        lines = [(name, number) for number, own in classes for name in (own, *self.table.parents[own])]
        self._labels = np.array([self._numbers[name] for name, _ in lines])  # pairs: a label, and
        self._classes = np.array([number for _, number in lines])  # a class that is it, or below it

    def detect_labels(self, photo: Image.Image) -> list[dict[str, Any]]:
        """Label an RGB photo: `Labels` of the response, the surest first, all from FLOOR per cent up.

        A label's parents are labels too, at least as sure as it is. More than ENOUGH pixels change nothing.
        """
        middle = self._classifier.middle(photo)
        seen = self._of_classes(middle)
        instances = self._detect(photo, seen)
        confidences = {name: float(seen[number]) for name, number in self._numbers.items()}
        for name, confidence in self._scenes.confidences(middle, self._classifier.whole(photo)).items():
            confidences[name] = max(confidences[name], confidence)
        for name, found in instances.items():
            sure = max(confidence for confidence, _ in found)
            confidences[name] = 1 - (1 - sure) * (1 - confidences[name])  # two witnesses, independent
        for name, confidence in list(confidences.items()):
            for parent in self.table.parents[name]:
                confidences[parent] = max(confidences[parent], confidence)
        labels = [
            self.table.response(name, confidence * 100, [_instance(*one) for one in instances.get(name, ())])
            for name, confidence in confidences.items()
            if confidence * 100 >= FLOOR
        ]
        return sorted(labels, key=lambda label: (-label["Confidence"], -len(label["Parents"]), label["Name"]))

    def _of_classes(self, probabilities: Floats) -> Floats:
        """Return each label's probability: the sum over the classes below it, surer than any one of them."""
        sharpened = probabilities**_SHARPNESS
        shares = (sharpened / sharpened.sum())[self._classes]
        return np.bincount(self._labels, shares, minlength=len(self._numbers)).astype(np.float64)

    def _detect(self, photo: Image.Image, seen: Floats) -> dict[str, list[tuple[float, Floats]]]:
        """Return each detected label's instances, the surest first: confidence (0 … 1) and box."""
        pixels = np.asarray(photo.resize((_DETECTOR_SIDE,) * 2, Image.Resampling.BILINEAR), np.float32)
        scores, boxes = self._detector.run(None, {"image": pixels[None]})
        boxes = boxes[0, :, 0].clip(0, 1)
        instances = {}
        for column, name in enumerate(self.table.detector):
            sure = np.flatnonzero(scores[0, :, column] >= _SCORE_FLOOR)
            if name and sure.size:
                kept = sure[_without_overlaps(boxes[sure], scores[0, sure, column])]
                found = [(self._confidence(name, scores[0, i, column], seen), boxes[i]) for i in kept]
                instances[name] = sorted(found, key=lambda one: -one[0])
        return instances

    def _confidence(self, name: str, score: float, seen: Floats) -> float:
        number = self._numbers[name]
        factor = 1.0
        if number in self._labels and self.table.categories[name] not in _BACKGROUND:
            factor = 1 / _DOUBT if seen[number] < _UNSEEN else _AGREEMENT if seen[number] >= _SEEN else 1.0
        # As odds / (1 + odds), and a score of 1 has none.
        return float(score) * factor / (float(score) * factor + 1 - float(score))


def _without_overlaps(boxes: Floats, scores: Floats) -> list[int]:
    """Non-maximum suppression: of boxes that overlap by more than _OVERLAP, the surest."""
    kept: list[int] = []
    for number in np.argsort(-scores, kind="stable"):
        if all(_overlap(boxes[number], boxes[other]) <= _OVERLAP for other in kept):
            kept.append(int(number))
    return kept


def _overlap(one: Floats, other: Floats) -> float:  # intersection over union
    shared = _area(np.concatenate([np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])]))
    return shared / (_area(one) + _area(other) - shared + 1e-9)


def _area(box: Floats) -> float:
    top, left, bottom, right = (float(edge) for edge in box)
    return max(0.0, bottom - top) * max(0.0, right - left)


def _instance(confidence: float, box: Floats) -> dict[str, Any]:
    top, left, bottom, right = (float(edge) for edge in box)
    bounding_box = {"Width": right - left, "Height": bottom - top, "Left": left, "Top": top}
    return {"BoundingBox": bounding_box, "Confidence": round(confidence * 100, 4)}
