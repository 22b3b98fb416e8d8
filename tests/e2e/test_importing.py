"""`photos import` as a process of its own, killed again and again; and one with bad files in it."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from local.cloud import LocalCloud
from tests.e2e.conftest import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


KILLS = 10
SIMULATED = ["--mode", "simulated", "--simulation", json.dumps({"read_object": True, "p50_ms": 20, "p99_ms": 50})]


class Imports:
    """A pipeline of its own, and the command as a person gives it."""

    def __init__(self, pipeline: Pipeline, state: Path, folder: Path) -> None:
        self.pipeline = pipeline
        self.folder = folder
        self._environment = os.environ | {"PHOTOS_LOCAL_STATE": str(state)}

    def start(self, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "photo_labels", "--local", "import", str(self.folder), *options]
        return subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *options: str) -> tuple[int, str]:
        process = self.start(*options)
        told, errors = process.communicate(timeout=300)
        assert "Traceback" not in errors
        return process.returncode, told

    def calls(self) -> dict[str, int]:
        """How often Rekognition was asked about each photo, by its key."""
        objects: dict[str, int] = self.pipeline.recogniser("calls")["objects"]
        return {name.partition("/")[2]: count for name, count in objects.items()}


@pytest.fixture
def imports(tmp_path: Path) -> Iterator[Imports]:
    state, folder = tmp_path / "state", tmp_path / "photos"
    folder.mkdir()
    with LocalCloud(state, recogniser=SIMULATED) as cloud:
        yield Imports(Pipeline(cloud), state, folder)


def photo(number: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (100, 100), (number % 256, number // 256, 0)).save(file, "PNG")
    return file.getvalue()


def test_given_kills_at_any_moment_when_run_again_then_nothing_is_twice_and_nothing_is_missing(
    imports: Imports,
) -> None:
    names = {f"{number:03d}.png" for number in range(400)}
    for number, name in enumerate(sorted(names)):
        (imports.folder / name).write_bytes(photo(number))
    chance = random.Random(1)
    for _ in range(KILLS):
        process = imports.start()
        time.sleep(chance.uniform(0.4, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, told = imports.run()
    assert (code, "400 photos = 400 labelled + 0 rejected" in told) == (0, True), told
    assert imports.calls() == dict.fromkeys(names, 1)


def test_given_bad_files_among_a_thousand_when_imported_then_each_is_named_and_all_others_are_labelled(
    imports: Imports,
) -> None:
    for number in range(1000):
        body = b"no photo, number %d" % number if number % 10 == 3 else photo(number)
        (imports.folder / f"{number:03d}.png").write_bytes(body)
    code, told = imports.run("--json")
    *files, sums = (json.loads(line) for line in told.splitlines())
    bad: list[dict[str, Any]] = [file for file in files if file["end"] != "labelled"]
    assert code == 1
    assert sums["ends"]["labelled"] == 900
    assert {file["key"] for file in bad} == {f"{number:03d}.png" for number in range(3, 1000, 10)}
    assert all(file["why"].startswith("UnknownFormat") for file in bad)


def test_given_a_photo_that_another_tool_has_put_in_parts_when_imported_then_it_is_known_and_not_paid_for_again(
    imports: Imports,
) -> None:
    photo_in_parts = photo(1) + b"\0" * 9_000_000
    (imports.folder / "large.png").write_bytes(photo_in_parts)
    imports.pipeline.s3.upload_file(str(imports.folder / "large.png"), imports.pipeline.bucket, "large.png")
    imports.pipeline.settled("large.png", imports.pipeline.etag("large.png"))
    code, told = imports.run()
    assert code == 0, told
    assert "of these 1 in the bucket before" in told
    assert imports.calls() == {"large.png": 1}


def test_given_two_cards_at_one_mount_point_when_imported_then_the_first_is_not_replaced(imports: Imports) -> None:
    path = imports.folder / "DCIM" / "IMG_0001.png"
    path.parent.mkdir()
    path.write_bytes(photo(1))
    assert imports.run()[0] == 0
    etag = imports.pipeline.etag("DCIM/IMG_0001.png")
    path.unlink()
    path.write_bytes(photo(2))
    for options in (["--dry-run"], []):
        code, told = imports.run(*options)
        assert code == 3, told
        assert "The bucket has another photo DCIM/IMG_0001.png" in told
    assert imports.pipeline.etag("DCIM/IMG_0001.png") == etag
    assert imports.run("--prefix", "card-2/")[0] == 0
