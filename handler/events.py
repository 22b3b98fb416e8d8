"""From SQS records to what has to be done for which object.

A record's body is one of: an S3 notification with one or more S3 records, also in SNS's envelope or as an event of
EventBridge (`photo_labels.records.envelopes`), S3's own test event, a reconcile message
(`photo_labels.records.messages`), or a malformed message, which goes to the dead-letter queue.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, unquote_plus

from aws_lambda_powertools.utilities.data_classes.s3_event import S3EventRecord

from photo_labels.records.documents import image_id, is_lasting
from photo_labels.records.envelopes import (
    EVENT_BRIDGE_SOURCE,
    is_about_a_photo,
    is_of_event_bridge,
    opened,
    s3_records,
)
from photo_labels.records.messages import ACTION, SOURCE, reconcile_message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

_MAX_KEY_BYTES = 1024
# The oldest buckets have names like these; today's have 63 characters, and no capitals.
_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")
# S3's have 18 digits. A longer one would make a sort key that DynamoDB refuses, with all others of its batch.
_MAX_SEQUENCER = 64
_MAX_OBJECT_BYTES = 50 * 1000**4
_REMOVALS = ("ObjectRemoved:", "LifecycleExpiration:")
# What SNS sends before and after a topic's messages. Only who owns the topic can answer it.
_SUBSCRIPTIONS = ("SubscriptionConfirmation", "UnsubscribeConfirmation")


class Kind(Enum):
    """What happened to the object."""

    CREATED = "created"
    REMOVED = "removed"
    RECONCILE = "reconcile"


class MalformedMessageError(Exception):
    """A body, or a part of it, that can never be processed: `reason` for machines, `detail` for a person."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One thing that happened to one object, its key decoded."""

    bucket: str
    key: str
    kind: Kind
    # S3's, trailing zeros stripped, so that plain string order is S3's order; None for RECONCILE only.
    sequencer: str | None = None
    time: datetime | None = None
    etag: str | None = None
    size: int | None = None
    version_id: str | None = None
    force: bool = False
    # Labels of other settings are right, too: what is asked for is to fill in what the document lacks.
    keep_labels: bool = False
    # S3's, of an object that was looked at.
    last_modified: datetime | None = None
    # When somebody asked for it, of a reconcile message.
    asked_at: datetime | None = None

    @property
    def image_id(self) -> str:
        return image_id(self.bucket, self.key)

    @property
    def version_to_request(self) -> str | None:
        """The name of the version to look at; None: the present one.

        That is so for "null", too: nobody has seen whether Rekognition takes that for the name of a version.
        """
        return self.version_id if is_lasting(self.version_id) else None

    @property
    def moment(self) -> datetime | None:
        """When it happened, or was asked for: a purge after that moment overrides it."""
        return self.asked_at or self.time


@dataclass(frozen=True, slots=True)
class Message:
    """One SQS record. It is done when all its objects are, and its malformed part is in the dead-letter queue."""

    message_id: str
    receipt_handle: str
    receive_count: int
    sent_at: datetime
    body: str
    events: tuple[ObjectEvent, ...]
    malformed: MalformedMessageError | None


@dataclass(frozen=True, slots=True)
class Work:
    """All that one batch says about one object, collapsed to the newest event."""

    newest: ObjectEvent
    # Somebody asked for the present truth, so what the event says is checked.
    reconcile: bool
    force: bool
    # All that ask for the present truth are satisfied with labels of other settings.
    keep_labels: bool
    # The latest of all its events.
    moment: datetime | None


def read_message(record: SQSRecord) -> Message:
    """Understand one SQS record; never raises on what a body holds."""
    events: tuple[ObjectEvent, ...] = ()
    malformed = None
    sent_at = datetime.fromtimestamp(int(record.attributes.sent_timestamp) / 1000, UTC)
    try:
        events, malformed = _read_body(record.body, sent_at)
    except MalformedMessageError as error:
        malformed = error
    return Message(
        message_id=record.message_id,
        receipt_handle=record.receipt_handle,
        receive_count=int(record.attributes.approximate_receive_count),
        sent_at=sent_at,
        body=record.body,
        events=events,
        malformed=malformed,
    )


def collapse(messages: Iterable[Message]) -> dict[str, Work]:
    """Group the events of a batch by object (ImageID), keeping the newest of each."""
    groups: dict[str, list[ObjectEvent]] = {}
    for message in messages:
        for event in message.events:
            groups.setdefault(event.image_id, []).append(event)
    return {image: _newest(events) for image, events in groups.items()}


def body_of(event: ObjectEvent) -> str:
    """Write a message that `read_message` reads as this event: an S3 record, or a reconcile message.

    A reconcile message that came together with an event has that one's sequencer and time, too.
    """
    time = event.time.isoformat() if event.time else None
    if event.kind is Kind.RECONCILE:
        return reconcile_message(
            event.bucket,
            event.key,
            force=event.force,
            sequencer=event.sequencer,
            event_time=time,
            asked_at=event.asked_at.isoformat() if event.asked_at else None,
        )
    content = {
        "key": quote_plus(event.key),
        "sequencer": event.sequencer,
        "size": event.size,
        "eTag": event.etag,
        "versionId": event.version_id,
    }
    name = "ObjectRemoved:Delete" if event.kind is Kind.REMOVED else "ObjectCreated:Put"
    record = {
        "eventName": name,
        "eventTime": time,
        "s3": {"bucket": {"name": event.bucket}, "object": content},
    }
    return json.dumps({"Records": [record]})


def _newest(events: list[ObjectEvent]) -> Work:
    return Work(
        newest=max(events, key=lambda event: event.sequencer or ""),
        reconcile=any(event.kind is Kind.RECONCILE for event in events),
        force=any(event.force for event in events),
        keep_labels=all(event.keep_labels for event in events if event.kind is Kind.RECONCILE),
        moment=max((event.moment for event in events if event.moment), default=None),
    )


def _read_body(body: str, sent_at: datetime) -> tuple[tuple[ObjectEvent, ...], MalformedMessageError | None]:
    """Return the events of a body, and the first malformed record among valid ones."""
    try:
        content = opened(body)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError("InvalidJson", f"The message is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise MalformedMessageError("UnknownMessage", "The message is JSON, but not an object.")
    if content.get("Event") == "s3:TestEvent" or _is_of_no_photo(content):
        return (), None
    if content.get("source") == SOURCE:
        return (_read_reconcile(content, sent_at),), None
    records = _records(content)
    if not isinstance(records, list) or not records:
        raise _unknown(content)
    events: list[ObjectEvent] = []
    malformed = None
    for record in records:
        try:
            events.append(_read_s3_record(record))
        except MalformedMessageError as error:
            malformed = malformed or error
    return tuple(events), malformed


def _records(content: dict[str, Any]) -> Any:
    try:
        return s3_records(content)
    except KeyError as error:
        raise MalformedMessageError(
            "InvalidEventBridgeEvent", f"The EventBridge event has no {error.args[0]!r:.80}."
        ) from error
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedMessageError(
            "InvalidEventBridgeEvent", f"The EventBridge event is malformed: {error!s:.200}."
        ) from error


def _is_of_no_photo(content: dict[str, Any]) -> bool:
    """Tell whether it is an event of EventBridge about an object's tags, rights, storage class or restoration.

    Once EventBridge is on, S3 sends all of them, and a rule for "all events of this bucket" passes them on:
    nothing is wrong with that, and nothing is to be done. A bucket's notification names each of its events, so
    what comes by one and is neither a creation nor a removal was a mistake, of which somebody is told.
    """
    kind = content.get("detail-type")
    is_s3s = content.get("source") == EVENT_BRIDGE_SOURCE and isinstance(kind, str) and kind.startswith("Object ")
    return is_s3s and not is_about_a_photo(content)


def _unknown(content: dict[str, Any]) -> MalformedMessageError:
    if content.get("Type") in _SUBSCRIPTIONS:
        return MalformedMessageError(
            "SnsSubscription",
            "An SNS topic says that its subscription to the queue begins or ends: if it is to send here, open the "
            "SubscribeURL in this message within three days. No program does so by itself.",
        )
    if is_of_event_bridge(content):
        kind, source = content["detail-type"], content.get("source")
        return MalformedMessageError(
            "UnknownEvent",
            f"The EventBridge event {kind!r:.80} of {source!r:.80} is none that S3 sends of an object: let the "
            'rule\'s pattern have "source": ["aws.s3"] and "detail-type": ["Object Created", "Object Deleted"].',
        )
    return MalformedMessageError(
        "UnknownMessage", "The message is neither an S3 notification nor a reconcile message."
    )


def _read_reconcile(content: dict[str, Any], sent_at: datetime) -> ObjectEvent:
    if content.get("action") != ACTION:
        raise MalformedMessageError("UnknownAction", f"The action {content.get('action')!r:.80} is not known.")
    force = content.get("force", False)
    keep_labels = content.get("keepLabels", False)
    if not isinstance(force, bool) or not isinstance(keep_labels, bool):
        raise MalformedMessageError("InvalidReconcile", "force and keepLabels must be true or false.")
    bucket, key = _checked(content.get("bucket"), content.get("key"))
    try:
        time = _utc(content["eventTime"]) if "eventTime" in content else None
        asked_at = _utc(content["askedAt"]) if "askedAt" in content else sent_at
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedMessageError(
            "InvalidReconcile", f"eventTime or askedAt is no time: {error!s:.200}."
        ) from error
    sequencer = _sequencer(content.get("sequencer"))
    return ObjectEvent(
        bucket,
        key,
        Kind.RECONCILE,
        sequencer,
        time,
        force=force,
        keep_labels=keep_labels,
        asked_at=asked_at,
    )


def _read_s3_record(content: object) -> ObjectEvent:
    """Understand one S3 record; without a usable sequencer it asks for the present truth."""
    if not isinstance(content, dict):
        raise MalformedMessageError("InvalidS3Record", "An entry of Records is not an object.")
    record = S3EventRecord(content)
    try:
        kind = _kind(record.event_name)
        time = _utc(record.event_time)
        # Keys are form-encoded in notifications, and Powertools' S3Object gives them as they came.
        bucket, key = _checked(record.s3.bucket.name, unquote_plus(record.s3.get_object.key))
        sequencer = _sequencer(record.s3.get_object.get("sequencer"))
        etag, size, version_id = _details(content["s3"]["object"])
    except KeyError as error:
        raise MalformedMessageError("InvalidS3Record", f"An S3 record has no {error.args[0]!r:.80}.") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MalformedMessageError("InvalidS3Record", f"An S3 record is malformed: {error!s:.200}.") from error
    return ObjectEvent(bucket, key, kind if sequencer else Kind.RECONCILE, sequencer, time, etag, size, version_id)


def _utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def _kind(event_name: str) -> Kind:
    name = event_name.removeprefix("s3:")
    if name.startswith("ObjectCreated:"):
        return Kind.CREATED
    if name.startswith(_REMOVALS):
        return Kind.REMOVED
    raise MalformedMessageError(
        "UnknownEvent", f"The S3 event {event_name!r:.80} is neither a creation nor a removal."
    )


def _details(content: dict[str, Any]) -> tuple[str | None, int | None, str | None]:
    """Read eTag, size and versionId, which may be missing (removals), but not be of another type."""
    etag, size, version_id = content.get("eTag"), content.get("size"), content.get("versionId")
    for text in (etag, version_id):
        # DynamoDB and SQS take UTF-8 only, which half a surrogate pair is not.
        if text is not None and (not isinstance(text, str) or len(text.encode()) > _MAX_KEY_BYTES):
            raise TypeError("eTag and versionId are short texts")
    if size is not None and (type(size) is not int or not 0 <= size <= _MAX_OBJECT_BYTES):
        raise TypeError("size is a number of bytes")
    return etag or None, size, version_id or None


def _sequencer(value: object) -> str | None:
    if not isinstance(value, str) or not value or value.strip("0123456789abcdefABCDEF"):
        return None
    sequencer = value.rstrip("0") or "0"
    return sequencer if len(sequencer) <= _MAX_SEQUENCER else None


def _checked(bucket: object, key: object) -> tuple[str, str]:
    """Refuse what cannot name an object; S3 keys are UTF-8, at most 1,024 bytes."""
    if not isinstance(bucket, str) or not isinstance(key, str) or not bucket or not key:
        raise MalformedMessageError("InvalidObjectName", "Bucket and key must be texts that are not empty.")
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise MalformedMessageError("InvalidObjectName", "The key is not valid text.") from error
    if length > _MAX_KEY_BYTES:
        raise MalformedMessageError("InvalidObjectName", "The key has more than 1,024 bytes.")
    if not _BUCKET.fullmatch(bucket):
        raise MalformedMessageError("InvalidObjectName", "No bucket has such a name.")
    return bucket, key
