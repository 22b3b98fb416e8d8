"""The list of public test files and their expected ends, and how its files are brought here."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from corpus import expected
from corpus.ends import End
from corpus.expected import expectations, expected_in, repositories
from corpus.fetching import fetch

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_given_the_list_when_read_then_each_line_names_one_file_and_a_known_repository() -> None:
    files = expectations()
    assert len(files) >= 300
    places = [(one.repository, one.path) for one in files]
    assert places == sorted(set(places))
    assert {one.repository for one in files} == {one.name for one in repositories()}
    for one in files:
        path = PurePosixPath(one.path)
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert re.fullmatch(r"[0-9a-f]{64}", one.sha256), one
    for repository in repositories():
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", repository.name)
        assert re.fullmatch(r"[0-9a-f]{40}", repository.commit), repository


def test_given_the_list_when_read_then_each_refusal_has_its_reason_and_a_sentence_and_no_other_has() -> None:
    for one in expectations():
        is_refused = one.end is not End.LABELLED
        assert bool(one.why) is is_refused, one
        assert bool(one.reason) is (one.end is End.REJECTED), one
        assert not is_refused or re.fullmatch(r"[A-Z].{10,}\.", one.why), one
        assert one.end is not End.UNACCOUNTED
        assert one.reason not in {"DecoderCrashed", "DecoderTooSlow"}


def test_given_the_list_when_read_then_every_kind_of_end_and_most_formats_are_in_it() -> None:
    files = expectations()
    labelled = {PurePosixPath(one.path).suffix.lower() for one in files if one.end is End.LABELLED}
    assert {".jpg", ".png", ".tif", ".heic", ".avif", ".webp", ".gif", ".bmp", ".jp2", ".psd", ".dng"} <= labelled
    assert {"TooSmall", "BrokenPhoto", "UnsupportedPhoto"} <= {one.reason for one in files}


def test_given_a_folder_with_some_files_when_compared_with_the_list_then_those_of_that_content_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "owner" / "name" / "in a folder"
    here.mkdir(parents=True)
    (here / "same.jpg").write_bytes(b"same")
    (here / "other.jpg").write_bytes(b"changed since")
    sha256 = hashlib.sha256(b"same").hexdigest()
    rows = [f"owner/name\tin a folder/{name}.jpg\t{sha256}\tLABELLED\t\t\n" for name in ("same", "other", "gone")]
    (tmp_path / "list.tsv").write_text("repository\tpath\tsha256\tend\treason\twhy\n" + "".join(rows))
    monkeypatch.setattr(expected, "_LIST", tmp_path / "list.tsv")
    assert list(expected_in(tmp_path)) == [here / "same.jpg"]


def test_given_a_repository_when_fetched_then_the_named_files_alone_as_they_were_at_the_commit(
    tmp_path: Path,
) -> None:
    origin = tmp_path / "origin"

    def git(*words: str) -> str:
        own = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        return subprocess.run(
            ["git", "-C", origin, *own, *words], check=True, capture_output=True, text=True
        ).stdout

    names = ["a [b]*.jpg", "below/é #1.png", "not named.jpg", "below/a.jpg"]
    for name in names:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        (origin / name).write_bytes(b"first\r\n")
    git("init", "--quiet")
    for setting in ("allowFilter", "allowAnySHA1InWant"):
        git("config", f"uploadpack.{setting}", "true")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    commit = git("rev-parse", "HEAD").strip()
    (origin / names[0]).write_text("changed")
    git("commit", "--quiet", "-am", "second")

    here = tmp_path / "owner" / "name"
    for _ in range(2):
        fetch(origin.as_uri(), commit, names[:2], here)
        found = {str(path.relative_to(here)) for path in here.rglob("*") if path.is_file()}
        assert {name for name in found if not name.startswith(".git/")} == set(names[:2])
        assert (here / names[0]).read_bytes() == b"first\r\n"
