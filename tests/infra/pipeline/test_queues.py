"""Queues, and the mappings."""

from __future__ import annotations

import pytest

from photo_labels.records.messages import VISIBILITY_TIMEOUT_S
from tests.infra.pipeline.shared import QUEUES, Template, stack_of


def test_given_the_template_when_read_then_visibility_is_six_times_the_function_timeout(
    template: Template,
) -> None:
    stack = stack_of(template)
    assert int(stack.properties("Function")["Timeout"]) == 20
    assert int(stack.properties("Queue")["VisibilityTimeout"]) == 6 * 20 == VISIBILITY_TIMEOUT_S
    assert int(stack.properties("ConvertFunction")["Timeout"]) == 60
    assert int(stack.properties("ConvertQueue")["VisibilityTimeout"]) == 6 * 60


def test_given_the_queues_when_read_then_a_dead_letter_outlives_the_source(template: Template) -> None:
    # A dead letter keeps the time at which it was first sent.
    stack = stack_of(template)
    for queues in QUEUES:
        retention_s = (int(stack.properties(queue)["MessageRetentionPeriod"]) for queue in queues)
        assert [seconds / 86_400 for seconds in retention_s] == [10, 14]


@pytest.mark.parametrize("queues", QUEUES)
def test_given_the_queues_when_read_then_one_redrives_to_the_other_and_nobody_else_may(
    template: Template, queues: tuple[str, str]
) -> None:
    stack = stack_of(template)
    queue, dead_letters = (stack.properties(name) for name in queues)
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": f"<{queues[1]}.Arn>", "maxReceiveCount": "100"}
    assert dead_letters["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:eu-central-1:123456789012:{queue['QueueName']}"],
    }


def test_given_the_mapping_when_read_then_it_takes_tens_at_once_and_partial_failures(template: Template) -> None:
    assert stack_of(template, MaxConcurrency=7).properties("QueueToFunction") == {
        "EventSourceArn": "<Queue.Arn>",
        "FunctionName": "<Function>",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "7"},
    }


def test_given_the_mapping_that_converts_when_read_then_it_takes_one_at_a_time(template: Template) -> None:
    assert stack_of(template, ConvertConcurrency=7).properties("ConvertQueueToFunction") == {
        "EventSourceArn": "<ConvertQueue.Arn>",
        "FunctionName": "<ConvertFunction>",
        "BatchSize": 1,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "7"},
    }
