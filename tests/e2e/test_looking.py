"""What `photos` shows of a pipeline at work: searches, labels, status, export, also as sidecars."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from rich.console import Console

from photo_labels.commands.export import documents, write_json, write_sidecars
from photo_labels.library.searching import vocabulary
from photo_labels.library.searching.query import parse
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.status import StatusReader
from photo_labels.library.table_reader import TableReader, beginning_of
from tests.unit.sidecars.reading import read
from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.e2e.conftest import Pipeline

SAMPLES = Path(__file__).parents[2] / "samples"


def test_given_labelled_photos_when_looked_at_then_search_labels_export_and_status_agree(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.library.target.LOCAL_STATE", tmp_path)
    target, folder = pipeline.cloud.target, "looked at/"
    bodies = {f"{folder}{name}": (SAMPLES / name).read_bytes() for name in ("cat.jpg", "dogs.jpg", "coffee.jpg")}
    for key, etag in [(key, pipeline.upload(key, body)) for key, body in bodies.items()]:
        pipeline.settled(key, etag)
    counts = vocabulary.count(target, lambda _: None).counts
    assert {"Cat", "Dog", "Cup"} <= counts.keys()
    beginning = beginning_of(pipeline.bucket, folder)

    def found(text: str) -> set[str]:
        wanted = SearchCriteria(parse(text), beginning=beginning)
        return {hit.document.key for hit in Searcher(TableReader(target), counts).hits(wanted)}

    assert found("Pet and not Dog") == {f"{folder}cat.jpg"}
    assert found("Dog or Cup") == {f"{folder}dogs.jpg", f"{folder}coffee.jpg"}
    exported = io.StringIO()
    write_json(documents(target, beginning), exported)
    assert {json.loads(line)["Key"] for line in exported.getvalue().splitlines()} == bodies.keys()
    status = StatusReader(target)
    eventually(lambda: status.read().counts["ImagesLabelled"] >= 3)
    assert status.read().is_on


def turned(jpeg: bytes) -> bytes:
    """Return the same photo, stored lying on its side, with the EXIF data that turn it upright."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[274] = 6
    with Image.open(io.BytesIO(jpeg)) as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def test_given_labelled_photos_when_exported_as_sidecars_then_boxes_are_where_they_are_stored(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    cat = (SAMPLES / "cat.jpg").read_bytes()
    bodies = {"beside/cat.jpg": cat, "beside/turned.jpg": turned(cat), "beside/far.jpg": turned(cat) + b" "}
    for key, etag in [(key, pipeline.upload(key, body, exactly=True)) for key, body in bodies.items()]:
        pipeline.settled(key, etag)
    (tmp_path / "beside").mkdir()
    for key in ("beside/cat.jpg", "beside/turned.jpg"):
        (tmp_path / key).write_bytes(bodies[key])

    target, console = pipeline.cloud.target, Console(record=True, width=200)
    found = documents(target, beginning_of(pipeline.bucket, "beside/"))
    assert write_sidecars(found, tmp_path, console, has_regions=True) == 0
    said = console.export_text()
    assert "3 sidecars written" in said
    assert "1 sidecar without boxes" in said
    upright, lying, far = (read((tmp_path / f"{key}.xmp").read_bytes()) for key in bodies)
    assert "Animal/Mammal/Cat" in upright.with_slashes
    [box], [stored] = upright.regions, lying.regions
    assert (box.name, stored.name, far.names[0], far.regions) == ("Cat", "Cat", "Cat", [])
    assert stored[1:] == pytest.approx((box.y, 1 - box.x, box.height, box.width), abs=0.03)
    assert lying.size == tuple(reversed(upright.size or ()))
