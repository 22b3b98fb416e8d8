"""`infra/registry.yaml`: where images are kept, which of them are ever deleted, and where templates are put."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.api import lint

from infra.template import REGISTRY
from tests.infra.template import INFRA, Stack, read

# User guide, "Understand CloudFormation quotas": of a template that is sent with the request.
MOST_BYTES = 51_200


@pytest.fixture
def repository() -> dict[str, Any]:
    stack = Stack.of(read("registry.yaml"), RepositoryName="photo-labels")
    properties: dict[str, Any] = stack.resources["Repository"]["Properties"]
    return properties


def test_given_the_template_when_linted_then_clean() -> None:
    assert lint((INFRA / "registry.yaml").read_text()) == []


def test_given_the_template_when_sent_with_the_request_then_it_is_no_longer_than_may_be() -> None:
    assert len(REGISTRY.encode()) <= MOST_BYTES


def test_given_the_bucket_of_templates_when_made_then_it_is_private_encrypted_and_they_expire() -> None:
    stack = Stack.of(read("registry.yaml"), RepositoryName="photo-labels")
    bucket = stack.properties("Templates")
    assert "BucketName" not in bucket, "only CloudFormation's own begins with the stack's name and is never taken"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 7)
    assert "Prefix" not in rule
    assert stack.outputs["TemplateBucket"] == "<Templates>"
    # With something in it, it cannot be deleted with the stack, but it has to be: nothing in it is anybody's data.
    assert "DeletionPolicy" not in stack.resources["Templates"]


def test_given_the_bucket_of_templates_when_asked_without_tls_then_refused_unless_local() -> None:
    template = read("registry.yaml")
    policy = Stack.of(template, RepositoryName="photo-labels").properties("TemplatesPolicy")["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == ["<Templates.Arn>", "<Templates.Arn>/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    local = Stack.of(template, RepositoryName="photo-labels", EnforceTls="false")
    assert "TemplatesPolicy" not in local.resources


def test_given_the_repository_when_made_then_tags_are_immutable_and_images_scanned(
    repository: dict[str, Any],
) -> None:
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["EncryptionConfiguration"] == {"EncryptionType": "AES256"}


def test_given_the_lifecycle_when_it_expires_images_then_untagged_and_dirty_ones_only(
    repository: dict[str, Any],
) -> None:
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    for rule in rules:
        selection = rule["selection"]
        assert selection["tagStatus"] == "untagged" or selection["tagPrefixList"] == ["dirty-"]
    (dirty,) = [rule["selection"] for rule in rules if rule["selection"]["tagStatus"] == "tagged"]
    assert dirty["countType"] == "imageCountMoreThan", "age would expire one that has long been running"
    assert dirty["countNumber"] >= 20


def test_given_the_policy_when_lambda_pulls_then_only_for_functions_of_the_stack(
    repository: dict[str, Any],
) -> None:
    (statement,) = repository["RepositoryPolicyText"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert sorted(statement["Action"]) == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    assert statement["Condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:lambda:eu-central-1:123456789012:function:photo-labels-*"}
    }
