"""What is called is a permission that exists, and that whoever calls it has or is told to get."""

from __future__ import annotations

import ast
import json
import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
import cfnlint
import pytest
from botocore import xform_name

from infra.trim_botocore import OPERATIONS
from local.ministack import REPOSITORY
from photo_labels.library.backfilling.bucket_policy import Grant
from photo_labels.library.target import Target
from tests.fakes.stack import outputs_of_stack
from tests.infra.template import INFRA, Stack, as_list, policy_statements, read

if TYPE_CHECKING:
    from collections.abc import Iterator

# All actions of IAM, in small letters, as AWS lists them (service authorization reference).
KNOWN = json.loads((Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json").read_text())

# Operations whose permission is not called as they are.
OTHER_NAMES = {
    ("dynamodb", "BatchExecuteStatement"): {"dynamodb:PartiQLInsert"},  # the only verb of the function's
    ("s3", "HeadObject"): {"s3:GetObject", "s3:GetObjectVersion"},
    ("s3", "GetObject"): {"s3:GetObject", "s3:GetObjectVersion"},
    ("s3", "HeadBucket"): {"s3:ListBucket"},
    ("s3", "ListObjectsV2"): {"s3:ListBucket"},
    ("s3", "ListObjectVersions"): {"s3:ListBucketVersions"},
    ("s3", "DeleteObjects"): {"s3:DeleteObject", "s3:DeleteObjectVersion"},
    ("s3", "CreateSession"): {"s3express:CreateSession"},
    ("s3", "GetBucketNotificationConfiguration"): {"s3:GetBucketNotification"},
    ("s3", "PutBucketNotificationConfiguration"): {"s3:PutBucketNotification"},
    ("sqs", "SendMessageBatch"): {"sqs:SendMessage"},
    ("sqs", "DeleteMessageBatch"): {"sqs:DeleteMessage"},
    ("sqs", "ChangeMessageVisibilityBatch"): {"sqs:ChangeMessageVisibility"},
    ("lambda", "Invoke"): {"lambda:InvokeFunction"},
    ("service-quotas", "ListServiceQuotas"): {"servicequotas:ListServiceQuotas"},
    ("service-quotas", "ListAWSDefaultServiceQuotas"): {"servicequotas:ListAWSDefaultServiceQuotas"},
}

OF_THE_POLLER = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
OF_LAMBDA = {"logs:CreateLogStream", "logs:PutLogEvents"}
# No directory bucket has photos of ours: Rekognition does not read them.
OF_NOBODY = {"s3express:CreateSession"}
# The first needs no permission; with the second every tool finds its pipeline (docs/searching.md).
ANYBODYS = {"sts:GetCallerIdentity", "cloudformation:DescribeStacks"}

SERVICES = {
    *OPERATIONS,
    *("cloudformation", "cloudwatch", "ecr", "lambda", "logs", "service-quotas", "sns", "sts"),
}


def actions_of(service: str, operation: str) -> set[str]:
    return OTHER_NAMES.get((service, operation), {f"{service}:{operation}"})


@cache
def methods() -> dict[str, list[tuple[str, str]]]:
    """Operations of all services that we use, by the name of a client's method."""
    session = botocore.session.get_session()
    found: dict[str, list[tuple[str, str]]] = {}
    for service in sorted(SERVICES):
        for operation in session.get_service_model(service).operation_names:
            found.setdefault(xform_name(operation), []).append((service, operation))
    return found


def calls_in(folder: str) -> Iterator[tuple[str, str]]:
    """Operations that a folder's modules call, by a method or by a paginator."""
    for path in (REPOSITORY / folder).rglob("*.py"):
        tree = ast.parse(path.read_text())
        clients = set(re.findall(r'client\("([a-z-]+)"', path.read_text()))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if ast.unparse(node.func.value) == "super()":  # of click's, not of a client
                continue
            name = node.func.attr
            if name == "get_paginator" and isinstance(node.args[0], ast.Constant):
                name = str(node.args[0].value)
            candidates = methods().get(name, [])
            yield from candidates if len(candidates) == 1 else [one for one in candidates if one[0] in clients]


def granted(stack: Stack) -> set[str]:
    return {action for statement in policy_statements(stack) for action in as_list(statement["Action"])}


def of_roles(stack: Stack) -> set[str]:
    """Actions that the functions' roles have."""
    documents = [one["PolicyDocument"] for one in stack.of_type("AWS::IAM::Policy").values()]
    documents += [
        one["PolicyDocument"] for role in stack.of_type("AWS::IAM::Role").values() for one in role["Policies"]
    ]
    return {
        action for one in documents for statement in one["Statement"] for action in as_list(statement["Action"])
    }


IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/photo-labels@sha256:" + "0" * 64
PIPELINE = Stack.of(
    read("pipeline.yaml"), ImageUri=IMAGE, Architecture="arm64", AlarmEmail="a@example.com", DailyBudgetPhotos=5
)
DEPLOYER = {
    action
    for statement in json.loads((INFRA / "deployer-policy.json").read_text())["Statement"]
    for action in as_list(statement["Action"])
}
BOUNDARIES = {
    action
    for name in ("boundary-policy.json", "deployer-bounded-policy.json")
    for statement in json.loads((INFRA / name).read_text())["Statement"]
    for action in as_list(statement["Action"])
}
DOCS = "\n".join(path.read_text() for path in sorted((REPOSITORY / "docs").glob("*.md")))
USER_FACING_ERRORS = set(
    re.findall(r"\b((?:s3|sqs|dynamodb|logs|lambda|cloudwatch|cloudformation|kms|sns|ecr|iam):[A-Z]\w+)", DOCS)
)


def test_given_the_functions_when_they_call_aws_then_their_roles_may_do_that_and_nothing_else() -> None:
    called = {
        action for service, names in OPERATIONS.items() for name in names for action in actions_of(service, name)
    }
    assert of_roles(PIPELINE) == (called - OF_NOBODY) | OF_THE_POLLER | OF_LAMBDA


def test_given_partiql_when_the_function_uses_it_then_for_insertions_alone() -> None:
    statements = re.findall(r"f['\"](\w+) (?:INTO|FROM|SET)", (REPOSITORY / "handler" / "storage.py").read_text())
    assert statements == ["INSERT"]


@pytest.mark.parametrize(
    "actions",
    [
        granted(PIPELINE),
        granted(Stack.of(read("pipeline.yaml"), ImageUri=IMAGE, Architecture="arm64", ExistingBucket="mine")),
        granted(Stack.of(read("pipeline.yaml"), ImageUri=IMAGE, Architecture="arm64", KmsKeyArn="arn:aws:kms:x")),
        DEPLOYER,
        BOUNDARIES,
        USER_FACING_ERRORS - {"s3:TestEvent", "kms:EncryptionContext"},
        {action for actions in OTHER_NAMES.values() for action in actions},
    ],
    ids=[
        "pipeline",
        "pipeline on a bucket of one's own",
        "pipeline with a key",
        "deployer",
        "boundaries",
        "docs",
        "names that are others",
    ],
)
def test_given_an_action_when_written_anywhere_then_iam_knows_it(actions: set[str]) -> None:
    assert len(actions) > 10
    assert {action for action in actions if not _is_known(action)} == set()


def _is_known(action: str) -> bool:
    service, _, name = action.lower().partition(":")
    return any(fnmatchcase(known, name) for known in KNOWN[service]["Actions"])


def test_given_a_bucket_of_ones_own_when_granted_then_by_actions_that_the_roles_use() -> None:
    class Functions:
        def get_function_configuration(self, **_: Any) -> dict[str, str]:
            return {"Role": "arn:aws:iam::123456789012:role/label"}

    class Session:
        region_name = "eu-central-1"

        def client(self, *_: Any, **__: Any) -> Any:
            return Functions()

    session: Any = Session()
    outputs = outputs_of_stack({"FunctionName": "label", "ConvertFunctionName": "convert"})
    statements = Grant(Target(session, None, "", outputs), "mine").statements()
    assert {action for one in statements for action in as_list(one["Action"])} == {
        action for action in of_roles(PIPELINE) if action.startswith("s3:")
    }


def test_given_the_deploy_tool_when_it_calls_aws_then_its_policy_has_that() -> None:
    called = {action for call in calls_in("infra") for action in actions_of(*call)} - ANYBODYS
    assert len(called) > 20
    missing = {action for action in called if not any(fnmatchcase(action, pattern) for pattern in DEPLOYER)}
    assert missing == set()


def test_given_the_tools_when_they_call_aws_then_the_docs_have_the_right_for_it() -> None:
    called = {action for call in calls_in("photo_labels") for action in actions_of(*call)} - ANYBODYS
    assert len(called) > 20
    assert called - USER_FACING_ERRORS == set()
