"""Searching, on moto's DynamoDB: what is found is what a scan of all documents would find."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from photo_labels import cli
from photo_labels.library.searching import vocabulary
from photo_labels.library.searching.places import Near
from photo_labels.library.searching.query import Has, holds, parse
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.searching.times import TimeRange
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from photo_labels.records.documents import image_id
from tests.fakes.index import Index
from tests.unit.deployed import BUCKET, FIJI, FREISING, MUNICH, dated, document, put, store

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document


def keys(target: Target, text: str, limit: int = 20, **wanted: Any) -> list[str]:
    page = Searcher(TableReader(target), {}).page(SearchCriteria(parse(text), **wanted), limit)
    return [hit.document.key for hit in page.hits]


# one label


def test_given_rows_that_no_document_backs_when_searched_then_they_are_left_out(target: Target) -> None:
    store(target, document("good.jpg", {"Cat": 95.0}))
    store(target, document("overwritten.jpg", {"Cat": 97.0}))
    newer = document("overwritten.jpg", {"Dog": 97.0}, sequencer="02")
    put(target, "ImageLabels", newer.to_item())
    assert keys(target, "Cat") == ["good.jpg"]


def test_given_many_photos_when_searched_then_the_surest_come_first_and_only_as_many_as_asked(
    target: Target,
) -> None:
    for number in range(30):
        store(target, document(f"{number}.jpg", {"Cat": 70.5 + number}))
    page = Searcher(TableReader(target), {}).page(SearchCriteria(Has("Cat"), 80), 10)
    assert [hit.confidence for hit in page.hits] == [99.5 - number for number in range(10)]
    assert len(keys(target, "Cat", 100, min_confidence=90)) == 10


def test_given_stale_rows_in_front_when_searched_then_pages_are_read_until_there_are_enough(
    target: Target,
) -> None:
    for number in range(10):
        store(target, document(f"{number}.jpg", {"Cat": 90.0 + number}))
        if number >= 5:
            gone = document(f"{number}.jpg", {}, status="REMOVED", sequencer="02")
            put(target, "ImageLabels", gone.to_item())
    assert keys(target, "Cat", 3) == ["4.jpg", "3.jpg", "2.jpg"]


def test_given_one_label_when_searched_then_one_query_reads_what_is_shown_and_one_row_more(target: Target) -> None:
    for number in range(50):
        store(target, document(f"{number}.jpg", {"Cat": 50.0 + number}))
    searcher = Searcher(TableReader(target), {})
    searcher.page(SearchCriteria(Has("Cat")), 10)
    assert (searcher.spent.rows, searcher.spent.documents) == (11, 11)


def test_given_place_below_confidence_that_is_asked_for_when_searched_then_there_is_nothing(
    target: Target,
) -> None:
    store(target, document("a.jpg", {"Cat": 95.0}))
    page = Searcher(TableReader(target), {}).page(SearchCriteria(Has("Cat"), 90.0), 10, after="050.00#0")
    assert (page.hits, page.more_after) == ([], None)


# several


def test_given_and_when_searched_then_the_rarest_label_is_read(target: Target) -> None:
    for number in range(40):
        labels = {"Animal": 99.0, "Cat": 90.0} if number < 3 else {"Animal": 99.0}
        store(target, document(f"{number}.jpg", labels))
    searcher = Searcher(TableReader(target), {})
    assert len(searcher.page(SearchCriteria(parse("Animal and Cat")), 20).hits) == 3
    assert searcher.spent.documents == 3


def test_given_only_not_when_searched_then_a_sentence_says_why_it_cannot_be(target: Target) -> None:
    with pytest.raises(UserError, match=r"lack one\.$"):
        keys(target, "not Cat")


def test_given_since_and_a_prefix_when_searched_then_other_photos_are_left_out(target: Target) -> None:
    for day in (1, 10, 20):
        for folder in ("a", "b"):
            time = f"2026-11-{day:02d}T12:00:00.000Z"
            store(target, document(f"{folder}/{day}.jpg", {"Cat": 90.0}, event_time=time))
    store(target, document("a/reconciled.jpg", {"Cat": 90.0}, labelled_at="2026-11-15T00:00:00.000Z"))
    since = datetime(2026, 11, 10, tzinfo=UTC)
    found = keys(target, "Cat", since=since, beginning=image_id(BUCKET, "a/"))
    assert set(found) == {"a/10.jpg", "a/20.jpg", "a/reconciled.jpg"}


def test_given_a_day_when_searched_since_then_it_begins_at_midnight_in_utc(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    for time in ("2026-11-09T23:59:59.999Z", "2026-11-10T00:00:00.000Z"):
        store(target, document(f"{time}.jpg", {"Cat": 90.0}, event_time=time))
    monkeypatch.setenv("TZ", "America/New_York")
    found = run(target, monkeypatch, "search", "cat", "--since", "2026-11-10", "--json")
    assert [json.loads(line)["uploaded"] for line in found.stdout.splitlines()] == ["2026-11-10T00:00:00.000Z"]


# any

names = st.sampled_from(["Cat", "Dog", "Animal"])
whens = st.sampled_from(
    [None, "2018-12-31T23:59:59", "2019-01-01T00:00:00", "2019-07-14T18:03:22", "2019-07-14T18:03:23"]
)
wheres = st.sampled_from([None, MUNICH, FREISING, FIJI])
# Keys and the labels, times and places that they get one after another; none: removed.
uploads = st.lists(
    st.tuples(
        st.sampled_from([f"{number}.jpg" for number in range(6)]),
        st.one_of(
            st.none(),
            st.tuples(st.dictionaries(names, st.sampled_from([80.0, 90.0, 90.004, 95.5, 100.0])), whens, wheres),
        ),
    ),
    max_size=25,
)
labels_asked = [
    "Cat",
    "Cat and Dog",
    "Cat or Dog",
    "Animal not Cat",
    "(Cat or Dog) and Animal",
    "Cat or (Dog and not Animal)",
    "Animal and not (Cat and Dog)",
]
undriven = ["not Cat", "Dog or not Cat", None]
times = st.sampled_from(["2019", "2019-07-14", "2018..2019-01", "..2018", "2019-07..", ".."]).map(TimeRange.parse)
places = st.sampled_from(["48.137,11.575,40km", "48.403,11.749,1m", "-17,-179.9,25km"]).map(Near.parse)
asked = st.one_of(
    st.tuples(st.sampled_from(labels_asked), st.none() | times, st.none() | places),
    st.tuples(st.sampled_from(undriven), times, st.none() | places),
    st.tuples(st.sampled_from(undriven), st.none(), places),
)
# How many rows are frequent, and how many few: by ranks of rows, by documents, and neither.
regimes = st.sampled_from([(500, 3_000, 100), (1, 3_000, 0), (1, 3_000, 100), (1, 2, 0)])


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    uploads,
    asked,
    st.sampled_from([0.0, 85.0, 90.0]),
    st.integers(1, 4),
    st.sampled_from([1, 3, math.inf]),
    regimes,
)
def test_given_any_history_when_searched_by_page_then_it_is_what_a_scan_finds(  # noqa: PLR0917 - all are drawn
    monkeypatch: pytest.MonkeyPatch,
    history: list[tuple[str, tuple[dict[str, float], str | None, Any] | None]],
    asked: tuple[str | None, TimeRange | None, Near | None],
    least: float,
    limit: int,
    max_rows: float,
    regime: tuple[int, int, int],
) -> None:
    for name, number in zip(("_MAX_COUNTED_ROWS", "_MAX_TIME_ROWS", "_MAX_DOCUMENTS_FIRST"), regime, strict=True):
        monkeypatch.setattr(f"photo_labels.library.searching.searcher.{name}", number)
    index = Index()
    documents: dict[str, Document] = {}
    for number, (key, content) in enumerate(history, 1):
        labels, when, where = content or ({}, None, None)
        changes = {"status": "LABELLED" if content else "REMOVED", "location": where}
        written = dated(key, when, labels, sequencer=f"{number:02d}1", **changes)
        index.put(written, leave_rows_of=documents.get(key))
        documents[key] = written
    text, taken, near = asked
    wanted = SearchCriteria(parse(text) if text else None, least, taken=taken, near=near)
    found = index.paged(wanted, limit, max_rows)
    assert sorted(hit.document.key for hit in found) == sorted(_scanned(documents, wanted))
    assert [hit.rank for hit in found] == sorted((hit.rank for hit in found), reverse=True)
    assert found == list(Searcher(TableReader(index.target), {}).hits(wanted))


def _scanned(documents: dict[str, Document], wanted: SearchCriteria) -> list[str]:
    """Look at every document."""
    return [key for key, one in documents.items() if one.status == "LABELLED" and _is_wanted(one, wanted)]


def _is_wanted(one: Document, wanted: SearchCriteria) -> bool:
    least, taken, near = wanted.min_confidence, wanted.taken, wanted.near
    labels = {label["Name"] for label in one.labels if round(float(label["Confidence"]), 2) >= least}
    is_then = one.timeline is not None and (taken is None or one.timeline in taken)
    is_there = near is None or (one.place is not None and one.place in near)
    is_by_time = wanted.query is None or holds(wanted.query, ())
    return (
        (wanted.query is None or holds(wanted.query, labels))
        and (is_then or (taken is None and not is_by_time))
        and is_there
    )


# the commands


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("photo_labels.library.state_files._users_state", lambda: tmp_path)
    return tmp_path


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return CliRunner().invoke(cli.photos, arguments)


def test_given_labels_in_lower_case_when_searched_then_they_are_found(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    store(target, document("a.jpg", {"Coffee Cup": 98.5, "Dog": 91.0}))
    found = run(target, monkeypatch, "search", "coffee", "cup", "and", "DOG".lower(), "-v")
    assert found.exit_code == 0
    assert "1 photo: Coffee Cup and Dog" in found.output
    assert "read 1 index row and 1 document" in found.output


def test_given_a_label_that_there_is_not_when_searched_then_it_says_what_may_be_meant(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    store(target, document("a.jpg", {"Spaniel": 98.5, "iPod": 90.0}))
    before = run(target, monkeypatch, "search", "spanil")
    assert (before.exit_code, "Did you mean Spaniel?" in before.output) == (1, True)
    assert "`photos labels` lists" in run(target, monkeypatch, "search", "qqq").output
    run(target, monkeypatch, "labels")
    after = run(target, monkeypatch, "search", "spanil")
    assert "No photo is labelled spanil. Did you mean Spaniel?" in after.output
    assert run(target, monkeypatch, "search", "ipod").exit_code == 0


def test_given_more_than_a_page_when_searched_then_it_says_how_to_go_on(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    for number in range(5):
        store(target, document(f"{number}.jpg", {"Cat": 90.0 + number}))
    first = run(target, monkeypatch, "search", "cat", "--limit", "3", "--json")
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert [line["image"] for line in lines] == [f"{BUCKET}/{number}.jpg" for number in (4, 3, 2)]
    [place] = [line.split("'")[1] for line in first.stderr.splitlines() if "--after" in line]
    second = run(target, monkeypatch, "search", "cat", "--limit", "3", "--json", "--after", place)
    assert [json.loads(line)["image"] for line in second.stdout.splitlines()] == [
        f"{BUCKET}/1.jpg",
        f"{BUCKET}/0.jpg",
    ]
    counted = run(target, monkeypatch, "search", "cat", "--count", "--json")
    assert json.loads(counted.stdout) == {"count": 5}


def test_given_labels_when_listed_then_they_are_counted_once_and_kept(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    store(target, document("a.jpg", {"Cat": 98.5, "Animal": 99.0}))
    store(target, document("b.jpg", {"Dog": 98.5, "Animal": 99.0}))
    listed = run(target, monkeypatch, "labels")
    assert "reading about 4 index rows" in listed.output
    assert "3 labels, counted 20" in listed.output
    store(target, document("c.jpg", {"Horse": 98.5}))
    again = run(target, monkeypatch, "labels", "--json")
    assert {json.loads(line)["label"] for line in again.stdout.splitlines()} == {"Animal", "Cat", "Dog"}
    assert "Horse" in run(target, monkeypatch, "labels", "--refresh").output
    assert set(vocabulary.kept_labels([state])) == {"Animal", "Cat", "Dog", "Horse"}


def test_given_a_state_that_cannot_be_written_when_labels_are_counted_then_they_are_shown(
    target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store(target, document("a.jpg", {"Cat": 98.5}))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    listed = run(target, monkeypatch, "labels")
    assert listed.exit_code == 0
    assert "Cat" in listed.stdout
    assert "The counts are not kept for later" in listed.stderr


@pytest.mark.parametrize(
    "content", ["[1]", '{"at": 1', '{"at": "x", "counts": {}}', '{"at": "", "counts": []}', "{}"]
)
def test_given_a_file_that_is_not_ours_when_names_are_read_then_there_are_none(
    state: Path, target: Target, content: str
) -> None:
    (state / f"{BUCKET}.labels.json").write_text(content)
    assert vocabulary.kept(target).counts == {}
