"""EventBridge's way to the queue, and suffixes on both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.template import pipeline_template
from photo_labels.library.user_errors import UserError
from tests.infra.pipeline import test_alarms
from tests.infra.pipeline.shared import BUCKET, Template, actions_of, alarms_of, stack_of
from tests.infra.template import PSEUDO_PARAMETERS, Stack, as_list, policy_statements

RULE = "arn:aws:events:eu-central-1:123456789012:rule/photo-labels-photos"
OF_EVENT_BRIDGE = {"BucketEvents", "UndeliveredQueue", "UndeliveredQueuePolicy", "UndeliveredEvents"}


def pattern_of(stack: Stack) -> Any:
    return stack.properties("BucketEvents")["EventPattern"]


def test_given_the_rule_when_read_then_it_sends_what_comes_and_goes_to_the_queue(template: Template) -> None:
    for existing, bucket in (("", BUCKET), ("holiday-photos", "holiday-photos")):
        for via in ("eventbridge", "both"):
            stack = stack_of(template, Via=via, ExistingBucket=existing)
            assert pattern_of(stack) == {
                "source": ["aws.s3"],
                "detail-type": ["Object Created", "Object Deleted"],
                "detail": {"bucket": {"name": [bucket]}},
            }
            assert stack.properties("BucketEvents")["Targets"] == [
                {
                    "Id": "photos",
                    "Arn": "<Queue.Arn>",
                    "DeadLetterConfig": {"Arn": "<UndeliveredQueue.Arn>"},
                }
            ]
    # Where it may not send, it does not try again.
    assert {"QueuePolicy", "UndeliveredQueuePolicy"} <= set(stack.resources["BucketEvents"]["DependsOn"])


def test_given_a_key_prefix_when_the_rule_is_read_then_it_limits_events(template: Template) -> None:
    stack = stack_of(template, Via="eventbridge", KeyPrefix="in/")
    assert pattern_of(stack)["detail"]["object"] == {"key": [{"prefix": "in/"}]}


def test_given_queues_of_the_rule_when_it_sends_then_it_may_and_no_other(template: Template) -> None:
    stack = stack_of(template, Via="eventbridge")
    assert stack.properties("BucketEvents")["Name"] == RULE.rpartition("/")[2]
    allowed = {
        statement["Resource"]: (statement["Action"], statement["Condition"])
        for statement in policy_statements(stack)
        if statement.get("Principal") == {"Service": "events.amazonaws.com"}
    }
    condition = {"ArnEquals": {"aws:SourceArn": RULE}}
    assert allowed == {
        "<Queue.Arn>": ("sqs:SendMessage", condition),
        "<UndeliveredQueue.Arn>": ("sqs:SendMessage", condition),
    }
    assert stack.properties("UndeliveredQueuePolicy")["Queues"] == ["<UndeliveredQueue>"]
    denied = [one for one in policy_statements(stack) if one["Effect"] == "Deny"]
    assert "<UndeliveredQueue.Arn>" in [resource for one in denied for resource in as_list(one["Resource"])]
    # The functions have no more to do than before.
    for role in ("FunctionRole", "ConvertRole"):
        assert actions_of(stack, role) == actions_of(stack_of(template), role)


def test_given_notifications_when_read_then_nothing_of_event_bridge_is_there(template: Template) -> None:
    stack = stack_of(template)
    assert not OF_EVENT_BRIDGE & stack.resources.keys()
    assert "events.amazonaws.com" not in json.dumps(stack.resources)
    assert "EventBridgeConfiguration" not in stack.properties("PhotoBucket")["NotificationConfiguration"]
    assert "UndeliveredQueueUrl" not in stack.outputs


@pytest.mark.parametrize("via", ["notifications", "eventbridge", "both"])
def test_given_a_bucket_of_ours_when_made_then_its_events_go_by_the_way_that_is_chosen(
    template: Template, via: str
) -> None:
    notified = stack_of(template, Via=via).properties("PhotoBucket")["NotificationConfiguration"]
    assert ("QueueConfigurations" in notified) == (via != "eventbridge")
    assert (notified.get("EventBridgeConfiguration") == {"EventBridgeEnabled": True}) == (via != "notifications")


def test_given_event_bridge_when_read_then_what_it_cannot_deliver_rings_an_alarm(template: Template) -> None:
    stack = stack_of(template, Via="eventbridge")
    assert stack.properties("UndeliveredQueue") == {
        "QueueName": "photo-labels-undelivered",
        "SqsManagedSseEnabled": True,
        "MessageRetentionPeriod": str(14 * 86_400),
        "RedriveAllowPolicy": {"redrivePermission": "denyAll"},
    }
    # `photos status` shows alarms whose names have no hyphen.
    alarms = alarms_of(stack)
    assert alarms.keys() - alarms_of(stack_of(template)).keys() == {"UndeliveredEvents"}
    ours, like = alarms["UndeliveredEvents"], alarms["DeadLetters"]
    assert ours["Dimensions"] == [{"Name": "QueueName", "Value": "<UndeliveredQueue.QueueName>"}]
    differing = {"AlarmName", "AlarmDescription", "Dimensions"}
    assert {name: one for name, one in ours.items() if name not in differing} == {
        name: one for name, one in like.items() if name not in differing
    }
    assert "14 days" in ours["AlarmDescription"]


def test_given_event_bridge_when_read_then_its_alarm_is_as_all_others_are(template: Template) -> None:
    template["Parameters"]["Via"]["Default"] = "eventbridge"
    try:
        test_alarms.test_given_the_alarms_when_they_ring_then_somebody_is_told(template)
        test_alarms.test_given_the_alarms_when_they_ring_then_they_say_where_to_look_and_what_to_set(template)
        test_alarms.test_given_the_alarms_when_read_then_each_watches_what_is_really_reported(template)
        test_alarms.test_given_the_dashboard_when_drawn_then_every_alarm_has_its_line_beside_its_metric(template)
        test_alarms.test_given_the_dashboard_when_drawn_then_all_of_it_is_really_reported(template)
    finally:
        template["Parameters"]["Via"]["Default"] = "notifications"


# Suffixes, which infra/template.py writes out


def sent(suffixes: str, **given: Any) -> Stack:
    variables = {name: value for name, value in PSEUDO_PARAMETERS.items() if name != "AWS::Partition"}
    template = json.loads(pipeline_template(variables | {"KeySuffixes": suffixes}))
    return stack_of(template, KeySuffixes=suffixes, **given)


@pytest.mark.parametrize("prefix", ["", "in/"])
def test_given_suffixes_when_sent_then_each_event_has_a_notification_for_each(prefix: str) -> None:
    stack = sent(".jpg,.JPG", KeyPrefix=prefix)
    notified = stack.properties("PhotoBucket")["NotificationConfiguration"]["QueueConfigurations"]
    rules = [{"Name": "prefix", "Value": prefix}] if prefix else []
    assert notified == [
        {
            "Event": f"s3:{event}:*",
            "Queue": "<Queue.Arn>",
            "Filter": {"S3Key": {"Rules": [*rules, {"Name": "suffix", "Value": suffix}]}},
        }
        for event in ("ObjectCreated", "ObjectRemoved", "LifecycleExpiration")
        for suffix in (".jpg", ".JPG")
    ]


def test_given_suffixes_when_sent_then_the_rule_has_them_together_with_the_prefix() -> None:
    stack = sent(".jpg,.JPG", Via="eventbridge")
    assert pattern_of(stack)["detail"]["object"] == {"key": [{"suffix": ".jpg"}, {"suffix": ".JPG"}]}
    stack = sent(".jpg,.JPG", Via="eventbridge", KeyPrefix="in/")
    both = [{"wildcard": "in/*.jpg"}, {"wildcard": "in/*.JPG"}]
    assert pattern_of(stack)["detail"]["object"] == {"key": both}


def test_given_suffixes_when_sent_then_no_others_can_be_set_without_the_tool() -> None:
    facts = sent(".jpg,.heic").template["Parameters"]["KeySuffixes"]
    assert (facts["AllowedValues"], facts["Default"]) == ([".jpg,.heic"], ".jpg,.heic")
    assert sent("").template["Parameters"]["KeySuffixes"]["AllowedValues"] == [""]
    assert sent(".jpg,.heic").outputs["KeySuffixes"] == ".jpg,.heic"


def test_given_a_suffix_that_ends_with_another_when_sent_then_a_sentence_since_s3_refuses_it() -> None:
    with pytest.raises(UserError, match=r"ends with -small\.jpg ends with \.jpg, too, so leave out -small\.jpg"):
        sent(".jpg,-small.jpg")
