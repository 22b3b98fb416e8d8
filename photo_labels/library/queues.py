"""Reading through the messages of a queue: each is invisible to others while it is read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# Messages of one call.
AT_A_TIME = 10
# Of all messages of one call together; one alone may be as large.
_MAX_BYTES = 2**20
# They are seen by others again after so long, if they are not given back before.
_HELD_S = 300
# A long poll asks all of SQS's servers.
_WAIT_S = 1
# So many pages in a row with nothing but newer messages: what comes in is not waited for.
_NEW_PAGES = 10


def depth(sqs: Any, queue: str) -> tuple[int, int]:
    """Return about how many messages of a queue wait, and how many are in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    waiting, in_hand = (int(counts[name]) for name in names)
    return waiting, in_hand


def received(sqs: Any, queue: str, before: datetime) -> Iterator[list[Any]]:
    """Receive all messages that were sent before; newer ones are given back at the end, these are not."""
    newer: list[str] = []
    pages_of_newer = 0
    try:
        while pages_of_newer < _NEW_PAGES and (messages := _receive(sqs, queue)):
            older = [message for message in messages if sent_at(message) <= before]
            newer += [message["ReceiptHandle"] for message in messages if message not in older]
            pages_of_newer = 0 if older else pages_of_newer + 1
            yield older
    finally:
        give_back(sqs, queue, newer)


def give_back(sqs: Any, queue: str, handles: Sequence[str]) -> None:
    """Make messages visible again. Best effort: their visibility timeout does so, too."""
    for start in range(0, len(handles), AT_A_TIME):
        entries: Any = [
            {"Id": str(at), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for at, handle in enumerate(handles[start : start + AT_A_TIME])
        ]
        sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)


def send(sqs: Any, queue: str, bodies: Sequence[str]) -> dict[int, str]:
    """Send messages, in as many calls as it takes; returns the error code of each that was not taken, by place."""
    refused: dict[int, str] = {}
    for places in _within_limits([len(body.encode()) for body in bodies]):
        entries: Any = [{"Id": str(place), "MessageBody": bodies[place]} for place in places]
        failed = sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed", [])
        refused |= {int(one["Id"]): one["Code"] for one in failed}
    return refused


def _within_limits(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Cut places into calls that SQS takes: no more than 10 messages, and no more than 1 MiB."""
    places: list[int] = []
    total = 0
    for place, size in enumerate(sizes):
        if places and (len(places) == AT_A_TIME or total + size > _MAX_BYTES):
            yield places
            places, total = [], 0
        places.append(place)
        total += size
    if places:
        yield places


def delete(sqs: Any, queue: str, handles: Sequence[str]) -> dict[int, str]:
    """Delete messages that were received; returns the error code of each that was not deleted, by place."""
    left: dict[int, str] = {}
    for start in range(0, len(handles), AT_A_TIME):
        places = range(start, min(start + AT_A_TIME, len(handles)))
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
        content = json.loads(body)
        if "key" in content:
            return [f"{content['bucket']}/{content['key']}"]
        return [_photo_of(record) for record in content["Records"]]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return []


def without_photos(body: str, is_gone: Callable[[str], bool]) -> str:
    """Return a notification that `photos_of` understands, less what it says about some photos."""
    content = json.loads(body)
    records = [record for record in content["Records"] if not is_gone(_photo_of(record))]
    # No spaces: it was no longer than SQS takes, and is not to become longer.
    return json.dumps(content | {"Records": records}, separators=(",", ":"))


def _photo_of(record: Any) -> str:
    return f"{record['s3']['bucket']['name']}/{unquote_plus(record['s3']['object']['key'])}"


def _receive(sqs: Any, queue: str) -> list[Any]:
    answer = sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=AT_A_TIME,
        VisibilityTimeout=_HELD_S,
        WaitTimeSeconds=_WAIT_S,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["SentTimestamp", "ApproximateReceiveCount"],
    )
    messages: list[Any] = answer.get("Messages", [])
    return messages
