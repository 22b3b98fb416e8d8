"""`make bench-vision`: which labels count as right, and which photos are looked at."""

from __future__ import annotations

import re
import shutil
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from local.ministack import REPOSITORY
from local.models.evaluation import photos
from local.models.evaluation.__main__ import main
from local.models.evaluation.photos import LIST, Photo, fetch, photos_in
from local.models.evaluation.score import Seen, score, sure
from local.models.vision import LabelTable
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLES = REPOSITORY / "samples"
CAT = Photo("cat.jpg", ("Cat", "Kitten"), frozenset({"Window"}), frozenset({"Tabby"}))


@pytest.fixture(scope="module")
def table() -> LabelTable:
    return LabelTable()


def seen(*labels: str, expected: Photo | None = CAT) -> Seen:
    return Seen("cat.jpg", frozenset(labels), 0.05, expected)


def test_given_labels_when_judged_then_parents_are_right_and_what_is_plausible_counts_as_neither(
    table: LabelTable,
) -> None:
    one = seen("Cat", "Animal", "Tabby", "Dog")

    assert one.right(table) == {"Cat", "Animal"}
    assert one.wrong(table) == {"Dog"}
    assert one.missed() == {"Window"}


def test_given_photos_when_scored_then_shares_are_of_labels_and_of_photos(table: LabelTable) -> None:
    scored = score([seen("Cat", "Dog", "Window"), seen()], table)

    assert (scored.photos, scored.without_labels, scored.subjects_named) == (2, 0.5, 0.5)
    assert scored.precision == pytest.approx(2 / 3)
    assert scored.recall == 0.5
    assert scored.cpu_ms == pytest.approx(50)


def test_given_photos_of_which_nothing_is_expected_when_scored_then_only_labels_are_counted(
    table: LabelTable,
) -> None:
    scored = score([seen("Cat", expected=None)], table)

    assert (scored.subjects_named, scored.precision, scored.recall) == (None, None, None)


def test_given_an_answer_when_read_then_labels_count_from_a_confidence_on() -> None:
    answer = [{"Name": "Cat", "Confidence": 55.0}, {"Name": "Dog", "Confidence": 54.9}]

    assert sure(answer, 55) == {"Cat"}
    assert sure(answer, 0, 55) == {"Dog"}


def test_given_the_list_when_read_then_its_lines_are_whole_and_its_parts_alike() -> None:
    listed = photos_in(LIST)

    assert len({photo.sha256 for photo in listed}) == len(listed) >= 120
    for photo in listed:
        assert photo.package
        assert photo.subjects
        assert re.fullmatch("[0-9a-f]{64}", photo.sha256)
    assert 0.4 < sum(photo.is_held_out for photo in listed) / len(listed) < 0.6
    assert not any(photo.is_held_out for photo in listed if photo.package == "samples")


@given(st.lists(st.binary(max_size=30)))
def test_given_a_resource_file_when_read_then_each_file_in_it_is_given(files: list[bytes]) -> None:
    data = b"".join(struct.pack(">I", len(file)) + file for file in files)
    content = b"qres" + struct.pack(">4I", 2, 20 + len(data), 20, 20 + len(data)) + data + b"tree and names"

    assert list(photos._resources(content)) == files


def test_given_packages_when_fetched_then_only_listed_photos_are_kept_and_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = replace(
        CAT,
        package="cats",
        sha256="77af778b51abd4a3c51c5ddd97204a9c3ae614ebccb75a606c3b6865aed6744e",  # of b"cat"
    )
    asked = []

    def contents(package: str) -> Iterator[bytes]:
        asked.append(package)
        if package == "away":
            raise FileNotFoundError("apt-get")
        yield from (b"dog", b"cat")

    monkeypatch.setattr(photos, "_contents", contents)
    away = replace(listed, package="away", sha256="00")
    for _ in range(2):
        found = fetch([listed, away], tmp_path, lambda _: None)
        assert found == {listed: tmp_path / listed.sha256}
    assert asked == ["away", "cats", "away"]
    (tmp_path / listed.sha256).write_bytes(b"ca")  # interrupted
    assert fetch([listed], tmp_path, lambda _: None) == {listed: tmp_path / listed.sha256}
    assert asked == ["away", "cats", "away", "cats"]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"cat"]


def test_given_a_folder_of_ones_own_when_judged_then_by_its_list_and_what_is_wrong_is_named(
    tmp_path: Path,
) -> None:
    shutil.copy(SAMPLES / "cat.jpg", tmp_path / "[b]katze.jpg")
    (tmp_path / "photos.tsv").write_text("file\tsubject\tlabels\tplausible\n[b]katze.jpg\tDog\tDog\t\n")

    done = CliRunner().invoke(main, ["--folder", str(tmp_path)], catch_exceptions=False)

    assert re.search(r"yours +1 +80 % +0% +0% ", done.output)
    assert re.search(r"95 to 100 % +75%", done.output)
    assert re.search(r"\[b\]katze\.jpg: .*Cat", done.output)


def test_given_a_folder_without_a_list_when_judged_then_labels_are_counted_alone(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "cat.jpg", tmp_path)
    (tmp_path / "notes.txt").write_text("none")

    done = CliRunner().invoke(main, ["--folder", str(tmp_path)], catch_exceptions=False)

    assert re.search(r"yours +1 +55 % +0% +- +- +- ", done.output)
    assert "confidence" not in done.output


@pytest.mark.parametrize("content", [b"name\ncat.jpg\n", b"\xff\xfe"])
def test_given_a_list_that_is_none_when_judged_then_a_sentence_says_what_it_needs(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "photos.tsv").write_bytes(content)

    with pytest.raises(UserError, match="needs the columns"):
        CliRunner().invoke(main, ["--folder", str(tmp_path)], catch_exceptions=False, standalone_mode=False)


def test_given_no_folder_when_judged_then_its_name_is_said(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--folder", str(tmp_path / "photos")])

    assert done.exit_code == 2
    assert "does not exist" in done.output
