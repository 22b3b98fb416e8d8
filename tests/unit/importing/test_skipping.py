"""What an import skips, and what it says of it."""

from __future__ import annotations

import io
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.folders import FOLDERS
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.skipped import Skipped, parts_of, skip
from photo_labels.records.formats import NON_PHOTO_NAMES, NON_PHOTO_SUFFIXES, PHOTO_FORMATS
from photo_labels.terminal.skipped_text import show_skipped

if TYPE_CHECKING:
    from tests.unit.disk import Disk

JPEG = b"\xff\xd8\xff\xe0 and more"
VIDEO = b"\0\0\0\x14ftypqt  \0\0\0\0qt  "
# As Google Takeout, browsers, chats, editors, downloads and backups leave them.
UNKNOWN_NAMES = [
    "IMG_1234.jp", "photo(1).j", "IMG_0001.jpg(1)", "photo.jpg~", "image.jpg.1", "photo.jpg.bak", "IMG_1.JPG ", "a.jpg.", "photo.jpg.part",
    "picture.jpg_medium", "image.jpg_original", "photo.jpg!d", "photo.jpg?w=200", "Mr.C", "scan", "1.2.840.113619", "ünï.日本", "x.\x1b[31m", "a.\n",
]  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN_NAMES)
def test_given_a_name_that_says_nothing_when_found_then_what_is_in_it_decides(disk: Disk, name: str) -> None:
    disk.write(f"photos/{name}", body=JPEG)
    disk.write(f"films/{name}", body=VIDEO)
    finder = PhotoFinder("")
    assert [file.path.name for file in finder.find([disk.folder])] == [name]
    [(skipped, count)] = finder.skipped.items()
    assert (count, skipped.why) == (1, "does not begin like a photo")


@pytest.mark.parametrize(
    ("name", "what", "why"),
    [
        ("IMG_0001.MOV", ".mov", "a video"),
        ("a.jpg.supplemental-metadata.json", ".json", "a file of metadata"),
        ("._a.jpg", ".jpg", "metadata of macOS"),
        ("._a.mov", ".mov", "a video"),
        (".DS_Store", ".ds_store", "a file of an operating system"),
        ("Thumbs.db", ".db", "a catalogue or database"),
        (".trashed-1700000000-a.jpg", ".jpg", "hidden"),
        (".jpg", "", "hidden"),
        ("Dr. Strangelove", "", "does not begin like a photo"),
        ("a." + "x" * 100, "", "does not begin like a photo"),
        ("a.jp", ".jp", "does not begin like a photo"),
    ],
)
def test_given_a_file_that_is_skipped_when_counted_then_by_its_suffix_and_why(
    disk: Disk, name: str, what: str, why: str
) -> None:
    disk.write(name, body=VIDEO)
    finder = PhotoFinder("")
    assert list(finder.find([disk.folder])) == []
    assert finder.skipped == {Skipped(what, why): 1}


# Folders


FOLDER_NAMES = {
    "Photos.photoslibrary/resources/derivatives": "previews of Apple Photos",
    "Photos Library.photoslibrary/scopes/syndication/resources/derivatives": "previews of Apple Photos",
    "iPhoto.migratedphotolibrary/Thumbnails": "thumbnails",
    "iPhoto.photolibrary/Previews": "previews of Apple Photos",
    "Lightroom/2019 Previews.lrdata": "data of Lightroom",
    "Session/CaptureOne/Cache": "previews of Capture One",
    "Mine.cocatalog/Cache": "previews of Capture One",
    "iPod Photo Cache": "thumbnails",
    "PRIVATE/M4ROOT/THMBNL": "thumbnails",
    "Android/data": "data of apps",
    "Recently Deleted": "deleted files",
    ".picasaoriginals": "hidden",
    ".dtrash": "hidden",
    ".@__thumb": "hidden",
}
LOOKED_INTO = [
    "Photos.photoslibrary/originals/0",
    "Photos.photoslibrary/resources/renders/0",
    "iPhoto.photolibrary/Masters/2012",
    "iPhoto.photolibrary/Modified",
    "Mine.cocatalog/Originals",
    "Originals",
    "resources/derivatives",
    "previews",
    "cache",
    "data",
    "a.lrdata.d",
    "xthumbs",
    "thumbs\n",
    "X.photoslibrary/scopes/a/b/resources/derivatives",
    "Android/media/com.whatsapp",
]


@pytest.mark.parametrize("folder", FOLDER_NAMES)
def test_given_a_folder_of_caches_when_found_then_it_is_skipped_and_said_what_it_holds(
    disk: Disk, folder: str
) -> None:
    disk.write("a.jpg", f"{folder}/deep/b.jpg")
    finder = PhotoFinder("")
    assert [file.key for file in finder.find([disk.folder])] == ["a.jpg"]
    assert finder.skipped_folders == {Skipped(Path(folder).name, FOLDER_NAMES[folder]): 1}
    assert finder.folders_left_alone == {Path(folder).name: 1}
    assert [file.key for file in PhotoFinder("").find([disk.folder / folder])] == ["deep/b.jpg"]


@pytest.mark.parametrize("folder", LOOKED_INTO)
def test_given_a_folder_that_may_hold_photos_when_found_then_it_is_looked_into(disk: Disk, folder: str) -> None:
    disk.write(f"{folder}/a.jpg")
    finder = PhotoFinder("")
    assert [file.key for file in finder.find([disk.folder])] == [f"{folder}/a.jpg"]
    assert not finder.skipped_folders


def test_given_the_table_of_folders_when_read_then_patterns_are_in_small_letters() -> None:
    patterns = [pattern for those in FOLDERS.values() for pattern in those]
    assert patterns == [pattern.lower() for pattern in patterns]
    assert len(patterns) == len(set(patterns))


# The numbers add up

SUFFIXES = [suffix for one in PHOTO_FORMATS for suffix in one.suffixes]
names = st.builds(
    lambda start, stem, suffix: (start + stem + suffix)[:60],
    st.sampled_from(["", "", "", ".", "._"]),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=6),
    st.sampled_from([*SUFFIXES, *NON_PHOTO_SUFFIXES, *NON_PHOTO_NAMES, "", ".jp", ".1", "~"]).flatmap(
        lambda suffix: st.sampled_from([suffix, suffix.upper()])
    ),
).filter(lambda name: name not in {".", ".."})
files = st.dictionaries(names, st.sampled_from([JPEG, VIDEO, b""]), max_size=12)
patterns = st.lists(st.sampled_from(["*.jpg", "*.MOV", "*a*", "[!a]*", "sub/*"]), max_size=2)
key_suffixes = st.sampled_from([(), (".jpg", ".JPG"), (".png",)])


@settings(deadline=None)
@given(files, patterns, patterns, key_suffixes)
def test_given_any_files_when_found_then_found_and_skipped_are_all_that_were_seen(
    some: dict[str, bytes], include: list[str], exclude: list[str], suffixes: tuple[str, ...]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "all"
        for where in (folder, folder / "sub"):
            where.mkdir()
            for name, body in some.items():
                (where / name).write_bytes(body)
        there = sum(path.is_file() for path in folder.rglob("*"))
        finder = PhotoFinder("", include, exclude, KeyFilter("", suffixes))
        found = list(finder.find([folder]))
        named = [path for path in folder.iterdir() if path.is_file()]
        answered = PhotoFinder("", include, exclude, KeyFilter("", suffixes))
        ends = list(answered.find(named))
    assert len(found) + finder.skipped.total() == there
    assert finder.left_alone.total() == finder.skipped.total()
    assert all(one.why for one in finder.skipped)
    # A file that is named is found, whatever it is; what a folder's walk finds is found by name, too.
    assert [file.path for file in ends] == named
    assert not answered.skipped
    by_walk = {file.key for file in found if file.path.parent == folder and not file.why}
    assert by_walk <= {file.key for file in ends if not file.why}
    assert all(file.why or file.key in by_walk or file.path.name.startswith(".") for file in ends)


# What a person is told


def told_at(width: int, tally: Counter[Skipped]) -> list[str]:
    console = Console(width=width, file=io.StringIO(), record=True)
    show_skipped(console, "file", tally)
    return console.export_text().splitlines()


def test_given_skipped_files_when_told_at_80_columns_then_lines_break_between_suffixes() -> None:
    tally = Counter({Skipped(".mov", "a video"): 1_234, Skipped(".json", "a file of metadata"): 3})
    tally[Skipped("", "does not begin like a photo")] = 1
    tally[Skipped(".svg", "a picture in a format that is not read here")] = 1
    assert told_at(80, tally) == [
        "1,239 files skipped: .mov 1,234 (a video), .json 3 (a file of metadata),",
        "    no suffix 1 (does not begin like a photo),",
        "    .svg 1 (a picture in a format that is not read here)",
    ]
    assert told_at(200, Counter({Skipped(".txt", "a document"): 1})) == ["1 file skipped: .txt 1 (a document)"]
    assert told_at(80, Counter()) == []


def test_given_many_suffixes_when_told_then_the_most_frequent_come_first_and_the_rest_counted() -> None:
    tally = Counter({Skipped(f".x{number:02d}", "a video"): 100 - number for number in range(20)})
    parts = parts_of(tally)
    assert parts[:2] == [".x00 100 (a video)", ".x01 99 (a video)"]
    assert len(parts) == 9
    assert parts[-1] == f"and {sum(range(81, 93)):,} others"


def test_given_a_suffix_for_each_file_when_counted_then_memory_does_not_grow() -> None:
    tally: Counter[Skipped] = Counter()
    for number in range(5_000):
        skip(tally, f".{number}", "does not begin like a photo")
    assert (len(tally), tally.total()) == (1_001, 5_000)
    assert parts_of(tally)[0] == "other suffixes 4,000 (does not begin like a photo)"


def test_given_a_hostile_name_when_told_then_it_does_nothing_to_the_terminal() -> None:
    tally = Counter({Skipped(".\x1b[31m\n[bold]", "hidden"): 1})
    assert told_at(80, tally) == ["1 file skipped: .\\x1b[31m\\n[bold] 1 (hidden)"]
