"""How many of the labels are right, and how many of those that are there are found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.models.evaluation.photos import Photo
    from local.models.vision import LabelTable

# Per cent: what the pipeline asks for by default, and what DetectLabels gives by default.
LEAST = (80.0, 55.0)
# Per cent: how often labels are right of which a confidence from here to the next is said.
BANDS = (95.0, 90.0, 80.0, 55.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is said of a photo; without `expected`, nobody says what is right."""

    file: str
    # All that are sure enough.
    labels: frozenset[str]
    cpu_s: float
    expected: Photo | None = None

    def right(self, table: LabelTable) -> frozenset[str]:
        return self.labels & self._true(table)

    def wrong(self, table: LabelTable) -> frozenset[str]:
        plausible = self.expected.plausible if self.expected else frozenset()
        return self.labels - self._true(table) - with_parents(plausible, table)

    def missed(self) -> frozenset[str]:
        return self.expected.labels - self.labels if self.expected else frozenset()

    @property
    def is_subject_named(self) -> bool:
        return bool(self.expected and self.labels.intersection(self.expected.subjects))

    def _true(self, table: LabelTable) -> frozenset[str]:
        if not self.expected:
            return frozenset()
        # Of several names of the subject one is enough, and none of them wrong.
        return with_parents(self.expected.labels.union(self.expected.subjects), table)


def with_parents(names: frozenset[str], table: LabelTable) -> frozenset[str]:
    return names.union(*(table.parents.get(name, []) for name in names))


@dataclass(frozen=True, slots=True)
class Score:
    """Shares from 0 to 1; None: nothing is expected of these photos."""

    photos: int
    without_labels: float
    cpu_ms: float
    subjects_named: float | None = None
    precision: float | None = None
    recall: float | None = None


def score(seen: Sequence[Seen], table: LabelTable) -> Score:
    """Score at least one photo. `precision`: of the labels given; `recall`: of those that the list has."""
    without = sum(not one.labels for one in seen) / len(seen)
    cpu_ms = median(one.cpu_s for one in seen) * 1000
    told = [one for one in seen if one.expected]
    right = sum(len(one.right(table)) for one in told)
    given = right + sum(len(one.wrong(table)) for one in told)
    there = sum(len(one.expected.labels) for one in told if one.expected)
    missed = sum(len(one.missed()) for one in told)
    return Score(
        photos=len(seen),
        without_labels=without,
        cpu_ms=cpu_ms,
        subjects_named=sum(one.is_subject_named for one in told) / len(told) if told else None,
        precision=right / given if given else None,
        recall=1 - missed / there if there else None,
    )


def sure(labels: Sequence[Mapping[str, Any]], least: float, below: float = math.inf) -> frozenset[str]:
    """Return the names in a response's `Labels` of at least so many per cent, and less than `below`."""
    return frozenset(label["Name"] for label in labels if least <= label["Confidence"] < below)
