"""What an import finds."""

from __future__ import annotations

import os
import subprocess
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from photo_labels.library.importing.ends import End
from photo_labels.library.importing.finder import NO_SUFFIX, NOT_A_PHOTO, PhotoFinder
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from tests.unit.disk import Disk

from tests.unit.importing.shared import HOSTILE


def test_given_photos_with_hostile_names_when_imported_then_each_is_labelled_under_its_own_key(disk: Disk) -> None:
    disk.write(*HOSTILE)
    ended = disk.run()
    assert ended.counts.ends == {End.LABELLED: len(HOSTILE)}
    assert {file.content_key for file in ended.files.values()} == set(HOSTILE)


def test_given_a_folder_of_everything_when_imported_then_the_numbers_add_up(disk: Disk) -> None:
    disk.write(
        "good.jpg",
        "bad.png",
        "sub/deep/good.heic",
        "notes.txt",
        ".hidden.jpg",
        "x" * 200 + "/" + "y" * 200 + ".jpg",
    )
    disk.write("empty.jpg", body=b"")
    (disk.folder / "gone.jpg").symlink_to(disk.folder / "nowhere")
    (disk.folder / "linked.jpg").symlink_to(disk.folder / "good.jpg")
    (disk.folder / "around").symlink_to(disk.folder)
    os.mkfifo(disk.folder / "pipe.jpg")
    (disk.folder / "/".join(["d" * 204] * 5)).mkdir(parents=True)
    disk.write("/".join(["d" * 204] * 5) + "/long.jpg")
    (disk.folder / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(b"a name of another time")
    ended = disk.run()
    assert ended.counts.ends == {End.LABELLED: 4, End.REJECTED: 1, End.IMPOSSIBLE: 5, End.EMPTY: 1}
    assert ended.counts.copies == 1
    assert "11 photos = 4 labelled + 1 rejected + 5 impossible to upload + 1 empty" in ended.told
    assert "1 with the content of another" in ended.told
    assert "2 files skipped: .jpg 1 (hidden), .txt 1 (a document)" in ended.told
    for why in (
        "Bad: It is.",
        "It is a link to nothing.",
        "It is a link to a folder: name that folder",
        "empty: ",
        "It is no file.",
        "S3 takes 1,024: shorten its path.",
        "Its name is not valid UTF-8: rename it.",
    ):
        assert why in ended.told


def test_given_folders_of_system_when_imported_then_nobody_looks_into_them_and_they_are_named(
    disk: Disk,
) -> None:
    folders = [".thumbnails", "a/.Trash-1000", "b/@eaDir", "c/@eaDir", "lost+found", "$RECYCLE.BIN", "#recycle"]
    disk.write("a.jpg", *(f"{folder}/deleted.jpg" for folder in folders))
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled"}
    assert "7 folders skipped: @eaDir 2 (thumbnails), #recycle 1 (deleted files), $RECYCLE.BIN 1" in ended.told
    assert disk.run(paths=[disk.folder / ".thumbnails"]).ends() == {"deleted.jpg": "labelled"}


def test_given_folders_nested_deeper_than_the_recursion_limit_when_imported_then_all_are_found(
    disk: Disk,
) -> None:
    here = os.open(disk.folder, os.O_RDONLY)
    for depth in range(1_100):
        if depth == 400:
            os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(os.open("deep.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    disk.write("b.jpg")
    try:
        assert disk.run().ends() == {
            "a.jpg": "empty",
            "b.jpg": "labelled",
            "deep.jpg": "empty",
        }
    finally:  # Python's own rmtree, with which pytest tidies up, is not up to it
        subprocess.run(["rm", "-rf", disk.folder / "d"], check=True)


@pytest.mark.parametrize("year", [1960, 2300])
def test_given_a_time_of_change_beyond_all_reason_when_imported_then_it_is_labelled_and_known(
    disk: Disk, year: int
) -> None:
    disk.write("a.jpg")
    seconds = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    os.utime(disk.folder / "a.jpg", (seconds, seconds))
    for _ in range(2):
        assert disk.run().ends() == {"a.jpg": "labelled"}
    assert disk.puts == {"a.jpg": 1}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_given_accents_composed_or_not_when_imported_then_patterns_and_prefix_mean_the_same(
    disk: Disk, form: Any, typed: Any
) -> None:
    name = unicodedata.normalize(form, "Privé/é.jpg")
    disk.write(name, "a.jpg")
    pattern = unicodedata.normalize(typed, "Privé/*")
    assert disk.run(finder=PhotoFinder("", exclude=(pattern,))).ends() == {"a.jpg": "labelled"}
    finder = PhotoFinder(unicodedata.normalize(typed, "é/"), include=(pattern,))
    [file] = disk.run(finder=finder).files.values()
    assert file.key == "é/Privé/é.jpg"


def test_given_folder_that_cannot_be_read_when_imported_then_it_is_named(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write("a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled", "closed": "impossible to upload"}
    assert "The folder cannot be read: Permission denied." in ended.told


def test_given_patterns_when_imported_then_only_what_they_let_through(disk: Disk) -> None:
    disk.write("2019/a.jpg", "2019/raw/b.jpg", "2020/c.png", "2020/d.jpg")
    finder = PhotoFinder("", include=("2019/*", "*.png"), exclude=("*/raw/*",))
    ended = disk.run(finder=finder)
    assert ended.ends() == {"a.jpg": "labelled", "c.png": "labelled"}
    assert finder.left_alone == {"not included, or excluded": 2}
    assert "2 files skipped: .jpg 1 (left out by --exclude), .jpg 1 (left out by --include)" in ended.told


def test_given_key_suffixes_when_imported_then_what_would_not_be_labelled_is_told(disk: Disk) -> None:
    disk.write("a.jpg", "b.JPG", "c.heic", "scan", "film.mov")
    finder = PhotoFinder("", keys=KeyFilter("", (".jpg", ".heic")))
    ended = disk.run(finder=finder)
    assert ended.ends() == {"a.jpg": "labelled", "c.heic": "labelled"}
    assert finder.left_alone == {NOT_A_PHOTO: 1, NO_SUFFIX: 2}
    assert ".JPG 1 (not labelled: parameter KeySuffixes), .mov 1 (a video)" in ended.told
    with pytest.raises(UserError, match=r"2 would not be labelled: see the parameter KeySuffixes"):
        disk.run(finder=PhotoFinder("", keys=KeyFilter("", (".png",)), exclude=("*.jpg", "scan")))


def test_given_files_and_folders_and_a_prefix_when_imported_then_keys_are_below_it(disk: Disk) -> None:
    disk.write("one/a.jpg", "b.jpg")
    ended = disk.run(finder=PhotoFinder("in/"), paths=[disk.folder / "one", disk.folder / "b.jpg"])
    assert {file.key for file in ended.files.values()} == {"in/a.jpg", "in/b.jpg"}


def test_given_names_that_collide_when_composed_then_the_second_is_named_with_the_first(disk: Disk) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    disk.write(composed, decomposed)
    ended = disk.run()
    assert sorted(ended.ends().values()) == ["impossible to upload", "labelled"]
    assert disk.puts == {composed: 1}
    assert "another --prefix" in ended.told


def test_given_names_that_say_nothing_when_imported_then_the_first_bytes_decide(disk: Disk) -> None:
    jpeg, video = b"\xff\xd8\xff\xe0 and more", b"\0\0\0\x14ftypqt  \0\0\0\0qt  "
    disk.write("scan", "a.insp", ".jpg", "film.mov", "film.mov.json", body=jpeg)
    disk.write("film", "clip.part", body=video)
    disk.write("nothing", body=b"")
    os.mkfifo(disk.folder / "pipe")
    (disk.folder / "dangling").symlink_to(disk.folder / "nowhere")
    finder = PhotoFinder("")
    assert [file.key for file in finder.find([disk.folder])] == ["a.insp", "scan"]
    assert finder.left_alone == {NOT_A_PHOTO: 8}


def test_given_a_file_without_suffix_that_cannot_be_read_when_imported_then_it_is_named(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, *_: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    disk.write("scan")
    monkeypatch.setattr(Path, "open", refused)
    assert [file.key for file in PhotoFinder("").find([disk.folder])] == ["scan"]
    ended = disk.run()
    assert ended.counts.ends == {End.IMPOSSIBLE: 1}
    assert "It cannot be read: Permission denied" in ended.told
