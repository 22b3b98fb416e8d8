"""What is written into a folder: what is ours, and nothing that is anybody else's."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

import pytest

from photo_labels.library.sidecars import files
from photo_labels.library.sidecars.files import Outcome, SidecarFolder
from photo_labels.library.sidecars.xmp import packet, sealed, sealed_photo
from photo_labels.library.user_errors import NotAllDoneError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THEIRS = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"


def ours(key: str, *names: str) -> bytes:
    return sealed(packet([(name,) for name in names]), key)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[SidecarFolder]:
    with SidecarFolder(tmp_path / "photos") as folder:
        yield folder


def written(folder: SidecarFolder, key: str, *names: str) -> Outcome:
    return folder.write(key, key, ours(key, *names))


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_given_our_own_sidecar_when_exported_again_then_only_what_is_new_is_written(
    folder: SidecarFolder, tmp_path: Path
) -> None:
    path = tmp_path / "photos" / "2019" / "a.jpg.xmp"
    assert written(folder, "2019/a.jpg", "Dog") is Outcome.WRITTEN
    first = path.stat()
    assert written(folder, "2019/a.jpg", "Dog") is Outcome.UNCHANGED
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    assert written(folder, "2019/a.jpg", "Cat") is Outcome.WRITTEN
    assert path.read_bytes() == ours("2019/a.jpg", "Cat")
    assert [one.name for one in path.parent.iterdir()] == ["a.jpg.xmp"]


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param(THEIRS, id="of another program"),
        pytest.param(b"", id="empty"),
        pytest.param(ours("a.jpg", "Dog").replace(b"Dog", b"Cow"), id="ours, changed"),
        pytest.param(bytes(17 * 2**20), id="large"),
    ],
)
def test_given_somebody_elses_sidecar_when_exported_then_it_stays_as_it_is(
    folder: SidecarFolder, tmp_path: Path, theirs: bytes
) -> None:
    path = tmp_path / "photos" / "a.jpg.xmp"
    path.write_bytes(theirs)
    assert written(folder, "a.jpg", "Cat") is Outcome.NOT_OURS
    assert path.read_bytes() == theirs


def test_given_two_keys_with_one_name_on_this_disk_when_exported_then_the_first_keeps_it(
    folder: SidecarFolder, tmp_path: Path
) -> None:
    assert written(folder, "A.jpg", "Dog") is Outcome.WRITTEN
    if not (tmp_path / "photos" / "a.jpg.xmp").exists():  # as on a disk that does not tell a from A
        os.link(tmp_path / "photos" / "A.jpg.xmp", tmp_path / "photos" / "a.jpg.xmp")
    assert written(folder, "a.jpg", "Cat") is Outcome.OF_ANOTHER
    assert (tmp_path / "photos" / "a.jpg.xmp").read_bytes() == ours("A.jpg", "Dog")


def test_given_somebody_saves_meanwhile_when_exported_then_theirs_stays(
    folder: SidecarFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photos" / "a.jpg.xmp"
    written(folder, "a.jpg", "Dog")

    def looked_at(content: bytes) -> str | None:
        path.write_bytes(THEIRS)
        return sealed_photo(content)

    monkeypatch.setattr(files, "sealed_photo", looked_at)
    assert written(folder, "a.jpg", "Cat") is Outcome.NOT_OURS
    assert path.read_bytes() == THEIRS
    assert names_in(tmp_path / "photos") == ["a.jpg.xmp"]


# links, and what is no file


def test_given_links_in_the_folder_when_exported_then_nothing_is_written_where_they_lead(
    folder: SidecarFolder, tmp_path: Path
) -> None:
    photos, outside = tmp_path / "photos", tmp_path / "outside"
    outside.mkdir()
    (outside / "ours.xmp").write_bytes(ours("file.jpg", "Dog"))
    (photos / "folder").symlink_to(outside)
    (photos / "file.jpg.xmp").symlink_to(outside / "ours.xmp")
    (photos / "nowhere.jpg.xmp").symlink_to(outside / "new.xmp")
    assert written(folder, "folder/a.jpg", "Cat") is Outcome.IMPOSSIBLE
    assert written(folder, "folder/below/a.jpg", "Cat") is Outcome.IMPOSSIBLE
    assert written(folder, "file.jpg", "Cat") is Outcome.NOT_OURS
    assert written(folder, "nowhere.jpg", "Cat") is Outcome.NOT_OURS
    assert names_in(outside) == ["ours.xmp"]
    assert (outside / "ours.xmp").read_bytes() == ours("file.jpg", "Dog")


def test_given_a_link_as_the_folder_itself_when_exported_then_it_is_the_one_that_was_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "photos").symlink_to(tmp_path / "real")
    with SidecarFolder(tmp_path / "photos") as folder:
        assert written(folder, "a.jpg", "Dog") is Outcome.WRITTEN
    assert names_in(tmp_path / "real") == ["a.jpg.xmp"]


def test_given_no_file_where_a_sidecar_belongs_when_exported_then_it_does_not_hang_and_stays(
    folder: SidecarFolder, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "photos" / "pipe.jpg.xmp")
    assert written(folder, "folder.jpg.xmp/a.jpg", "Dog") is Outcome.WRITTEN
    assert written(folder, "pipe.jpg", "Dog") is Outcome.NOT_OURS
    assert written(folder, "folder.jpg", "Dog") is Outcome.IMPOSSIBLE
    assert written(folder, "a.jpg", "Dog") is Outcome.WRITTEN
    assert written(folder, "a.jpg.xmp/b.jpg", "Dog") is Outcome.IMPOSSIBLE


@pytest.mark.parametrize(
    "key",
    [
        "../a.jpg",
        "/a.jpg",
        "a/../b.jpg",
        "a//b.jpg",
        "./a.jpg",
        "a/",
        "",
        "\0.jpg",
        "\ud800.jpg",
        "x" * 252,
        "é" * 252,
    ],
)
def test_given_a_key_that_is_no_name_of_a_file_when_exported_then_there_is_none(
    folder: SidecarFolder, tmp_path: Path, key: str
) -> None:
    assert written(folder, key, "Dog") is Outcome.IMPOSSIBLE
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


# a photo beside its sidecar


def test_given_something_of_a_photos_name_when_opened_then_only_what_can_be_read(
    folder: SidecarFolder, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    (tmp_path / "kept").write_bytes(b"photo")
    (photos / "linked.jpg").symlink_to(tmp_path / "kept")
    (photos / "folder.jpg").mkdir()
    os.mkfifo(photos / "pipe.jpg")
    with folder.photo("linked.jpg") as file:
        assert file
        assert file.read() == b"photo"
    for key in ("folder.jpg", "pipe.jpg", "none.jpg", "none/none.jpg", "../kept", "\0"):
        with folder.photo(key) as file:
            assert file is None, key


# disks


def test_given_a_disk_that_takes_no_more_when_exported_then_it_is_said_and_nothing_is_left(
    folder: SidecarFolder, tmp_path: Path
) -> None:
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(
            NotAllDoneError, match=r"^a\.jpg\.xmp cannot be written to .*photos \(File too large\)"
        ):
            written(folder, "a.jpg", "Dog")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names_in(tmp_path / "photos") == []
    assert written(folder, "a.jpg", "Dog") is Outcome.WRITTEN


def test_given_what_a_killed_run_left_when_exported_again_then_it_is_gone(
    folder: SidecarFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(os, "replace", interrupt)
        killed.setattr(os, "unlink", lambda *_, **__: None)
        with pytest.raises(KeyboardInterrupt):
            written(folder, "a.jpg", "Dog")
    assert len(names_in(tmp_path / "photos")) == 1
    assert written(folder, "a.jpg", "Dog") is Outcome.WRITTEN
    assert names_in(tmp_path / "photos") == ["a.jpg.xmp"]


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_given_a_file_in_the_place_of_the_folder_when_opened_then_a_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "photos").touch()
    with pytest.raises(UserError, match=r"photos is no folder, and cannot be made one \(File exists\)\.$"):
        SidecarFolder(tmp_path / "photos")
