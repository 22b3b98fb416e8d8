"""What these tests share."""

from __future__ import annotations

from hypothesis import strategies as st

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:photo-labels-photos"


names = st.text("abc", min_size=1, max_size=3)


def event(resource: str, status: str, reason: str = "", physical: str = "") -> dict[str, str]:
    return {
        "LogicalResourceId": resource,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "PhysicalResourceId": physical,
    }
