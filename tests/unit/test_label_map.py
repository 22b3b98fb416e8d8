"""A user's own names of labels: what a file may say, and what its errors say."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from photo_labels.library.searching.label_map import NO_MAP, LabelMap, read
from photo_labels.library.user_errors import UserError
from tests.unit.deployed import document

if TYPE_CHECKING:
    from pathlib import Path


def test_given_a_file_when_read_then_it_renames_and_hides_in_whatever_case(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text('hide = ["Machine"]\n[rename]\n"Mobile Phone" = " Mein  Händy "\n', encoding="utf-8")
    names = read(path)
    assert (names.name("MOBILE PHONE"), names.name("machine"), names.name("Dog")) == ("Mein Händy", None, "Dog")
    assert names.named("mein händy") == "Mein Händy"
    assert names.merged("Mein Händy") == ["Mobile Phone", "Mein Händy"]
    (tmp_path / "map.toml").write_text("")
    assert read(path) == NO_MAP


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hide = [\n", "is no TOML: "),
        (b'[rename]\n"Dog" "Hund"\n', "(at line 2, column 7)"),
        (b'[rename]\nDog = "Hund"\nDog = "H"\n', "(at line 3"),
        (b'hide = ["Cat"]\n\n[merge]\nDog = "Hund"\n', "in line 3: 'merge' is not known"),
        (b'rename = "Dog"\n', "in line 1: rename is a table"),
        (b'[rename]\nCat = "Katze"\nDog = 3\n', "in line 3: 'Dog' needs a name in quotes"),
        (b'[rename]\nDog = " "\n', "in line 2: 'Dog' needs a name in quotes"),
        (b'[rename]\nDog = "Hund"\nDOG = "Wauwau"\n', "is renamed twice, in other case"),
        (b'\nhide = "Dog"\n', "in line 2: hide is a list of labels"),
        (b"hide = [1]\n", "in line 1: hide is a list of labels"),
        (b'hide = ["dog"]\n[rename]\nDog = "Hund"\n', "in line 1: 'dog' is both renamed and hidden"),
        (b'[rename]\n"D\xff" = "x"\n', "is not UTF-8 in line 2"),
        (b"a = " + b"[" * 5000, "is no TOML"),
    ],
)
def test_given_a_file_that_makes_no_sense_when_read_then_a_sentence_names_the_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "map.toml"
    path.write_bytes(content)
    with pytest.raises(UserError) as raised:
        read(path)
    assert said in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["none.toml", "."])
def test_given_no_file_when_read_then_a_sentence_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / name)


def test_given_merged_labels_when_shown_then_the_surest_counts_and_all_boxes_stay() -> None:
    box = {"Confidence": Decimal(90), "BoundingBox": {}}
    labels = [
        {"Name": "Dog", "Confidence": Decimal(80), "Parents": ["Animal"], "Categories": [], "Instances": [box]},
        {
            "Name": "Puppy",
            "Confidence": Decimal(95),
            "Parents": ["Dog"],
            "Categories": [],
            "Instances": [box, box],
        },
        {"Name": "Animal", "Confidence": Decimal(99), "Parents": [], "Categories": [], "Instances": []},
    ]
    names = LabelMap({"Dog": "Hund", "Puppy": "Hund"}, frozenset({"Animal"}))
    [shown] = names.shown(replace(document("a.jpg", {}), labels=tuple(labels))).labels
    assert (shown["Name"], shown["Confidence"], len(shown["Instances"])) == ("Hund", 95, 3)
    assert shown["Parents"] == ["Hund"]


def test_given_counts_when_named_then_merged_ones_are_added_and_hidden_ones_left_out() -> None:
    names = LabelMap({"Dog": "Pet", "Cat": "Pet"}, frozenset({"Animal"}))
    counts = {"Animal": 9, "Tree": 5, "Dog": 4, "Cat": 3}
    assert list(names.counts(counts).items()) == [("Pet", 7), ("Tree", 5)]
    assert names.merged_of(counts) == {"Pet": ["Dog", "Cat"]}
