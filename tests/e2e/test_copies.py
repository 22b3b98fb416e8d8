"""Photos of equal bytes, on the local cloud: one of them is recognised, and the others take its labels over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loadtest.mix import distinct
from local.cloud import LocalCloud
from photo_labels.library.purge import Purger, beginning_with
from tests.e2e.conftest import Pipeline
from tests.e2e.test_permissions import NO_CLAIMS, SIMULATED, claims_of
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

CAT = (Path(__file__).parents[2] / "samples" / "cat.jpg").read_bytes()


@pytest.fixture(scope="module")
def each_for_itself(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline of its own, which is not to take labels over."""
    state = tmp_path_factory.mktemp("copies") / "state"
    with LocalCloud(state, recogniser=SIMULATED, parameters={"ReuseLabels": "false"}) as cloud:
        yield Pipeline(cloud)


def labelled(pipeline: Pipeline, key: str, body: bytes) -> dict[str, Any]:
    """Upload exactly these bytes, and wait for the document."""
    return pipeline.settled(key, pipeline.upload(key, body, exactly=True))


def calls(pipeline: Pipeline, key: str) -> int:
    """Return the calls of Rekognition for a photo, as the local one counts them."""
    count: int = pipeline.recogniser("calls")["objects"].get(f"{pipeline.bucket}/{key}", 0)
    return count


def test_given_copies_when_uploaded_then_they_have_the_labels_of_the_first_and_only_that_was_paid(
    pipeline: Pipeline,
) -> None:
    body = distinct(CAT, "copies")
    first, *others = [labelled(pipeline, f"copies/{name}.jpg", body) for name in ("first", "second", "third")]
    assert "CopyOf" not in first
    for copy in others:
        assert copy["CopyOf"] == f"{pipeline.bucket}/copies/first.jpg"
        assert (copy["Labels"], copy["LabelModelVersion"]) == (first["Labels"], first["LabelModelVersion"])
    assert [calls(pipeline, f"copies/{name}.jpg") for name in ("first", "second", "third")] == [1, 0, 0]
    assert {key for key in pipeline.keys_under("Cat") if key.startswith("copies/")} == {
        f"copies/{name}.jpg" for name in ("first", "second", "third")
    }

    def counted() -> bool:
        metrics = [json.loads(line) for line in pipeline.log_lines('"ImagesCopied"')]
        return sum(sum(one["ImagesCopied"]) for one in metrics) >= len(others)

    eventually(counted)
    assert pipeline.log_lines(NO_CLAIMS) == []


def test_given_an_original_that_was_removed_when_copied_then_the_copy_is_paid_and_the_next_is_not(
    pipeline: Pipeline,
) -> None:
    body = distinct(CAT, "removed")
    labelled(pipeline, "removed/first.jpg", body)
    pipeline.s3.delete_object(Bucket=pipeline.bucket, Key="removed/first.jpg")
    eventually(lambda: (pipeline.document("removed/first.jpg") or {}).get("Status") == "REMOVED")
    second, third = (labelled(pipeline, f"removed/{name}.jpg", body) for name in ("second", "third"))
    assert "CopyOf" not in second
    assert third["CopyOf"] == f"{pipeline.bucket}/removed/second.jpg"
    assert [calls(pipeline, f"removed/{name}.jpg") for name in ("first", "second", "third")] == [1, 1, 0]


def test_given_a_photo_when_purged_then_no_claim_has_its_name(pipeline: Pipeline) -> None:
    key = "copies-to-be-purged/first.jpg"
    labelled(pipeline, key, distinct(CAT, "purged"))
    assert len(claims_of(pipeline, key)) == 1
    Purger(pipeline.cloud.target, beginning_with(pipeline.cloud.target, "copies-to-be-purged/")).run(
        lambda _: None
    )
    assert claims_of(pipeline, key) == set()
    copy = labelled(pipeline, "copies-of-purged.jpg", distinct(CAT, "purged"))
    assert "CopyOf" not in copy


def test_given_labels_that_are_not_to_be_reused_when_copies_come_then_each_is_paid(
    each_for_itself: Pipeline,
) -> None:
    keys = ["first.jpg", "second.jpg"]
    for key in keys:
        assert "CopyOf" not in labelled(each_for_itself, key, CAT)
        assert calls(each_for_itself, key) == 1
        assert claims_of(each_for_itself, key) == set()
