"""Messages of queues: counted, sent, deleted, and looked through.

Who looks at a message hides it from others for a while. So only dead-letter queues are looked through, which no
function reads, and never those that feed the functions.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from photo_labels.records.envelopes import opened, s3_records
from photo_labels.records.messages import MAX_BATCH, within_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from concurrent.futures import Executor

# They are seen by others again after so long, if they are not given back before.
_HELD_S = 300
# A round ends before, so that the first messages are not seen again while it lasts.
_ROUND_S = 240
# SQS shows no more of a queue while 120,000 of its messages are hidden (developer guide, "Quotas").
_MAX_HELD = 100_000
# Calls at the same time, one more for each thousand messages.
_RECEIVERS = 8
# A long poll asks all of SQS's servers.
_WAIT_S = 1
# So many pages in a row with nothing to look at: what comes in meanwhile is not waited for.
_IDLE_PAGES = 10


def depth(sqs: Any, queue: str) -> tuple[int, int]:
    """Return about how many messages of a queue wait, and how many are in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    waiting, in_hand = (int(counts[name]) for name in names)
    return waiting, in_hand


class DeadLetterLook:
    """A look at the messages of a dead-letter queue that were sent before a moment, at each of them once.

    SQS has no cursor: it shows what is not hidden, in no order, and what was looked at is hidden only for a while.
    What was seen is recognised by its messageId, which is the same at each receive.
    """

    def __init__(
        self,
        sqs: Any,
        queue: str,
        before: datetime,
        *,
        clock: Callable[[], float] = time.monotonic,
        executor: Callable[[int], Executor] = ThreadPoolExecutor,
    ) -> None:
        self._sqs = sqs
        self._queue = queue
        self._before = before
        self._clock = clock
        waiting, hidden = depth(sqs, queue)
        # SQS's estimate of what was there at the beginning, with what somebody else was looking at.
        self._total = waiting + hidden
        self._receivers = min(_RECEIVERS, 1 + waiting // 1000)
        self._executor = executor
        self._is_hidden = hidden > 0
        self._is_complete = False
        self._seen: set[str] = set()
        # Receipt handles by messageId, of what this hides from others.
        self._held: dict[str, str] = {}

    @property
    def looked_at(self) -> int:
        """Return how many messages were looked at."""
        return len(self._seen)

    @property
    def left(self) -> int:
        """Return about how many messages were not looked at."""
        return 0 if self._is_complete and not self._is_hidden else max(0, self._total - self.looked_at)

    def pages(self) -> Generator[list[Any], None, None]:
        """Go round by round until all are looked at, or until a round shows nothing that is new."""
        looked_at = -1
        while not self._is_complete and self.looked_at > looked_at:
            looked_at = self.looked_at
            yield from self.one_round()

    def one_round(self) -> Generator[list[Any], None, None]:
        """Look at as many as can be hidden at a time; at the end all are given back that were not deleted."""
        end = self._clock() + _ROUND_S
        idle_pages = 0
        with self._executor(self._receivers) as pool:
            try:
                while self._clock() < end and len(self._held) < _MAX_HELD and idle_pages < _IDLE_PAGES:
                    pages = list(pool.map(lambda _: _receive(self._sqs, self._queue), range(self._receivers)))
                    if not any(pages):
                        self._is_complete = True
                        return
                    messages = {message["MessageId"]: message for page in pages for message in page}
                    # Seen twice in a round: SQS shows a message twice now and then, or the round took too long.
                    again = messages.keys() & self._held.keys()
                    self._held |= {name: message["ReceiptHandle"] for name, message in messages.items()}
                    old = {name: one for name, one in messages.items() if sent_at(one) <= self._before}
                    idle_pages = 0 if old.keys() - again else idle_pages + 1
                    self._is_complete = idle_pages == _IDLE_PAGES and not again
                    new = [one for name, one in old.items() if name not in self._seen]
                    self._seen |= old.keys()
                    if new:
                        yield new
            finally:
                handles, self._held = list(self._held.values()), {}
                parts = [handles[start : start + MAX_BATCH] for start in range(0, len(handles), MAX_BATCH)]
                list(pool.map(partial(_give_back, self._sqs, self._queue), parts))

    def delete(self, messages: Sequence[Any]) -> dict[int, str]:
        """Delete messages of a page; returns the error code of each that was not deleted, by place."""
        left = delete(self._sqs, self._queue, [message["ReceiptHandle"] for message in messages])
        for place, message in enumerate(messages):
            if place not in left:
                self._held.pop(message["MessageId"], None)
        return left


def send(sqs: Any, queue: str, bodies: Sequence[str]) -> dict[int, str]:
    """Send messages, in as many calls as it takes; returns the error code of each that was not taken, by place."""
    refused: dict[int, str] = {}
    for places in within_limits([len(body.encode()) for body in bodies]):
        entries: Any = [{"Id": str(place), "MessageBody": bodies[place]} for place in places]
        failed = sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed", [])
        refused |= {int(one["Id"]): one["Code"] for one in failed}
    return refused


def delete(sqs: Any, queue: str, handles: Sequence[str]) -> dict[int, str]:
    """Delete messages that were received; returns the error code of each that was not deleted, by place."""
    left: dict[int, str] = {}
    for start in range(0, len(handles), MAX_BATCH):
        places = range(start, min(start + MAX_BATCH, len(handles)))
        entries: Any = [{"Id": str(place), "ReceiptHandle": handles[place]} for place in places]
        failed = sqs.delete_message_batch(QueueUrl=queue, Entries=entries).get("Failed", [])
        left |= {int(one["Id"]): one["Code"] for one in failed}
    return left


def sent_at(message: Any) -> datetime:
    """Return when a message was sent to the first of its queues."""
    return datetime.fromtimestamp(int(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000, UTC)


def photos_of(body: str) -> list[str]:
    """Return bucket/key of all photos that a message is about; none for a malformed message."""
    try:
        content = opened(body)
        if "key" in content:
            return [f"{content['bucket']}/{content['key']}"]
        return [_photo_of(record) for record in s3_records(content) or ()]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return []


def without_photos(body: str, is_gone: Callable[[str], bool]) -> str:
    """Return a notification that `photos_of` understands, less some photos, and out of its envelope."""
    content = opened(body)
    records = [record for record in content["Records"] if not is_gone(_photo_of(record))]
    # No spaces: it was no longer than SQS takes, and is not to become longer.
    return json.dumps(content | {"Records": records}, separators=(",", ":"))


def _photo_of(record: Any) -> str:
    return f"{record['s3']['bucket']['name']}/{unquote_plus(record['s3']['object']['key'])}"


def _receive(sqs: Any, queue: str) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=MAX_BATCH,
        VisibilityTimeout=_HELD_S,
        WaitTimeSeconds=_WAIT_S,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
    )
    messages: list[Any] = answer.get("Messages", [])
    return messages


def _give_back(sqs: Any, queue: str, handles: Sequence[str]) -> None:
    """Make at most ten messages visible again; where that fails, their visibility timeout does so."""
    entries: Any = [
        {"Id": str(place), "ReceiptHandle": handle, "VisibilityTimeout": 0} for place, handle in enumerate(handles)
    ]
    with suppress(BotoCoreError, ClientError):
        sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)
