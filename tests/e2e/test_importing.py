"""`photos import` as a process of its own, killed again and again; and one with bad files in it."""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from local.cloud import LocalCloud
from local.ministack import PYTHON
from photo_labels.browsing.pictures import Pictures
from photo_labels.library.importing.ends import End
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer
from photo_labels.library.importing.journal import Journal
from photo_labels.library.importing.patience import Patience
from photo_labels.library.table_reader import TableReader
from photo_labels.records.formats import PHOTO_FORMATS, RAW
from tests.e2e.conftest import Pipeline
from tests.photo_files import of_format, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photo_labels.library.importing.importer import ImportProgress

KILLS = 10
SIMULATED = ["--mode", "simulated", "--simulation", json.dumps({"read_object": True, "p50_ms": 20, "p99_ms": 50})]

BROKEN_NAMES = ["a\nb.jpg", "a\rb.jpg", "a\tb.jpg", "a\u2028b.jpg", "\n.jpg", "a.jpg\n"]
CAT = (Path(__file__).parents[2] / "samples" / "cat.jpg").read_bytes()


class Imports:
    """The command as a person gives it, for a folder whose photos no other test has in the bucket."""

    def __init__(self, pipeline: Pipeline, state: Path, folder: Path) -> None:
        self.pipeline = pipeline
        self.folder = folder
        self.prefix = f"{folder.parent.name}/"
        self._environment = os.environ | {"PHOTOS_LOCAL_STATE": str(state), "COLUMNS": "500"}

    def start(self, *options: str) -> subprocess.Popen[str]:
        return self._start(str(self.folder), "--prefix", self.prefix, *options)

    def photos(self, *arguments: str) -> tuple[int, str]:
        """Run another command."""
        return self._ended(self._photos(*arguments))

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return self._photos("import", *arguments)

    def _photos(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "photo_labels", "--local", *arguments]
        return subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *options: str) -> tuple[int, str]:
        return self._ended(self.start(*options))

    def resume(self, *options: str) -> tuple[int, str]:
        return self._ended(self._start("--resume", *options))

    def _ended(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        told, errors = process.communicate(timeout=300)
        assert "Traceback" not in errors
        return process.returncode, told

    def calls(self) -> dict[str, int]:
        """How often Rekognition was asked about each photo of the folder, by its name."""
        objects: dict[str, int] = self.pipeline.recogniser("calls")["objects"]
        keys = {name.partition("/")[2]: count for name, count in objects.items()}
        return {key.removeprefix(self.prefix): keys[key] for key in keys if key.startswith(self.prefix)}


@pytest.fixture(scope="module")
def cloud_of_imports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pipeline, Path]]:
    """One cloud for all imports, and the folder of its state."""
    state = tmp_path_factory.mktemp("importing") / "state"
    with LocalCloud(state, recogniser=SIMULATED) as cloud:
        yield Pipeline(cloud), state


@pytest.fixture
def imports(cloud_of_imports: tuple[Pipeline, Path], tmp_path: Path) -> Imports:
    folder = tmp_path / "photos"
    folder.mkdir()
    return Imports(*cloud_of_imports, folder)


_photos = itertools.count()


def photo() -> bytes:
    """Make a photo like no other: one that is in the bucket already would not be uploaded again."""
    number = next(_photos)
    file = io.BytesIO()
    Image.new("RGB", (100, 100), (number % 256, number // 256, 0)).save(file, "PNG")
    return file.getvalue()


def test_given_kills_at_any_moment_when_run_again_then_nothing_is_twice_or_missing(imports: Imports) -> None:
    names = {f"{number:03d}.png" for number in range(400)}
    for name in names:
        (imports.folder / name).write_bytes(photo())
    chance = random.Random(1)
    for _ in range(KILLS):
        process = imports.start()
        time.sleep(chance.uniform(0.4, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, told = imports.run()
    assert (code, "400 photos = 400 labelled + 0 rejected" in told) == (0, True), told
    assert imports.calls() == dict.fromkeys(names, 1)


def test_given_bad_files_among_hundreds_when_imported_then_each_is_named_and_others_labelled(
    imports: Imports,
) -> None:
    for number in range(600):  # more than one page of the journal
        body = b"no photo, number %d" % number if number % 10 == 3 else photo()
        (imports.folder / f"{number:03d}.png").write_bytes(body)
    code, told = imports.run("--json")
    *files, sums = (json.loads(line) for line in told.splitlines())
    bad: list[dict[str, Any]] = [file for file in files if file["end"] != "labelled"]
    assert code == 1
    assert sums["ends"]["labelled"] == 540
    assert {file["key"] for file in bad} == {f"{imports.prefix}{number:03d}.png" for number in range(3, 600, 10)}
    assert all(file["why"].startswith("UnknownFormat") for file in bad)


def test_given_a_photo_that_another_tool_put_there_in_parts_when_imported_then_it_is_known(
    imports: Imports,
) -> None:
    path, key = imports.folder / "large.png", f"{imports.prefix}large.png"
    path.write_bytes(photo() + b"\0" * 9_000_000)
    imports.pipeline.s3.upload_file(str(path), imports.pipeline.bucket, key)
    imports.pipeline.settled(key, imports.pipeline.etag(key))
    code, told = imports.run()
    assert code == 0, told
    assert "of these 1 in the bucket before" in told
    assert imports.calls() == {"large.png": 1}


def test_given_two_cards_at_one_mount_point_when_imported_then_the_first_is_not_replaced(imports: Imports) -> None:
    path = imports.folder / "DCIM" / "IMG_0001.png"
    path.parent.mkdir()
    path.write_bytes(photo())
    assert imports.run()[0] == 0
    key = f"{imports.prefix}DCIM/IMG_0001.png"
    etag = imports.pipeline.etag(key)
    path.unlink()
    path.write_bytes(photo())
    for options in (["--dry-run"], []):
        code, told = imports.run(*options)
        assert code == 1, told
        assert f"The bucket has another photo {key}" in told
    assert imports.pipeline.etag(key) == etag
    assert imports.run("--prefix", "card-2/")[0] == 0


@pytest.fixture
def vision(imports: Imports) -> Iterator[None]:
    """Labels by what is on the photos."""
    imports.pipeline.recogniser("settings", {"mode": "vision"})
    yield
    imports.pipeline.recogniser("settings", {"mode": "simulated"})


@pytest.mark.usefixtures("vision")
def test_given_line_breaks_in_names_when_imported_then_photos_are_labelled_found_and_shown(
    imports: Imports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(BROKEN_NAMES):
        (imports.folder / name).write_bytes(CAT + bytes([number]))  # each another one
    code, told = imports.run()
    assert (code, "6 photos = 6 labelled" in told) == (0, True), told
    images = {f"{imports.pipeline.bucket}/{imports.prefix}{name}" for name in BROKEN_NAMES}
    code, told = imports.photos("search", "Cat", "--prefix", imports.prefix, "--json")
    assert {json.loads(line)["image"] for line in told.splitlines()} == images
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pictures = Pictures(imports.pipeline.cloud.target)
    try:
        for image, document in TableReader(imports.pipeline.cloud.target).documents(list(images)).items():
            assert Image.open(io.BytesIO(pictures.thumbnail(document))).format == "JPEG"
            code, told = imports.photos("show", image)
            assert (code, repr(image).strip("'") in told) == (0, True), told
    finally:
        pictures.close()


def test_given_a_line_break_in_the_name_of_no_photo_when_imported_then_it_is_told_in_one_line(
    imports: Imports,
) -> None:
    (imports.folder / "a\nb\r\x1b[31m.png").write_bytes(b"no photo at all")
    code, told = imports.run()
    assert code == 1
    assert any(
        line.startswith("rejected: ") and line.endswith("a\\nb\\r\\x1b[31m.png") for line in told.splitlines()
    )


def test_given_a_wildcard_and_a_line_feed_when_ministack_is_asked_then_it_still_is_no_match() -> None:
    """Where it is one, local/ministack_server.py has nothing left to do for it."""
    asked = (
        "from ministack.core.iam_evaluator import fnmatch_iam, fnmatch_iam_cs\n"
        "print(fnmatch_iam('a\\nb', 'a*b'), fnmatch_iam_cs('a\\nb', 'a?b'))"
    )
    done = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "False"]


@pytest.fixture
def refused_key(imports: Imports) -> Iterator[str]:
    """The key of a photo that nobody may read."""
    key, bucket = f"{imports.prefix}refused.png", imports.pipeline.bucket
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": f"arn:aws:s3:::{bucket}/{key}",
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    imports.pipeline.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    yield key
    imports.pipeline.s3.delete_bucket_policy(Bucket=bucket)


def test_given_a_photo_that_nobody_may_read_when_imported_then_it_is_given_up_and_named(
    imports: Imports, refused_key: str
) -> None:
    for name in ("a.png", "refused.png", "z.png"):
        (imports.folder / name).write_bytes(photo())
    said: list[ImportProgress] = []
    with Journal(None) as journal:
        patience = Patience(empty_s=4.0, retried_s=8.0)
        importer = Importer(imports.pipeline.cloud.target, journal, patience=patience)
        importer.on_progress = said.append
        importer.find(PhotoFinder(imports.prefix), [imports.folder], lambda _: None)
        assert importer.run() is None
        files = {file.key: file for file in journal.files(but_labelled=True)}
    assert files.keys() == {refused_key}
    assert files[refused_key].end is End.UNACCOUNTED
    assert "its turn has come" in files[refused_key].why
    assert said[-1].waits_for == refused_key
    document = imports.pipeline.document(f"{imports.prefix}z.png")
    assert document
    assert document["Status"] == "LABELLED"


def test_given_an_import_that_did_not_wait_when_resumed_then_every_photo_is_accounted_for(
    imports: Imports,
) -> None:
    imports.resume()  # what other tests left open
    for number in range(120):
        (imports.folder / f"{number:03d}.png").write_bytes(b"no photo at all" if number == 7 else photo())
    code, told = imports.run("--no-wait")
    assert (code, "photos import --resume" in told) == (0, True), told
    key = f"{imports.prefix}000.png"
    head = imports.pipeline.s3.head_object(Bucket=imports.pipeline.bucket, Key=key)
    assert head["Metadata"] == {"photo-labels": "bulk"}
    code, told = imports.resume()
    assert (code, "120 photos = 119 labelled + 1 rejected" in told) == (1, True), told
    assert "Nothing is open" in imports.resume("--no-wait")[1]


def test_given_a_file_of_each_suffix_when_imported_then_all_are_labelled_and_the_rest_told(
    imports: Imports,
) -> None:
    rows = [(one.name, suffix) for one in PHOTO_FORMATS for suffix in one.suffixes]
    for number, (name, suffix) in enumerate(rows):
        image = Image.linear_gradient("L").rotate(number * 7).convert("RGB")
        body = raw(suffix, image) if name == RAW else of_format(name, image)
        (imports.folder / f"IMG_{number}{suffix}").write_bytes(body)
        if suffix == PHOTO_FORMATS[0].suffixes[0]:
            (imports.folder / "IMG_1234(1).jp").write_bytes(of_format(name, image.rotate(180)))
    for other in ("IMG_0.MOV", "IMG_0.jpg.supplemental-metadata.json", "._IMG_0.jpg", "notes"):
        (imports.folder / other).write_bytes(b"no photo at all")
    code, told = imports.run("--json")
    *files, sums = (json.loads(line) for line in told.splitlines())
    assert {file["path"].rpartition("/")[2]: file["why"] for file in files if file["end"] != "labelled"} == {}
    assert (code, len(files)) == (0, len(rows) + 1)
    assert {(one["suffix"], one["files"], one["why"]) for one in sums["skipped"]} == {
        (".mov", 1, "a video"),
        (".json", 1, "a file of metadata"),
        (".jpg", 1, "metadata of macOS"),
        ("", 1, "does not begin like a photo"),
    }
