"""A deployed pipeline on moto: its bucket, tables and queues."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from photo_labels.library.target import Target, scrub_environment
from tests.fakes.stack import outputs_of_stack
from tests.unit.deployed import BUCKET
from tests.unit.disk import Disk
from tests.unit.played import played

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setattr("photo_labels.library.queues._WAIT_S", 0)  # moto has one server
    monkeypatch.setattr("photo_labels.library.purge.last_millisecond", ends_of_seconds())  # nobody waits for them
    scrub_environment(os.environ)
    with deployed_target() as target:
        yield target


def ends_of_seconds() -> Callable[..., datetime]:
    """Return the last milliseconds of one second after the other: what a test has done so far was before it."""
    seconds = count()
    return lambda *_: datetime.now(UTC).replace(microsecond=999_000) + timedelta(seconds=next(seconds))


@pytest.fixture
def disk(target: Target, tmp_path: Path) -> Iterator[Disk]:
    with played(target):
        yield Disk(target, tmp_path)


@pytest.fixture
def someone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who answers questions, by a test's standard input."""
    monkeypatch.setattr("photo_labels.terminal.ending.is_answered", lambda: True)


@contextmanager
def deployed_target() -> Iterator[Target]:
    """Deploy a pipeline on moto."""
    with mock_aws():
        session = boto3.Session("key", "secret", region_name="us-east-1")
        session.client("s3").create_bucket(Bucket=BUCKET)
        dynamodb: Any = session.client("dynamodb")
        tables = {"ImageLabels": ["ImageID"], "LabelIndex": ["Label", "Rank"], "ContentClaims": ["Content"]}
        for table, keys in tables.items():
            dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind}
                    for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
            )
        sqs = session.client("sqs")
        names = (
            *("QueueUrl", "OverflowQueueUrl", "BulkQueueUrl", "DeadLetterQueueUrl"),
            *("ConvertQueueUrl", "BulkConvertQueueUrl", "ConvertDeadLetterQueueUrl"),
        )
        queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
        outputs = queues | {
            "Bucket": BUCKET,
            "KeyPrefix": "",
            "LogGroup": "/aws/lambda/label",
            "ImageLabelsTable": "ImageLabels",
            "LabelIndexTable": "LabelIndex",
            "ContentClaimsTable": "ContentClaims",
        }
        yield Target(session, None, "account 1, us-east-1", outputs_of_stack(outputs))
