"""Searching by when and where photos were taken, with labels and without."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from photo_labels import cli
from photo_labels.library.searching.places import Near
from photo_labels.library.searching.query import Has, parse
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.searching.times import TimeRange
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.text import counted
from tests.fakes.index import Index
from tests.unit.deployed import BUCKET, FIJI, FREISING, MUNICH, dated, document, store

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.library.target import Target


def keys(target: Target, text: str | None, **wanted: Any) -> list[str]:
    criteria = SearchCriteria(parse(text) if text else None, **wanted)
    return [hit.document.key for hit in Searcher(TableReader(target), {}).page(criteria, 20).hits]


@pytest.fixture
def summers() -> Target:
    """A photo of each month of 2018 and 2019, those of even months of a cat; and one without a date."""
    index = Index()
    for year in (2018, 2019):
        for month in range(1, 13):
            time, labels = f"{year}-{month:02d}-14T18:03:22", {"Cat": 80.0 + month} if month % 2 == 0 else {}
            index.put(dated(f"{year}-{month:02d}.jpg", time, labels))
    index.put(document("older.jpg", {"Cat": 99.0}))
    return index.target


@pytest.mark.parametrize(
    ("taken", "found"),
    [
        ("2019-07", ["2019-07"]),
        ("2019-07-14", ["2019-07"]),
        ("2019-07-13", []),
        ("2019-11..", ["2019-12", "2019-11"]),
        ("..2018-02", ["2018-02", "2018-01"]),
        ("2018-12..2019-01-14", ["2019-01", "2018-12"]),
        ("2018-12-15..2019-01-13", []),
        ("2019", [f"2019-{month:02d}" for month in range(12, 0, -1)]),
        ("2017", []),
        ("1700..1800", []),
    ],
)
def test_given_a_time_without_a_label_when_searched_then_its_photos_newest_first(
    summers: Target, taken: str, found: list[str]
) -> None:
    assert keys(summers, None, taken=TimeRange.parse(taken)) == [f"{one}.jpg" for one in found]


def test_given_a_label_and_a_time_when_searched_then_the_surest_of_that_time_come_first(summers: Target) -> None:
    found = keys(summers, "Cat", taken=TimeRange.parse("2018-11..2019-05"))
    assert found == ["2018-12.jpg", "2019-04.jpg", "2019-02.jpg"]
    assert keys(summers, "not Cat", taken=TimeRange.parse("2018-10..2018-11")) == ["2018-11.jpg"]


def test_given_a_year_ahead_of_ours_and_the_first_when_searched_then_they_are_looked_at() -> None:
    year, index = datetime.now(UTC).year + 1, Index()
    index.put(dated("new year.jpg", f"{year}-01-01T00:00:01", {}))
    index.put(dated("first.jpg", "1826-06-01T12:00:00", {}))
    assert keys(index.target, None, taken=TimeRange.parse("..")) == ["new year.jpg", "first.jpg"]


@pytest.mark.parametrize(
    ("near", "found"),
    [
        ("48.137,11.575,31km", ["munich"]),
        ("48.137, 11.575, 33 KM", ["munich", "freising"]),
        ("48.137,11.575,32500m", ["munich", "freising"]),
        ("48.137,11.575,19mi", ["munich"]),
        ("48.137,11.575,20.5mi", ["munich", "freising"]),
        ("-17,-179.9,25km", ["fiji"]),  # beyond the 180th meridian
        ("90,0,1m", []),
        ("0,0,20100km", ["munich", "freising", "fiji"]),
    ],
)
def test_given_a_place_when_searched_then_what_is_near_newest_first(near: str, found: list[str]) -> None:
    index = Index()
    for year, (key, place) in enumerate({"fiji": FIJI, "freising": FREISING, "munich": MUNICH}.items(), 2001):
        index.put(dated(key, f"{year}-07-14T18:03:22", {"Cat": 90.0}, location=place))
    index.put(dated("nowhere", "2010-07-14T18:03:22", {"Cat": 90.0}))
    assert keys(index.target, None, near=Near.parse(near)) == found
    assert sorted(keys(index.target, "Cat", near=Near.parse(near))) == sorted(found)


@pytest.mark.parametrize(
    "taken", ["", "july", "2019-7", "2019-13", "2019-02-29", "20190714", "2019..july", "٢٠١٩"]
)
def test_given_no_time_when_read_then_a_sentence_says_how_to_write_it(taken: str) -> None:
    with pytest.raises(UserError, match="say 2019, 2019-07, 2019-07-14"):
        TimeRange.parse(taken)


def test_given_a_range_backwards_when_read_then_a_sentence_turns_it() -> None:
    with pytest.raises(UserError, match=r"2020 is after 2018-05: say 2018-05\.\.2020\."):
        TimeRange.parse("2020..2018-05")


@pytest.mark.parametrize(
    "near",
    [
        *("", "48.1,11.6", "48.1 11.6 20km", "48,1,11,6,20km", "91,0,1km", "0,-181,1km", "0,0,0km", "0,0,-1km"),
        *("0,0,1ft", "nan,0,1km", "0,0,infkm", "0,0,20"),
    ],
)
def test_given_no_place_when_read_then_a_sentence_says_how_to_write_it(near: str) -> None:
    with pytest.raises(UserError, match=r"say latitude, longitude and distance, as in 48\.1,11\.6,20km"):
        Near.parse(near)


# what is read


def filled(of_month: int, others: int) -> Index:
    """Return an index of photos of cats: so many of July 2019, which are the least sure, and others."""
    index = Index()
    for number in range(of_month + others):
        is_of_month = number < of_month
        time = "2019-07-14T18:03:22" if is_of_month else "2012-01-01T00:00:00"
        index.put(dated(f"{number}.jpg", time, {"Cat": 50.0 if is_of_month else 60.0}))
    return index


@pytest.mark.parametrize(
    ("of_month", "rows", "documents"),
    [(60, 60, 120), (150, 3_150, 150)],  # found by their documents, and by their rows
)
def test_given_a_frequent_label_and_a_time_of_few_photos_when_searched_then_few_documents_are_read(
    of_month: int, rows: int, documents: int
) -> None:
    searcher = Searcher(TableReader(filled(of_month, 3_000 - of_month).target), {})
    taken = TimeRange.parse("2019-07")
    assert len(list(searcher.hits(SearchCriteria(Has("Cat"), taken=taken)))) == of_month
    assert (searcher.spent.rows, searcher.spent.documents) == (rows, documents)


def test_given_a_rare_label_when_searched_by_time_then_no_rows_by_time_are_read() -> None:
    searcher = Searcher(TableReader(filled(40, 40).target), {})
    assert len(list(searcher.hits(SearchCriteria(Has("Cat"), taken=TimeRange.parse("2019"))))) == 40
    assert searcher.spent.rows == 80


def test_given_a_page_of_a_time_when_searched_then_no_more_is_read_than_is_shown() -> None:
    searcher = Searcher(TableReader(filled(500, 0).target), {})
    assert len(searcher.page(SearchCriteria(None, taken=TimeRange.parse("2019")), 10).hits) == 10
    assert (searcher.spent.rows, searcher.spent.documents) == (11, 11)


@pytest.mark.parametrize(
    ("text", "after"), [("Cat", "2019-07-14T18:03:22#0#1"), (None, "099.00#0#1"), (None, "x")]
)
def test_given_the_place_of_another_search_when_continued_then_a_sentence_says_so(
    target: Target, text: str | None, after: str
) -> None:
    wanted = SearchCriteria(parse(text) if text else None, taken=TimeRange.parse("2019"))
    with pytest.raises(UserError, match="is no place in this search"):
        Searcher(TableReader(target), {}).page(wanted, 10, after)


# the command


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, target: Target) -> Any:
    monkeypatch.setattr("photo_labels.library.state_files._users_state", lambda: tmp_path)
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return lambda *arguments: CliRunner().invoke(cli.photos, ["search", *arguments])


def test_given_dated_photos_when_searched_as_json_then_lines_say_when_where_and_by_what(
    target: Target, run: Any
) -> None:
    time = "2019-07-14T18:03:22"
    facts = {"taken_at": f"{time}+02:00", "camera": "Apple iPhone X", "location": MUNICH}
    store(target, dated("a.jpg", time, {"Cat": 90.0}, **facts))
    found = run("--taken", "2019-07", "--near", "48.1,11.6,20km", "--json")
    assert (found.exit_code, json.loads(found.stdout)) == (
        0,
        {
            "image": f"{BUCKET}/a.jpg",
            "status": "LABELLED",
            "reason": None,
            "label": None,
            "confidence": None,
            "labels": {"Cat": 90.0},
            "uploaded": None,
            "taken": "2019-07-14T18:03:22+02:00",
            "camera": "Apple iPhone X",
            "location": {"latitude": 48.137, "longitude": 11.575},
            "quality": {},
        },
    )
    assert "1 photo: taken 2019-07, near 48.1,11.6,20km" in found.stderr


def test_given_no_photo_near_a_place_when_searched_then_it_says_of_which_photos_that_is_known(run: Any) -> None:
    ended = run("--near", "48.1,11.6,20km")
    assert ended.exit_code == 1
    assert "parameter PhotoMetadata was time-and-location" in " ".join(ended.output.split())


def test_given_names_of_the_users_own_when_searched_by_time_then_they_are_shown(
    target: Target, run: Any, tmp_path: Path
) -> None:
    store(target, dated("a.jpg", "2019-07-14T18:03:22", {"Dog": 90.0}))
    (tmp_path / "labels.toml").write_text('[rename]\n"Dog" = "Hund"\n')
    found = run("--taken", "2019", "--map", str(tmp_path / "labels.toml"), "--json")
    assert json.loads(found.stdout)["labels"] == {"Hund": 90.0}
    assert (
        "1 photo: Hund, taken 2019"
        in run("hund", "--taken", "2019", "--map", str(tmp_path / "labels.toml")).output
    )


def test_given_more_than_a_page_of_a_time_when_searched_then_it_says_how_to_go_on(
    target: Target, run: Any
) -> None:
    for day in range(1, 6):
        store(target, dated(f"{day}.jpg", f"2019-07-0{day}T12:00:00", {}))
    first = run("--taken", "2019", "--limit", "3")
    [place] = [line.split("'")[1] for line in first.output.splitlines() if "--after" in line]
    second = run("--taken", "2019", "--limit", "3", "--after", place, "--json")
    assert [json.loads(line)["image"] for line in second.stdout.splitlines()] == [
        f"{BUCKET}/2.jpg",
        f"{BUCKET}/1.jpg",
    ]
    assert json.loads(run("--taken", "2019", "--count", "--json").stdout) == {"count": 5}


def test_given_a_photo_without_a_date_of_its_own_when_shown_then_it_says_that_it_was_uploaded_then(
    target: Target, run: Any
) -> None:
    store(target, dated("camera.jpg", "2019-07-14T18:03:22", {"Cat": 90.0}))
    store(target, document("screenshot.png", {"Cat": 80.0}, timeline="2019-07-15T09:00:00"))
    said = run("cat", "--taken", "2019-07").output
    assert "90.00 │ 2019-07-14 18:03 " in said
    assert "80.00 │ 2019-07-15 09:00 " in said
    assert said.count("(uploaded)") == 1


@pytest.mark.parametrize(
    ("arguments", "found", "said"),
    [
        (["--since", "2026-11-10"], ["b/new.jpg", "a/new.jpg"], "uploaded since 2026-11-10 UTC"),
        (["--since", "2026-11-09T08:30:00"], ["b/new.jpg", "a/new.jpg"], "uploaded since 2026-11-09 08:30:00 UTC"),
        (["--prefix", "a/"], ["a/new.jpg", "a/old.jpg"], "keys beginning with a/"),
        (["--prefix", f"s3://{BUCKET}/a/n"], ["a/new.jpg"], f"keys beginning with s3://{BUCKET}/a/n"),
        (["--sharpness", ">60"], ["a/new.jpg", "a/old.jpg"], "sharpness >60"),
        (["not", "dog", "--sharpness", ">60"], ["a/new.jpg"], "not Dog, sharpness >60"),
        (["dog", "--prefix", "a/"], ["a/old.jpg"], "Dog, keys beginning with a/"),
    ],
)
def test_given_no_label_to_read_when_searched_then_photos_of_any_time_newest_first(
    target: Target, run: Any, arguments: list[str], found: list[str], said: str
) -> None:
    sharp, labels = {"Sharpness": Decimal(80)}, {"Cat": 90.0, "Dog": 80.0}
    uploaded = "2026-11-01T12:00:00.000Z"
    store(target, dated("a/old.jpg", "1999-07-14T18:03:22", labels, image_properties=sharp, event_time=uploaded))
    uploaded = "2026-11-10T12:00:00.000Z"
    store(target, dated("a/new.jpg", "2019-07-14T18:03:22", {}, image_properties=sharp, event_time=uploaded))
    store(target, dated("b/new.jpg", "2020-07-14T18:03:22", {}, event_time=uploaded))
    ended = run(*arguments, "--json")
    assert [json.loads(line)["image"] for line in ended.stdout.splitlines()] == [
        f"{BUCKET}/{key}" for key in found
    ]
    assert f"{counted(len(found), 'photo')}: {said}\n" in ended.stderr
    assert json.loads(run(*arguments, "--json", "--count").stdout) == {"count": len(found)}


def test_given_a_time_without_photos_when_searched_then_it_says_of_which_times_are_known(
    target: Target, run: Any
) -> None:
    store(target, document("before.jpg", {"Cat": 93.0}))
    hint = (
        "the parameter PhotoMetadata was time or time-and-location; `photos backfill --all` fills in the others."
    )
    for arguments in (["cat", "--taken", "2019"], ["--prefix", "b"]):
        ended = run(*arguments)
        assert ended.exit_code == 1
        assert hint in " ".join(ended.output.split())
    assert "PhotoMetadata" not in run("cat", "--prefix", "b").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name a label, or say which photos: --taken 2019, --in, --near and so on."),
        (["--prefix", ""], "Name a label, or say which photos"),
        (["--min-confidence", "50"], "Name a label, or say which photos"),
        (["not", "dog"], "of those that lack one. Or say when they were taken; --taken .. is any time."),
        (["--taken", "july"], "july is no year, month or day"),
        (["--near", "-33.9,151.2"], "-33.9,151.2 is no place with a distance"),
        (["--taken", ""], "It is empty"),
    ],
)
def test_given_nothing_that_can_be_searched_for_when_called_then_a_sentence(
    run: Any, arguments: list[str], said: str
) -> None:
    ended = run(*arguments)
    assert ended.exit_code != 0
    assert said in " ".join(f"{ended.output} {ended.exception}".split())
