"""Terms of a search: folders and file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_labels.library.searching.terms import InFolder, Named, folded, parse_term

# Letters that a pattern, a terminal or a disk may take for something else.
hostile = st.text("aA*?[]%_.\\ \n\t'éßİ﻿日()^$|+", max_size=8)
folders = st.text("aA[]%_.\\ \néß", min_size=1, max_size=3).filter(str.strip)


@pytest.mark.parametrize(
    ("text", "key", "is_in"),
    [
        ("2019", "2019/a.jpg", True),
        ("2019/", "holiday/2019/07/a.jpg", True),
        ("2019", "2019.jpg", False),
        ("2019", "20190/a.jpg", False),
        ("2019", "a/12019/a.jpg", False),
        ("/2019", "2019/07/a.jpg", True),
        ("/2019", "holiday/2019/a.jpg", False),
        ("holiday/2019", "x/Holiday/2019/a.jpg", True),
        ("holiday/2019", "holiday/x/2019/a.jpg", False),
        ("cafe\u0301", "CAFÉ/a.jpg", True),
        ("strasse", "Straße/a.jpg", True),
        ("20*", "2019/a.jpg", False),
        ("20*", "20*/a.jpg", True),
        ("a.jpg", "a.jpg", False),
    ],
)
def test_given_a_folder_when_looked_for_then_whole_names_count_wherever_they_are(
    text: str, key: str, is_in: bool
) -> None:
    assert InFolder.parse(text).holds(key) is is_in


@pytest.mark.parametrize(
    ("text", "key", "is_so"),
    [
        ("IMG_03*", "2019/img_0312.JPG", True),
        ("IMG_03*", "IMG_03/a.jpg", False),
        ("IMG_03*", "x_IMG_0312.jpg", False),
        ("0312", "IMG_0312.jpg", True),
        ("IMG_031?.jpg", "IMG_0312.jpg", True),
        ("IMG_031?.jpg", "IMG_03123.jpg", False),
        ("[1]", "IMG[1].jpg", True),
        ("[1]*", "1.jpg", False),
        ("100%", "100%.jpg", True),
        ("a*c", "a\nb\nc", True),
        (".", "ab", False),
        ("\u00e9*", "e\u0301te\u0301.jpg", True),
        (30 * "*a" + "b", 250 * "a", False),  # tried one by one, the ways to share out the stars have no end
    ],
)
def test_given_a_file_name_when_looked_for_then_only_stars_and_question_marks_stand_for_others(
    text: str, key: str, is_so: bool
) -> None:
    assert Named.parse(text).holds(key) is is_so


@given(folders, st.lists(folders, max_size=3), hostile)
def test_given_any_folder_when_a_photo_is_in_it_then_it_holds(folder: str, above: list[str], name: str) -> None:
    key = "/".join([*above, folder, name])
    assert InFolder.parse(folder).holds(key)
    assert InFolder.parse("/" + "/".join([*above, folder])).holds(key)
    assert not InFolder.parse("x" + folder).holds(key)


@given(hostile, hostile)
def test_given_any_names_when_compared_then_it_is_as_a_walk_through_their_letters_says(
    pattern: str, name: str
) -> None:
    if not pattern.strip():
        return
    wild = pattern if set("*?") & set(pattern) else f"*{pattern}*"
    assert Named.parse(pattern).holds(f"folder/{name}") is _fits(folded(wild), folded(name))


def _fits(pattern: str, name: str) -> bool:
    """Tell whether a name is as a pattern has it, letter by letter."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_fits(pattern[1:], name[at:]) for at in range(len(name) + 1))
    return bool(name) and pattern[0] in {"?", name[0]} and _fits(pattern[1:], name[1:])


@given(st.sampled_from(["in", "name"]), folders)
def test_given_any_term_when_printed_and_read_then_it_is_the_same(kind: str, text: str) -> None:
    term = parse_term(f'{kind}:"{text}"')
    assert parse_term(str(term)) == term
