"""`infra/deployer-policy.json`: who deploys with it may make everything that the templates name."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from tests.infra.template import INFRA, PSEUDO_PARAMETERS, Stack, as_list, read

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
STACK = Stack.of(read("pipeline.yaml"), ImageUri=IMAGE, Architecture="arm64", Via="both")


def allowed() -> list[tuple[str, str]]:
    """Actions and resources of the policy, with the names put in as docs/deploying.md says."""
    text = (INFRA / "deployer-policy.json").read_text()
    names = {
        "BUCKET": "photo-labels-123456789012-eu-central-1",
        "ACCOUNT": PSEUDO_PARAMETERS["AWS::AccountId"],
        "REGION": PSEUDO_PARAMETERS["AWS::Region"],
        "STACK": PSEUDO_PARAMETERS["AWS::StackName"],
    }
    for placeholder, name in names.items():
        text = text.replace(placeholder, name)
    return [
        (action, resource)
        for statement in json.loads(text)["Statement"]
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
