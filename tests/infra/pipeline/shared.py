"""What these tests share."""

from __future__ import annotations

from typing import Any

from tests.infra.template import Stack, as_list

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
    "ImagesCopied": "PhotoLabels",
    "ImagesHandedOver": "PhotoLabels",
    "ImagesForwarded": "PhotoLabels",
    "MessagesEnded": "PhotoLabels",
    "ConvertMessagesEnded": "PhotoLabels",
    "BulkImagesRejected": "PhotoLabels",
    "NotPhotos": "PhotoLabels",
    "SmallPhotos": "PhotoLabels",
    "BudgetSpent": "PhotoLabels",
}


DIMENSION_OF = {"AWS/SQS": "QueueName", "AWS/Lambda": "FunctionName", "PhotoLabels": "service"}


# By their dead-letter queues, with the days that they keep messages.
LANES = {
    "DeadLetterQueue": {"Queue": 10, "OverflowQueue": 12, "BulkQueue": 12},
    "ConvertDeadLetterQueue": {"ConvertQueue": 10, "BulkConvertQueue": 12},
}


# Of one metric. Alarm: metric, of what, statistic, operator, threshold, seconds until it rings
ALARMS = {
    "QueueDepth": ("ApproximateNumberOfMessagesVisible", "<Queue.QueueName>", "Average", ">=", 3000, 300),
    "MessagesInBackoff": ("ApproximateNumberOfMessagesNotVisible", "<Queue.QueueName>", "Average", ">", 50, 900),
    "OldestMessage": ("ApproximateAgeOfOldestMessage", "<Queue.QueueName>", "Maximum", ">=", 15 * 60, 180),
    "OldestPhoto": ("OldestPhotoAge", "photo-labels", "Maximum", ">=", 30 * 60, 300),
    "DeadLetters": ("ApproximateNumberOfMessagesVisible", "<DeadLetterQueue.QueueName>", "Maximum", ">=", 1, 60),
    "FunctionErrors": ("Errors", "<Function>", "Sum", ">=", 1, 300),
    "FunctionThrottles": ("Throttles", "<Function>", "Sum", ">=", 1, 900),
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
    **{
        f"{lane}Age": (
            "ApproximateAgeOfOldestMessage",
            f"<{lane}Queue.QueueName>",
            "Maximum",
            ">=",
            8 * 86_400,
            900,
        )
        for lane in ("Overflow", "Bulk", "BulkConvert")
    },
    "BudgetSpent": ("BudgetSpent", "photo-labels", "Maximum", ">=", 1, 300),
    "ConvertErrors": ("Errors", "<ConvertFunction>", "Sum", ">=", 1, 300),
    "ConvertThrottles": ("Throttles", "<ConvertFunction>", "Sum", ">=", 1, 900),
}


# Of metric math. Alarm: the queues in which something waits, and what ends there.
MATH_ALARMS = {
    "NoProgress": (("Queue", "OverflowQueue", "BulkQueue"), "MessagesEnded"),
    "ConvertNoProgress": (("ConvertQueue", "BulkConvertQueue"), "ConvertMessagesEnded"),
}


OPERATORS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}


PARAMETERS: dict[str, Any] = {
    "ImageUri": None,
    "Architecture": None,
    "TablePrefix": "",
    "ExistingBucket": "",
    "KeyPrefix": "",
    "KeySuffixes": "",
    "Via": "notifications",
    "MinConfidence": 80,
    "MaxLabels": 50,
    "LabelInclusionFilters": "",
    "LabelExclusionFilters": "",
    "LabelCategoryInclusionFilters": "",
    "LabelCategoryExclusionFilters": "",
    "ImageProperties": "false",
    "RekognitionTps": 5,
    "DailyBudgetPhotos": 0,
    "MonthlyBudgetPhotos": 0,
    "QuotaTable": "",
    "MaxConcurrency": 5,
    "BulkConcurrency": 2,
    "ConvertConcurrency": 5,
    "Memory": 1769,
    "AlarmEmail": "",
    "QueueDepthAlarm": 3000,
    "DailyPhotosAlarm": 100_000,
    "KmsKeyArn": "",
    "FormerKmsKeyArn": "",
    "PermissionsBoundary": "",
    "EnforceTls": "true",
    "ReuseLabels": "true",
    "PhotoMetadata": "time",
    "LogRetentionDays": 30,
}


KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"


LABELLING: dict[str, set[str]] = {
    "s3:GetObject": {"arn:aws:s3:::<PhotoBucket>/*"},
    "s3:GetObjectVersion": {"arn:aws:s3:::<PhotoBucket>/*"},
    "s3:ListBucket": {"arn:aws:s3:::<PhotoBucket>"},
    "rekognition:DetectLabels": {"*"},
    "dynamodb:BatchGetItem": {"<ImageLabels.Arn>", "<ContentClaims.Arn>"},
    "dynamodb:DeleteItem": {"<ContentClaims.Arn>"},
    "dynamodb:PartiQLInsert": {"<ImageLabels.Arn>"},
    "dynamodb:PutItem": {"<ImageLabels.Arn>", "<ContentClaims.Arn>"},
    "dynamodb:BatchWriteItem": {"<LabelIndex.Arn>"},
    "dynamodb:UpdateItem": {"arn:aws:dynamodb:eu-central-1:123456789012:table/<LabelQuota>"},
}


def may(queues: set[str], logs: str, sends_to: set[str]) -> dict[str, set[str]]:
    """What the role of a function may do that takes from these queues."""
    of_queue = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
    group = f"arn:aws:logs:eu-central-1:123456789012:log-group:<{logs}>"
    return {
        **{f"sqs:{action}": {f"<{queue}.Arn>" for queue in queues} for action in of_queue},
        "sqs:SendMessage": {f"<{other}.Arn>" for other in sends_to},
        **{f"logs:{action}": {group, f"{group}:*"} for action in ("CreateLogStream", "PutLogEvents")},
        **LABELLING,
    }


MAY = {
    "FunctionRole": may(
        {"Queue", "OverflowQueue", "BulkQueue"},
        "FunctionLogs",
        {"DeadLetterQueue", "OverflowQueue", "BulkQueue", "ConvertQueue", "BulkConvertQueue"},
    ),
    "ConvertRole": may(
        {"ConvertQueue", "BulkConvertQueue"},
        "ConvertLogs",
        {"ConvertDeadLetterQueue", "ConvertQueue", "BulkConvertQueue"},
    ),
}


# Of the function that labels, where there is a budget, besides.
MAY_WAIT = {
    "dynamodb:DeleteItem": {"arn:aws:dynamodb:eu-central-1:123456789012:table/<LabelQuota>"},
    "dynamodb:GetItem": {"arn:aws:dynamodb:eu-central-1:123456789012:table/<LabelQuota>"},
    "dynamodb:PutItem": {"arn:aws:dynamodb:eu-central-1:123456789012:table/<LabelQuota>"},
    "lambda:UpdateEventSourceMapping": {
        f"arn:aws:lambda:eu-central-1:123456789012:event-source-mapping:<{queue}ToFunction>"
        for queue in ("OverflowQueue", "BulkQueue", "BulkConvertQueue")
    },
}


FUNCTIONS = {"FunctionRole": "Function", "ConvertRole": "ConvertFunction"}


def stack_of(template: Template, **given: Any) -> Stack:
    return Stack.of(template, **USER_FACING_ERRORS | given)


def with_all_alarms(template: Template, **given: Any) -> Stack:
    """A stack that has those alarms, too, that a parameter brings."""
    return stack_of(template, **{"DailyBudgetPhotos": 1} | given)


def metrics_of(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What an alarm watches: each with Namespace, MetricName and Dimensions."""
    stats = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
    return stats or [alarm]


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
