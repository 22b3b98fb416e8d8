"""Notifications of a bucket that others use, too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.notifications import EVENTS, added, overlapping, removed
from tests.infra.template import read
from tests.unit.deploying.shared import QUEUE, names

filters = st.dictionaries(st.sampled_from(["prefix", "Suffix"]), names, max_size=2).map(
    lambda rules: {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}
)


to_a_queue = st.fixed_dictionaries(
    {
        "Id": names,
        "QueueArn": st.sampled_from([QUEUE, "arn:aws:sqs:eu-central-1:123456789012:others"]),
        "Events": st.lists(st.sampled_from([*EVENTS, "s3:ObjectCreated:Put"]), min_size=1, unique=True),
    },
    optional={"Filter": filters},
)


configurations = st.fixed_dictionaries(
    {},
    optional={
        "QueueConfigurations": st.lists(to_a_queue, min_size=1, max_size=4),
        "LambdaFunctionConfigurations": st.just([{"Id": "theirs"}]),
        "TopicConfigurations": st.just([{"Id": "theirs"}]),
        "EventBridgeConfiguration": st.just({}),
    },
)


def of_others(configuration: dict[str, Any]) -> dict[str, Any]:
    queues = [one for one in configuration.get("QueueConfigurations", []) if one["QueueArn"] != QUEUE]
    return configuration | {"QueueConfigurations": queues}


@given(configurations, st.sampled_from(["", "jpg/"]))
def test_given_any_notifications_when_ours_are_added_then_nobody_elses_change(
    configuration: dict[str, Any], prefix: str
) -> None:
    after = added(configuration, QUEUE, prefix)
    assert of_others(after) == of_others(configuration)
    (*_,) = ours = [one for one in after["QueueConfigurations"] if one["QueueArn"] == QUEUE]
    assert sorted(event for one in ours for event in one["Events"]) == list(EVENTS)
    assert added(after, QUEUE, prefix) is after, "twice is once"


@given(configurations)
def test_given_any_notifications_when_ours_are_removed_then_nobody_elses_change(
    configuration: dict[str, Any],
) -> None:
    after = removed(configuration, QUEUE)
    assert of_others(after) == of_others(configuration)
    assert QUEUE not in str(after)


def test_given_ours_with_a_suffix_of_somebodys_when_added_then_all_photos_are_notified_of() -> None:
    spoilt: dict[str, Any] = {"Id": "x", "QueueArn": QUEUE, "Events": list(EVENTS)}
    spoilt |= {"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}}}
    (ours,) = added({"QueueConfigurations": [spoilt]}, QUEUE, "")["QueueConfigurations"]
    assert "Filter" not in ours


def test_given_the_template_when_it_makes_the_bucket_then_it_is_notified_of_the_same_events() -> None:
    bucket = read("pipeline.yaml")["Resources"]["PhotoBucket"]["Properties"]
    of_template = bucket["NotificationConfiguration"]["QueueConfigurations"]
    assert sorted(one["Event"] for one in of_template) == list(EVENTS)


def others(events: list[str], prefix: str = "", suffix: str = "") -> dict[str, Any]:
    rules = [{"Name": "Prefix", "Value": prefix}, {"Name": "Suffix", "Value": suffix}]
    one = {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:theirs", "Events": events}
    return {"TopicConfigurations": [one | {"Filter": {"Key": {"FilterRules": rules}}}]}


@pytest.mark.parametrize(
    ("present", "prefix", "is_in_the_way"),
    [
        (others(["s3:ObjectCreated:Put"]), "jpg/", True),
        (others(["s3:ObjectCreated:*"], "jpg/2026/", ".jpg"), "jpg/", True),
        (others(["s3:ObjectRemoved:*"], "jpg/"), "", True),
        (others(["s3:ObjectCreated:*"], "raw/"), "jpg/", False),
        (others(["s3:ReducedRedundancyLostObject"]), "", False),
        ({"QueueConfigurations": [{"QueueArn": QUEUE, "Events": list(EVENTS)}]}, "", False),
        ({"EventBridgeConfiguration": {}}, "", False),
    ],
    ids=["an event of a kind", "within", "around", "beside", "another kind", "ours", "EventBridge"],
)
def test_given_anothers_notification_when_ours_is_to_come_then_an_overlap_is_told_beforehand(
    present: dict[str, Any], prefix: str, *, is_in_the_way: bool
) -> None:
    found = overlapping(present, "photo-labels-photos", prefix)
    assert found == ("arn:aws:sns:eu-central-1:123456789012:theirs" if is_in_the_way else None)
