"""The template as a template."""

from __future__ import annotations

import json
import re

import pytest
from cfnlint.api import lint

from infra.template import pipeline_template
from photo_labels import __version__
from tests.infra.pipeline.shared import IMAGE, KEY, PARAMETERS, Template, stack_of
from tests.infra.template import INFRA

# User guide, "Understand CloudFormation quotas": of a template in S3, 1 MB, which are 1,000,000 bytes.
MOST_BYTES = 1_000_000


def test_given_the_template_when_linted_then_there_is_nothing_to_say(template: Template) -> None:
    assert [str(match) for match in lint(json.dumps(template))] == []


def test_given_the_file_when_linted_then_there_is_nothing_to_say() -> None:
    # As it is written: aliases, for example, are gone once it has been read.
    assert [str(match) for match in lint((INFRA / "pipeline.yaml").read_text())] == []


def test_given_the_file_when_sent_by_s3_then_it_is_the_same_and_no_longer_than_may_be(template: Template) -> None:
    sent = pipeline_template({"AWS::StackName": "s" * 35, "AWS::AccountId": "1" * 12, "TablePrefix": "p" * 64})
    assert len(sent.encode()) <= MOST_BYTES
    read = json.loads(sent)
    assert read["Resources"]["PhotoBucket"]["Properties"].pop("BucketName").startswith("s" * 35 + "-" + "1" * 12)
    assert read["Resources"]["LabelIndex"]["Properties"].pop("TableName") == "p" * 64 + "LabelIndex"
    for one in (read, template):
        for name in ("PhotoBucket", "ImageLabels", "LabelIndex", "LabelQuota", "ContentClaims"):
            one["Resources"][name]["Properties"].pop("BucketName", None)
            one["Resources"][name]["Properties"].pop("TableName", None)
    assert read == template


def test_given_the_parameters_when_read_then_they_are_those_of_the_design(template: Template) -> None:
    assert {name: facts.get("Default") for name, facts in template["Parameters"].items()} == PARAMETERS


def test_given_the_parameters_when_read_then_each_is_described_and_constrained(template: Template) -> None:
    for name, facts in template["Parameters"].items():
        assert len(facts["Description"]) >= 30, name
        assert facts.keys() & {"AllowedValues", "AllowedPattern", "MinValue"}, name
        if name != "LogRetentionDays":
            assert facts["ConstraintDescription"].startswith(("must be", "may hold")), name


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("ImageUri", [IMAGE], ["", "photo-labels:latest", IMAGE.replace("@sha256:", ":"), IMAGE + "0"]),
        ("TablePrefix", ["", "two-", "a.b_c"], ["a/b", "two words", "ä"]),
        ("ExistingBucket", ["", "my-photos", "a.b.c"], ["Photos", "-photos", "s3://photos", "ab", "a" * 64]),
        ("KeyPrefix", ["", "in/", "a/b-c_d.e/"], ["*", "in/?", "with space/", "${aws:username}/", "x" * 501]),
        ("QuotaTable", ["", "two-LabelQuota"], ["a", "two/LabelQuota", "*"]),
        (
            "KeySuffixes",
            ["", ".jpg", ".jpg,.JPG,-web.jpeg", ",".join(["x" * 40] * 30)],
            ["*.jpg", ".jpg,", ",.jpg", ".jpg, .png", "a/b", "${x}", ",".join([".a"] * 31)],
        ),
        (
            "KmsKeyArn",
            ["", KEY, "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1"],
            ["alias/mine", KEY + "/x", "*"],
        ),
        ("FormerKmsKeyArn", ["", KEY], ["alias/mine", "*"]),
        (
            "PermissionsBoundary",
            ["", "arn:aws:iam::123456789012:policy/bounds/photo-labels", "arn:aws:iam::aws:policy/ReadOnlyAccess"],
            ["photo-labels", "arn:aws:iam::123456789012:role/x", "arn:aws:iam::123456789012:policy/*"],
        ),
        (
            "LabelCategoryInclusionFilters",
            ["", "Animals and Pets", "Piñata,Lady's Slipper (x)_-.", ",".join(["Cat"] * 100)],
            ["a;b", "Cat,", ",Cat", "C#t", "a" * 51, ",".join(["Cat"] * 101)],
        ),
        ("AlarmEmail", ["", "me@example.com"], ["me", "me@example", "a b@example.com"]),
    ],
)
def test_given_a_pattern_when_matched_then_it_takes_good_values_only(
    template: Template, name: str, good: list[str], bad: list[str]
) -> None:
    pattern = template["Parameters"][name]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)


def test_given_event_bridge_when_read_then_an_output_names_what_it_could_not_deliver(template: Template) -> None:
    outputs = stack_of(template, Via="eventbridge").outputs
    assert outputs["UndeliveredQueueUrl"] == "<UndeliveredQueue>"
    assert outputs["Via"] == "eventbridge"


def test_given_the_outputs_when_read_then_they_name_all_that_the_tools_need(template: Template) -> None:
    stack = stack_of(template, KeyPrefix="in/")
    assert stack.outputs == {
        "Version": __version__,
        "Bucket": "<PhotoBucket>",
        "KeyPrefix": "in/",
        "KeySuffixes": "",
        "ImageProperties": "false",
        "Via": "notifications",
        "QueueUrl": "<Queue>",
        "QueueArn": "<Queue.Arn>",
        "DeadLetterQueueUrl": "<DeadLetterQueue>",
        "DeadLetterQueueArn": "<DeadLetterQueue.Arn>",
        "ImageLabelsTable": "<ImageLabels>",
        "LabelIndexTable": "<LabelIndex>",
        "LabelQuotaTable": "<LabelQuota>",
        "ContentClaimsTable": "<ContentClaims>",
        "FunctionName": "<Function>",
        "LogGroup": "<FunctionLogs>",
        "MappingId": "<QueueToFunction>",
        "OverflowQueueUrl": "<OverflowQueue>",
        "OverflowMappingId": "<OverflowQueueToFunction>",
        "BulkQueueUrl": "<BulkQueue>",
        "BulkMappingId": "<BulkQueueToFunction>",
        "BulkConvertQueueUrl": "<BulkConvertQueue>",
        "BulkConvertMappingId": "<BulkConvertQueueToFunction>",
        "ConvertQueueUrl": "<ConvertQueue>",
        "ConvertDeadLetterQueueUrl": "<ConvertDeadLetterQueue>",
        "ConvertFunctionName": "<ConvertFunction>",
        "ConvertLogGroup": "<ConvertLogs>",
        "ConvertMappingId": "<ConvertQueueToFunction>",
        "AlarmTopicArn": "<AlarmTopic>",
        "DashboardUrl": "https://eu-central-1.console.aws.amazon.com/cloudwatch/home"
        "?region=eu-central-1#dashboards/dashboard/<Dashboard>",
    }
