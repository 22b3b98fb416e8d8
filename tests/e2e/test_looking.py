"""What `photos` shows of a pipeline at work: searches, labels, status, export."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from photo_labels.commands.export import documents, write_json
from photo_labels.library.searching import vocabulary
from photo_labels.library.searching.query import parse
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.status import StatusReader
from photo_labels.library.table_reader import TableReader, beginning_of
from tests.waiting import eventually

if TYPE_CHECKING:
    import pytest

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
