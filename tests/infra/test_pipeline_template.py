"""`infra/pipeline.yaml`: what it must say, and what its parts must say of one another.

Most tests take the template as their one argument, so that the last one can hand them a spoilt one.
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.api import lint

from handler.settings import Settings
from photo_labels import __version__
from photo_labels.records.decoder import MEMORY_BYTES
from tests.infra.template import INFRA, PSEUDO_PARAMETERS, Stack, as_list, policy_statements, read

if TYPE_CHECKING:
    from collections.abc import Callable

Template = dict[str, Any]

BUCKET = "photo-labels-123456789012-eu-central-1"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/photo-labels@sha256:" + "0" * 64
USER_FACING_ERRORS = {"ImageUri": IMAGE, "Architecture": "arm64"}

# What AWS, and our function by EMF, really report: metric -> namespace, and the one dimension of each
# namespace. An alarm on anything else would be silent for ever.
NAMESPACE_OF = {
    "ApproximateNumberOfMessagesVisible": "AWS/SQS",
    "ApproximateNumberOfMessagesNotVisible": "AWS/SQS",
    "ApproximateAgeOfOldestMessage": "AWS/SQS",
    "Errors": "AWS/Lambda",
    "Throttles": "AWS/Lambda",
    "Duration": "AWS/Lambda",
    "ImagesLabelled": "PhotoLabels",
    "ImagesRejected": "PhotoLabels",
    "ImagesRemoved": "PhotoLabels",
    "RecordsFailed": "PhotoLabels",
    "DuplicateEvents": "PhotoLabels",
    "RekognitionCalls": "PhotoLabels",
    "RekognitionThrottles": "PhotoLabels",
    "RecognitionLatency": "PhotoLabels",
    "EndToEndLatency": "PhotoLabels",
    "OldestPhotoAge": "PhotoLabels",
    "ImagesHandedOver": "PhotoLabels",
}
DIMENSION_OF = {"AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName", "PhotoLabels": "service"}

QUEUES = [("Queue", "DeadLetterQueue"), ("ConvertQueue", "ConvertDeadLetterQueue")]

# alarm: metric, of what, statistic, operator, threshold, seconds until it rings
ALARMS = {
    "QueueDepth": ("ApproximateNumberOfMessagesVisible", "<Queue.QueueName>", "Average", ">=", 3000, 300),
    "MessagesInBackoff": ("ApproximateNumberOfMessagesNotVisible", "<Queue.QueueName>", "Average", ">", 20, 900),
    "OldestMessage": ("ApproximateAgeOfOldestMessage", "<Queue.QueueName>", "Maximum", ">=", 15 * 60, 180),
    "OldestPhoto": ("OldestPhotoAge", "photo-labels", "Maximum", ">=", 30 * 60, 300),
    "DeadLetters": ("ApproximateNumberOfMessagesVisible", "<DeadLetterQueue.QueueName>", "Maximum", ">=", 1, 60),
    "FunctionErrors": ("Errors", "<Function>", "Sum", ">=", 1, 300),
    "FunctionThrottles": ("Throttles", "<Function>", "Sum", ">=", 1, 300),
    "RejectedShare": ("ImagesRejected", "photo-labels", "Average", ">", 0.05, 300),
    "RejectedCount": ("ImagesRejected", "photo-labels", "Sum", ">=", 100, 300),
    "DailyPhotos": ("RekognitionCalls", "photo-labels", "Sum", ">=", 100_000, 86_400),
    "ConvertQueueDepth": (
        "ApproximateNumberOfMessagesVisible",
        "<ConvertQueue.QueueName>",
        "Average",
        ">=",
        3000,
        300,
    ),
    "ConvertOldestMessage": (
        "ApproximateAgeOfOldestMessage",
        "<ConvertQueue.QueueName>",
        "Maximum",
        ">=",
        15 * 60,
        180,
    ),
    "ConvertDeadLetters": (
        "ApproximateNumberOfMessagesVisible",
        "<ConvertDeadLetterQueue.QueueName>",
        "Maximum",
        ">=",
        1,
        60,
    ),
    "ConvertErrors": ("Errors", "<ConvertFunction>", "Sum", ">=", 1, 300),
    "ConvertThrottles": ("Throttles", "<ConvertFunction>", "Sum", ">=", 1, 300),
}
OPERATORS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}

PARAMETERS: dict[str, Any] = {
    "ImageUri": None,
    "Architecture": None,
    "TablePrefix": "",
    "ExistingBucket": "",
    "KeyPrefix": "",
    "MinConfidence": 80,
    "MaxLabels": 50,
    "RekognitionTps": 5,
    "MaxConcurrency": 2,
    "ConvertConcurrency": 5,
    "Memory": 1769,
    "AlarmEmail": "",
    "QueueDepthAlarm": 3000,
    "DailyPhotosAlarm": 100_000,
    "EnforceTls": "true",
    "LogRetentionDays": 30,
}

LABELLING: dict[str, set[str]] = {
    "s3:GetObject": {"arn:aws:s3:::<PhotoBucket>/*"},
    "s3:GetObjectVersion": {"arn:aws:s3:::<PhotoBucket>/*"},
    "s3:ListBucket": {"arn:aws:s3:::<PhotoBucket>"},
    "rekognition:DetectLabels": {"*"},
    "dynamodb:BatchGetItem": {"<ImageLabels.Arn>"},
    "dynamodb:PartiQLInsert": {"<ImageLabels.Arn>"},
    "dynamodb:PutItem": {"<ImageLabels.Arn>"},
    "dynamodb:BatchWriteItem": {"<LabelIndex.Arn>"},
    "dynamodb:UpdateItem": {"<LabelQuota.Arn>"},
}


def may(queue: str, logs: str, sends_to: set[str]) -> dict[str, set[str]]:
    """What the role of a function may do that takes from this queue."""
    of_queue = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
    group = f"arn:aws:logs:eu-central-1:123456789012:log-group:<{logs}>"
    return {
        **{f"sqs:{action}": {f"<{queue}.Arn>"} for action in of_queue},
        "sqs:SendMessage": {f"<{other}.Arn>" for other in sends_to},
        **{f"logs:{action}": {group, f"{group}:*"} for action in ("CreateLogStream", "PutLogEvents")},
        **LABELLING,
    }


MAY = {
    "FunctionRole": may("Queue", "FunctionLogs", {"DeadLetterQueue", "ConvertQueue"}),
    "ConvertRole": may("ConvertQueue", "ConvertLogs", {"ConvertDeadLetterQueue"}),
}
FUNCTIONS = {"FunctionRole": "Function", "ConvertRole": "ConvertFunction"}


@pytest.fixture(scope="module")
def template() -> Template:
    return read("pipeline.yaml")


def stack_of(template: Template, **given: Any) -> Stack:
    return Stack.of(template, **USER_FACING_ERRORS | given)


def alarms_of(stack: Stack) -> dict[str, dict[str, Any]]:
    """By name, as an operator sees them, less the stack's."""
    alarms = stack.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix("photo-labels-"): alarm for alarm in alarms}


def actions_of(stack: Stack, role: str = "FunctionRole") -> dict[str, set[str]]:
    """What a function's role may do: action -> resources."""
    allowed: dict[str, set[str]] = {}
    [own] = stack.properties(role)["Policies"]
    shared = [one for one in stack.of_type("AWS::IAM::Policy").values() if f"<{role}>" in one["Roles"]]
    for statement in [one for policy in (own, *shared) for one in policy["PolicyDocument"]["Statement"]]:
        for action in as_list(statement["Action"]):
            allowed.setdefault(action, set()).update(as_list(statement["Resource"]))
    return allowed


# ---------------------------------------------------------------- as a template


def test_given_the_template_when_linted_then_there_is_nothing_to_say(template: Template) -> None:
    assert [str(match) for match in lint(json.dumps(template))] == []


def test_given_the_file_when_linted_then_there_is_nothing_to_say() -> None:
    # As it is written: aliases, for example, are gone once it has been read.
    assert [str(match) for match in lint((INFRA / "pipeline.yaml").read_text())] == []


def test_given_the_file_when_deployed_then_it_needs_no_bucket_to_be_uploaded_to() -> None:
    assert (INFRA / "pipeline.yaml").stat().st_size <= 51_200


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
        ("AlarmEmail", ["", "me@example.com"], ["me", "me@example", "a b@example.com"]),
    ],
)
def test_given_a_pattern_when_matched_then_it_takes_good_values_only(
    template: Template, name: str, good: list[str], bad: list[str]
) -> None:
    pattern = template["Parameters"][name]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in good)
    assert not any(re.fullmatch(pattern, value) for value in bad)


def test_given_the_outputs_when_read_then_they_name_all_that_the_tools_need(template: Template) -> None:
    stack = stack_of(template, KeyPrefix="in/")
    assert stack.outputs == {
        "Version": __version__,
        "Bucket": "<PhotoBucket>",
        "KeyPrefix": "in/",
        "QueueUrl": "<Queue>",
        "QueueArn": "<Queue.Arn>",
        "DeadLetterQueueUrl": "<DeadLetterQueue>",
        "DeadLetterQueueArn": "<DeadLetterQueue.Arn>",
        "ImageLabelsTable": "<ImageLabels>",
        "LabelIndexTable": "<LabelIndex>",
        "FunctionName": "<Function>",
        "LogGroup": "<FunctionLogs>",
        "MappingId": "<QueueToFunction>",
        "ConvertQueueUrl": "<ConvertQueue>",
        "ConvertDeadLetterQueueUrl": "<ConvertDeadLetterQueue>",
        "ConvertFunctionName": "<ConvertFunction>",
        "ConvertLogGroup": "<ConvertLogs>",
        "ConvertMappingId": "<ConvertQueueToFunction>",
        "AlarmTopicArn": "<AlarmTopic>",
        "DashboardUrl": "https://eu-central-1.console.aws.amazon.com/cloudwatch/home"
        "?region=eu-central-1#dashboards/dashboard/<Dashboard>",
    }


# ---------------------------------------------------------------- queues, and the mapping


def test_given_the_template_when_read_then_visibility_is_six_times_the_function_timeout(
    template: Template,
) -> None:
    stack = stack_of(template)
    assert int(stack.properties("Function")["Timeout"]) == 20
    assert int(stack.properties("Queue")["VisibilityTimeout"]) == 6 * 20
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


# ---------------------------------------------------------------- the bucket and its events


def test_given_a_bucket_of_ours_when_made_then_the_queue_hears_of_all_that_comes_and_goes(
    template: Template,
) -> None:
    stack = stack_of(template)
    notified = stack.properties("PhotoBucket")["NotificationConfiguration"]["QueueConfigurations"]
    assert notified == [
        {"Event": event, "Queue": "<Queue.Arn>"}
        for event in ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
    ]


def test_given_a_key_prefix_when_made_then_it_limits_events_and_what_may_be_read(template: Template) -> None:
    stack = stack_of(template, KeyPrefix="in/")
    for notified in stack.properties("PhotoBucket")["NotificationConfiguration"]["QueueConfigurations"]:
        assert notified["Filter"] == {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}}
    assert actions_of(stack)["s3:GetObject"] == {"arn:aws:s3:::<PhotoBucket>/in/*"}


def test_given_a_bucket_of_ours_when_made_then_it_may_send_before_it_is_told_to(template: Template) -> None:
    # Otherwise S3 refuses the notifications, and the stack fails.
    assert "QueuePolicy" in as_list(stack_of(template).resources["PhotoBucket"]["DependsOn"])


@pytest.mark.parametrize(("existing", "bucket"), [("", BUCKET), ("holiday-photos", "holiday-photos")])
def test_given_the_queue_when_s3_sends_then_only_from_that_bucket_and_account(
    template: Template, existing: str, bucket: str
) -> None:
    stack = stack_of(template, ExistingBucket=existing)
    [allowed] = [
        statement
        for statement in stack.properties("QueuePolicy")["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert (allowed["Action"], allowed["Resource"]) == ("sqs:SendMessage", "<Queue.Arn>")
    assert allowed["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_given_an_existing_bucket_when_deployed_then_nothing_of_it_is_ours(template: Template) -> None:
    stack = stack_of(template, ExistingBucket="holiday-photos")
    assert not stack.of_type("AWS::S3::Bucket")
    assert not stack.of_type("AWS::S3::BucketPolicy")
    assert stack.outputs["Bucket"] == "holiday-photos"
    assert actions_of(stack)["s3:GetObject"] == {"arn:aws:s3:::holiday-photos/*"}
    assert actions_of(stack)["s3:ListBucket"] == {"arn:aws:s3:::holiday-photos"}


# ---------------------------------------------------------------- data


def test_given_data_when_the_stack_goes_then_it_stays(template: Template) -> None:
    stack = stack_of(template)
    for name in ("PhotoBucket", "ImageLabels", "LabelIndex"):
        resource = stack.resources[name]
        assert resource.get("DeletionPolicy") == "Retain", name
        assert resource.get("UpdateReplacePolicy") == "Retain", name


def test_given_data_when_the_stack_comes_back_then_it_is_found_by_name(template: Template) -> None:
    stack = stack_of(template, TablePrefix="two-")
    assert stack.properties("PhotoBucket")["BucketName"] == BUCKET
    assert stack.properties("ImageLabels")["TableName"] == "two-ImageLabels"
    assert stack.properties("LabelIndex")["TableName"] == "two-LabelIndex"


def test_given_data_when_at_rest_then_it_is_encrypted(template: Template) -> None:
    stack = stack_of(template)
    encryption = stack.properties("PhotoBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    for queue in stack.of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
    for table in stack.of_type("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_given_the_bucket_when_made_then_nothing_in_it_can_be_public(template: Template) -> None:
    blocked = stack_of(template).properties("PhotoBucket")["PublicAccessBlockConfiguration"]
    assert blocked == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )


def test_given_the_tables_when_made_then_they_are_those_of_the_design(template: Template) -> None:
    stack = stack_of(template)
    keys = {
        name: {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]}
        for name, table in stack.of_type("AWS::DynamoDB::Table").items()
    }
    assert keys == {
        "ImageLabels": {"ImageID": "HASH"},
        "LabelIndex": {"Label": "HASH", "Rank": "RANGE"},
        "LabelQuota": {"Operation": "HASH"},
    }
    for name, table in stack.of_type("AWS::DynamoDB::Table").items():
        types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
        assert types == dict.fromkeys(keys[name], "S")
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        is_data = name != "LabelQuota"
        assert ("PointInTimeRecoverySpecification" in table) == is_data
        if is_data:
            assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    documents = stack.properties("ImageLabels")
    assert documents["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert documents["TimeToLiveSpecification"] == {"AttributeName": "ExpiresAt", "Enabled": True}


# ---------------------------------------------------------------- rights


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
        ("<ConvertDeadLetterQueue.Arn>", "sqs:*"),
        ("<ConvertQueue.Arn>", "sqs:*"),
        ("<DeadLetterQueue.Arn>", "sqs:*"),
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
        "OtherQueuesPolicy": ["<DeadLetterQueue>", "<ConvertQueue>", "<ConvertDeadLetterQueue>"],
        "LabellingPolicy": ["<FunctionRole>", "<ConvertRole>"],
        "AlarmTopicPolicy": ["<AlarmTopic>"],
    }


def test_given_tls_not_enforced_when_read_then_no_policy_asks_for_it(template: Template) -> None:
    stack = stack_of(template, EnforceTls="false")
    assert "SecureTransport" not in json.dumps(stack.resources)
    assert {one["Effect"] for one in policy_statements(stack)} == {"Allow"}


# ---------------------------------------------------------------- the function


def test_given_the_function_when_made_then_the_handler_takes_its_environment(template: Template) -> None:
    stack = stack_of(template, MinConfidence=55.5, MaxLabels=20, RekognitionTps=50, MaxConcurrency=30)
    environment = stack.properties("Function")["Environment"]["Variables"]
    assert Settings.from_environment(environment) == Settings(
        image_labels_table="<ImageLabels>",
        label_index_table="<LabelIndex>",
        label_quota_table="<LabelQuota>",
        queue_url="<Queue>",
        dead_letter_queue_url="<DeadLetterQueue>",
        convert_queue_url="<ConvertQueue>",
        min_confidence=55.5,
        max_labels=20,
        rekognition_concurrency=10,
        rekognition_tps=50,
        max_concurrency=30,
        convert_concurrency=5,
    )
    assert environment["POWERTOOLS_SERVICE_NAME"] == "photo-labels"
    assert environment["POWERTOOLS_METRICS_NAMESPACE"] == "PhotoLabels"


def test_given_the_function_that_converts_when_made_then_it_is_like_the_other_but_for_its_queues(
    template: Template,
) -> None:
    stack = stack_of(template, MinConfidence=55.5, MaxLabels=20, RekognitionTps=50, ConvertConcurrency=30)
    labelling, converting = (
        stack.properties(name)["Environment"]["Variables"] for name in ("Function", "ConvertFunction")
    )
    theirs = {name: converting.get(name) for name in labelling if labelling[name] != converting.get(name)}
    assert theirs == {
        "QUEUE_URL": "<ConvertQueue>",
        "DEAD_LETTER_QUEUE_URL": "<ConvertDeadLetterQueue>",
        "CONVERT_QUEUE_URL": None,
        "REKOGNITION_CONCURRENCY": "1",
    }
    assert (converting["MAX_CONCURRENCY"], converting["CONVERT_CONCURRENCY"]) == ("2", "30")
    assert converting.keys() < labelling.keys()
    function = stack.properties("ConvertFunction")
    assert function["Code"] == stack.properties("Function")["Code"]
    assert function["ImageConfig"] == {"Command": ["handler.convert.handler"]}
    # What its decoder may take, and the function itself.
    assert function["MemorySize"] * 2**20 >= MEMORY_BYTES + 400 * 2**20


@pytest.mark.parametrize("bound", ["MinValue", "MaxValue"])
def test_given_the_parameters_bounds_when_reached_then_the_handler_takes_them(
    template: Template, bound: str
) -> None:
    names = ("MinConfidence", "MaxLabels", "RekognitionTps", "MaxConcurrency", "ConvertConcurrency")
    extremes = {name: template["Parameters"][name][bound] for name in names}
    environment = stack_of(template, **extremes).properties("Function")["Environment"]["Variables"]
    settings = Settings.from_environment(environment)
    assert extremes == dict(
        zip(
            names,
            (
                settings.min_confidence,
                settings.max_labels,
                settings.rekognition_tps,
                settings.max_concurrency,
                settings.convert_concurrency,
            ),
            strict=True,
        )
    )


def test_given_the_function_when_made_then_every_setting_is_there_and_no_other(template: Template) -> None:
    environment = stack_of(template).properties("Function")["Environment"]["Variables"]
    assert environment.keys() - {name for name in environment if name.startswith("POWERTOOLS_")} == {
        "IMAGE_LABELS_TABLE",
        "LABEL_INDEX_TABLE",
        "LABEL_QUOTA_TABLE",
        "QUEUE_URL",
        "DEAD_LETTER_QUEUE_URL",
        "CONVERT_QUEUE_URL",
        "MIN_CONFIDENCE",
        "MAX_LABELS",
        "REKOGNITION_CONCURRENCY",
        "REKOGNITION_TPS",
        "MAX_CONCURRENCY",
        "CONVERT_CONCURRENCY",
    }


def test_given_the_function_when_made_then_it_is_the_image_under_a_name_that_tools_know(
    template: Template,
) -> None:
    function = stack_of(template, Memory=512).properties("Function")
    assert function["FunctionName"] == "photo-labels-label"
    assert (function["PackageType"], function["Code"]) == ("Image", {"ImageUri": IMAGE})
    assert (function["Architectures"], function["MemorySize"]) == (["arm64"], "512")


def test_given_the_function_when_it_logs_then_its_group_is_there_and_forgets(template: Template) -> None:
    stack = stack_of(template, LogRetentionDays=90)
    assert stack.properties("FunctionLogs") == {
        "LogGroupName": f"/aws/lambda/{stack.properties('Function')['FunctionName']}",
        "RetentionInDays": "90",
    }
    assert stack.properties("Function")["LoggingConfig"] == {"LogGroup": "<FunctionLogs>"}


# ---------------------------------------------------------------- alarms


def test_given_the_alarms_when_read_then_they_are_those_of_the_design(template: Template) -> None:
    assert {
        name: (
            alarm["MetricName"],
            alarm["Dimensions"][0]["Value"],
            alarm["Statistic"],
            OPERATORS[alarm["ComparisonOperator"]],
            float(alarm["Threshold"]),
            alarm["Period"] * alarm["EvaluationPeriods"],
        )
        for name, alarm in alarms_of(stack_of(template)).items()
    } == ALARMS


def test_given_the_alarms_when_read_then_each_watches_what_is_really_reported(template: Template) -> None:
    for name, alarm in alarms_of(stack_of(template)).items():
        assert alarm["Namespace"] == NAMESPACE_OF[alarm["MetricName"]], name
        assert [one["Name"] for one in alarm["Dimensions"]] == [DIMENSION_OF[alarm["Namespace"]]], name


def test_given_our_metrics_when_alarmed_or_drawn_then_the_handler_emits_them() -> None:
    telemetry = (INFRA.parent / "handler" / "telemetry.py").read_text()
    ours = [metric for metric, namespace in NAMESPACE_OF.items() if namespace == "PhotoLabels"]
    assert [metric for metric in ours if f'"{metric}"' not in telemetry] == []


def test_given_the_alarms_when_they_ring_then_somebody_is_told(template: Template) -> None:
    for name, alarm in alarms_of(stack_of(template)).items():
        assert alarm["AlarmActions"] == ["<AlarmTopic>"], name
        assert alarm.get("ActionsEnabled", True) is True, name
        assert alarm["TreatMissingData"] == "notBreaching", name


def test_given_the_alarms_when_they_ring_then_they_say_where_to_look_and_what_to_set(template: Template) -> None:
    settings = {*template["Parameters"], "MaxReceiveCount"}
    for name, alarm in alarms_of(stack_of(template)).items():
        description = alarm["AlarmDescription"]
        assert 200 <= len(description) <= 1024, name
        assert re.search(r"dashboard|log group|photos failures|ConcurrentExecutions", description), name
        assert settings & set(re.findall(r"\w+", description)), name


def test_given_the_alarms_when_they_name_figures_then_those_are_the_templates(template: Template) -> None:
    stack = stack_of(template)
    alarms = alarms_of(stack)
    queue = stack.properties("Queue")
    visible_minutes = int(queue["VisibilityTimeout"]) // 60
    source_days = int(queue["MessageRetentionPeriod"]) // 86_400
    dead_days = int(stack.properties("DeadLetterQueue")["MessageRetentionPeriod"]) // 86_400
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    backoff = alarms["MessagesInBackoff"]
    for name, figure in {
        ("QueueDepth", f"{source_days} days"),
        ("MessagesInBackoff", f"For {backoff['Period'] * backoff['EvaluationPeriods'] // 60} minutes"),
        ("MessagesInBackoff", f"batches of {stack.properties('QueueToFunction')['BatchSize']}"),
        ("MessagesInBackoff", f"{receives} tries"),
        ("OldestMessage", f"waited {int(alarms['OldestMessage']['Threshold']) // 60} minutes"),
        ("OldestPhoto", f"{int(alarms['OldestPhoto']['Threshold']) // 60} minutes ago"),
        ("OldestPhoto", f"After {source_days} days, or {receives} tries"),
        ("DeadLetters", f"failed {receives} times"),
        ("DeadLetters", f"expire {dead_days} days"),
        ("FunctionErrors", f"{visible_minutes} minutes later"),
        ("FunctionThrottles", f"one of {receives} tries"),
        ("ConvertQueueDepth", f"{source_days} days"),
        ("ConvertOldestMessage", f"waited {int(alarms['ConvertOldestMessage']['Threshold']) // 60} minutes"),
        ("ConvertDeadLetters", f"failed {receives} times"),
        ("ConvertDeadLetters", f"expire {dead_days} days"),
        ("ConvertErrors", f"{int(stack.properties('ConvertQueue')['VisibilityTimeout']) // 60} minutes later"),
        ("ConvertThrottles", f"one of {receives} tries"),
        ("RejectedShare", f"More than {float(alarms['RejectedShare']['Threshold']):.0%}".replace("%", " %")),
        ("RejectedCount", f"{alarms['RejectedCount']['Threshold']} photos or more"),
        ("DailyPhotos", f"{source_days} days"),
    }:
        assert figure in alarms[name]["AlarmDescription"], (name, figure)


@pytest.mark.parametrize("concurrency", [2, 10, 1000])
def test_given_a_concurrency_when_messages_are_hidden_then_only_more_than_it_explains_rings(
    template: Template, concurrency: int
) -> None:
    stack = stack_of(template, MaxConcurrency=concurrency)
    in_hand = concurrency * stack.properties("QueueToFunction")["BatchSize"]
    assert float(alarms_of(stack)["MessagesInBackoff"]["Threshold"]) == in_hand


def test_given_the_alarm_parameters_when_set_then_the_alarms_follow(template: Template) -> None:
    alarms = alarms_of(stack_of(template, QueueDepthAlarm=7, DailyPhotosAlarm=8))
    assert (alarms["QueueDepth"]["Threshold"], alarms["DailyPhotos"]["Threshold"]) == ("7", "8")


def test_given_the_topic_when_published_to_then_only_by_alarms_of_this_stack(template: Template) -> None:
    stack = stack_of(template, EnforceTls="false")
    policy = stack.properties("AlarmTopicPolicy")
    assert policy["Topics"] == ["<AlarmTopic>"]
    [allowed] = policy["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (allowed["Effect"], allowed["Action"], allowed["Resource"]) == ("Allow", "sns:Publish", "<AlarmTopic>")
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    pattern = allowed["Condition"]["ArnLike"]["aws:SourceArn"]
    assert pattern == "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:photo-labels-*"
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmName"].startswith("photo-labels-")


def test_given_the_topic_when_made_then_no_key_keeps_cloudwatch_out(template: Template) -> None:
    assert "KmsMasterKeyId" not in stack_of(template).properties("AlarmTopic")


def test_given_an_address_when_set_then_and_only_then_it_is_subscribed(template: Template) -> None:
    assert not stack_of(template).of_type("AWS::SNS::Subscription")
    assert stack_of(template, AlarmEmail="me@example.com").properties("AlarmSubscription") == {
        "TopicArn": "<AlarmTopic>",
        "Protocol": "email",
        "Endpoint": "me@example.com",
    }


# ---------------------------------------------------------------- the dashboard


def widgets_of(stack: Stack) -> list[dict[str, Any]]:
    widgets: list[dict[str, Any]] = json.loads(stack.properties("Dashboard")["DashboardBody"])["widgets"]
    return widgets


def drawn_in(widget: dict[str, Any]) -> set[tuple[str, str, str, str, str]]:
    """The metrics of a widget: namespace, name, dimension, its value, statistic."""
    properties = widget["properties"]
    metrics = [(*metric, {})[:5] for metric in properties["metrics"]]
    return {(*metric, options.get("stat", properties.get("stat"))) for *metric, options in metrics}


def test_given_the_dashboard_when_drawn_then_every_alarm_has_its_line_beside_its_metric(
    template: Template,
) -> None:
    stack = stack_of(template, MaxConcurrency=20, QueueDepthAlarm=1234, DailyPhotosAlarm=5678)
    lines = {
        name.strip(): (float(line["value"]), drawn_in(widget))
        for widget in widgets_of(stack)
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
        for name in line["label"].split(",")
    }
    alarms = alarms_of(stack)
    assert lines.keys() == alarms.keys()
    for name, alarm in alarms.items():
        height, metrics = lines[name]
        [dimension] = alarm["Dimensions"]
        assert height == float(alarm["Threshold"]), name
        watched = (
            alarm["Namespace"],
            alarm["MetricName"],
            dimension["Name"],
            dimension["Value"],
            alarm["Statistic"],
        )
        assert watched in metrics, name


def test_given_the_dashboard_when_drawn_then_all_of_it_is_really_reported(template: Template) -> None:
    drawn = set().union(*map(drawn_in, widgets_of(stack_of(template))))
    for namespace, metric, dimension, _value, statistic in drawn:
        assert (namespace, dimension) == (NAMESPACE_OF[metric], DIMENSION_OF[namespace]), metric
        assert statistic in {"Average", "Maximum", "Sum", "p50", "p99"}, metric
    assert {metric for _, metric, *_ in drawn} == NAMESPACE_OF.keys()


def test_given_the_dashboard_when_drawn_then_widgets_fill_rows_without_overlap(template: Template) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in widgets_of(stack_of(template)):
        cells = {
            (widget["x"] + right, widget["y"] + down)
            for right in range(widget["width"])
            for down in range(widget["height"])
        }
        assert max(column for column, _ in cells) < 24
        assert not taken & cells
        taken |= cells
        assert widget["properties"]["region"] == PSEUDO_PARAMETERS["AWS::Region"]


# ---------------------------------------------------------------- can these fail?

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
ROLE = "Resources/FunctionRole/Properties/Policies/0/PolicyDocument/Statement"
SPOILT: list[tuple[Callable[[Template], None], str, Any]] = [
    (
        test_given_the_template_when_linted_then_there_is_nothing_to_say,
        "Resources/Queue/Properties/VisibilityTimeOut",
        120,
    ),
    (
        test_given_the_template_when_read_then_visibility_is_six_times_the_function_timeout,
        "Mappings/Timing/Source/VisibilitySeconds",
        "60",
    ),
    (
        test_given_the_queues_when_read_then_a_dead_letter_outlives_the_source,
        "Mappings/Timing/DeadLetters/RetentionSeconds",
        "864000",
    ),
    (
        test_given_the_mapping_when_read_then_it_takes_tens_at_once_and_partial_failures,
        "Resources/QueueToFunction/Properties/FunctionResponseTypes",
        GONE,
    ),
    (
        test_given_a_bucket_of_ours_when_made_then_the_queue_hears_of_all_that_comes_and_goes,
        "Resources/PhotoBucket/Properties/NotificationConfiguration/QueueConfigurations/2",
        GONE,
    ),
    (
        test_given_data_when_the_stack_goes_then_it_stays,
        "Resources/LabelIndex/UpdateReplacePolicy",
        GONE,
    ),
    (
        test_given_the_functions_roles_when_read_then_they_may_do_this_and_nothing_else,
        f"{SHARED}/3/Action/2",
        "dynamodb:Scan",
    ),
    (test_given_all_policies_when_read_then_nothing_is_allowed_wholesale, f"{SHARED}/0/Action/0", "s3:*"),
    (test_given_all_policies_when_read_then_nothing_is_allowed_wholesale, f"{ROLE}/1/Resource", "*"),
    (
        test_given_tls_enforced_when_asked_without_then_everything_of_ours_refuses,
        "Resources/OtherQueuesPolicy",
        GONE,
    ),
    (
        test_given_tls_not_enforced_when_read_then_no_policy_asks_for_it,
        "Resources/OtherQueuesPolicy/Condition",
        GONE,
    ),
    (
        test_given_the_function_when_made_then_every_setting_is_there_and_no_other,
        "Resources/Function/Properties/Environment/Variables/REKOGNITION_TPS",
        GONE,
    ),
    (
        test_given_the_alarms_when_read_then_they_are_those_of_the_design,
        "Resources/RejectedShare/Properties/Statistic",
        "Sum",
    ),
    (
        test_given_the_alarms_when_read_then_each_watches_what_is_really_reported,
        "Resources/OldestPhoto/Properties/Dimensions/0/Name",
        "Service",
    ),
    (
        test_given_the_alarms_when_they_ring_then_somebody_is_told,
        "Resources/DeadLetters/Properties/AlarmActions",
        [],
    ),
    (
        test_given_the_alarms_when_they_ring_then_they_say_where_to_look_and_what_to_set,
        "Resources/OldestMessage/Properties/AlarmDescription",
        "Messages are old. " * 20,
    ),
    (
        test_given_the_alarms_when_they_name_figures_then_those_are_the_templates,
        "Mappings/AlarmLine/OldestPhoto/Seconds",
        "3600",
    ),
    (
        test_given_the_dashboard_when_drawn_then_every_alarm_has_its_line_beside_its_metric,
        "Resources/QueueDepth/Properties/Threshold",
        3000,
    ),
]


@pytest.mark.parametrize(("check", "path", "value"), SPOILT)
def test_given_a_spoilt_template_when_checked_then_the_check_fails(
    template: Template, check: Callable[[Template], None], path: str, value: Any
) -> None:
    with pytest.raises(AssertionError):
        check(spoilt(template, path, value))
