"""All photos on the page: the newest first, then those without a date, each once; and the years to jump to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from photo_labels.browsing.api import Api
from photo_labels.library.user_errors import UserError
from tests.unit.deployed import BUCKET, MUNICH, dated, document, put, store

if TYPE_CHECKING:
    from photo_labels.library.target import Target


@pytest.fixture
def api(target: Target, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The page's answers, of three photos at a time: there are five with a date, two without, and a rejected one."""
    monkeypatch.setattr("photo_labels.browsing.api._AT_A_TIME", 3)
    monkeypatch.setattr("photo_labels.library.searching.times.FIRST_YEAR", 1911)  # moto is slow
    for time in ("2019-07-14", "2019-07-15", "2019-02-01", "2011-12-31", "1911-05-01"):
        store(target, dated(f"{time}.jpg", f"{time}T18:03:22", {"Cat": 90.0}))
    for key in ("a.jpg", "z.jpg"):
        store(target, document(key, {"Cat": 90.0}))
    store(target, document("bad.jpg", {}, status="REJECTED", reason="BrokenPhoto"))
    for row in dated("2019-02-01.jpg", "2022-01-01T00:00:00", {}, sequencer="00").rows():
        put(target, "LabelIndex", row.to_item())  # of a document that was replaced
    return Api(target)


def shown(api: Api, when: str = "") -> list[tuple[str | None, str]]:
    """Return months and keys, read to the end."""
    found, after = [], None
    while True:
        answer = api.timeline(when, after)
        found += [(photo["month"], photo["key"].removesuffix(".jpg")) for photo in answer["photos"]]
        after = answer["more"]
        if after is None:
            return found


def test_given_photos_with_and_without_a_date_when_all_are_read_then_each_once_newest_first(api: Api) -> None:
    found = shown(api)
    assert found[:5] == [
        ("2019-07", "2019-07-15"),
        ("2019-07", "2019-07-14"),
        ("2019-02", "2019-02-01"),
        ("2011-12", "2011-12-31"),
        ("1911-05", "1911-05-01"),
    ]
    assert sorted(found[5:]) == [(None, "a"), (None, "z")]


@pytest.mark.parametrize(
    ("when", "keys"),
    [
        ("2019-06", ["2019-02-01", "2011-12-31", "1911-05-01"]),
        ("2011", ["2011-12-31", "1911-05-01"]),
        ("1910", []),
        ("undated", []),
    ],
)
def test_given_a_time_to_begin_with_when_read_then_what_is_newer_is_left_out(
    api: Api, when: str, keys: list[str]
) -> None:
    found = [key for _, key in shown(api, when)]
    assert found[: len(keys)] == keys
    assert sorted(found[len(keys) :]) == ["a", "z"]


def test_given_years_and_months_when_asked_for_then_those_that_have_rows_latest_first(api: Api) -> None:
    assert api.years() == {"years": ["2022", "2019", "2011", "1911"]}
    assert api.months("2019") == {"months": ["2019-07", "2019-02"]}
    assert api.months("1990") == {"months": []}


def test_given_photos_of_this_year_when_the_newest_are_asked_for_then_they_are_named_newest_first(
    api: Api, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.newest() == {"images": []}
    year = datetime.now(UTC).year
    for time in (f"{year}-01-02", f"{year}-01-01", f"{year + 1}-01-01"):
        store(target, dated(f"{time}.jpg", f"{time}T00:00:00", {"Cat": 90.0}))
    ahead, second, first = (
        f"{BUCKET}/{day}.jpg" for day in (f"{year + 1}-01-01", f"{year}-01-02", f"{year}-01-01")
    )
    assert api.newest() == {"images": [ahead, second, first]}
    monkeypatch.setattr("photo_labels.browsing.api._NEWEST", 2)
    assert api.newest() == {"images": [ahead, second]}


@pytest.mark.parametrize(("when", "keys"), [("", 7), ("2019", 3), ("2019-07", 2), ("2011..2018", 1), ("1990", 0)])
def test_given_a_time_when_searched_and_counted_then_only_photos_of_it(api: Api, when: str, keys: int) -> None:
    found = api.search("cat", 0, None, when)
    while found["more"]:
        more = api.search("cat", 0, found["more"], when)
        found = {"photos": found["photos"] + more["photos"], "more": more["more"]}
    assert len(found["photos"]) == keys
    assert api.facets("cat", 0, when, None)["photos"] == keys


@pytest.mark.parametrize("text", ["", "19", "2019-07", "99999", "@taken", "٢٠١٩"])
def test_given_no_year_when_asked_for_its_months_then_a_sentence(api: Api, text: str) -> None:
    with pytest.raises(UserError, match="is no year"):
        api.months(text)


@pytest.mark.parametrize("text", ["july", "2019-13", "2019.."])
def test_given_no_time_when_all_are_read_from_there_then_a_sentence(api: Api, text: str) -> None:
    with pytest.raises(UserError, match="is no year, month or day"):
        api.timeline(text, None)


def test_given_what_a_photo_says_of_itself_when_searched_for_then_the_page_gets_it(target: Target) -> None:
    facts = {"taken_at": "2019-07-14T18:03:22.5+02:00", "camera": "Apple iPhone X", "location": MUNICH}
    store(target, dated("a.jpg", "2019-07-14T18:03:22", {"Cat": 90.0}, **facts))
    [photo] = Api(target).search("cat", 0, None)["photos"]
    assert (photo["taken"], photo["camera"], photo["place"]) == (
        "2019-07-14T18:03:22",
        "Apple iPhone X",
        (48.137, 11.575),
    )
