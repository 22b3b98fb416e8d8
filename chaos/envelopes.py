"""S3's events as SNS and EventBridge carry them, in the shapes that AWS documents."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus


def in_sns(body: str) -> str:
    """Return what a queue gets of a message that was published to a topic, without raw delivery."""
    envelope = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:photos",
        "Subject": "Amazon S3 Notification",
        "Message": body,
        "Timestamp": "2026-11-23T06:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLEpH+DcEwjAPg8O9mY8dReBSwksfg2S7WKQcikcNKWLQjwu6A4VbeS0QHVCkhRS7fUQvi2egU3N858fiTDN6bk",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0000000000000000000000.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:x",
    }
    return json.dumps(envelope)


def of_event_bridge(record: dict[str, Any], **parts: Any) -> str:
    """Return what a queue gets of EventBridge where S3 would send this record; `parts` replace parts of it."""
    found = record["s3"]["object"]
    content = {
        "key": unquote_plus(found["key"]),
        "size": found.get("size"),
        "etag": found.get("eTag"),
        "version-id": found.get("versionId"),
        "sequencer": found.get("sequencer"),
    }
    is_removal = "ObjectRemoved" in record["eventName"]
    detail = {
        "version": "0",
        "bucket": {"name": record["s3"]["bucket"]["name"]},
        "object": {name: value for name, value in content.items() if value is not None},
        "request-id": "N4N7GDK58NMKJ12R",
        "requester": "123456789012",
        "source-ip-address": "192.0.2.3",
        "reason": "DeleteObject" if is_removal else "PutObject",
    }
    event = {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Deleted" if is_removal else "Object Created",
        "source": "aws.s3",
        "account": "123456789012",
        "time": record["eventTime"],
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{record['s3']['bucket']['name']}"],
        "detail": detail | ({"deletion-type": "Permanently Deleted"} if is_removal else {}),
    }
    return json.dumps(event | parts)
