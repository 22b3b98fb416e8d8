"""The pace of an import, and its command."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from photo_labels.commands.import_ import ImportOptions, run_import
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.pace import MOST, Pace
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.user_errors import UserError
from tests.unit.deployed import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.disk import Disk

from tests.unit.importing.shared import HOSTILE


def rate_with(capacity: Callable[[int], float], seconds: int) -> Pace:
    """Let time pass for a pace, while S3 does so many a second with so many at a time."""
    now = 0.0
    pace = Pace(lambda: now)
    while now < seconds:
        now += 1 / capacity(pace.at_a_time)
        pace.done()
    return pace


def test_given_more_at_a_time_being_faster_when_paced_then_as_many_as_there_may_be() -> None:
    assert rate_with(lambda at_a_time: at_a_time * 20.0, 30).at_a_time == MOST


def test_given_more_at_a_time_being_no_faster_when_paced_then_about_as_many_as_at_first() -> None:
    assert rate_with(lambda _: 200.0, 60).at_a_time <= 12


def test_given_a_request_to_slow_down_when_paced_then_half_as_many_at_once() -> None:
    pace = rate_with(lambda at_a_time: at_a_time * 20.0, 30)
    pace.slow_down()
    assert pace.at_a_time == MOST // 2


def test_given_json_when_imported_then_each_file_has_a_line_and_the_sum_adds_up(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg", "bad.jpg", *HOSTILE)
    ended = runner(disk.folder, "--json")
    *lines, sums = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.exit_code == 1
    assert {(Path(line["path"]).name, line["end"]) for line in lines} >= {
        ("a.jpg", "labelled"),
        ("bad.jpg", "rejected"),
    }
    assert sums["files"] == len(lines) == sum(sums["ends"].values()) == 2 + len(HOSTILE)
    assert [line["why"] for line in lines if line["end"] == "rejected"] == ["Bad: It is."]


def test_given_photos_that_are_too_small_when_imported_then_one_line_counts_them(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    tiny = [f"tiny {number}.jpg" for number in range(12)]
    disk.write("a.jpg", "bad.jpg", *tiny)
    ended = runner(disk.folder)
    told = " ".join(ended.output.split())
    assert "14 photos = 1 labelled + 13 rejected" in told
    assert (
        "rejected: 12 too small (below 80 pixels a side): `photos failures --reason TooSmall` lists them" in told
    )
    assert ("bad.jpg" in told, "tiny" in told) == (True, False)
    assert ended.exit_code == 1


def test_given_photos_that_are_too_small_when_imported_with_json_then_each_has_its_line(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("tiny 1.jpg", "tiny 2.jpg")
    *lines, _ = [json.loads(line) for line in runner(disk.folder, "--json").stdout.splitlines()]
    assert [(line["end"], line["why"]) for line in lines] == [("rejected", "TooSmall: It is.")] * 2


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["a.jpg"], 0),
        (["a.jpg", "bad.jpg"], 1),
        (["a.jpg", "tiny.jpg"], 1),
        (["a.jpg", "bad.jpg", "\u00e9.jpg", "e\u0301.jpg"], 1),
    ],
)
def test_given_an_end_when_imported_then_the_exit_code_says_which(
    disk: Disk, runner: Callable[..., Any], names: list[str], code: int
) -> None:
    disk.write(*names)
    assert runner(disk.folder).exit_code == code


def test_given_a_dry_run_when_imported_then_the_cost_is_said_and_nothing_sent(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write(*(f"{number}.jpg" for number in range(1000)))
    ended = runner(disk.folder, "--dry-run")
    assert ended.exit_code == 0
    assert "1,000 photos, 1,000 to upload" in ended.output
    assert "1,000 photos = 1,000 to upload" in ended.output
    assert "1.02 USD" in ended.output
    assert not disk.puts
    outputs = replace(disk.target.outputs, has_image_properties=True)
    disk.target = replace(disk.target, outputs=outputs)
    assert "1.77 USD" in runner(disk.folder, "--dry-run").output


def test_given_a_cost_above_a_dollar_when_not_agreed_to_then_nothing_is_sent(
    disk: Disk, runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.library.costs.USD_A_PHOTO", 0.6)
    disk.write("a.jpg", "b.jpg")
    assert runner(disk.folder, input="n\n").exit_code == 1
    assert disk.target.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert runner(disk.folder, input="y\n").exit_code == 0
    disk.write("c.jpg", "d.jpg")
    assert runner(disk.folder, "--yes").exit_code == 0


def test_given_no_wait_when_imported_then_all_are_uploaded_and_the_next_run_waits(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg")
    ended = runner(disk.folder, "--no-wait")
    assert (ended.exit_code, "1 uploaded" in ended.output) == (0, True)
    assert "1 labelled" in runner(disk.folder).output


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("missing", "does not exist"),
        ("empty", "no file is there to be imported.$"),
        (
            "without",
            r"of 3 files none is to be imported\. Skipped: \.txt 2 \(a document\), \.mov 1 \(a video\)\.$",
        ),
        ("trash", r"Folders that were not looked into: @eaDir 1 \(thumbnails\)\.$"),
    ],
)
def test_given_nothing_to_import_when_asked_then_it_is_said_what_is_there(
    disk: Disk, name: str, told: str
) -> None:
    (disk.folder / "empty").mkdir()
    disk.write("without/notes.txt", "without/b.txt", "without/film.mov", "trash/@eaDir/a.jpg")
    with pytest.raises(UserError, match=name) as error:
        run_import(disk.target, ImportOptions((disk.folder / name,)), Console(file=io.StringIO()))
    assert re.search(told, str(error.value))


def test_given_empty_files_among_others_when_imported_then_they_are_a_warning_with_a_count(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg")
    disk.write("empty.jpg", "e 2.jpg", body=b"")
    ended = runner(disk.folder)
    assert (ended.exit_code, "3 photos = 1 labelled + 0 rejected + 2 empty" in ended.output) == (0, True)
    assert f"empty: {disk.folder / 'empty.jpg'}" in "".join(ended.output.split("\n"))


# Files that are named themselves

VIDEO = "By its name it is a video, and no photo that can be labelled."
NAMED = [
    # name, end, why
    ("a.jpg", "labelled", None),
    (".hidden.jpg", "labelled", None),
    ("bad.jpg", "rejected", "Bad: It is."),
    ("film.mov", "impossible to upload", VIDEO),
    (".DS_Store", "impossible to upload", "By its name it is a file of an operating system,"),
    ("film", "impossible to upload", "It is no photo: it begins like none"),
    ("empty", "impossible to upload", "It is empty (0 bytes)."),
    ("raw.jpg", "left out", "--exclude leaves it out."),
    ("raw.mov", "left out", "--exclude leaves it out."),
]


def test_given_files_that_are_named_when_imported_then_each_has_an_end_and_a_line_of_json(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write(*(name for name, _, _ in NAMED), "folder/b.mov")
    disk.write("empty", body=b"")
    names = [disk.folder / name for name, _, _ in NAMED]
    ended = runner(*names, disk.folder / "folder", "--json", "--exclude", "raw*")
    *lines, sums = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.exit_code == 1
    assert {Path(line["path"]).name: line["end"] for line in lines} == {name: end for name, end, _ in NAMED}
    reasons = {Path(line["path"]).name: line["why"] or "" for line in lines}
    assert all(reasons[name].startswith(why or "") for name, _, why in NAMED)
    assert sums["files"] == len(NAMED) == sum(sums["ends"].values())
    assert sums["skipped"] == [{"suffix": ".mov", "files": 1, "why": "a video"}]
    told = " ".join(ended.stderr.split())
    assert "9 photos = 2 labelled + 1 rejected + 4 impossible to upload + 2 left out" in told
    assert f"impossible to upload: {disk.folder / 'film.mov'} {VIDEO}" in told


@pytest.mark.parametrize(
    ("names", "options", "code"),
    [
        (["film.mov"], [], 1),
        (["a.jpg", "film.mov"], [], 1),
        (["a.jpg", "film.mov"], ["--exclude", "*.mov"], 0),
        (["a.jpg", "film.mov"], ["--include", "*.jpg"], 0),
        (["a.jpg", "film.mov"], ["--dry-run"], 1),
        (["."], [], 0),
    ],
)
def test_given_no_photo_when_named_then_the_exit_code_says_so_unless_it_is_left_out(
    disk: Disk, runner: Callable[..., Any], names: list[str], options: list[str], code: int
) -> None:
    disk.write("a.jpg", "film.mov")
    assert runner(*(disk.folder / name for name in names), *options).exit_code == code


def test_given_a_file_beyond_key_suffixes_when_named_then_it_is_said_which_are_labelled(disk: Disk) -> None:
    disk.write("a.jpg", "b.png")
    finder = PhotoFinder("", keys=KeyFilter("", (".jpg", ".heic")))
    ended = disk.run(finder=finder, paths=[disk.folder / "a.jpg", disk.folder / "b.png"])
    assert ended.ends() == {"a.jpg": "labelled", "b.png": "impossible to upload"}
    assert "labels only what ends in .jpg, .heic (its parameter KeySuffixes)" in ended.told


def test_given_a_named_file_that_was_left_out_when_imported_again_then_it_is_labelled(
    disk: Disk,
) -> None:
    disk.write("a.jpg")
    path = disk.folder / "a.jpg"
    assert disk.run(finder=PhotoFinder("", exclude=("a.*",)), paths=[path]).ends() == {"a.jpg": "left out"}
    assert disk.run(paths=[path]).ends() == {"a.jpg": "labelled"}
