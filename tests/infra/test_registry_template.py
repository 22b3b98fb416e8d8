"""`infra/registry.yaml`: where images are kept, and which of them are ever deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.api import lint

from tests.infra.template import INFRA, Stack, read


@pytest.fixture
def repository() -> dict[str, Any]:
    stack = Stack.of(read("registry.yaml"), RepositoryName="photo-labels")
    properties: dict[str, Any] = stack.resources["Repository"]["Properties"]
    return properties


def test_given_the_template_when_linted_then_clean() -> None:
    assert lint((INFRA / "registry.yaml").read_text()) == []


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
