"""Requests that S3 and SQS refuse, and with what: recorded on AWS, to be held against whatever stands in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.exceptions import ClientError


@dataclass(frozen=True)
class Refusal:
    """A request to SQS, given the queues' URLs, and the code that it is refused with."""

    source: str
    method: str
    parameters: Callable[[Mapping[str, str]], dict[str, Any]]
    code: str
    status: int = 400
    # Whether the strict fake can tell.
    fake: bool = True


LOCALSTACK = "localstack/localstack tests/aws/services/sqs/test_sqs.snapshot.json, recorded on AWS: "


def _visibility(*ids: str) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    entries = [{"Id": one, "ReceiptHandle": "receipt", "VisibilityTimeout": 1} for one in ids]
    return lambda urls: {"QueueUrl": urls["queue"], "Entries": entries}


def _message(body: str, **attributes: str) -> Callable[[Mapping[str, str]], dict[str, Any]]:
    given = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    more = {"MessageAttributes": given} if given else {}
    return lambda urls: {"QueueUrl": urls["dead letters"], "MessageBody": body, **more}


REFUSALS = {
    "an empty message": Refusal(
        LOCALSTACK + "test_send_empty_message", "send_message", _message(""), "MissingParameter"
    ),
    "an empty attribute": Refusal(
        LOCALSTACK + "test_send_message_with_empty_string_attribute",
        "send_message",
        _message("body", Reason=""),
        "InvalidParameterValue",
    ),
    "eleven entries": Refusal(
        LOCALSTACK + "test_change_message_visibility_batch_with_too_large_batch",
        "change_message_visibility_batch",
        _visibility(*map(str, range(11))),
        "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
    ),
    "two entries of one name": Refusal(
        "API reference, ChangeMessageVisibilityBatch, BatchEntryIdsNotDistinct",
        "change_message_visibility_batch",
        _visibility("1", "1"),
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
    ),
    "a message beyond 1 MiB": Refusal(
        LOCALSTACK + "test_send_oversized_message",
        "send_message",
        _message("x" * (2**20 + 1)),
        "InvalidParameterValue",
        fake=False,
    ),
    "a batch beyond 1 MiB": Refusal(
        LOCALSTACK + "test_send_message_batch_with_oversized_contents",
        "send_message_batch",
        lambda urls: {
            "QueueUrl": urls["dead letters"],
            "Entries": [{"Id": "1", "MessageBody": "x" * 2**20}, {"Id": "2", "MessageBody": "x"}],
        },
        "AWS.SimpleQueueService.BatchRequestTooLong",
        fake=False,
    ),
    "no such queue": Refusal(
        LOCALSTACK + "test_non_existent_queue",
        "send_message",
        lambda urls: {"QueueUrl": urls["queue"] + "-none", "MessageBody": "body"},
        "AWS.SimpleQueueService.NonExistentQueue",
        fake=False,
    ),
}


def seen(error: ClientError) -> tuple[str, int]:
    """What a caller can tell of an error: its code, and the answer's status."""
    return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
