"""What words of a search mean: what is found by them is what a scan of all documents would find."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from photo_labels import cli
from photo_labels.browsing.api import Api
from photo_labels.library.searching import vocabulary
from photo_labels.library.searching.label_map import NO_MAP, LabelMap
from photo_labels.library.searching.meanings import Interpretation, Interpreter
from photo_labels.library.searching.query import And, Has, Not, Or, Query, holds, parse
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.table_reader import TableReader
from tests.fakes.index import Index
from tests.unit.deployed import BUCKET, document, store

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document


def meant(text: str, labels: set[str], names: LabelMap = NO_MAP, *, is_counted: bool = True) -> Interpretation:
    """Interpret a search, where photos have just these labels."""
    counts = dict.fromkeys(sorted(labels), 1) if is_counted else {}
    return Interpreter(counts, names, labels.__contains__).interpret(parse(text))


# words


@pytest.mark.parametrize("is_counted", [True, False])
@pytest.mark.parametrize(
    ("text", "labels", "said"),
    [
        ("Hund", {"Dog"}, "Dog"),
        ("puppy", {"Dog", "Animal"}, "Dog"),
        ("puppy", {"Dog", "Puppy"}, "Puppy"),
        ("mobile phone", {"Mobile Phone", "Phone"}, "Mobile Phone"),
        ("cell phone", {"Phone"}, "Phone"),
        ("crane", {"Crane Bird", "Construction Crane"}, "Construction Crane or Crane Bird"),
        ("katze and not hund", {"Cat", "Dog"}, "Cat and not Dog"),
        ("bike", {"Bicycle"}, "Bicycle"),
        ("IPOD", {"IPod"}, "IPod"),
        ("hund", {"Hund", "Dog"}, "Hund"),
        ("accountant", {"Person"}, "accountant"),
        ("bateau", {"Boat", "Boot"}, "Boat"),
        ("bateau", {"Boot"}, "bateau"),  # which is a boat in German
        ("kitten", {"Cat", "Animal"}, "Cat"),
        ("chick", {"Chicken", "Bird"}, "Chicken"),
        ("dad", {"Father", "Person"}, "Father"),
        ("dad", {"Person"}, "Person"),
        ("Haustier", {"Pet", "Animal"}, "Pet"),
        ("Tier", {"Animal"}, "Animal"),
        ("qqq", {"Dog"}, "qqq"),
    ],
)
def test_given_a_word_when_interpreted_then_it_means_the_nearest_labels(
    text: str, labels: set[str], said: str, is_counted: bool
) -> None:
    assert str(meant(text, labels, is_counted=is_counted).said) == said


def test_given_words_when_interpreted_then_only_those_that_are_no_labels_were_taken_for_others() -> None:
    found = meant("hund or CAT or spaniels or qqq", {"Dog", "Cat", "Spaniel"})
    assert found.taken == {"hund": ["Dog"], "spaniels": ["Spaniel"]}
    assert list(found.unknown) == ["qqq"]


@pytest.mark.parametrize("is_counted", [True, False])
def test_given_a_misspelt_word_when_interpreted_then_what_there_is_may_be_meant(is_counted: bool) -> None:
    assert meant("spanil", {"Spaniel"}, is_counted=is_counted).unknown == {"spanil": ["Spaniel"]}
    assert meant("spanil", {"Dog"}, is_counted=False).unknown["spanil"] == ["Dog"]
    assert meant("kazte", {"Cat"}, is_counted=is_counted).unknown == {"kazte": ["Cat"]}, (
        "never a word that is none"
    )
    assert meant("Haustir", {"Pet"}, is_counted=is_counted).unknown == {"Haustir": ["Pet"]}


@pytest.mark.parametrize("is_counted", [True, False])
@pytest.mark.parametrize(
    ("text", "said", "excluding_none"),
    [
        ("vehicle not car", "Vehicle and not car", ["car"]),
        ("vehicle not (car or dog)", "Vehicle and not (car or Dog)", ["car"]),
        ("vehicle not hund", "Vehicle and not Dog", []),
        ("vehicle not canine", "Vehicle and not Dog", []),  # a narrower one is what was said
        ("not not car", "not not Vehicle", []),
    ],
)
def test_given_not_when_interpreted_then_no_broader_label_is_left_out(
    text: str, said: str, excluding_none: list[str], is_counted: bool
) -> None:
    found = meant(text, {"Vehicle", "Dog"}, is_counted=is_counted)
    assert (str(found.said), found.excluding_none) == (said, excluding_none)


@pytest.mark.parametrize(
    ("counted", "index", "said"),
    [
        ({"Canine"}, {"Canine", "Dog"}, "Dog"),  # a broader one that was counted is not nearer
        ({"Canine"}, {"Canine", "Basenji"}, "Basenji"),
        ({"Canine"}, {"Canine"}, "Canine"),
        ({"Car"}, {"Car", "Canine"}, "Canine"),
    ],
)
def test_given_stale_counts_when_interpreted_then_what_the_index_has_is_nearer(
    counted: set[str], index: set[str], said: str
) -> None:
    found = Interpreter(dict.fromkeys(counted, 1), NO_MAP, index.__contains__).interpret(parse("hund"))
    assert str(found.said) == said


def test_given_nothing_counted_when_a_word_means_much_then_few_labels_are_asked_for() -> None:
    asked: list[str] = []

    def has_none(label: str) -> bool:
        asked.append(label)
        return False

    words = "tier or animal or obst or fahrzeug or gemüse or haustier"
    found = Interpreter({}, NO_MAP, has_none).interpret(parse(words))
    assert len(found.unknown) == 6
    assert len(asked) == len(set(asked)), "no label is asked for twice"
    # Of each word its own spellings; of all together 36 labels that mean the same, and 12 near those.
    assert len(asked) <= 6 * 3 + 36 + 12


# a user's map

# The labels that are called Handy; one that already has the name is among them.
HANDY = Or((Has("Mobile Phone"), Has("Phone"), Has("Handy")))
WAUWAU = Or((Has("Dog"), Has("Wauwau")))
MAP = LabelMap({"Mobile Phone": "Handy", "Phone": "Handy", "Dog": "Wauwau"}, frozenset({"Machine"}))


@pytest.mark.parametrize("is_counted", [True, False])
@pytest.mark.parametrize(
    ("text", "query", "taken"),
    [
        ("handy", HANDY, {}),
        ("phone", HANDY, {"phone": ["Handy"]}),
        ("hund", WAUWAU, {"hund": ["Wauwau"]}),
        ("dog and cat", And((WAUWAU, Has("Cat"))), {"dog": ["Wauwau"]}),
        ("cat not handy", And((Has("Cat"), Not(HANDY))), {}),
    ],
)
def test_given_a_map_when_interpreted_then_its_names_mean_their_labels(
    text: str, query: Query, taken: dict[str, list[str]], is_counted: bool
) -> None:
    found = meant(text, {"Mobile Phone", "Phone", "Dog", "Cat", "Machine"}, MAP, is_counted=is_counted)
    assert (found.query, found.taken, found.unknown) == (query, taken, {})


def test_given_a_hidden_label_when_interpreted_then_nothing_has_it_and_it_is_said() -> None:
    found = meant("machine or cat", {"Machine", "Cat"}, MAP)
    assert (found.hidden, found.unknown) == (["machine"], {})
    assert found.query is not None
    assert not holds(found.query, {"Machine"})
    assert holds(found.query, {"Cat"})
    assert "Machine" not in meant("machin", {"Machine", "Cat"}, MAP).unknown["machin"]


# any

LABELS = ("Cat", "Dog", "Animal")
SYNONYMS = {"katze": "Cat", "gato": "Cat", "hund": "Dog", "dogs": "Dog", "perro": "Dog"}
some_labels = st.dictionaries(st.sampled_from(LABELS), st.sampled_from([80.0, 90.0, 95.5]))
maps = st.builds(
    lambda renamed, hidden: LabelMap(renamed, frozenset(hidden - renamed.keys())),
    st.dictionaries(st.sampled_from(LABELS), st.sampled_from(["Zzz", "Hund", "Dog", "Salt and Pepper"])),
    st.sets(st.sampled_from(LABELS)),
)
words = st.sampled_from(["cat", "DOG", "animal", "zzz", "qqq", '"salt and pepper"', *SYNONYMS])
texts = st.one_of(
    words,
    st.builds("{} and {}".format, words, words),
    st.builds("{} or {}".format, words, words),
    st.builds("{} not {}".format, words, words),
    st.builds("({} or {}) and not ({} and {})".format, words, words, words, words),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(some_labels, max_size=8), maps, texts, st.sampled_from([0.0, 85.0]), st.booleans())
def test_given_any_words_and_map_when_searched_by_page_then_it_is_what_a_scan_finds(
    photos: list[dict[str, float]], names: LabelMap, text: str, least: float, is_counted: bool
) -> None:
    index = Index()
    documents = [document(f"{number}.jpg", labels) for number, labels in enumerate(photos)]
    for one in documents:
        index.put(one)
    present = {label for labels in photos for label in labels}
    counts = dict.fromkeys(sorted(present), 1) if is_counted else {}
    searcher = Searcher(TableReader(index.target), counts)
    query = Interpreter(counts, names, searcher.has).interpret(parse(text)).query
    found: list[str] = []
    after = None
    while True:
        page = searcher.page(SearchCriteria(query, least), 2, after)
        found += [hit.document.key for hit in page.hits]
        if (after := page.more_after) is None:
            break
    expected = [one.key for one in documents if _is_wanted(one, parse(text), names, least, present)]
    assert sorted(found) == sorted(expected)


def _is_wanted(one: Document, query: Query, names: LabelMap, least: float, present: set[str]) -> bool:
    """Look at a photo as it is shown."""
    shown = {label["Name"] for label in names.shown(one).labels if label["Confidence"] >= least}
    words = {"cat", "DOG", "animal", "zzz", "qqq", "salt and pepper", *SYNONYMS}
    return holds(query, {word for word in words if _name(word, names, present) in shown})


def _name(word: str, names: LabelMap, present: set[str]) -> str | None:
    for name in names.renamed.values():
        if name.casefold() == word.casefold():
            return name
    label = word.title() if word.title() in present else SYNONYMS.get(word, "")
    return names.name(label) if label in present else None


# the commands and the page


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("photo_labels.library.state_files._users_state", lambda: tmp_path)
    return tmp_path


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str, **environment: str) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return CliRunner().invoke(cli.photos, arguments, env=environment)


def test_given_a_synonym_when_searched_then_it_says_what_it_was_taken_for(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    store(target, document("a.jpg", {"Dog": 98.5}))
    found = run(target, monkeypatch, "search", "Hund")
    assert found.exit_code == 0
    assert "Hund: searched as Dog\n" in found.output
    assert "1 photo: Dog\n" in found.output
    in_json = run(target, monkeypatch, "search", "Hund", "--json")
    assert "Hund: searched as Dog\n" in in_json.stderr
    assert json.loads(in_json.stdout)["searched_as"] == {"Hund": ["Dog"]}
    assert "searched_as" not in json.loads(run(target, monkeypatch, "search", "dog", "--json").stdout)
    counted = run(target, monkeypatch, "search", "Hund", "--json", "--count")
    assert json.loads(counted.stdout) == {"count": 1, "searched_as": {"Hund": ["Dog"]}}
    answer = Api(target).search("Hund", 0, None)
    assert (answer["taken"], answer["query"], len(answer["photos"])) == ({"Hund": ["Dog"]}, "Dog", 1)


def test_given_not_of_what_no_photo_has_when_searched_then_it_says_that_nothing_is_left_out(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path
) -> None:
    store(target, document("a.jpg", {"Vehicle": 98.5}))
    found = run(target, monkeypatch, "search", "vehicle", "not", "car")
    assert found.exit_code == 0
    assert "No photo is labelled car: `not` leaves out nothing." in found.output
    assert "1 photo: Vehicle and not car\n" in found.output
    answer = Api(target).search("vehicle not car", 0, None)
    assert (len(answer["photos"]), answer["excluding_none"]) == (1, ["car"])


def test_given_a_map_when_commands_run_then_labels_are_called_as_in_it(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path, tmp_path: Path
) -> None:
    (tmp_path / "map.toml").write_text(
        'hide = ["machine"]\n[rename]\n"Mobile Phone" = "Handy"\n"Phone" = "Handy"\n', encoding="utf-8"
    )
    own = ("--map", str(tmp_path / "map.toml"))
    store(target, document("a.jpg", {"Mobile Phone": 98.0, "Phone": 99.0, "Machine": 99.5}))
    store(target, document("b.jpg", {"Phone": 97.0, "Machine": 90.0}))
    found = run(target, monkeypatch, "search", "handy", "--json", *own)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(line["image"], line["label"], line["labels"]) for line in lines] == [
        (f"{BUCKET}/a.jpg", "Handy", {"Handy": 99.0}),
        (f"{BUCKET}/b.jpg", "Handy", {"Handy": 97.0}),
    ]
    hidden = run(target, monkeypatch, "search", "machine", PHOTOS_LABEL_MAP=own[1])
    assert hidden.exit_code == 1
    assert "machine is hidden by" in hidden.output
    listed = run(target, monkeypatch, "labels", "--json", *own)
    assert [json.loads(line) for line in listed.stdout.splitlines()] == [
        {"label": "Handy", "photos": 3, "at_most": True, "merged": ["Phone", "Mobile Phone"]}
    ]
    assert "≤ 3 │ Handy" in run(target, monkeypatch, "labels", *own).output
    exported = run(target, monkeypatch, "export", "--format", "csv", "--yes", *own)
    assert "Handy" in exported.stdout
    assert "Machine" not in exported.stdout
    sidecars = run(target, monkeypatch, "export", "--format", "xmp", str(tmp_path / "xmp"), "--yes", *own)
    assert sidecars.exit_code == 0, sidecars.output
    [written] = (tmp_path / "xmp").rglob("a.jpg.xmp")
    assert ("Handy" in written.read_text(), "Machine" in written.read_text()) == (True, False)
    assert set(vocabulary.kept(target).counts) == {"Machine", "Mobile Phone", "Phone"}, (
        "what is kept is the index's"
    )
    names = LabelMap({"Mobile Phone": "Handy", "Phone": "Handy"}, frozenset({"Machine"}))
    api = Api(target, names)
    assert api.labels()["labels"] == {"Handy": 3}
    assert (api.labels()["suggested"], api.labels()["merged"]) == (["Handy"], ["Handy"])
    photos = api.search("handy", 0, None)["photos"]
    assert [[label["name"] for label in photo["labels"]] for photo in photos] == [["Handy"], ["Handy"]]
    assert {label["name"] for photo in api.timeline("undated", None)["photos"] for label in photo["labels"]} == {
        "Handy"
    }


def test_given_a_map_with_labels_of_no_photo_when_listed_then_they_are_named_at_the_end(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "map.toml"
    path.write_text('[rename]\n"Dgo" = "Hund"\n"cat" = "Katze"\n')
    store(target, document("a.jpg", {"Dog": 98.0, "Cat": 99.0}))
    ended = run(target, monkeypatch, "labels", "--map", str(path))
    assert ended.output.endswith("The map names labels that no photo has: Dgo.\n")
    assert "The map" not in run(target, monkeypatch, "labels").output
    path.write_text("hide = [" + ", ".join(f'"L{n:02}"' for n in range(12)) + "]\n")
    ended = run(target, monkeypatch, "labels", "--json", "--map", str(path))
    assert ended.stderr.endswith("L08, L09 and 2 others.\n")


def test_given_nothing_counted_when_words_are_completed_then_known_labels_are_offered(
    target: Target, monkeypatch: pytest.MonkeyPatch, state: Path, tmp_path: Path
) -> None:
    def completed(beginning: str, **environment: str) -> list[str]:
        asked = {
            "_PHOTOS_COMPLETE": "bash_complete",
            "COMP_WORDS": f"photos search {beginning}",
            "COMP_CWORD": "2",
        }
        ended = CliRunner().invoke(cli.photos, prog_name="photos", env=asked | environment)
        return [line.partition(",")[2] for line in ended.output.splitlines()]

    assert "Dalmatian" in completed("dal")
    assert completed("welpe") == ["welpe", "welpen"]
    store(target, document("a.jpg", {"Dalmatian": 98.0, "Desk": 99.0}))
    run(target, monkeypatch, "labels")
    assert completed("d") == ["Dalmatian", "Desk"]
    (tmp_path / "map.toml").write_text('hide = ["Desk"]\n[rename]\nDalmatian = "Dotty"\n')
    assert completed("d", PHOTOS_LABEL_MAP=str(tmp_path / "map.toml")) == ["Dotty"]
    assert completed("d", PHOTOS_LABEL_MAP=str(tmp_path / "none.toml")) == ["Dalmatian", "Desk"]
