"""Searching by sharpness, brightness and contrast: what is found is what a scan of all documents would find."""

from __future__ import annotations

import json
import math
import operator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from photo_labels import cli
from photo_labels.library.searching.quality import QualityRange
from photo_labels.library.searching.query import parse
from photo_labels.library.searching.searcher import SearchCriteria
from photo_labels.library.user_errors import UserError
from photo_labels.records.image_properties import MEASURES
from tests.fakes.index import Index
from tests.unit.deployed import BUCKET, document, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from photo_labels.library.target import Target

numbers = st.decimals(0, 100, places=2) | st.integers(0, 100).map(Decimal)
# Many that are the same, and those at the ends.
measured = st.none() | st.sampled_from([Decimal(0), Decimal("59.99"), Decimal(60), Decimal("60.01"), Decimal(100)])
photos = st.lists(
    st.tuples(
        st.sampled_from([f"{number}.jpg" for number in range(8)]),
        st.sampled_from([80.0, 90.0, 95.5]),
        st.fixed_dictionaries(dict.fromkeys(MEASURES, measured)),
    ),
    max_size=20,
)
COMPARISONS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def with_quality(key: str, confidence: float, quality: dict[str, Decimal | None], **more: Any) -> Any:
    properties = {name: value for name, value in quality.items() if value is not None}
    return document(key, {"Cat": confidence}, image_properties=properties or None, **more)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    photos,
    st.lists(
        st.tuples(st.sampled_from(MEASURES), st.sampled_from(list(COMPARISONS)), st.just(Decimal(60)) | numbers)
    ),
    st.integers(1, 4),
    st.sampled_from([1, 3, math.inf]),
)
def test_given_any_photos_and_ranges_when_searched_by_page_then_it_is_what_a_scan_finds(
    history: list[Any], asked: list[tuple[str, str, Decimal]], limit: int, max_rows: float
) -> None:
    index = Index()
    documents: dict[str, Any] = {}
    for number, (key, confidence, quality) in enumerate(history, 1):
        written = with_quality(key, confidence, quality, sequencer=f"{number:02d}1")
        index.put(written, leave_rows_of=documents.get(key))
        documents[key] = written
    ranges = tuple(QualityRange.parse(measure, f"{sign}{number:f}") for measure, sign, number in asked)
    wanted = SearchCriteria(parse("Cat"), quality=ranges)
    found = [hit.document.key for hit in index.paged(wanted, limit, max_rows)]
    scanned = [
        key
        for key, one in documents.items()
        if all(
            (value := (one.image_properties or {}).get(measure)) is not None and COMPARISONS[sign](value, number)
            for measure, sign, number in asked
        )
    ]
    assert sorted(found) == sorted(scanned)


@given(numbers, numbers, numbers)
def test_given_any_range_when_read_then_both_ends_are_in_it(one: Decimal, other: Decimal, value: Decimal) -> None:
    least, most = sorted((one, other))
    photo = with_quality("a.jpg", 90.0, {"Sharpness": value})
    for text, is_in in (
        (f"{least:f}..{most:f}", least <= value <= most),
        (f"{least:f}..", least <= value),
        (f" .. {most:f}", value <= most),
    ):
        assert QualityRange.parse("Sharpness", text).holds(photo) is is_in


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "..",
        "sharp",
        ">",
        ">101",
        "<100.5",
        "60..40",
        "-1..5",
        ">-1",
        "=60",
        "1e2..",
        "> 6 0",
        "nan..",
        "٣..",
    ],
)
def test_given_what_is_no_range_when_read_then_a_sentence_says_what_one_is(text: str) -> None:
    with pytest.raises(UserError, match="is no sharpness: "):
        QualityRange.parse("Sharpness", text)


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("photo_labels.library.state_files._users_state", lambda: tmp_path)
    return tmp_path


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return CliRunner().invoke(cli.photos, arguments)


@pytest.mark.usefixtures("state")
def test_given_ranges_when_searched_then_those_photos_are_listed_with_their_quality(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(target, with_quality("sharp.jpg", 90.0, {"Sharpness": Decimal("80.5"), "Brightness": Decimal(50)}))
    store(target, with_quality("dark.jpg", 91.0, {"Sharpness": Decimal("80.5"), "Brightness": Decimal(5)}))
    store(target, with_quality("blurred.jpg", 92.0, {"Sharpness": Decimal(9), "Brightness": Decimal(50)}))
    store(target, document("before.jpg", {"Cat": 93.0}))
    asked = ("search", "cat", "--sharpness", ">60", "--brightness", "20..80")
    found = run(target, monkeypatch, *asked, "--json")
    [line] = map(json.loads, found.stdout.splitlines())
    assert (line["image"], line["quality"]) == (f"{BUCKET}/sharp.jpg", {"sharpness": 80.5, "brightness": 50.0})
    assert "1 photo: Cat, sharpness >60, brightness 20..80" in found.stderr
    assert run(target, monkeypatch, *asked, "--count").exit_code == 0
    none = run(target, monkeypatch, "search", "cat", "--contrast", ">60")
    assert none.exit_code == 1
    assert "the parameter ImageProperties was true" in none.output
    wrong = run(target, monkeypatch, "search", "cat", "--contrast", "high")
    assert isinstance(wrong.exception, UserError)
    assert str(wrong.exception).startswith("high is no contrast: say '>60'")
