"""What each role may do."""

from __future__ import annotations

import json

from tests.infra.pipeline.shared import FUNCTIONS, KEY, MAY, MAY_WAIT, Template, actions_of, stack_of
from tests.infra.template import as_list, policy_statements


def test_given_the_functions_roles_when_read_then_they_may_do_this_and_nothing_else(template: Template) -> None:
    stack = stack_of(template)
    assert stack.of_type("AWS::IAM::Role").keys() == MAY.keys()
    assert stack.of_type("AWS::IAM::Policy").keys() == {"LabellingPolicy"}
    assert not stack.of_type("AWS::IAM::ManagedPolicy")
    for role, allowed in MAY.items():
        assert actions_of(stack, role) == allowed
        assert not stack.properties(role).keys() & {"ManagedPolicyArns", "PermissionsBoundary"}
        [trusted] = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
        assert trusted == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        assert stack.properties(FUNCTIONS[role])["Role"] == f"<{role}.Arn>"


def test_given_a_budget_when_the_roles_are_read_then_only_the_function_that_is_asked_may_more(
    template: Template,
) -> None:
    stack = stack_of(template, DailyBudgetPhotos=5000)
    more = {action: set(resources) for action, resources in MAY_WAIT.items()}
    allowed = MAY["FunctionRole"] | more
    for action in ("dynamodb:PutItem", "dynamodb:DeleteItem"):
        allowed[action] = MAY["FunctionRole"][action] | more[action]
    assert actions_of(stack) == allowed
    assert actions_of(stack, "ConvertRole") == MAY["ConvertRole"]


def test_given_a_key_when_the_roles_are_read_then_they_may_use_that_one_alone(template: Template) -> None:
    stack = stack_of(template, KmsKeyArn=KEY)
    for role, allowed in MAY.items():
        more = {action: at for action, at in actions_of(stack, role).items() if action not in allowed}
        assert more == {
            f"kms:{action}": {KEY}
            for action in ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
        }


def test_given_a_key_taken_away_when_the_roles_are_read_then_they_may_still_decrypt_with_it(
    template: Template,
) -> None:
    stack = stack_of(template, FormerKmsKeyArn=KEY)
    for role, allowed in MAY.items():
        assert actions_of(stack, role) == allowed | {"kms:Decrypt": {KEY}}


def test_given_a_permissions_boundary_when_the_roles_are_made_then_both_have_it(template: Template) -> None:
    boundary = "arn:aws:iam::123456789012:policy/photo-labels-boundary"
    roles = stack_of(template, PermissionsBoundary=boundary).of_type("AWS::IAM::Role")
    assert [role["PermissionsBoundary"] for role in roles.values()] == [boundary] * 2


def test_given_all_policies_when_read_then_nothing_is_allowed_wholesale(template: Template) -> None:
    allowed = [one for one in policy_statements(stack_of(template)) if one["Effect"] == "Allow"]
    assert len(allowed) >= 10
    for statement in allowed:
        assert not {"NotAction", "NotResource", "NotPrincipal"} & statement.keys()
        assert statement.get("Principal") != "*"
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        if "*" in as_list(statement["Resource"]):
            assert statement["Action"] == "rekognition:DetectLabels"


def test_given_tls_enforced_when_asked_without_then_everything_of_ours_refuses(template: Template) -> None:
    denied = [one for one in policy_statements(stack_of(template)) if one["Effect"] == "Deny"]
    assert sorted((resource, one["Action"]) for one in denied for resource in as_list(one["Resource"])) == [
        ("<AlarmTopic>", "sns:Publish"),
        ("<BulkConvertQueue.Arn>", "sqs:*"),
        ("<BulkQueue.Arn>", "sqs:*"),
        ("<ConvertDeadLetterQueue.Arn>", "sqs:*"),
        ("<ConvertQueue.Arn>", "sqs:*"),
        ("<DeadLetterQueue.Arn>", "sqs:*"),
        ("<OverflowQueue.Arn>", "sqs:*"),
        ("<PhotoBucket.Arn>", "s3:*"),
        ("<PhotoBucket.Arn>/*", "s3:*"),
        ("<Queue.Arn>", "sqs:*"),
    ]
    for statement in denied:
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Principal"] == "*"


def test_given_the_policies_of_resources_when_read_then_each_is_put_where_it_belongs(template: Template) -> None:
    stack = stack_of(template)
    assert {
        name: next(properties[where] for where in ("Bucket", "Queues", "Topics", "Roles") if where in properties)
        for name, one in stack.resources.items()
        if "PolicyDocument" in (properties := one["Properties"])
    } == {
        "PhotoBucketPolicy": "<PhotoBucket>",
        "QueuePolicy": ["<Queue>"],
        "OtherQueuesPolicy": [
            "<DeadLetterQueue>",
            "<OverflowQueue>",
            "<BulkQueue>",
            "<ConvertQueue>",
            "<BulkConvertQueue>",
            "<ConvertDeadLetterQueue>",
        ],
        "LabellingPolicy": ["<FunctionRole>", "<ConvertRole>"],
        "AlarmTopicPolicy": ["<AlarmTopic>"],
    }


def test_given_tls_not_enforced_when_read_then_no_policy_asks_for_it(template: Template) -> None:
    stack = stack_of(template, EnforceTls="false")
    assert "SecureTransport" not in json.dumps(stack.resources)
    assert {one["Effect"] for one in policy_statements(stack)} == {"Allow"}
