"""What S3's events come in: as S3 writes them, as EventBridge's events, and either of them in SNS's envelope.

Whatever it is, it is read as the S3 records that S3 itself would have sent, so that nothing else knows of them.
In SNS's envelope the message is a text in `Message` (SNS's developer guide, "HTTP/HTTPS notification JSON
format"); with raw delivery there is no envelope. In EventBridge's event the key is as it is, and in S3's own
form-encoded (S3's user guide, "EventBridge event message structure" and "Event message structure").
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

EVENT_BRIDGE_SOURCE = "aws.s3"
# The events of EventBridge that photos are concerned with, by their detail-type, and what S3 itself calls them.
_EVENT_NAMES = {"Object Created": "ObjectCreated:Put", "Object Deleted": "ObjectRemoved:Delete"}


def opened(body: str) -> Any:
    """Return what a message says, out of SNS's envelope if it is in one.

    Raises ValueError or RecursionError where the body, or the text in its envelope, is not JSON.
    """
    content = json.loads(body)
    while is_in_sns_envelope(content):
        content = json.loads(content["Message"])
    return content


def is_in_sns_envelope(content: object) -> bool:
    """Tell whether it is a message of a topic; what SNS says of a subscription is none."""
    return (
        isinstance(content, dict)
        and content.get("Type", "Notification") == "Notification"
        and "TopicArn" in content
        and isinstance(content.get("Message"), str)
    )


def is_of_event_bridge(content: dict[str, Any]) -> bool:
    """Tell whether EventBridge sent it, whatever it is about."""
    return "detail-type" in content


def is_about_a_photo(event: dict[str, Any]) -> bool:
    """Tell whether an event of EventBridge says that an object of S3 came or went."""
    return event.get("source") == EVENT_BRIDGE_SOURCE and event["detail-type"] in _EVENT_NAMES


def s3_records(content: dict[str, Any]) -> Any:
    """Return the S3 records of a message, which nobody has looked into; None: it has none.

    Raises KeyError, TypeError or ValueError for an event of EventBridge without what every such event has.
    """
    if is_of_event_bridge(content):
        return [_s3_record(content)] if is_about_a_photo(content) else None
    return content.get("Records")


def _s3_record(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of EventBridge as S3's record of it."""
    found = event["detail"]["object"]
    content = {
        "key": quote_plus(found["key"]),
        "size": found.get("size"),
        "eTag": found.get("etag"),
        "versionId": found.get("version-id"),
        "sequencer": found.get("sequencer"),
    }
    return {
        "eventName": _EVENT_NAMES[event["detail-type"]],
        "eventTime": event["time"],
        "s3": {"bucket": event["detail"]["bucket"], "object": content},
    }
