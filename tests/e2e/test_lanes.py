"""Live photos first, on the local cloud: a quota, an import, and somebody else's photo."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loadtest.log import invocations
from loadtest.mix import distinct
from local.cloud import LocalCloud
from photo_labels.library.mapping import Mappings
from photo_labels.library.reconciler import Reconciler
from photo_labels.records.heads import BULK, LANE_METADATA
from photo_labels.records.index import digest
from tests.e2e.conftest import Pipeline
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SIMULATED = ["--mode", "simulated", "--simulation", json.dumps({"tps": 10, "p50_ms": 50, "p99_ms": 100})]
IMPORTED = 40
# Photos of the import that are labelled after one that came last; without lanes it would be none. Some find a free
# slot of the quota in the live lane, and are labelled there.
LATER = 10


@pytest.fixture(scope="module")
def with_quota(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline of its own, with a quota that an import exceeds."""
    state = tmp_path_factory.mktemp("lanes") / "state"
    parameters = {"RekognitionTps": "5", "MaxConcurrency": "5", "BulkConcurrency": "2"}
    with LocalCloud(state, recogniser=SIMULATED, parameters=parameters) as cloud:
        yield Pipeline(cloud)


def photo(kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, kind)
    return file.getvalue()


def imported(pipeline: Pipeline, *keys: str, kind: str = "JPEG") -> list[str]:
    """Upload photos as `photos import` marks them; returns their ETags."""

    def put(key: str) -> str:
        body, marked = distinct(photo(kind), key), {LANE_METADATA: BULK}
        etag: str = pipeline.s3.put_object(Bucket=pipeline.bucket, Key=key, Body=body, Metadata=marked)["ETag"]
        return etag.strip('"')

    return list(map(put, keys))


@contextmanager
def paused(pipeline: Pipeline) -> Iterator[None]:
    """Let all that is uploaded meanwhile wait: how fast this machine uploads does not matter then."""
    mappings = Mappings(pipeline.cloud.target)
    mappings.switch(on=False)
    yield
    mappings.switch(on=True)


def labelled_at(document: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(document["LabelledAt"])


def traces(pipeline: Pipeline) -> dict[str, list[dict[str, Any]]]:
    """What the functions logged of each photo, by its image's digest."""
    found: dict[str, list[dict[str, Any]]] = {}
    for function in pipeline.cloud.target.outputs.functions:
        for invocation in invocations(pipeline.logs, function.log_group, 0):
            for photo in invocation.photos:
                found.setdefault(photo["image"], []).append(photo)
    return found


def test_given_an_import_beyond_the_quota_when_somebody_uploads_a_photo_then_that_comes_first(
    with_quota: Pipeline,
) -> None:
    keys = [f"import/{number:03d}.jpg" for number in range(IMPORTED)]
    with paused(with_quota):
        etags = imported(with_quota, *keys)
        my_etag = with_quota.upload("mine.jpg", photo())
    mine = labelled_at(with_quota.settled("mine.jpg", my_etag))
    times = {key: labelled_at(with_quota.settled(key, etag)) for key, etag in zip(keys, etags, strict=True)}
    later = [key for key, time in times.items() if mine < time]
    assert len(later) >= LATER
    last = digest(f"{with_quota.bucket}/{max(later, key=times.__getitem__)}")

    def look() -> list[dict[str, Any]] | None:  # an invocation is logged after what it has written is there
        told = traces(with_quota).get(last, [])
        return told if any(one["end"] == "LABELLED" for one in told) else None

    told = eventually(look)
    assert sorted(one["end"] for one in told) == ["FORWARDED", "LABELLED"]
    assert (sum(one["calls"] for one in told), max(one["receives"] for one in told)) == (1, 1)


def test_given_a_backfill_when_somebody_uploads_a_photo_then_that_comes_first(with_quota: Pipeline) -> None:
    keys = [f"there/{number:03d}.jpg" for number in range(IMPORTED)]
    etags = imported(with_quota, *keys)
    before = {key: with_quota.settled(key, etag)["CommitID"] for key, etag in zip(keys, etags, strict=True)}
    with paused(with_quota):
        with Reconciler(with_quota.cloud.target, None) as reconciler:
            reconciler.ask_all(with_quota.bucket, keys, force=True)
        my_etag = with_quota.upload("mine too.jpg", photo())
    mine = labelled_at(with_quota.settled("mine too.jpg", my_etag))

    def anew(key: str) -> dict[str, Any] | None:
        document = with_quota.document(key)
        return document if document and document["CommitID"] != before[key] else None

    times = [labelled_at(eventually(lambda key=key: anew(key))) for key in keys]  # type: ignore[misc]
    assert sum(mine < time for time in times) >= LATER


def test_given_an_imported_photo_to_be_converted_when_forwarded_then_its_lane_is_bulk_there(
    with_quota: Pipeline,
) -> None:
    [etag] = imported(with_quota, "phone.webp", kind="WEBP")
    with_quota.settled("phone.webp", etag)
    with_quota.settled("live.webp", with_quota.upload("live.webp", photo("WEBP")))
    target = with_quota.cloud.target
    queues = {
        name: eventually(lambda name=name: arrived(with_quota, name))  # type: ignore[misc]
        for name in ("phone.webp", "live.webp")
    }
    assert target.outputs.converting.lanes[1].queue_url.endswith(queues["phone.webp"])
    assert target.outputs.converting.lanes[0].queue_url.endswith(queues["live.webp"])


def arrived(pipeline: Pipeline, key: str) -> str | None:
    """The queue that the labelling function forwarded a photo to, by its log."""
    for line in pipeline.log_lines("forwarded to the converter"):
        content = json.loads(line)
        if content["key"] == key:
            return str(content["queue"])
    return None
