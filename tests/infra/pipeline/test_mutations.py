"""Can these tests fail? Each fault in the template is noticed."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infra.pipeline.shared import Template

from tests.infra.pipeline import (
    test_alarm_conditions,
    test_alarms,
    test_bucket,
    test_events,
    test_functions,
    test_permissions,
    test_queues,
    test_tables,
    test_template,
)

GONE = object()


def spoilt(template: Template, path: str, value: Any) -> Template:
    """A copy with one thing changed, or gone; the path's parts are keys, or positions in lists."""
    template = copy.deepcopy(template)
    *parents, last = (int(part) if part.isdecimal() else part for part in path.split("/"))
    node: Any = template
    for part in parents:
        node = node[part]
    if value is GONE:
        del node[last]
    elif isinstance(node, list) and last == len(node):
        node.append(value)
    else:
        node[last] = value
    return template


SHARED = "Resources/LabellingPolicy/Properties/PolicyDocument/Statement"


WAITING = "live_waiting + live_taken + overflow_waiting + overflow_taken + bulk_waiting + bulk_taken"


ROLE = "Resources/FunctionRole/Properties/Policies/0/PolicyDocument/Statement"


SPOILT: list[tuple[Callable[[Template], None], str, Any]] = [
    (
        test_template.test_given_the_template_when_linted_then_there_is_nothing_to_say,
        "Resources/Queue/Properties/VisibilityTimeOut",
        120,
    ),
    (
        test_queues.test_given_the_template_when_read_then_visibility_is_six_times_the_function_timeout,
        "Mappings/Timing/Source/VisibilitySeconds",
        "60",
    ),
    (
        test_queues.test_given_the_queues_when_read_then_a_dead_letter_outlives_the_source,
        "Mappings/Timing/DeadLetters/RetentionSeconds",
        "864000",
    ),
    (
        partial(
            test_queues.test_given_the_mapping_when_read_then_it_takes_tens_at_once_and_partial_failures, lane=""
        ),
        "Resources/QueueToFunction/Properties/FunctionResponseTypes",
        GONE,
    ),
    (
        test_bucket.test_given_a_bucket_of_ours_when_made_then_the_queue_hears_of_all_that_comes_and_goes,
        "Resources/PhotoBucket/Properties/NotificationConfiguration/QueueConfigurations/Fn::If/1/2",
        GONE,
    ),
    (
        test_events.test_given_the_rule_when_read_then_it_sends_what_comes_and_goes_to_the_queue,
        "Resources/BucketEvents/Properties/EventPattern/detail-type/1",
        GONE,
    ),
    (
        test_events.test_given_the_rule_when_read_then_it_sends_what_comes_and_goes_to_the_queue,
        "Resources/BucketEvents/Properties/Targets/0/DeadLetterConfig",
        GONE,
    ),
    (
        test_events.test_given_queues_of_the_rule_when_it_sends_then_it_may_and_no_other,
        "Resources/QueuePolicy/Properties/PolicyDocument/Statement/1/Fn::If/1/Condition",
        {},
    ),
    (
        test_events.test_given_queues_of_the_rule_when_it_sends_then_it_may_and_no_other,
        "Resources/UndeliveredQueuePolicy/Properties/PolicyDocument/Statement/0",
        GONE,
    ),
    (
        test_events.test_given_notifications_when_read_then_nothing_of_event_bridge_is_there,
        "Conditions/UsesEventBridge",
        {"Fn::Equals": ["", ""]},
    ),
    (
        test_events.test_given_event_bridge_when_read_then_what_it_cannot_deliver_rings_an_alarm,
        "Resources/UndeliveredEvents/Properties/Threshold",
        100,
    ),
    (
        test_tables.test_given_data_when_the_stack_goes_then_it_stays,
        "Resources/LabelIndex/UpdateReplacePolicy",
        GONE,
    ),
    (
        test_permissions.test_given_the_functions_roles_when_read_then_they_may_do_this_and_nothing_else,
        f"{SHARED}/3/Action/2",
        "dynamodb:Scan",
    ),
    (
        test_permissions.test_given_all_policies_when_read_then_nothing_is_allowed_wholesale,
        f"{SHARED}/0/Action/0",
        "s3:*",
    ),
    (
        test_permissions.test_given_all_policies_when_read_then_nothing_is_allowed_wholesale,
        f"{ROLE}/1/Resource",
        "*",
    ),
    (
        test_permissions.test_given_tls_enforced_when_asked_without_then_everything_of_ours_refuses,
        "Resources/OtherQueuesPolicy",
        GONE,
    ),
    (
        test_permissions.test_given_tls_not_enforced_when_read_then_no_policy_asks_for_it,
        "Resources/OtherQueuesPolicy/Condition",
        GONE,
    ),
    (
        test_functions.test_given_the_function_when_made_then_every_setting_is_there_and_no_other,
        "Resources/Function/Properties/Environment/Variables/REKOGNITION_TPS",
        GONE,
    ),
    (
        test_alarms.test_given_the_alarms_when_read_then_they_are_those_of_the_design,
        "Resources/RejectedShare/Properties/Statistic",
        "Sum",
    ),
    (
        test_alarms.test_given_the_alarms_when_read_then_each_watches_what_is_really_reported,
        "Resources/OldestPhoto/Properties/Dimensions/0/Name",
        "Service",
    ),
    (
        test_alarms.test_given_the_alarms_when_they_ring_then_somebody_is_told,
        "Resources/DeadLetters/Properties/AlarmActions",
        [],
    ),
    (
        test_alarms.test_given_the_alarms_when_they_ring_then_they_say_where_to_look_and_what_to_set,
        "Resources/OldestMessage/Properties/AlarmDescription",
        "Messages are old. " * 20,
    ),
    (
        test_alarms.test_given_the_alarms_when_they_name_figures_then_those_are_the_templates,
        "Mappings/AlarmLine/OldestPhoto/Seconds",
        "3600",
    ),
    (
        test_alarms.test_given_the_dashboard_when_drawn_then_every_alarm_has_its_line_beside_its_metric,
        "Resources/QueueDepth/Properties/Threshold",
        3000,
    ),
    (
        test_alarms.test_given_the_alarms_of_metric_math_when_read_then_each_watches_its_functions_queues,
        "Resources/NoProgress/Properties/Metrics/1/MetricStat/Metric/MetricName",
        "NumberOfMessagesSent",
    ),
    (
        test_alarms.test_given_the_runbook_when_compared_with_the_alarms_then_each_has_its_section,
        "Resources/NoProgress/Properties/AlarmName",
        "photo-labels-Stuck",
    ),
    (
        test_alarm_conditions.test_given_the_alarms_when_compared_with_the_table_then_each_has_its_row,
        "Resources/NoProgress",
        GONE,
    ),
    *(
        (check, "Resources/NoProgress/Properties/Metrics/0/Expression", f"IF({condition}, 0, {WAITING})")
        for check, condition in (
            (
                test_alarm_conditions.test_given_a_spent_budget_when_bulk_work_waits_for_days_then_only_that_is_said,
                "FILL(ended, 0) > 0",
            ),
            (
                test_alarm_conditions.test_given_one_function_that_works_when_the_other_is_stuck_then_that_rings,
                "FILL(spent, 0) > 0",
            ),
        )
    ),
    (
        test_alarm_conditions.test_given_sqs_that_reports_late_when_nothing_ends_then_it_rings_all_the_same,
        "Resources/NoProgress/Properties/Metrics/0/Expression",
        f"IF(FILL(ended, 0) + FILL(spent, 0) > 0, 0, FILL({WAITING}, 0))",
    ),
]


@pytest.mark.parametrize(("check", "path", "value"), SPOILT)
def test_given_a_spoilt_template_when_checked_then_the_check_fails(
    template: Template, check: Callable[[Template], None], path: str, value: Any
) -> None:
    with pytest.raises(AssertionError):
        check(spoilt(template, path, value))
