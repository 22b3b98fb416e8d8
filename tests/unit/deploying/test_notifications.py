"""Notifications of a bucket that others use, too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.notifications import EVENTS, added, overlapping, removed
from photo_labels.library.key_filter import KeyFilter
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


def rules_of(configuration: dict[str, Any]) -> dict[str, str]:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    return {rule["Name"].lower(): rule["Value"] for rule in rules}


@given(configurations, st.sampled_from(["", "jpg/"]), st.sampled_from([(), (".jpg",), (".jpg", ".JPG")]))
def test_given_any_notifications_when_ours_are_added_then_nobody_elses_change(
    configuration: dict[str, Any], prefix: str, suffixes: tuple[str, ...]
) -> None:
    keys = KeyFilter(prefix, suffixes)
    after = added(configuration, QUEUE, keys)
    assert of_others(after) == of_others(configuration)
    ours = [one for one in after["QueueConfigurations"] if one["QueueArn"] == QUEUE]
    for event in EVENTS:
        said = [rules_of(one) for one in ours if event in one["Events"]]
        assert sorted(rules.get("prefix", "") for rules in said) == [prefix] * len(suffixes or ("",))
        assert sorted(rules.get("suffix", "") for rules in said) == sorted(suffixes or ("",))
    assert len({one["Id"] for one in after["QueueConfigurations"] if one in ours}) == len(ours)
    assert added(after, QUEUE, keys) is after, "twice is once"


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
    (ours,) = added({"QueueConfigurations": [spoilt]}, QUEUE, KeyFilter())["QueueConfigurations"]
    assert "Filter" not in ours


def test_given_the_template_when_it_makes_the_bucket_then_it_is_notified_of_the_same_events() -> None:
    bucket = read("pipeline.yaml")["Resources"]["PhotoBucket"]["Properties"]
    of_template = bucket["NotificationConfiguration"]["QueueConfigurations"]["Fn::If"][1]
    assert sorted(one["Event"] for one in of_template) == list(EVENTS)


def others(events: list[str], prefix: str = "", suffix: str = "") -> dict[str, Any]:
    rules = [{"Name": "Prefix", "Value": prefix}, {"Name": "Suffix", "Value": suffix}]
    one = {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:theirs", "Events": events}
    return {"TopicConfigurations": [one | {"Filter": {"Key": {"FilterRules": rules}}}]}


@pytest.mark.parametrize(
    ("present", "keys", "is_in_the_way"),
    [
        (others(["s3:ObjectCreated:Put"]), KeyFilter("jpg/"), True),
        (others(["s3:ObjectCreated:*"], "jpg/2026/", ".jpg"), KeyFilter("jpg/"), True),
        (others(["s3:ObjectRemoved:*"], "jpg/"), KeyFilter(), True),
        (others(["s3:ObjectCreated:*"], "raw/"), KeyFilter("jpg/"), False),
        (others(["s3:ReducedRedundancyLostObject"]), KeyFilter(), False),
        ({"QueueConfigurations": [{"QueueArn": QUEUE, "Events": list(EVENTS)}]}, KeyFilter(), False),
        ({"EventBridgeConfiguration": {}}, KeyFilter(), False),
        (others(["s3:ObjectCreated:*"], "", ".mov"), KeyFilter("", (".jpg", ".heic")), False),
        (others(["s3:ObjectCreated:*"], "", "-small.jpg"), KeyFilter("", (".heic", ".jpg")), True),
        (others(["s3:ObjectCreated:*"], "", "jpg"), KeyFilter("", (".jpg",)), True),
        (others(["s3:ObjectCreated:*"], "raw/", ".jpg"), KeyFilter("jpg/", (".jpg",)), False),
    ],
    ids=[
        "an event of a kind",
        "within",
        "around",
        "beside",
        "another kind",
        "ours",
        "EventBridge",
        "another suffix",
        "a longer suffix",
        "a shorter suffix",
        "the same suffix of another prefix",
    ],
)
def test_given_anothers_notification_when_ours_is_to_come_then_an_overlap_is_told_beforehand(
    present: dict[str, Any], keys: KeyFilter, *, is_in_the_way: bool
) -> None:
    found = overlapping(present, "photo-labels-photos", keys)
    assert found == ("arn:aws:sns:eu-central-1:123456789012:theirs" if is_in_the_way else None)
