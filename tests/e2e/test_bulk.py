"""A bucket that was full before the pipeline, and photos that are to be forgotten."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from rich.console import Console

from loadtest.mix import distinct
from photo_labels.commands.backfill import BackfillOptions, run_backfill
from photo_labels.library.purge import Purger, beginning_with
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from tests.waiting import eventually

if TYPE_CHECKING:
    from photo_labels.records.documents import Document
    from tests.e2e.conftest import Pipeline

CAT = (Path(__file__).parents[2] / "samples" / "cat.jpg").read_bytes()
QUIET = Console(file=io.StringIO())


def webp() -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(CAT)).save(file, "WEBP")
    return file.getvalue()


def statuses(pipeline: Pipeline, bucket: str, *keys: str) -> dict[str, str]:
    images = [f"{bucket}/{key}" for key in keys]
    documents: dict[str, Document] = TableReader(pipeline.cloud.target).documents(images)
    return {document.key: document.status for document in documents.values()}


def test_given_a_full_bucket_of_others_when_backfilled_then_it_needs_a_grant_and_is_labelled(
    pipeline: Pipeline,
) -> None:
    target, bucket = pipeline.cloud.target, "there-before"
    pipeline.s3.create_bucket(Bucket=bucket)
    theirs: Any = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObjectAcl"}
    theirs["Resource"] = f"arn:aws:s3:::{bucket}/*"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    pipeline.s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    keys = [f"old/{number} +%.jpg" for number in range(30)]
    for key in keys:
        pipeline.s3.put_object(Bucket=bucket, Key=key, Body=distinct(CAT, key))
    pipeline.s3.put_object(Bucket=bucket, Key="old/phone.webp", Body=webp())
    with pytest.raises(UserError, match="--grant adds this"):
        run_backfill(target, BackfillOptions(f"s3://{bucket}/old/"), QUIET)
    assert run_backfill(target, BackfillOptions(f"s3://{bucket}/old/", is_granting=True), QUIET) == 0
    expected = dict.fromkeys([*keys, "old/phone.webp"], "LABELLED")
    eventually(lambda: statuses(pipeline, bucket, *expected) == expected)
    statements = json.loads(pipeline.s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert theirs in statements
    paid = pipeline.recogniser("calls")["paid"]
    assert run_backfill(target, BackfillOptions(f"s3://{bucket}/old/", is_all=True), QUIET) == 0
    drained(pipeline)
    assert pipeline.recogniser("calls")["paid"] == paid


def drained(pipeline: Pipeline) -> None:
    """Wait until no message is left."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty() -> bool:
        counts = [
            pipeline.sqs.get_queue_attributes(QueueUrl=pipeline.outputs[queue], AttributeNames=names)["Attributes"]
            for queue in ("QueueUrl", "ConvertQueueUrl")
        ]
        return not sum(int(count[name]) for count in counts for name in names)

    eventually(is_empty)


def test_given_photos_when_purged_with_their_objects_then_only_tombstones_are_left(
    pipeline: Pipeline,
) -> None:
    keys = [f"to-be-forgotten/{number}.jpg" for number in range(5)]
    for key in keys:
        pipeline.settled(key, pipeline.upload(key, CAT))
    drained(pipeline)
    purger = Purger(pipeline.cloud.target, beginning_with(pipeline.cloud.target, "to-be-forgotten/"), "known")
    purged = purger.run(lambda _: None)
    # S3 tells of the removals meanwhile: what the function was first to remove counts, too.
    assert purged.documents == 5
    assert purged.rows
    assert purged.objects == 5
    # S3 tells of the removals, and the function takes notes of those that come after the purge.
    drained(pipeline)
    assert set(statuses(pipeline, pipeline.bucket, *keys).values()) <= {"REMOVED"}
    assert not pipeline.keys_under("Cat") & set(keys)


def test_given_a_photo_that_was_purged_when_uploaded_again_then_it_is_labelled(pipeline: Pipeline) -> None:
    """The function writes over a mark on a condition that the local cloud's DynamoDB evaluates."""
    key = "purged/again.jpg"
    pipeline.settled(key, pipeline.upload(key, CAT))
    Purger(pipeline.cloud.target, beginning_with(pipeline.cloud.target, "purged/")).run(lambda _: None)
    assert statuses(pipeline, pipeline.bucket, key) == {key: "REMOVED"}
    pipeline.settled(key, pipeline.upload(key, CAT))
    assert key in pipeline.keys_under("Cat")
