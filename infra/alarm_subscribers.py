"""Who is subscribed to the alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class Subscribers(NamedTuple):
    """Endpoints that are subscribed to a topic: e-mail addresses, and whatever else a user subscribes."""

    confirmed: list[str]
    # These get no alarms yet.
    pending: list[str]


def subscribers_of(client: SNSClient, topic_arn: str) -> Subscribers:
    """Return who is subscribed; until confirmed, a subscription has the word PendingConfirmation for an ARN."""
    subscribers = Subscribers([], [])
    for page in client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn):
        for one in page["Subscriptions"]:
            if one["SubscriptionArn"].startswith("arn:"):
                subscribers.confirmed.append(one["Endpoint"])
            elif one["SubscriptionArn"] == "PendingConfirmation":  # "Deleted" is neither
                subscribers.pending.append(one["Endpoint"])
    return subscribers
