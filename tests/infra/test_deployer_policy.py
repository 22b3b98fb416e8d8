"""`infra/deployer-policy.json`: who deploys with it may make everything that the templates name."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infra.template import INFRA, PSEUDO_PARAMETERS, Stack, as_list, policy_statements, read

NAMED = {
    "AWS::Lambda::Function": ("FunctionName", "lambda:GetFunction", "arn:aws:lambda:{at}:function:{name}"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:CreateLogGroup", "arn:aws:logs:{at}:log-group:{name}"),
    "AWS::SQS::Queue": ("QueueName", "sqs:CreateQueue", "arn:aws:sqs:{at}:{name}"),
    "AWS::SNS::Topic": ("TopicName", "sns:CreateTopic", "arn:aws:sns:{at}:{name}"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb:CreateTable", "arn:aws:dynamodb:{at}:table/{name}"),
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch:PutMetricAlarm", "arn:aws:cloudwatch:{at}:alarm:{name}"),
    "AWS::Events::Rule": ("Name", "events:PutRule", "arn:aws:events:{at}:rule/{name}"),
    "AWS::S3::Bucket": ("BucketName", "s3:CreateBucket", "arn:aws:s3:::{name}"),
}
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/photo-labels@sha256:" + "0" * 64
KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
BOUNDARY = "arn:aws:iam::123456789012:policy/photo-labels-boundary"
STACK = Stack.of(
    read("pipeline.yaml"),
    ImageUri=IMAGE,
    Architecture="arm64",
    Via="both",
    KmsKeyArn=KEY,
    DailyBudgetPhotos=5,
)
BUCKET = "photo-labels-123456789012-eu-central-1"


def statements_of(name: str) -> list[dict[str, Any]]:
    """Statements of a policy of `infra/`, with the names put in as docs/deploying.md says."""
    text = (INFRA / name).read_text()
    names = {
        "BOUNDARY": BOUNDARY,
        "BUCKET": BUCKET,
        "ACCOUNT": PSEUDO_PARAMETERS["AWS::AccountId"],
        "REGION": PSEUDO_PARAMETERS["AWS::Region"],
        "STACK": PSEUDO_PARAMETERS["AWS::StackName"],
    }
    for placeholder, value in names.items():
        text = text.replace(placeholder, value)
    statements: list[dict[str, Any]] = json.loads(text)["Statement"]
    return statements


def allowed(name: str = "deployer-policy.json") -> list[tuple[str, str]]:
    """Actions and resources that a policy allows."""
    return [
        (action, resource)
        for statement in statements_of(name)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]


@pytest.mark.parametrize("kind", NAMED)
def test_given_template_when_deployed_with_policy_then_it_may_make_every_resource_of_kind(
    kind: str,
) -> None:
    attribute, wanted, arn = NAMED[kind]
    made = STACK.of_type(kind)
    assert made
    for logical_name, properties in made.items():
        at = f"{PSEUDO_PARAMETERS['AWS::Region']}:{PSEUDO_PARAMETERS['AWS::AccountId']}"
        resource = arn.format(at=at, name=properties[attribute])
        is_allowed = any(
            fnmatchcase(wanted, action) and fnmatchcase(resource, pattern) for action, pattern in allowed()
        )
        assert is_allowed, f"{logical_name}: {wanted} on {resource}"


def may(action: str, resource: str) -> bool:
    return any(fnmatchcase(action, one) and fnmatchcase(resource, pattern) for one, pattern in allowed())


def test_given_the_bucket_of_templates_when_used_with_policy_then_it_may_be_made_filled_and_removed() -> None:
    bucket = "arn:aws:s3:::photo-labels-registry-templates-1a2b3c4d5e6f"
    for action in (
        *("CreateBucket", "PutBucketPublicAccessBlock", "PutEncryptionConfiguration", "PutBucketPolicy"),
        *("PutLifecycleConfiguration", "ListBucketVersions", "DeleteBucketPolicy", "DeleteBucket"),
    ):
        assert may(f"s3:{action}", bucket), action
    for action in ("PutObject", "GetObject", "DeleteObject", "DeleteObjectVersion"):
        assert may(f"s3:{action}", f"{bucket}/0.json"), action
    assert not may("s3:GetObject", "arn:aws:s3:::photo-labels-123456789012-eu-central-1/private.jpg")


def test_given_the_registrys_bucket_when_deployed_with_policy_then_templates_may_be_put_and_read() -> None:
    bucket = "arn:aws:s3:::photo-labels-registry-0a1b2c3d4e5f"
    wanted = {"s3:CreateBucket": bucket, "s3:DeleteBucket": bucket, "s3:PutLifecycleConfiguration": bucket}
    wanted |= {"s3:PutObject": f"{bucket}/a.json", "s3:GetObject": f"{bucket}/a.json"}
    for action, resource in wanted.items():
        assert any(fnmatchcase(action, one) and fnmatchcase(resource, at) for one, at in allowed()), action
    photo = f"arn:aws:s3:::{BUCKET}/cat.jpg"
    assert not any(fnmatchcase("s3:GetObject", one) and fnmatchcase(photo, at) for one, at in allowed())


def _arns(resource: str) -> list[str]:
    """A resource of the template as an ARN; `<Queue.Arn>` and the like by the name that it gets."""
    at = f"{PSEUDO_PARAMETERS['AWS::Region']}:{PSEUDO_PARAMETERS['AWS::AccountId']}"

    def named(match: re.Match[str]) -> str:
        logical_name, _, attribute = match[1].partition(".")
        resource = STACK.resources[logical_name]
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":  # it has an id, and no name
            return "0a1b2c3d-0000-0000-0000-000000000000"
        name_of, _, arn = NAMED[resource["Type"]]
        name: str = resource["Properties"][name_of]
        return arn.format(at=at, name=name) if attribute else name

    return [re.sub(r"<([^>]+)>", named, resource)]


def test_given_the_roles_when_bounded_then_the_boundary_contains_all_that_they_may_do() -> None:
    own = [one for one in policy_statements(STACK) if one["Effect"] == "Allow" and "Principal" not in one]
    wanted = {
        (action, arn)
        for statement in own
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        for arn in _arns(resource)
    }
    assert len(wanted) > 40
    bounds = allowed("boundary-policy.json")
    for action, arn in wanted:
        assert any(action == one and fnmatchcase(arn, at) for one, at in bounds), f"{action} on {arn}"
    assert {action for action, _ in bounds} == {action for action, _ in wanted}, "and nothing else"


def test_given_boundaries_when_deployed_then_no_role_is_made_or_changed_without_it() -> None:
    denied = {
        action: statement
        for statement in statements_of("deployer-bounded-policy.json")
        for action in as_list(statement["Action"])
    }
    assert {one["Effect"] for one in denied.values()} == {"Deny"}
    # Where a role has no boundary the key is not there, and StringNotEquals holds.
    without = {"StringNotEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"):
        assert (denied[action]["Resource"], denied[action]["Condition"]) == ("*", without)
    assert "Condition" not in denied["iam:DeleteRolePermissionsBoundary"]
    assert denied["iam:CreatePolicyVersion"]["Resource"] == BOUNDARY


def test_given_the_policy_when_it_may_change_roles_then_each_way_to_more_rights_is_denied_where_bounded() -> None:
    may = {action for action, _ in allowed() if action.startswith("iam:")}
    assert "iam:*" not in may
    widening = {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary", "iam:AttachRolePolicy"}
    widening |= {"iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion", "iam:PutUserPolicy"}
    denied = {action for action, _ in allowed("deployer-bounded-policy.json")}
    assert may & widening <= denied
    passing = [one for one in statements_of("deployer-policy.json") if one["Action"] == "iam:PassRole"]
    assert [one["Condition"] for one in passing] == [
        {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    ]


@pytest.mark.parametrize("name", ["deployer-policy.json", "boundary-policy.json", "deployer-bounded-policy.json"])
def test_given_a_policy_when_attached_then_iam_takes_its_length(name: str) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements_of(name)}, separators=(",", ":"))
    assert len(text.replace("photo-labels", "p" * 35)) <= 6144


def test_given_alarms_when_they_are_listed_then_it_is_allowed_on_all_as_cloudwatch_wants_it() -> None:
    # By a prefix, and for composite alarms, a narrower scope is refused (CloudWatch's permissions reference).
    assert ("cloudwatch:DescribeAlarms", "*") in allowed()
    changing = [at for action, at in allowed() if fnmatchcase("cloudwatch:PutMetricAlarm", action)]
    assert "*" not in changing
