"""SQS's answers to what the function sends, and to when failed messages shall come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.answers import dynamodb_error, front_error, sqs, sqs_error
from tests.contract.function import SETTINGS, notification
from tests.contract.server import Answer

if TYPE_CHECKING:
    from tests.contract.function import Function
    from tests.contract.server import Aws

MALFORMED = "{"
SENDABLE = {"malformed": MALFORMED, "to be converted": notification(key="cat.heic")}

# LocalStack's test_sqs.snapshot.json; the header: SQS's developer guide, AWS JSON protocol.
NO_QUEUE = sqs_error(
    "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist."
)
# async-aws/aws#1227.
THROTTLED = sqs_error(
    "RequestThrottled",
    "RequestThrottled",
    "QueueThrottledError when calling v3:ampCluster3968Host1@aws-sqs-backend-iad-v3cloud-b25901.iad12.amazon.com "
    "for SendMessage on [REDACTED]",
    403,
)
NO_RIGHT = front_error(
    "AccessDeniedException",
    "User: arn:aws:sts::123456789012:assumed-role/label/label is not authorized to perform: sqs:sendmessage on "
    "resource: arn:aws:sqs:eu-central-1:123456789012:photo-labels-dead-letters",
)
OVERLOADED = Answer(503, b"<html><body>Service Unavailable</body></html>", {"Connection": "close"})

# Whether they pass while one waits.
REFUSALS = {
    "throttled": (THROTTLED, True),
    "throttled by its front": (front_error("ThrottlingException", "Rate exceeded"), True),
    "overloaded": (OVERLOADED, True),
    "an error of its own": (
        sqs_error("InternalError", "InternalError", "We encountered an internal error.", 500),
        True,
    ),
    "no queue": (NO_QUEUE, False),
    "no right": (NO_RIGHT, False),
}


@pytest.mark.parametrize("kind", SENDABLE)
@pytest.mark.parametrize("name", REFUSALS)
def test_given_message_that_sqs_does_not_take_at_once_when_sent_then_it_is_sent_or_comes_back(
    function: Function, aws: Aws, name: str, kind: str
) -> None:
    refusal, passes = REFUSALS[name]
    operation, sent = {
        "malformed": ("SendMessage", "dead-lettered: InvalidJson"),
        "to be converted": ("SendMessageBatch", "forwarded"),
    }[kind]
    answer = {"Successful": [{"Id": "0", "MessageId": "1"}]} if kind == "to be converted" else {"MessageId": "1"}
    aws.tell(operation, refusal, sqs(answer))
    assert function.receive(SENDABLE[kind]) == (sent if passes else "comes back")
    aws.tell(operation, refusal)
    assert function.receive(SENDABLE[kind]) == "comes back"


def test_given_a_photo_that_is_refused_inside_a_200_when_forwarded_then_it_comes_back(
    function: Function, aws: Aws
) -> None:
    """A 200 hides what failed. API reference, SendMessageBatch, and BatchResultErrorEntry."""
    failed = {"Id": "0", "SenderFault": False, "Code": "InternalError", "Message": "We encountered an error."}
    aws.tell("SendMessageBatch", sqs({"Successful": [], "Failed": [failed]}))
    assert function.receive(notification(key="a.heic")) == "comes back"


DENIED = dynamodb_error("AccessDeniedException", "No.", of="com.amazon.coral.service")


def test_given_visibility_that_is_set_for_some_when_told_then_the_others_are_known(
    function: Function, aws: Aws
) -> None:
    """A 200 hides what failed. API reference, ChangeMessageVisibilityBatch, and BatchResultErrorEntry."""
    aws.tell("BatchGetItem", DENIED)
    gone = "Value VALUE for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
    failed = {"Id": "1", "SenderFault": True, "Code": "InvalidParameterValue", "Message": gone}
    aws.tell("ChangeMessageVisibilityBatch", sqs({"Successful": [{"Id": "0"}], "Failed": [failed]}))
    assert function.receive(notification(key="a.jpg"), notification(key="b.jpg")) == "comes back"
    assert function.report.not_backed_off == {"message-1": "InvalidParameterValue"}
    [call] = aws.of("ChangeMessageVisibilityBatch")
    assert call.content["QueueUrl"] == SETTINGS.queue_url


def test_given_visibility_that_is_set_for_all_when_told_then_nothing_is_said(function: Function, aws: Aws) -> None:
    """SQS says so also where the timeout is over, and nobody else has received the message.

    LocalStack's test_change_message_visibility_after_visibility_timeout_expiration.
    """
    aws.tell("BatchGetItem", DENIED)
    assert function.receive(notification()) == "comes back"
    assert function.report.not_backed_off == {}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("throttled", "RequestThrottled"),
        ("throttled by its front", "ThrottlingException"),
        ("overloaded", "503"),
        ("an error of its own", "InternalError"),
        ("no queue", "AWS.SimpleQueueService.NonExistentQueue"),
        ("no right", "AccessDeniedException"),
    ],
)
def test_given_visibility_that_cannot_be_set_when_told_then_the_queues_timeout_holds(
    function: Function, aws: Aws, name: str, code: str
) -> None:
    aws.tell("BatchGetItem", DENIED)
    aws.tell("ChangeMessageVisibilityBatch", REFUSALS[name][0])
    assert function.receive(notification()) == "comes back"
    assert function.report.not_backed_off == {"message-0": code}


def test_given_a_malformed_message_when_dead_lettered_then_it_is_in_the_dlq_with_its_reason(
    function: Function, aws: Aws
) -> None:
    assert function.receive(MALFORMED) == "dead-lettered: InvalidJson"
    [call] = aws.of("SendMessage")
    assert call.content["QueueUrl"] == SETTINGS.dead_letter_queue_url
    assert call.content["MessageAttributes"]["SourceMessageId"] == {
        "DataType": "String",
        "StringValue": "message-0",
    }
    assert call.headers["x-amzn-query-mode"] == "true", "asks for the names of errors from the days of XML"
