"""Searching by folders, file names and states: what is found is what a scan of all documents would find."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from photo_labels import cli
from photo_labels.library.costs import Scan
from photo_labels.library.searching.query import parse
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.searching.times import TimeRange
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from tests.fakes.index import Index
from tests.unit.deployed import BUCKET, dated, document, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

KEYS = [
    "2019/IMG_0312.jpg",
    "holiday/2019/img_0399.JPG",
    "2019.jpg",
    "my photos/100%.jpg",
    "my photos/a\nb.jpg",
    "a*b/[1]?.jpg",
    "Straße/日本 'x' \"y\".jpg",
    "cafe\u0301/e\u0301te\u0301.jpg",
    "@x/#1 %2F.jpg",
    "a//b.jpg",
]
# Each search with what it says of a photo's key, its labels and whether it is rejected, written down once more.
BY_LABELS: dict[str, Callable[[str, set[str], bool], bool]] = {
    "cat in:2019": lambda key, labels, _: "Cat" in labels and "2019/" in key,
    "cat not in:2019": lambda key, labels, _: "Cat" in labels and "2019/" not in key,
    "(cat or dog) name:IMG_03*": lambda key, labels, _: bool(labels) and "img_03" in key.lower(),
    'cat and (dog or in:"my photos")': lambda key, labels, _: (
        "Cat" in labels and ("Dog" in labels or key.startswith("my"))
    ),
    "cat is:rejected": lambda *_: False,
    "cat not is:rejected": lambda _, labels, __: "Cat" in labels,
}
BY_TIME: dict[str, Callable[[str, set[str], bool], bool]] = {
    "in:/2019": lambda key, *_: key.startswith("2019/"),
    "not in:2019": lambda key, *_: "2019/" not in key,
    "cat or name:*%*": lambda key, labels, _: "Cat" in labels or "%" in key,
    "name:[1]?.jpg": lambda key, *_: key == "a*b/[1]?.jpg",
    "in:CAFÉ or in:strasse or in:a*b": lambda key, *_: key.startswith(("cafe", "Str", "a*b")),
    "name:a?b.jpg": lambda key, *_: "\n" in key,
}
BY_SCAN: dict[str, Callable[[str, set[str], bool], bool]] = {
    "is:rejected": lambda _, __, is_rejected: is_rejected,
    "is:rejected in:2019": lambda key, _, is_rejected: is_rejected and "2019/" in key,
    "cat or is:rejected": lambda _, labels, is_rejected: is_rejected or "Cat" in labels,
    "not is:rejected": lambda _, __, is_rejected: not is_rejected,
    "is:unlabelled": lambda _, labels, is_rejected: not labels and not is_rejected,
    "is:unlabelled is:rejected": lambda _, __, is_rejected: is_rejected,
    'not is:unlabelled in:"my photos"': lambda key, labels, _: bool(labels) and key.startswith("my"),
}
SEARCHES = BY_LABELS | BY_TIME | BY_SCAN

uploads = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from(["LABELLED", "LABELLED", "LABELLED", "REJECTED", "REMOVED"]),
        st.dictionaries(st.sampled_from(["Cat", "Dog"]), st.sampled_from([80.0, 90.0, 95.5])),
        st.sampled_from([None, "2018-12-31T23:59:59", "2019-07-14T18:03:22", "2019-07-14T18:03:23"]),
    ),
    max_size=20,
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    uploads,
    st.sampled_from(list(SEARCHES)),
    st.sampled_from([None, "2019"]),
    st.sampled_from([0.0, 85.0]),
    st.integers(1, 4),
    st.sampled_from([1, 3, math.inf]),
)
def test_given_any_history_when_searched_by_names_then_it_is_what_a_scan_finds(  # noqa: PLR0917 - all are drawn
    history: list[Any], text: str, taken: str | None, least: float, limit: int, max_rows: float
) -> None:
    index = Index()
    documents: dict[str, Document] = {}
    for number, (key, status, labels, when) in enumerate(history, 1):
        present = labels if status == "LABELLED" else {}
        written = dated(key, when, present, sequencer=f"{number:02d}1", status=status)
        index.put(written, leave_rows_of=documents.get(key))
        documents[key] = written
    query = parse(text.replace("cat", "Cat").replace("dog", "Dog"))
    wanted = SearchCriteria(query, least, taken=TimeRange.parse(taken) if taken else None)
    found = [hit.document.key for hit in index.paged(wanted, limit, max_rows)]
    assert sorted(found) == sorted(key for key, one in documents.items() if _is_wanted(one, text, taken, least))
    assert found == [hit.document.key for hit in Searcher(TableReader(index.target), {}).hits(wanted)]


def _is_wanted(one: Document, text: str, taken: str | None, least: float) -> bool:
    labels = {label["Name"] for label in one.labels if label["Confidence"] >= least}
    is_then = one.timeline is not None and (taken is None or one.timeline.startswith(taken))
    is_rejected = one.status == "REJECTED"
    return (
        one.status != "REMOVED"
        and (not is_rejected or "is:rejected" in text)
        and SEARCHES[text](one.key, labels, is_rejected)
        and (is_then or (taken is None and text not in BY_TIME))
    )


@pytest.mark.parametrize("text", ["Cat in:1", "in:1"])
def test_given_a_folder_among_many_photos_when_pages_are_bounded_then_each_reads_so_many_rows(text: str) -> None:
    index = Index()
    for number in range(3_000):
        when = f"2019-07-14T18:{number // 60:02d}:{number % 60:02d}"
        index.put(dated(f"{int(number in {0, 300})}/{number}.jpg", when, {"Cat": 90.0}))
    found: list[str] = []
    after: str | None = None
    pages = 0
    while pages == 0 or after:
        searcher = Searcher(TableReader(index.target), {"Cat": 3_000})
        page = searcher.page(SearchCriteria(parse(text)), 60, after, max_rows=20)
        assert searcher.spent.rows <= 2_000
        found += [hit.document.key for hit in page.hits]
        after, pages = page.more_after, pages + 1
    assert sorted(found) == ["1/0.jpg", "1/300.jpg"]
    assert pages > 1


def test_given_a_folder_with_few_photos_when_searched_then_only_their_documents_are_read() -> None:
    index = Index()
    for number in range(50):
        index.put(dated(f"{number // 10}/{number}.jpg", f"2019-07-14T18:03:{number:02d}", {"Cat": 90.0}))
    for text in ("Cat in:3", "in:3", "name:3?.jpg"):
        searcher = Searcher(TableReader(index.target), {})
        hits = searcher.page(SearchCriteria(parse(text)), 20).hits
        assert {hit.document.key for hit in hits} == {f"3/{number}.jpg" for number in range(30, 40)}
        assert searcher.spent.documents == 10


def test_given_unlabelled_photos_of_a_time_or_a_prefix_when_searched_then_no_more_than_needed_is_read() -> None:
    index = Index()
    for year in (2018, 2019):
        for number in range(10):
            index.put(dated(f"{year}/{number}.jpg", f"{year}-07-14T18:03:0{number}", {}))
    for limits, read in (({"taken": TimeRange.parse("2019")}, 10), ({"beginning": "photos/2019/"}, 20)):
        searcher = Searcher(TableReader(index.target), {})
        hits = searcher.page(SearchCriteria(parse("is:unlabelled"), **limits), 100).hits
        assert {hit.document.key for hit in hits} == {f"2019/{number}.jpg" for number in range(10)}
        assert searcher.spent.documents == read


def test_given_a_place_of_another_search_when_asked_to_go_on_there_then_a_sentence_says_so() -> None:
    searcher = Searcher(TableReader(Index().target), {})
    places = {"Cat": "090.00#0#1", "in:2019": "2019-07-14T18:03:22#0#1", "is:rejected": "@photos/a.jpg"}
    for text in places:
        for of, place in places.items():
            if of == text:
                assert searcher.page(SearchCriteria(parse(text)), 1, place).hits == []
            else:
                with pytest.raises(UserError, match="is no place in this search"):
                    searcher.page(SearchCriteria(parse(text)), 1, place)


# the command


@pytest.fixture
def run(target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Search among four labelled photos, of which one has no label, and a rejected one."""
    monkeypatch.setattr("photo_labels.library.state_files._users_state", lambda: tmp_path)
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    for number, key in enumerate(("2019/IMG_1.jpg", "2019/it's 100%.jpg", "my photos/IMG_2.jpg")):
        labels = {"Cat": 90.0 + number, "Dining Table": 80.0}
        uploaded = f"2026-11-0{number + 1}T12:00:00.000Z"
        store(target, dated(key, f"2019-07-1{number}T18:03:22", labels, event_time=uploaded))
    store(target, dated("2019/grey.jpg", "2019-07-20T18:03:22", {"Dog": 70.0}))
    bad = {"status": "REJECTED", "reason": "BrokenPhoto", "detail": "It cannot be read."}
    store(target, document("2019/bad 'one'.jpg", {}, **bad))
    return lambda *arguments: CliRunner().invoke(cli.photos, ["search", *arguments])


def keys_of(ended: Any) -> list[str]:
    return [json.loads(line)["image"].removeprefix(f"{BUCKET}/") for line in ended.stdout.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "keys", "said"),
    [
        (["cat", "in:2019"], ["2019/it's 100%.jpg", "2019/IMG_1.jpg"], "2 photos: Cat and in:2019"),
        (["cat", "name:img_*"], ["my photos/IMG_2.jpg", "2019/IMG_1.jpg"], "2 photos: Cat and name:img_*"),
        (["--in", "my photos/"], ["my photos/IMG_2.jpg"], '1 photo: in:"my photos/"'),
        (["cat", "--name", "100%"], ["2019/it's 100%.jpg"], "1 photo: Cat and name:100%"),
        (["cat or dog", "--in", "my photos"], ["my photos/IMG_2.jpg"], '1 photo: (Cat or Dog) and in:"my photos"'),
        (["is:unlabelled", "--min-confidence", "75"], ["2019/grey.jpg"], "1 photo: is:unlabelled"),
        (["is:rejected in:2019"], ["2019/bad 'one'.jpg"], "1 photo: is:rejected and in:2019"),
    ],
)
def test_given_terms_or_options_when_searched_then_they_narrow_the_labels(
    run: Any, arguments: list[str], keys: list[str], said: str
) -> None:
    ended = run(*arguments, "--json")
    assert keys_of(ended) == keys
    assert f"{said}\n" in ended.stderr
    assert json.loads(run(*arguments, "--json", "--count").stdout) == {"count": len(keys)}


def test_given_rejected_photos_when_listed_then_why_they_are_is_beside_them(run: Any) -> None:
    assert "2019/bad 'one'.jpg │ rejected: It cannot be read." in " ".join(run("is:rejected").output.split())
    [line] = map(json.loads, run("is:rejected", "--json").stdout.splitlines())
    assert (line["status"], line["reason"]) == ("REJECTED", "BrokenPhoto")


def test_given_pages_when_searched_then_each_says_whether_it_is_the_first_or_the_last(run: Any) -> None:
    for text, number in (("cat", 3), ("in:2019", 3), ("not is:rejected", 4)):
        said, found, after = list[str](), list[str](), list[str]()
        for _ in range(number + 1):
            ended = run(text, "--limit", "1", "--json", *after)
            found += keys_of(ended)
            said.append(ended.stderr.splitlines()[-1].partition(":")[0])
            places = [line for line in ended.stderr.splitlines() if "--after" in line]
            if not places:
                break
            after = ["--after", places[0].split("'")[1]]
        assert len(found) == len(set(found)) == number
        assert said == ["The first photo", *["1 more photo"] * (number - 2), "The last photo"]
    assert "\nThe first 2 photos: Cat\n" in run("cat", "--limit", "2").output
    assert "\n3 photos: Cat\n" in run("cat", "--limit", "3").output


def test_given_a_scan_above_a_cent_when_searched_then_it_is_asked_for(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.terminal.scan_cost.scan_of", lambda *_: Scan(1_000_000, 1e6))
    asked = run("is:rejected")
    assert "1,000,000 read units, about 0.1250 USD" in asked.output
    assert str(asked.exception) == "Go on? Not interactive: pass --yes."
    assert run("is:rejected", "--yes").exit_code == 0
    for text in ("cat not is:rejected", "in:2019"):  # rows are read
        assert "reading about" not in run(text).output


def test_given_nothing_found_when_searched_then_what_there_is_of_each_label_is_said(run: Any) -> None:
    ended = run("cat and dog not dining table")
    assert (ended.exit_code, "Each by itself: Cat 3, Dog 1, Dining Table 3." in ended.output) == (1, True)
    apart = run("dining table cat").output
    assert "Words side by side are one label: did you mean dining table and cat?" in apart
    assert "Did you mean Dog?" in run("dgo").output
    assert "Without a label photos are found by their times." in run("in:2031").output
    assert "A shell takes quotes away" in run("cat", "in:my photos").output


@pytest.mark.parametrize(
    ("since", "count"),
    [
        ("2026-11-02", 3),
        ("2026-11-02T12:00:00Z", 3),
        ("2026-11-02T13:00:00", 2),
        ("2026-11-02T14:00:00+02:00", 3),
        ("2026-11-02T12:00:00-00:01", 2),
    ],
)
def test_given_a_time_with_or_without_an_offset_when_searched_since_then_it_is_that_time(
    run: Any, since: str, count: int
) -> None:
    found = json.loads(run("cat or dog", "--since", since, "--count", "--json").stdout)
    assert found == {"count": count}


@pytest.mark.parametrize("since", ["yesterday", "", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_given_no_time_when_searched_since_then_a_sentence(run: Any, since: str) -> None:
    ended = run("cat", "--since", since)
    assert (ended.exit_code, f"{since} is no time: say 2026-11-01" in ended.output) == (2, True)


@pytest.mark.parametrize("shown", [["--open"], ["--limit", "20"], ["--after", "090.00#0"]])
def test_given_a_count_when_photos_are_to_be_shown_too_then_a_sentence(run: Any, shown: list[str]) -> None:
    ended = run("cat", "--count", *shown)
    said = f"--count counts all photos and shows none: leave out {shown[0]}."
    assert (ended.exit_code, said in ended.output) == (2, True)
