"""The words of searches: the committed file is as its documents say, and means what people mean."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from photo_labels.library.searching.thesaurus import Thesaurus, is_label_name, thesaurus

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "photo_labels" / "library" / "searching" / "words"
TEXT = (FOLDER / "words.txt").read_text(encoding="utf-8")
LABELS = set(json.loads((ROOT / "local" / "models" / "labels.json").read_text())["labels"])
LINES = TEXT.splitlines()


def test_given_the_file_when_read_then_each_line_is_a_meaning_below_a_broader_one() -> None:
    depth = -1
    for line in LINES:
        words = line.lstrip(" ")
        assert len(line) - len(words) <= depth + 1, line
        depth = len(line) - len(words)
        assert re.fullmatch(r"[^\W_][^,~]*(~[2-9])?(,[^\W_][^,~]*(~[2-9])?)*", words), line


def test_given_the_file_when_read_then_its_labels_are_the_known_ones_each_once() -> None:
    labels = sorted(thesaurus().labels())
    assert labels == sorted(LABELS)


def test_given_the_file_when_read_then_no_word_is_twice_in_a_meaning() -> None:
    for line in LINES:
        words = [word.partition("~")[0].lower() for word in line.strip().split(",")]
        assert len(set(words)) == len(words), line


def test_given_the_file_when_read_then_what_is_below_one_meaning_is_sorted() -> None:
    above: list[str] = []
    for line in LINES:
        words = line.lstrip(" ")
        depth = len(line) - len(words)
        before = above[depth] if depth < len(above) else ""
        assert before <= words.casefold(), line
        above[depth:] = [words.casefold()]


def test_given_the_file_when_compared_then_it_is_the_documented_one_and_small() -> None:
    content = (FOLDER / "words.txt").read_bytes()
    readme = (ROOT / "local" / "words" / "README.md").read_text()
    assert hashlib.sha256(content).hexdigest() in readme
    assert f"{len(content):,}" in readme
    assert len(content) < 600_000


@pytest.mark.parametrize("word", ["obscenity", "nigger", "whore", "bitch's", "canis familiaris", "imbecile"])
def test_given_a_rude_or_latin_word_when_looked_up_then_there_is_none(word: str) -> None:
    assert thesaurus().senses(word) == []


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("hund", "Dog"),
        ("HUND", "Dog"),
        ("dogs", "Dog"),
        ("chien", "Dog"),
        ("katze", "Cat"),
        ("handy", "Mobile Phone"),
        ("cell phone", "Mobile Phone"),
        ("mobile  phone", "Mobile Phone"),
        ("automobile", "Car"),
        ("teddybear", "Teddy Bear"),
        ("sofa", "Couch"),
        ("bike", "Bicycle"),
        ("Tier", "Animal"),
        ("Haustier", "Pet"),
        ("berries", "Berry"),
        ("dishes", "Dish"),
    ],
)
def test_given_a_word_when_looked_up_then_its_meaning_has_the_label(word: str, label: str) -> None:
    known = {one for sense in thesaurus().senses(word) for one in thesaurus().words(sense)}
    assert label.lower() in {one.lower() for one in known}


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("kitten", "Cat"),
        ("foal", "Horse"),
        ("colt", "Horse"),
        ("lamb", "Sheep"),
        ("calf", "Cattle"),
        ("chick", "chicken"),
        ("piglet", "Pig"),
        ("pup", "Dog"),
        ("duckling", "Duck"),
        ("dad", "Person"),
        ("mom", "Person"),
    ],
)
def test_given_a_young_one_or_a_parent_when_looked_up_then_it_is_below_what_one_calls_it(
    word: str, label: str
) -> None:
    broader = [one for sense in thesaurus().senses(word)[:1] for one in thesaurus().broader(sense)]
    assert any(label in thesaurus().words(one) for one in broader)


def test_given_a_plural_of_its_own_when_looked_up_then_it_means_what_the_singular_does() -> None:
    assert set(thesaurus().senses("mice")) & set(thesaurus().senses("mouse"))


def test_given_several_meanings_when_looked_up_then_the_most_common_is_first() -> None:
    words = Thesaurus("a\n crane~2,heron\n Machine\n  crane,hoist\n")
    assert [words.words(sense) for sense in words.senses("crane")] == [("crane", "hoist"), ("heron",)]
    [hoist] = words.senses("hoist")
    assert [words.words(sense) for sense in words.broader(hoist)] == [("Machine",), ("a",)]
    [top] = words.senses("a")
    assert {words.words(sense)[0] for sense in words.narrower(top)} == {"heron", "Machine", "crane"}


def test_given_the_beginning_of_a_word_when_completed_then_labels_go_before_words() -> None:
    assert "Dog" in thesaurus().known("do")
    assert all(map(is_label_name, thesaurus().known("do")))
    assert thesaurus().known("welp") == ["welpe", "welpen"]


def test_given_photos_when_imported_then_the_words_are_not_read() -> None:
    code = (
        "import photo_labels.cli, photo_labels.library.searching.thesaurus as t; "
        "raise SystemExit(t.thesaurus.cache_info().currsize)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
