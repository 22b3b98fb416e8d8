"""Alarms and the dashboard."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.infra.pipeline.shared import (
    ALARMS,
    DIMENSION_OF,
    LANES,
    MATH_ALARMS,
    NAMESPACE_OF,
    OPERATORS,
    Template,
    alarms_of,
    metrics_of,
    stack_of,
    with_all_alarms,
)
from tests.infra.template import INFRA, PSEUDO_PARAMETERS, Stack

# Parameters, metrics and classes that are named like alarms.
NO_ALARMS = {"DailyBudgetPhotos", "MonthlyBudgetPhotos", "NotPhotos", "SmallPhotos"}


def test_given_the_alarms_when_read_then_they_are_those_of_the_design(template: Template) -> None:
    assert {
        name: (
            alarm["MetricName"],
            alarm["Dimensions"][0]["Value"],
            alarm["Statistic"],
            OPERATORS[alarm["ComparisonOperator"]],
            float(alarm["Threshold"]),
            alarm["Period"] * alarm["EvaluationPeriods"],
        )
        for name, alarm in alarms_of(with_all_alarms(template)).items()
        if "Metrics" not in alarm
    } == ALARMS


def test_given_the_alarms_of_metric_math_when_read_then_each_watches_its_functions_queues(
    template: Template,
) -> None:
    alarms = {name: one for name, one in alarms_of(with_all_alarms(template)).items() if "Metrics" in one}
    assert alarms.keys() == MATH_ALARMS.keys()
    counts = ("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible")
    for name, (queues, ended) in MATH_ALARMS.items():
        watched = [(one["MetricName"], one["Dimensions"][0]["Value"]) for one in metrics_of(alarms[name])]
        assert watched == [
            *((count, f"<{queue}.QueueName>") for queue in queues for count in counts),
            (ended, "photo-labels"),
            ("BudgetSpent", "photo-labels"),
        ], name
        stats = [one["MetricStat"] for one in alarms[name]["Metrics"] if "MetricStat" in one]
        # Ten is CloudWatch's most, and all have to have one period.
        assert len(stats) <= 10, name
        assert {one["Period"] for one in stats} == {60}, name
        assert [one["Id"] for one in alarms[name]["Metrics"] if one.get("ReturnData", True)] == ["stuck"], name
    of_all = [queue for queues, _ in MATH_ALARMS.values() for queue in queues]
    assert sorted(of_all) == sorted(queue for lanes in LANES.values() for queue in lanes)


def test_given_the_alarms_when_read_then_each_watches_what_is_really_reported(template: Template) -> None:
    for name, alarm in alarms_of(with_all_alarms(template)).items():
        for metric in metrics_of(alarm):
            assert metric["Namespace"] == NAMESPACE_OF[metric["MetricName"]], name
            assert [one["Name"] for one in metric["Dimensions"]] == [DIMENSION_OF[metric["Namespace"]]], name


def test_given_our_metrics_when_alarmed_or_drawn_then_the_handler_emits_them() -> None:
    telemetry = (INFRA.parent / "handler" / "telemetry.py").read_text()
    ours = [metric for metric, namespace in NAMESPACE_OF.items() if namespace == "PhotoLabels"]
    assert [metric for metric in ours if f'"{metric}"' not in telemetry] == []


def test_given_the_alarms_when_they_ring_then_somebody_is_told(template: Template) -> None:
    for name, alarm in alarms_of(with_all_alarms(template)).items():
        assert alarm["AlarmActions"] == ["<AlarmTopic>"], name
        assert alarm.get("ActionsEnabled", True) is True, name
        assert alarm["TreatMissingData"] == "notBreaching", name


def test_given_the_alarms_when_they_ring_then_they_say_where_to_look_and_what_to_set(template: Template) -> None:
    settings = {*template["Parameters"], "MaxReceiveCount"}
    for name, alarm in alarms_of(with_all_alarms(template)).items():
        description = alarm["AlarmDescription"]
        assert 200 <= len(description) <= 1024, name
        assert re.search(r"dashboard|log group|photos (failures|status)|ConcurrentExecutions", description), name
        assert settings & set(re.findall(r"\w+", description)), name


def test_given_the_runbook_when_compared_with_the_alarms_then_each_has_its_section(template: Template) -> None:
    runbook = (INFRA.parent / "docs" / "alarms.md").read_text(encoding="utf-8")
    introduction, *sections = re.split(r"^## ", runbook, flags=re.MULTILINE)
    by_name = dict(section.split("\n", 1) for section in sections)
    alarms = alarms_of(with_all_alarms(template))
    assert by_name.keys() == alarms.keys()
    for name, section in by_name.items():
        for said in ("Means", "Look at", "Do", "Expected"):
            assert section.count(f"**{said}**") == 1, (name, said)
    # No alarm is named that does not exist: they all end like these, and nothing else does.
    ends = "|".join({re.sub(".*(?=[A-Z])", "", name) for name in alarms})
    named = set(
        re.findall(rf"(?<![`\w])[A-Z][a-z]+(?:[A-Z][a-z]+)*(?:{ends})\b", introduction + "".join(sections))
    )
    assert named - alarms.keys() <= NO_ALARMS


def test_given_the_alarms_when_they_name_figures_then_those_are_the_templates(template: Template) -> None:
    stack = stack_of(template)
    alarms = alarms_of(stack)
    queue = stack.properties("Queue")
    visible_minutes = int(queue["VisibilityTimeout"]) // 60
    source_days = int(queue["MessageRetentionPeriod"]) // 86_400
    dead_days = int(stack.properties("DeadLetterQueue")["MessageRetentionPeriod"]) // 86_400
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    backoff = alarms["MessagesInBackoff"]
    for name, figure in {
        ("NoProgress", f"For {alarms['NoProgress']['EvaluationPeriods']} minutes"),
        ("NoProgress", f"for {source_days} days"),
        ("ConvertNoProgress", f"For {alarms['ConvertNoProgress']['EvaluationPeriods']} minutes"),
        ("ConvertNoProgress", f"for {source_days} days"),
        ("QueueDepth", f"{source_days} days"),
        ("MessagesInBackoff", f"For {backoff['Period'] * backoff['EvaluationPeriods'] // 60} minutes"),
        ("MessagesInBackoff", f"batches of {stack.properties('QueueToFunction')['BatchSize']}"),
        ("MessagesInBackoff", f"{receives} tries"),
        ("OldestMessage", f"waited {int(alarms['OldestMessage']['Threshold']) // 60} minutes"),
        ("OldestPhoto", f"{int(alarms['OldestPhoto']['Threshold']) // 60} minutes ago"),
        ("OldestPhoto", f"After {source_days} days, or {receives} tries"),
        ("DeadLetters", f"failed {receives} times"),
        ("DeadLetters", f"expire {dead_days} days"),
        ("FunctionErrors", f"{visible_minutes} minutes later"),
        *(
            (name, f"For {alarms[name]['Period'] * alarms[name]['EvaluationPeriods'] // 60} minutes")
            for name in ("FunctionThrottles", "ConvertThrottles")
        ),
        ("FunctionThrottles", f"one of {receives} tries"),
        ("ConvertQueueDepth", f"{source_days} days"),
        ("ConvertOldestMessage", f"waited {int(alarms['ConvertOldestMessage']['Threshold']) // 60} minutes"),
        ("ConvertDeadLetters", f"failed {receives} times"),
        ("ConvertDeadLetters", f"expire {dead_days} days"),
        ("ConvertErrors", f"{int(stack.properties('ConvertQueue')['VisibilityTimeout']) // 60} minutes later"),
        ("ConvertThrottles", f"one of {receives} tries"),
        ("RejectedShare", f"More than {float(alarms['RejectedShare']['Threshold']):.0%}".replace("%", " %")),
        ("RejectedCount", f"{alarms['RejectedCount']['Threshold']} live photos or more"),
        ("DailyPhotos", f"{source_days} days"),
        *(
            (f"{lane}Age", f"{int(alarms[f'{lane}Age']['Threshold']) // 86_400} of the {days} days")
            for lane in ("Overflow", "Bulk", "BulkConvert")
            for days in [int(stack.properties(f"{lane}Queue")["MessageRetentionPeriod"]) // 86_400]
        ),
    }:
        assert figure in alarms[name]["AlarmDescription"], (name, figure)


@pytest.mark.parametrize("concurrency", [2, 10, 1000])
def test_given_a_concurrency_when_messages_are_hidden_then_only_more_than_it_explains_rings(
    template: Template, concurrency: int
) -> None:
    stack = stack_of(template, MaxConcurrency=concurrency)
    in_hand = concurrency * stack.properties("QueueToFunction")["BatchSize"]
    assert float(alarms_of(stack)["MessagesInBackoff"]["Threshold"]) == in_hand


def test_given_the_alarm_parameters_when_set_then_the_alarms_follow(template: Template) -> None:
    alarms = alarms_of(stack_of(template, QueueDepthAlarm=7, DailyPhotosAlarm=8))
    assert (alarms["QueueDepth"]["Threshold"], alarms["DailyPhotos"]["Threshold"]) == ("7", "8")


def test_given_the_topic_when_published_to_then_only_by_alarms_of_this_stack(template: Template) -> None:
    stack = stack_of(template, EnforceTls="false")
    policy = stack.properties("AlarmTopicPolicy")
    assert policy["Topics"] == ["<AlarmTopic>"]
    [allowed] = policy["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", "sns:Publish", "<AlarmTopic>")
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    pattern = allowed["Condition"]["ArnLike"]["aws:SourceArn"]
    assert pattern == "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:photo-labels-*"
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmName"].startswith("photo-labels-")


def test_given_the_topic_when_made_then_no_key_keeps_cloudwatch_out(template: Template) -> None:
    assert "KmsMasterKeyId" not in stack_of(template).properties("AlarmTopic")


def test_given_an_address_when_set_then_and_only_then_it_is_subscribed(template: Template) -> None:
    assert not stack_of(template).of_type("AWS::SNS::Subscription")
    assert stack_of(template, AlarmEmail="me@example.com").properties("AlarmSubscription") == {
        "TopicArn": "<AlarmTopic>",
        "Protocol": "email",
        "Endpoint": "me@example.com",
    }


def widgets_of(stack: Stack) -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = json.loads(stack.properties("Dashboard")["DashboardBody"])["widgets"]
    return widgets


def drawn_in(widget: dict[str, Any]) -> set[tuple[str, str, str, str, str]]:
    """The metrics of a widget: namespace, name, dimension, its value, statistic."""
    properties = widget["properties"]
    metrics = [(*metric, {})[:5] for metric in properties["metrics"]]
    return {(*metric, options.get("stat", properties.get("stat"))) for *metric, options in metrics}


def test_given_the_dashboard_when_drawn_then_every_alarm_has_its_line_beside_its_metric(
    template: Template,
) -> None:
    stack = with_all_alarms(template, MaxConcurrency=20, QueueDepthAlarm=1234, DailyPhotosAlarm=5678)
    lines = {
        name.strip(): (float(line["value"]), drawn_in(widget))
        for widget in widgets_of(stack)
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
        for name in line["label"].split(",")
    }
    # No alarm, but what OverflowAge, BulkAge and BulkConvertAge warn of.
    deleted_at, ages = lines.pop("SQS deletes it")
    assert {metric for _, metric, *_ in ages} == {"ApproximateAgeOfOldestMessage"}
    assert deleted_at == float(stack.properties("BulkQueue")["MessageRetentionPeriod"])
    # What metric math comes to has no line of its own.
    alarms = {name: alarm for name, alarm in alarms_of(stack).items() if "Metrics" not in alarm}
    assert lines.keys() == alarms.keys()
    for name, alarm in alarms.items():
        height, metrics = lines[name]
        [dimension] = alarm["Dimensions"]
        assert height == float(alarm["Threshold"]), name
        watched = (
            alarm["Namespace"],
            alarm["MetricName"],
            dimension["Name"],
            dimension["Value"],
            alarm["Statistic"],
        )
        assert watched in metrics, name


def test_given_the_dashboard_when_drawn_then_all_of_it_is_really_reported(template: Template) -> None:
    drawn = set().union(*map(drawn_in, widgets_of(stack_of(template))))
    for namespace, metric, dimension, _value, statistic in drawn:
        assert (namespace, dimension) == (NAMESPACE_OF[metric], DIMENSION_OF[namespace]), metric
        assert statistic in {"Average", "Maximum", "Sum", "p50", "p99"}, metric
    assert {metric for _, metric, *_ in drawn} == NAMESPACE_OF.keys()


def test_given_the_dashboard_when_drawn_then_widgets_fill_rows_without_overlap(template: Template) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets_of(stack_of(template)):
        cells = {
            (widget["x"] + right, widget["y"] + down)
            for right in range(widget["width"])
            for down in range(widget["height"])
        }
        assert max(column for column, _ in cells) < 24
        assert not taken & cells
        taken |= cells
        assert widget["properties"]["region"] == PSEUDO_PARAMETERS["AWS::Region"]
