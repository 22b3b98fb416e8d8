"""The batches that all baselines are given: SQS events as Lambda passes them on, of photos that are new."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from loadtest.benchmarks.stand_in import BUCKET

REGION = "us-east-1"
QUEUE = "photo-labels"


def batch(keys: list[str]) -> dict[str, Any]:
    """Return an event with one message for each key, uploaded just now."""
    return {"Records": [_message(key, datetime.now(UTC)) for key in keys]}


def _message(key: str, now: datetime) -> dict[str, Any]:
    body = json.dumps({"Records": [_s3_record(key, now)]})
    sent = str(int(now.timestamp() * 1000))
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "AQEB" + "x" * 384,
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": sent,
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": sent,
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{QUEUE}",
        "awsRegion": REGION,
    }


def _s3_record(key: str, now: datetime) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "x" * 76},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "photos",
            "bucket": {
                "name": BUCKET,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{BUCKET}",
            },
            "object": {
                "key": quote_plus(key),
                "size": 204_800,
                "eTag": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(),
                "sequencer": f"{int(now.timestamp() * 1e6):018X}",
            },
        },
    }
