"""A user's own names of labels: what a file may say, and what its errors say."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from photo_labels.library.searching.label_map import NO_MAP, LabelMap, read
from photo_labels.library.user_errors import UserError
from tests.unit.deployed import document


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
        (b"#" * 1_000_001, "is larger than a map can be: 1 MB."),
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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_given_a_file_of_another_editor_when_read_then_its_mark_and_line_ends_do_not_matter(
    tmp_path: Path, end: str
) -> None:
    path = tmp_path / "map.toml"
    path.write_bytes(b"\xef\xbb\xbf" + end.join(["[rename]", 'Dog = "Händel"', ""]).encode())
    assert read(path) == LabelMap({"Dog": "Händel"})
    path.write_bytes(b"\xef\xbb\xbf" + end.join(["[rename]", 'Dog = "H"', 'Cat = "\xff"']).encode("latin-1"))
    with pytest.raises(UserError, match="is not UTF-8 in line 3"):
        read(path)


def test_given_a_file_without_end_when_read_then_it_is_too_large() -> None:
    with pytest.raises(UserError, match="larger than a map can be"):
        read(Path("/dev/zero"))


def test_given_a_large_file_when_wrong_in_the_last_line_then_it_is_read_in_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text("[rename]\n" + "".join(f'L{n} = "a"\n' for n in range(60_000)) + 'l59999 = "b"\n')
    began = time.process_time()
    with pytest.raises(UserError, match="'L59999' is renamed twice"):
        read(path)
    assert time.process_time() - began < 20


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


def test_given_labels_that_no_photo_has_when_counted_then_the_map_says_which() -> None:
    names = LabelMap({"Dgo": "Pet", "cat": "Pet"}, frozenset({"Animal", "Tere"}))
    assert names.unused(["Cat", "ANIMAL", "Tree"]) == ["Dgo", "Tere"]
    assert NO_MAP.unused(["Cat"]) == []
