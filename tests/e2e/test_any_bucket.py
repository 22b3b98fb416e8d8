"""Events by EventBridge, and only of some suffixes, on the local cloud with the real template."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from infra.function import Function
from local.cloud import LocalCloud
from photo_labels import cli
from photo_labels.library.audit import Auditor
from photo_labels.library.failures import NOT_DELIVERED, Failures
from photo_labels.library.reconciler import Reconciler
from tests.e2e.conftest import Pipeline
from tests.e2e.test_permissions import PHOTO, SIMULATED
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

# No change is too recent to be judged.
_AT_ONCE = timedelta()
PREFIX = "in/"
KEYS = ["cat.jpg", "space plus+file.jpg", "100% %20 %2B.jpg", "ünï/日本 👩‍👧.JPG", "a//b&c=d?#.jpg", ".jpg"]
NONE_OF_OURS = ["out/cat.jpg", "in/cat.png", "in/cat.jpg.json"]


@pytest.fixture(scope="module")
def by_event_bridge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    parameters = {"Via": "eventbridge", "KeyPrefix": PREFIX, "KeySuffixes": ".jpg,.JPG"}
    with LocalCloud(
        tmp_path_factory.mktemp("cloud") / "state", recogniser=SIMULATED, parameters=parameters
    ) as cloud:
        yield Pipeline(cloud)


@pytest.fixture(scope="module")
def by_suffix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    parameters = {"KeySuffixes": ".jpeg,.JPG"}
    with LocalCloud(
        tmp_path_factory.mktemp("cloud") / "state", recogniser=SIMULATED, parameters=parameters
    ) as cloud:
        yield Pipeline(cloud)


@pytest.mark.parametrize("key", KEYS)
def test_given_event_bridge_when_a_photo_comes_and_goes_then_so_does_its_document(
    by_event_bridge: Pipeline, key: str
) -> None:
    key = PREFIX + key
    document = by_event_bridge.settled(key, by_event_bridge.upload(key, PHOTO))
    assert (document["Status"], document["Key"]) == ("LABELLED", key)
    assert document["Sequencer"] != "0", "it came by the event"
    by_event_bridge.s3.delete_object(Bucket=by_event_bridge.bucket, Key=key)
    eventually(lambda: (by_event_bridge.document(key) or {}).get("Status") == "REMOVED")


def test_given_event_bridge_when_the_bucket_is_read_then_it_notifies_nobody_else(
    by_event_bridge: Pipeline,
) -> None:
    found: Any = by_event_bridge.s3.get_bucket_notification_configuration(Bucket=by_event_bridge.bucket)
    assert "EventBridgeConfiguration" in found
    assert "QueueConfigurations" not in found


@pytest.mark.parametrize("way", ["by_event_bridge", "by_suffix"])
def test_given_suffixes_when_other_files_come_then_nobody_hears_of_them(
    request: pytest.FixtureRequest, way: str
) -> None:
    pipeline: Pipeline = request.getfixturevalue(way)
    others = NONE_OF_OURS if way == "by_event_bridge" else ["cat.png", "cat.jpeg.json", "cat.jpg"]
    for key in others:
        pipeline.upload(key, PHOTO)
    last = f"{PREFIX}last {way}.JPG"
    pipeline.settled(last, pipeline.upload(last, PHOTO))
    for key in others:
        pipeline.s3.delete_object(Bucket=pipeline.bucket, Key=key)
    pipeline.s3.delete_object(Bucket=pipeline.bucket, Key=last)
    eventually(lambda: (pipeline.document(last) or {}).get("Status") == "REMOVED")
    assert [pipeline.document(key) for key in others] == [None] * len(others)


def test_given_the_proof_of_a_function_when_no_event_tells_of_its_end_then_it_is_removed(
    by_suffix: Pipeline,
) -> None:
    def probes() -> list[str]:
        items = by_suffix.dynamodb.scan(TableName=by_suffix.outputs["ImageLabelsTable"], ConsistentRead=True)[
            "Items"
        ]
        return [item["Status"]["S"] for item in items if "photo-labels-probe" in item["ImageID"]["S"]]

    assert probes() == []
    Function(by_suffix.cloud.target).prove()
    assert probes() == ["REMOVED"]


def test_given_suffixes_when_audited_and_backfilled_then_other_files_are_none_of_theirs(
    by_suffix: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_suffix.upload("none of ours.png", PHOTO)
    by_suffix.settled("ours.JPG", by_suffix.upload("ours.JPG", PHOTO))
    problems: list[Any] = []
    Auditor(by_suffix.cloud.target, _AT_ONCE).run(problems.append)
    assert problems == []
    monkeypatch.setattr(cli, "local_target", lambda: by_suffix.cloud.target)
    run = CliRunner().invoke(cli.photos, ["--local", "backfill", "--all", "--force", "--yes"])
    assert run.exit_code == 0, run.output
    eventually(lambda: by_suffix.recogniser("calls")["objects"].get(f"{by_suffix.bucket}/ours.JPG", 0) >= 2)
    assert by_suffix.document("none of ours.png") is None


def test_given_an_event_that_was_not_delivered_when_redriven_then_its_photo_is_labelled(
    by_event_bridge: Pipeline,
) -> None:
    """As EventBridge puts it there, which the local one does not do."""
    key, target = f"{PREFIX}not delivered+1.jpg", by_event_bridge.cloud.target
    etag = by_event_bridge.upload(key, PHOTO)
    by_event_bridge.settled(key, etag)
    by_event_bridge.dynamodb.delete_item(
        TableName=by_event_bridge.outputs["ImageLabelsTable"],
        Key={"ImageID": {"S": f"{by_event_bridge.bucket}/{key}"}},
    )
    detail = {"bucket": {"name": by_event_bridge.bucket}, "object": {"key": key, "sequencer": "01"}}
    event = {"detail-type": "Object Created", "source": "aws.s3", "time": "2026-11-23T06:00:00Z", "detail": detail}
    texts = {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "not authorized to perform: sqs:SendMessage"}
    by_event_bridge.sqs.send_message(
        QueueUrl=by_event_bridge.outputs["UndeliveredQueueUrl"],
        MessageBody=json.dumps(event),
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in texts.items()},
    )
    failures = Failures(target)
    [failure] = failures.dead_letters()
    assert (failure.what, failure.reason) == (f"{by_event_bridge.bucket}/{key}", NOT_DELIVERED)
    assert "NO_PERMISSIONS" in failure.detail
    with Reconciler(target, None) as reconciler:
        assert failures.redrive(None, reconciler).messages == 1
    assert by_event_bridge.settled(key, etag)["Status"] == "LABELLED"
    assert list(failures.dead_letters()) == []
