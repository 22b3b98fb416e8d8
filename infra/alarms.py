"""Who hears the alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient


class Listeners(NamedTuple):
    """Endpoints that are subscribed to a topic: mail addresses, and what else a user subscribes."""

    confirmed: list[str]
    unconfirmed: list[str]
    # They get nothing yet.


def listeners_of(client: SNSClient, topic_arn: str) -> Listeners:
    """Who is subscribed; until it is confirmed, a subscription has the word PendingConfirmation for an ARN."""
    listeners = Listeners([], [])
    for page in client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn):
        for one in page["Subscriptions"]:
            if one["SubscriptionArn"].startswith("arn:"):
                listeners.confirmed.append(one["Endpoint"])
            elif one["SubscriptionArn"] == "PendingConfirmation":  # "Deleted" is neither
                listeners.unconfirmed.append(one["Endpoint"])
    return listeners
