"""No import replaces a photo that it is not told to replace, and none is said to be there that is not.

Whatever happens to the disk: memory cards one after the other at one mount point, other folders under the same
relative path, files that change, move, or get the size and time of change of another.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photo_labels.library.importing.ends import End
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import Journal
from photo_labels.library.target import Target
from tests.unit.deployed import BUCKET

if TYPE_CHECKING:
    from io import BufferedReader

    import pytest

    from tests.unit.disk import Disk

NAMES = ["DCIM/IMG_0001.JPG", "DCIM/IMG_0002.JPG", "a.jpg"]
CONTENTS = [b"photo one", b"photo two", b"photo xyz", b"another size"]
_numbers = itertools.count()

cards = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CONTENTS), min_size=1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put in a card"), cards),
        st.tuples(st.just("edit"), cards),
        st.tuples(st.just("move"), st.none()),
        st.tuples(st.just("somebody uploads"), cards),
        st.tuples(st.just("lose the journal"), st.none()),
        st.tuples(st.just("import"), st.booleans()),
        st.tuples(st.just("import .."), st.none()),
    ),
    min_size=2,
    max_size=8,
)


class Remembering(Target):
    """A target that makes each client once: that takes longer than all else here."""

    clients: ClassVar[dict[str, Any]] = {}

    def client(self, service: Any, **options: Any) -> Any:
        if service not in self.clients:
            self.clients[service] = super().client(service, **options)
        return self.clients[service]


class History:
    """A disk and a bucket, and all that has been in them."""

    def __init__(self, target: Target, folder: Path) -> None:
        self._target = Remembering(target.session, target.endpoint_url, target.description, target.outputs)
        self._number = next(_numbers)
        self._prefix = f"{self._number}/"
        self._home = folder / str(self._number)
        self._mount = self._home / "mount"
        self._mount.mkdir(parents=True)
        self._journals = itertools.count()
        self._journal = self._home / "0.sqlite"

    def do(self, what: str, detail: Any) -> None:
        if what == "put in a card":
            shutil.rmtree(self._mount)
            self._write(detail)
        elif what == "edit":
            self._write(detail)
        elif what == "move":
            moved = self._mount / f"moved {next(self._journals)}"
            for path in list(self._mount.iterdir()):
                moved.mkdir(exist_ok=True)
                path.rename(moved / path.name)
        elif what == "somebody uploads":
            for name, content in detail.items():
                if self._prefix + name not in self._bucket():
                    self._put(name, content)
        elif what == "lose the journal":
            self._journal = self._home / f"{next(self._journals)} lost.sqlite"
        else:
            self._imported(is_relative=what == "import ..", is_dry=bool(detail))

    def _write(self, contents: dict[str, bytes]) -> None:
        for name, content in contents.items():
            path = self._mount / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            os.utime(path, (946_684_800, 946_684_800))  # of a camera whose clock was never set

    def _put(self, name: str, content: bytes) -> None:
        self._target.client("s3").put_object(Bucket=BUCKET, Key=self._prefix + name, Body=content)

    def _bucket(self) -> dict[str, bytes]:
        s3 = self._target.client("s3")
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=self._prefix).get("Contents", [])
        return {one["Key"]: s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found}

    def _imported(self, *, is_relative: bool, is_dry: bool) -> None:
        before, here = self._bucket(), Path.cwd()
        try:
            os.chdir(self._mount)
            path = Path() if is_relative else self._mount
            would = self._ends(path, is_dry=True)
            if is_dry:
                assert self._bucket() == before
                return
            ends = self._ends(path, is_dry=False)
        finally:
            os.chdir(here)
        after = self._bucket()
        assert before.items() <= after.items(), "a photo was replaced"
        there = {hashlib.sha256(content).digest() for content in after.values()}
        for file, end in ends.items():
            is_there = hashlib.sha256(file.read_bytes()).digest() in there
            assert end in {End.UPLOADED, End.IMPOSSIBLE}
            assert is_there or end is End.IMPOSSIBLE, "a photo is said to be there that is not"
        # What a dry run says is what happens.
        assert {file: end is End.IMPOSSIBLE for file, end in would.items()} == {
            file: end is End.IMPOSSIBLE for file, end in ends.items()
        }
        assert list(would.values()).count(End.TO_UPLOAD) == len(after) - len(before)

    def _ends(self, path: Path, *, is_dry: bool) -> dict[Path, End | None]:
        with Journal(self._journal) as opened, opened.copied() as copy:
            journal = copy if is_dry else opened
            importer = Importer(self._target, journal, is_dry=is_dry)
            if not any(found.is_file() for found in self._mount.rglob("*")):
                return {}
            importer.find(PhotoFinder(self._prefix), [path], lambda _: None)
            assert importer.run(is_waiting=False) is None
            return {file.path: file.end for file in journal.files(but_labelled=False)}


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_given_any_cards_edits_and_moves_when_imported_then_nothing_is_replaced_or_missed(
    target: Target, tmp_path: Path, steps: list[tuple[str, Any]]
) -> None:
    history = History(target, tmp_path)
    for what, detail in steps:
        history.do(what, detail)
    history.do("import", None)


def test_given_copies_when_the_first_is_read_slowest_then_a_dry_run_says_what_the_run_does(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.target.client("s3").put_object(Bucket=BUCKET, Key="copy.jpg", Body=b"photo")
    disk.write("a.jpg", "copy.jpg", body=b"photo")
    own, disk.journal_path = disk.journal_path, None
    assert disk.run(is_dry=True, is_waiting=False).ends() == {
        "a.jpg": "to upload",
        "copy.jpg": "with the content of another",
    }
    disk.journal_path = own
    is_copy_sent = threading.Event()
    disk.before_put = lambda key: is_copy_sent.set() if key == "copy.jpg" else None
    digest = hashlib.file_digest

    def digest_of_the_first_last(body: BufferedReader, algorithm: str) -> Any:
        if Path(body.name).name == "a.jpg":
            is_copy_sent.wait(0.3)
        return digest(body, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", digest_of_the_first_last)
    assert disk.run(is_waiting=False).ends() == dict.fromkeys(("a.jpg", "copy.jpg"), "uploaded")
    assert disk.puts == {"a.jpg": 1}


def test_given_two_cards_at_one_mount_point_when_imported_then_the_second_photo_is_named(
    disk: Disk,
) -> None:
    disk.write("DCIM/IMG_0001.JPG", body=b"first card")
    disk.run()
    shutil.rmtree(disk.folder)
    disk.write("DCIM/IMG_0001.JPG", body=b"other card")
    ended = disk.run()
    assert ended.ends() == {"IMG_0001.JPG": "impossible to upload"}
    assert "use --prefix for this one, or --replace that one" in ended.told
    assert disk.content("DCIM/IMG_0001.JPG") == b"first card"
    assert disk.run(finder=PhotoFinder("card 2/")).ends() == {"IMG_0001.JPG": "labelled"}
    assert disk.content("card 2/DCIM/IMG_0001.JPG") == b"other card"


def test_given_two_folders_that_are_both_here_when_imported_then_they_are_told_apart(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("A", "B"):
        disk.write(f"{name}/IMG_0001.JPG", body=name.encode())
        os.utime(disk.folder / name / "IMG_0001.JPG", (0, 0))
    here = Path()
    monkeypatch.chdir(disk.folder / "A")
    assert disk.run(paths=[here]).ends() == {"IMG_0001.JPG": "labelled"}
    monkeypatch.chdir(disk.folder / "B")
    assert disk.run(paths=[here]).ends() == {"IMG_0001.JPG": "impossible to upload"}
    assert disk.content("IMG_0001.JPG") == b"A"


OLD_JOURNAL = """
CREATE TABLE contents (sha256 BLOB PRIMARY KEY, key TEXT NOT NULL UNIQUE, etag TEXT, is_there INTEGER NOT NULL,
    is_new INTEGER NOT NULL, since REAL, look_at REAL) WITHOUT ROWID;
CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, key TEXT, sha256 BLOB,
    is_found INTEGER NOT NULL, end TEXT, why TEXT, seconds REAL) WITHOUT ROWID;
"""


def test_given_a_journal_of_an_older_version_when_imported_then_nothing_is_uploaded_twice(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "b.jpg")
    first = disk.run()
    etag = disk.target.client("s3").head_object(Bucket=BUCKET, Key="a.jpg")["ETag"].strip('"')
    assert disk.journal_path
    disk.journal_path = disk.journal_path.with_name("old.sqlite")
    with Journal(None) as made:
        made._database.execute(f"ATTACH '{disk.journal_path}' AS old")
        made._database.executescript(OLD_JOURNAL.replace("TABLE ", "TABLE old."))
        sha256, path = hashlib.sha256(b"a.jpg").digest(), os.fsencode(disk.folder / "a.jpg")
        made._database.execute(
            "INSERT INTO old.contents VALUES (?, 'a.jpg', ?, 1, 1, 5.0, NULL), (?, 'x.jpg', NULL, 0, 0, NULL, NULL)",
            (sha256, etag, b"claimed"),
        )
        made._database.execute(
            "INSERT INTO old.files VALUES (?, 5, 1, 'a.jpg', ?, 1, 'labelled', '', 0.5)", (path, sha256)
        )
    assert disk.run().ends() == first.ends()
    assert disk.puts == {"a.jpg": 1, "b.jpg": 1}
    disk.write("a.jpg", body=b"other")
    assert disk.run().ends() == {"a.jpg": "impossible to upload", "b.jpg": "labelled"}
