"""Rejected photos (documents) and dead letters (messages), and how they are sent back."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from photo_labels.library.queues import DeadLetterLook, photos_of, send, sent_at
from photo_labels.library.table_reader import documents_in
from photo_labels.library.user_errors import UserError
from photo_labels.records.formats import REASONS_WITHOUT_ALARM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Executor

    from photo_labels.library.reconciler import Reconciler
    from photo_labels.library.target import Target

# Our name for what SQS says nothing about: it moved the message itself, after its maxReceiveCount.
RECEIVED_TOO_OFTEN = "ReceivedTooOften"
# And for what EventBridge put into its own dead-letter queue.
NOT_DELIVERED = "NotDelivered"
_EXCERPT = 200
_NO_MOVE_TASK = {"InvalidAction", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"}
_UNDER_WAY = {"RUNNING", "CANCELLING"}
_LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One rejected photo, or one dead letter."""

    kind: Literal["rejected", "dead letter"]
    # bucket/key of the photos it is about; where a message names none, its beginning.
    what: str
    reason: str
    detail: str
    # When the photo was rejected, or the message sent.
    at: datetime
    # How often a dead letter was received in the end; None: not known.
    tries: int | None = None
    body: str = ""
    # Of a dead letter: as SQS gave it.
    message: Any = field(default=None, compare=False)

    def is_asked_for(self, reason: str | None) -> bool:
        """Tell whether it has this reason, in large or small letters; None: any that an alarm rings for."""
        if reason is None:
            return self.reason not in REASONS_WITHOUT_ALARM
        return self.reason.casefold() == reason.casefold()


@dataclass(slots=True)
class DeadLettersSeen:
    """How many dead letters were looked at, of all queues."""

    looked_at: int = 0
    # About as many were not, as SQS counts; 0: all were looked at.
    left: int = 0


@dataclass(slots=True)
class Redriven:
    """What was sent back."""

    photos: int = 0
    messages: int = 0
    # SQS moves the messages itself, all of them, and goes on when it is not watched.
    by_task: bool = False
    # Dead letters, and rejected photos, that were not asked for, by reason.
    left: Counter[str] = field(default_factory=Counter)
    left_photos: Counter[str] = field(default_factory=Counter)
    # About as many dead letters were not looked at.
    not_seen: int = 0


class Failures:
    """The rejected photos and dead letters of a pipeline."""

    def __init__(
        self,
        target: Target,
        pause: Callable[[float], None] = time.sleep,
        *,
        clock: Callable[[], float] = time.monotonic,
        executor: Callable[[int], Executor] = ThreadPoolExecutor,
    ) -> None:
        self._sqs = target.client("sqs")
        self._dynamodb = target.client("dynamodb")
        self._table = target.outputs.image_labels_table
        # Where dead letters lie, and where they go: as bulk work, since they may be many.
        self._queues = {
            queue: function.bulk_queue_url
            for function in target.outputs.functions
            for queue in function.dead_letter_queue_urls
        }
        # SQS's task moves what was put there by SQS, and nothing that EventBridge put there.
        self._movable = {function.dead_letter_queue_url for function in target.outputs.functions}
        self._pause = pause
        self._clock = clock
        self._executor = executor
        # What `dead_letters` has looked at.
        self.seen = DeadLettersSeen()

    def rejected(self) -> Iterator[Failure]:
        """Read all documents for those that are rejections, as DynamoDB has them: in no order."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="#status = :rejected",
            ExpressionAttributeNames={"#status": "Status"},
            ExpressionAttributeValues={":rejected": {"S": "REJECTED"}},
            ConsistentRead=True,
        )
        for page in pages:
            for document in documents_in(page["Items"]):
                at = datetime.fromisoformat(document.labelled_at)
                yield Failure("rejected", document.image_id, document.reason or "", document.detail or "", at)

    def dead_letters(self) -> Iterator[Failure]:
        """Look at the dead letters, for four minutes a queue at most; `seen` tells at how many of how many.

        They can be seen by others again when this ends, or after five minutes. Looking adds to their receive
        count, of which nothing depends.
        """
        self.seen = DeadLettersSeen()
        for dead_letters in self._queues:
            look = self._look(dead_letters)
            with closing(look.one_round()) as pages:
                for messages in pages:
                    self.seen.looked_at += len(messages)
                    yield from map(_failure, messages)
            self.seen.left += look.left

    def redrive(
        self,
        reason: str | None,
        reconciler: Reconciler,
        tell: Callable[[Redriven], None] = lambda _: None,
    ) -> Redriven:
        """Send failures back, those of one reason or all: rejected photos to be labelled again, and dead letters.

        Files that are no photos, and photos that are too small, are sent back where their reason is given: they
        would end as they did.

        Nothing is lost when it is stopped: a dead letter is deleted when it is in the queue, and a photo or a
        message that is sent twice is done once. SQS's own task continues, and a later call finds it. `tell` gets
        what was sent so far. Raises UserError when SQS does not take messages.
        """
        redriven = Redriven()
        for failure in self.rejected():
            if failure.is_asked_for(reason):
                bucket, _, key = failure.what.partition("/")
                reconciler.ask(bucket, key, force=True)
                redriven.photos += 1
            else:
                redriven.left_photos[failure.reason] += 1
            tell(redriven)
        for dead_letters in self._queues:
            if reason is None and dead_letters in self._movable and self._start_task(dead_letters):
                redriven.by_task = True
                redriven.messages += self._watched(dead_letters)
            else:
                self._send_back(dead_letters, reason, redriven, tell)
            tell(redriven)
        return redriven

    # ------------------------------------------------------------ by receiving and sending

    def _send_back(
        self, dead_letters: str, reason: str | None, redriven: Redriven, tell: Callable[[Redriven], None]
    ) -> None:
        look = self._look(dead_letters)
        with closing(look.pages()) as pages:
            for messages in pages:
                page = [_failure(message) for message in messages]
                wanted = [failure for failure in page if failure.is_asked_for(reason)]
                redriven.left.update(failure.reason for failure in page if failure not in wanted)
                self._move(dead_letters, look, wanted)
                redriven.messages += len(wanted)
                tell(redriven)
        redriven.not_seen += look.left

    def _move(self, dead_letters: str, look: DeadLetterLook, failures: Sequence[Failure]) -> None:
        """Send messages to their queue, and only then delete them where they were.

        Raises UserError where SQS does not take all of them, or does not delete what it took: that is done once,
        however often it is sent.
        """
        refused = send(self._sqs, self._queues[dead_letters], [one.body for one in failures])
        left = look.delete([one.message for place, one in enumerate(failures) if place not in refused])
        for code in refused.values():
            raise UserError(f"SQS does not take messages back ({code}): try again, none is lost.")
        for code in left.values():
            raise UserError(f"SQS does not delete dead letters that it took back ({code}): try again.")

    def _look(self, dead_letters: str) -> DeadLetterLook:
        """Begin to look at dead letters, but not at those that are sent back from now on and fail again."""
        return DeadLetterLook(
            self._sqs, dead_letters, datetime.now(UTC), clock=self._clock, executor=self._executor
        )

    # ------------------------------------------------------------ by SQS's own task

    def _start_task(self, dead_letters: str) -> bool:
        """Start SQS's move task, or find it at work already; false where there is no such thing.

        Raises UserError where the task that is at work has another destination.
        """
        source, destination = self._arn(dead_letters), self._arn(self._queues[dead_letters])
        try:
            self._sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_MOVE_TASK:
                return False
            task = self._newest_task(source)
            if task.get("Status") not in _UNDER_WAY:
                raise
            elsewhere = task.get("DestinationArn", destination)  # none: to where they came from
            if elsewhere != destination:
                queue = elsewhere.rpartition(":")[2]
                raise UserError(
                    f"SQS is moving these dead letters to {queue}, as somebody asked it to: try again later."
                ) from error
        return True

    def _watched(self, dead_letters: str) -> int:
        """Wait for the move task; returns about how many messages it moved. Raises UserError when it failed."""
        source = self._arn(dead_letters)
        while (task := self._newest_task(source)).get("Status", "RUNNING") in _UNDER_WAY:
            self._pause(_LOOK_S)
        moved = int(task.get("ApproximateNumberOfMessagesMoved", 0))
        if task["Status"] != "COMPLETED":
            why = task.get("FailureReason", task["Status"])
            what = f"{moved:,} message{'' if moved == 1 else 's'}"
            raise UserError(f"SQS moved {what} and stopped ({why}): the others are where they were.")
        return moved

    def _newest_task(self, source: str) -> dict[str, Any]:
        tasks: list[dict[str, Any]] = self._sqs.list_message_move_tasks(SourceArn=source).get("Results", [])
        return tasks[0] if tasks else {}

    def _arn(self, url: str) -> str:
        names: Any = ["QueueArn"]
        arn: str = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]["QueueArn"]
        return arn


def _failure(message: dict[str, Any]) -> Failure:
    texts = {name: one.get("StringValue", "") for name, one in message.get("MessageAttributes", {}).items()}
    system, body = message.get("Attributes", {}), message["Body"]
    tries = int(system.get("ApproximateReceiveCount", 0)) or None
    reason, detail = (
        RECEIVED_TOO_OFTEN,
        "It came back again and again: the function's log says why, for this photo.",
    )
    if "ERROR_CODE" in texts:  # EventBridge's user guide, "Using dead-letter queues to process undelivered events"
        reason = NOT_DELIVERED
        detail = (
            f"EventBridge could not send it to the queue ({texts['ERROR_CODE']}): {texts.get('ERROR_MESSAGE')}"
        )
    return Failure(
        kind="dead letter",
        what=", ".join(photos_of(body)) or f"{body[:_EXCERPT]}{'…' if len(body) > _EXCERPT else ''}",
        reason=texts.get("Reason", reason),
        detail=texts.get("Detail", detail),
        at=sent_at(message),
        # What the function or EventBridge has sent there itself came back to nobody.
        tries=None if texts.keys() & {"Reason", "ERROR_CODE"} else tries,
        body=body,
        message=message,
    )
