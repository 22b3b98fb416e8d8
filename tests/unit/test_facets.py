"""Counting the labels of all photos of a search, some at a time; and rejected photos by their names."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from photo_labels.browsing.api import Api
from photo_labels.library.searching.label_map import LabelMap
from photo_labels.library.user_errors import UserError
from tests.fakes.index import Index
from tests.unit.deployed import dated, document


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    """Seven photos of cats, of which one has no date, three of dogs besides, and two rejected ones."""
    monkeypatch.setattr("photo_labels.library.searching.facets._AT_A_TIME", 3)
    index = Index()
    for number in range(6):
        labels = {"Cat": 90.0 + number} | ({"Dog": 80.0 + number} if number % 2 else {})
        index.put(dated(f"2019/IMG_{number}.jpg", f"2019-07-1{number}T18:03:22", labels))
    index.put(document("old/IMG_9.jpg", {"Cat": 90.0}))
    for key in ("2019/bad.jpg", "old/bad.jpg"):
        index.put(document(key, {}, status="REJECTED", reason="BrokenPhoto"))
    return index


def added_up(api: Api, text: str, least: float = 0.0, when: str = "", **kind: Any) -> tuple[dict[str, int], int]:
    """Return labels and photos, counted to the end."""
    labels: Counter[str] = Counter()
    photos, after, calls = 0, None, 0
    while True:
        answer = api.facets(text, least, when, after, **kind)
        assert answer["units"] >= 0
        labels.update(answer["labels"])
        photos, after, calls = photos + answer["photos"], answer["more"], calls + 1
        if after is None:
            assert calls < 20
            return dict(labels), photos


def test_given_more_photos_than_one_answer_looks_at_when_counted_then_all_are_each_once(index: Index) -> None:
    api = Api(index.target)
    assert added_up(api, "cat") == ({"Cat": 7, "Dog": 3}, 7)
    assert added_up(api, "cat in:2019 not name:IMG_3*") == ({"Cat": 5, "Dog": 2}, 5)
    assert added_up(api, "cat", least=83.0) == ({"Cat": 7, "Dog": 2}, 7)
    assert added_up(api, "") == ({"Cat": 7, "Dog": 3}, 7)
    assert added_up(api, "", when="2019-06") == ({"Cat": 1}, 1)
    assert added_up(api, "in:2019", is_of_rejected=True) == ({}, 1)
    with pytest.raises(UserError):
        api.facets("(cat", 0.0, "", None)


def test_given_names_of_a_user_when_counted_then_merged_labels_are_one(index: Index) -> None:
    names = LabelMap({"Cat": "Pet", "Dog": "Pet"})
    assert added_up(Api(index.target, names), "pet") == ({"Pet": 7}, 7)


def test_given_rejected_photos_when_searched_by_name_then_the_text_counts(index: Index) -> None:
    api = Api(index.target)

    def keys(text: str) -> list[str]:
        answer = api.rejected(text, None)
        assert answer["more"] is None
        return sorted(photo["key"] for photo in answer["photos"])

    assert keys("") == ["2019/bad.jpg", "old/bad.jpg"]
    assert keys("in:old") == ["old/bad.jpg"]
    assert keys("name:IMG*") == keys("cat") == []
