"""Queues, and the mappings."""

from __future__ import annotations

import pytest

from photo_labels.library.retention import LONGEST_WAIT, RETENTION
from photo_labels.records.documents import TOMBSTONE_LIFE
from photo_labels.records.messages import VISIBILITY_TIMEOUT_S
from tests.infra.pipeline.shared import LANES, Template, stack_of


def test_given_the_template_when_read_then_visibility_is_six_times_the_function_timeout(
    template: Template,
) -> None:
    stack = stack_of(template)
    assert int(stack.properties("Function")["Timeout"]) == 20
    assert int(stack.properties("ConvertFunction")["Timeout"]) == 60
    visibility_s = {
        dead_letters: {int(stack.properties(queue)["VisibilityTimeout"]) for queue in queues}
        for dead_letters, queues in LANES.items()
    }
    assert visibility_s == {"DeadLetterQueue": {6 * 20}, "ConvertDeadLetterQueue": {6 * 60}}
    assert VISIBILITY_TIMEOUT_S == 6 * 20


def test_given_the_queues_when_read_then_a_dead_letter_outlives_the_source(template: Template) -> None:
    # A dead letter keeps the time at which it was first sent.
    stack = stack_of(template)
    for dead_letters, queues in LANES.items():
        assert int(stack.properties(dead_letters)["MessageRetentionPeriod"]) == 14 * 86_400
        for queue, days in queues.items():
            assert int(stack.properties(queue)["MessageRetentionPeriod"]) == days * 86_400


def test_given_a_message_when_it_goes_all_ways_then_tombstones_outlive_it(template: Template) -> None:
    # Each forwarding starts its clock again; it goes from live to overflow or bulk, and from there to be converted.
    stack = stack_of(template)
    way = ("Queue", "OverflowQueue", "BulkConvertQueue", "DeadLetterQueue")
    longest_s = sum(int(stack.properties(queue)["MessageRetentionPeriod"]) for queue in way)
    assert TOMBSTONE_LIFE.total_seconds() > longest_s + LONGEST_WAIT.total_seconds()


def test_given_what_the_tools_queue_when_it_is_labelled_in_time_then_sqs_deletes_none(template: Template) -> None:
    stack = stack_of(template)
    for queue in ("OverflowQueue", "BulkQueue", "BulkConvertQueue"):
        assert int(stack.properties(queue)["MessageRetentionPeriod"]) >= 1.2 * LONGEST_WAIT.total_seconds()
        assert int(stack.properties(queue)["MessageRetentionPeriod"]) == RETENTION.total_seconds()


@pytest.mark.parametrize("dead_letters", LANES)
def test_given_the_queues_when_read_then_they_redrive_to_one_and_nobody_else_may(
    template: Template, dead_letters: str
) -> None:
    stack = stack_of(template)
    for queue in LANES[dead_letters]:
        assert stack.properties(queue)["RedrivePolicy"] == {
            "deadLetterTargetArn": f"<{dead_letters}.Arn>",
            "maxReceiveCount": "100",
        }
    names = [stack.properties(queue)["QueueName"] for queue in LANES[dead_letters]]
    assert stack.properties(dead_letters)["RedriveAllowPolicy"] == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:eu-central-1:123456789012:{name}" for name in names],
    }


@pytest.mark.parametrize("lane", ["", "Overflow", "Bulk"])
def test_given_the_mapping_when_read_then_it_takes_tens_at_once_and_partial_failures(
    template: Template, lane: str
) -> None:
    stack = stack_of(template, MaxConcurrency=5 if lane else 7, BulkConcurrency=7 if lane else 3)
    assert stack.properties(f"{lane}QueueToFunction") == {
        "EventSourceArn": f"<{lane}Queue.Arn>",
        "FunctionName": "<Function>",
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "7"},
    }


@pytest.mark.parametrize("lane", ["Convert", "BulkConvert"])
def test_given_the_mapping_that_converts_when_read_then_it_takes_one_at_a_time(
    template: Template, lane: str
) -> None:
    assert stack_of(template, ConvertConcurrency=7).properties(f"{lane}QueueToFunction") == {
        "EventSourceArn": f"<{lane}Queue.Arn>",
        "FunctionName": "<ConvertFunction>",
        "BatchSize": 1,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": "7"},
    }
