"""All calls to SQS: dead-lettering, forwarding, and when a failed record comes back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from handler.deadline import backoff_s, call
from handler.timeouts import SQS
from photo_labels.records.errors import AWS_ERRORS, TransientError, code_of
from photo_labels.records.messages import MAX_BACKOFF_S, MAX_BATCH_BYTES, within_limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_sqs import SQSClient

    from handler.deadline import Deadline
    from handler.events import MalformedMessageError, Message

_TEXT = "String"

_FIRST_BACKOFF_S = 2.0


class Messages:
    """A function's queues, and its dead-letter queue."""

    def __init__(self, client: SQSClient, dead_letter_queue_url: str) -> None:
        self._client = client
        self._dead_letter_queue_url = dead_letter_queue_url

    def dead_letter(self, message: Message, why: MalformedMessageError, deadline: Deadline) -> None:
        """Send a malformed message to the dead-letter queue with its reason, which SQS itself would not add.

        Raises when that does not succeed: then the record has to come back. A send whose answer got lost
        is repeated, so that the DLQ may hold a message twice, but never loses it.
        """
        body = message.body or " "  # SQS takes no empty body
        texts = {"Reason": why.reason, "SourceMessageId": message.message_id, "Detail": why.detail}
        attributes: Any = _that_fit(body, texts)
        call(
            lambda: self._client.send_message(
                QueueUrl=self._dead_letter_queue_url, MessageBody=body, MessageAttributes=attributes
            ),
            deadline,
            SQS.call_s,
        )

    def forward(self, queue_url: str, bodies: Sequence[str], deadline: Deadline) -> dict[int, Exception]:
        """Send photos to another queue; returns the error of each that it did not take, by its place.

        A send whose answer got lost is repeated: photos that come twice are labelled once. A partial failure hides
        inside a 200. Raises where nothing was sent, or nobody knows.
        """
        refused: dict[int, Exception] = {}
        for places in within_limits([len(body.encode()) for body in bodies]):
            entries: Any = [{"Id": str(place), "MessageBody": bodies[place]} for place in places]
            answer = call(
                partial(self._client.send_message_batch, QueueUrl=queue_url, Entries=entries), deadline, SQS.call_s
            )
            for one in answer.get("Failed", []):
                refused[int(one["Id"])] = TransientError(one["Code"], one.get("Message", ""))
        return refused

    def back_off(self, queue_url: str, failed: Sequence[Message], deadline: Deadline) -> dict[str, str]:
        """Set when failed records of a queue come back: 2 s to 5 min by their receive count, jittered.

        Best effort, at most 10: where it fails the queue's own visibility timeout holds. Returns the error code
        for each messageId that could not be set; a partial failure hides inside a 200.
        """
        entries: Any = [
            {
                "Id": str(number),
                "ReceiptHandle": message.receipt_handle,
                "VisibilityTimeout": visibility_timeout_s(message.receive_count),
            }
            for number, message in enumerate(failed)
        ]
        try:
            answer = call(
                lambda: self._client.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries),
                deadline,
                SQS.call_s,
            )
        except (*AWS_ERRORS, TransientError) as error:
            return {message.message_id: code_of(error) for message in failed}
        return {failed[int(one["Id"])].message_id: one["Code"] for one in answer.get("Failed", [])}


def _that_fit(body: str, texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return the attributes of a message, those that fit beside its body: the message itself matters most."""
    left = MAX_BATCH_BYTES - len(body.encode())
    attributes = {}
    for name, value in texts.items():
        left -= len(name) + len(_TEXT) + len(value.encode())
        if left < 0:
            break
        attributes[name] = {"DataType": _TEXT, "StringValue": value}
    return attributes


def visibility_timeout_s(receive_count: int) -> int:
    """Whole seconds until a record that failed for the n-th time is delivered again."""
    return max(1, round(backoff_s(receive_count, _FIRST_BACKOFF_S, MAX_BACKOFF_S)))
