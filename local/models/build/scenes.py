"""Learns `scenes.json`: logistic regression, a label at a time, on photos of published packages.

These are the tuning part of `evaluation/photos.tsv` and those of `scenes.tsv`; nothing is learnt from those held
out. Of a photo of which a label is plausible, that label learns nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from local.models.classifier import Classifier
from local.models.evaluation.decoding import decoded
from local.models.evaluation.photos import LIST, fetch, photos_in
from local.models.evaluation.score import with_parents
from local.models.scenes import FILE, evidence
from local.models.vision import LabelTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from local.models.evaluation.photos import Photo

    Floats = NDArray[np.floating[Any]]

# Those that come out right on photos held out. Clouds, snow, sea, sunsets, streets and cities do not, or are too
# rare among the photos to tell.
_LABELS = """
Outdoors, Nature, Sky, Tree, Plant, Grass, Water, Animal, Building, Architecture, Person, Flower"""
_OWN_LIST = Path(__file__).with_name("scenes.tsv")
# Of the weights' squares, where the evidence is a quarter of what it is: few photos for so many weights.
_PENALTY = 5.0
_EVIDENCE = 0.25
_STEPS = 40
# The weights are whole numbers over this, so that they are the same wherever they are learnt.
_SCALE = 1_000


def write(models: Path, cache: Path) -> None:
    """Learn and write the file beside the classifier. Raises ValueError where packages lack photos."""
    photos = [photo for photo in photos_in(LIST) if not photo.is_held_out] + photos_in(_OWN_LIST)
    found = fetch(photos, cache, print)
    if lacking := sorted({photo.package for photo in photos if photo not in found}):
        raise ValueError(f"These packages lack photos that scenes are learnt from: {', '.join(lacking)}")
    classifier, table = Classifier(models), LabelTable(models)
    known = np.array([_evidence(classifier, found[photo]) for photo in photos])
    labels = {}
    for label in _LABELS.replace("\n", "").split(", "):
        truths = [_truth(photo, label, table) for photo in photos]
        told = np.array([truth is not None for truth in truths])
        weights, bias = learnt(known[told] * _EVIDENCE, np.array([truth for truth in truths if truth is not None]))
        whole = np.rint(weights * _EVIDENCE * _SCALE).astype(int)
        labels[label] = {"bias": round(bias, 2), "weights": whole.tolist()}
    rows = ",\n".join(f" {json.dumps(label)}: {json.dumps(row)}" for label, row in labels.items())
    (models / FILE).write_text(f'{{"scale": {_SCALE}, "labels": {{\n{rows}\n}}}}\n')


def _evidence(classifier: Classifier, path: Path) -> Floats:
    photo = decoded(path)
    assert photo
    return evidence(classifier.middle(photo), classifier.whole(photo))


def _truth(photo: Photo, label: str, table: LabelTable) -> float | None:
    """Tell whether a label is there: 1, 0, or None, where one may say so or not."""
    sure = photo.labels.union(photo.subjects if len(photo.subjects) == 1 else ())
    if label in with_parents(sure, table):
        return 1.0
    return None if label in with_parents(photo.plausible.union(photo.subjects), table) else 0.0


def learnt(known: Floats, truths: Floats) -> tuple[Floats, float]:
    """Return weights and bias of a logistic regression: by Newton's method, with an unknown for each photo."""
    middle = known.mean(axis=0)
    centred = known - middle
    alike, size = centred @ centred.T, len(known)
    shares, bias = np.zeros(size), 0.0
    equations = np.ones((size + 1, size + 1))
    equations[size, size] = 0
    for _ in range(_STEPS):
        sums = alike @ shares + bias
        likely = 1 / (1 + np.exp(-sums))
        curve = np.maximum(likely * (1 - likely), 1e-6)
        equations[:size, :size] = alike + np.diag(_PENALTY / curve)
        solved = np.linalg.solve(equations, np.append(sums + (truths - likely) / curve, 0))
        shares, bias = solved[:size], float(solved[size])
    weights = centred.T @ shares
    return weights, bias - float(middle @ weights)
