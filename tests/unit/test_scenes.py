"""Labels of what a photo is taken of or in, and how they are learnt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.models.build.scenes import learnt
from local.models.evaluation.photos import LIST, photos_in
from local.models.scenes import FILE, Scenes, evidence
from local.models.vision import MODELS, LabelTable

if TYPE_CHECKING:
    from pathlib import Path

LEARNT_FROM = MODELS / "build" / "scenes.tsv"


def test_given_the_scenes_when_read_then_each_is_a_label_with_a_weight_for_each_class() -> None:
    table, content = LabelTable(), json.loads((MODELS / FILE).read_text())

    assert set(content["labels"]) <= set(table.names)
    assert {len(row["weights"]) for row in content["labels"].values()} == {len(table.classifier)}


def test_given_photos_to_learn_from_when_listed_then_none_of_them_is_judged_by() -> None:
    judged = {photo.sha256 for photo in photos_in(LIST)}

    assert not judged & {photo.sha256 for photo in photos_in(LEARNT_FROM)}


@given(st.integers(0, 999), st.floats(0, 1))
def test_given_any_probabilities_when_asked_then_confidences_are_from_0_to_1(one: int, rest: float) -> None:
    middle, whole = np.full(1000, rest / 1000), np.zeros(1000)
    middle[one], whole[one] = 1 - rest, 1.0

    assert all(0 <= confidence <= 1 for confidence in Scenes(MODELS).confidences(middle, whole).values())


def test_given_weights_when_a_class_is_likely_then_its_weight_decides(tmp_path: Path) -> None:
    labels = {"Sky": {"bias": -1.0, "weights": [500, -500]}, "Water": {"bias": 0.0, "weights": [0, 0]}}
    (tmp_path / FILE).write_text(json.dumps({"scale": 1000, "labels": labels}))
    likely = np.array([0.99, 0.01])

    confidences = Scenes(tmp_path).confidences(likely, likely)

    assert confidences["Sky"] > 0.7
    assert confidences["Water"] == pytest.approx(2 / 3)
    assert evidence(likely, likely).sum() == pytest.approx(0)


def test_given_photos_of_two_kinds_when_learnt_then_they_are_told_apart() -> None:
    random = np.random.default_rng(1)
    truths = np.array([0.0, 1.0] * 20)
    known = random.normal(size=(40, 200))
    known[:, 7] += 6 * truths

    weights, bias = learnt(known, truths)

    assert ((known @ weights + bias > 0) == truths).all()
    assert np.argmax(weights) == 7
