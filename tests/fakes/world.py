"""S3, Rekognition and SQS as the function sees them, and the function itself built upon them."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handler.conversion import Converter
from handler.copies import Copies
from handler.deadline import Deadline
from handler.events import read_message
from handler.labelling import Labeller
from handler.lanes import converting_lanes, labelling_lanes
from handler.messages import Messages
from handler.model_settings import request_of
from handler.objects import Objects
from handler.pipeline import Pipeline
from handler.rate_limiter import limiter_of
from handler.recognition import Recogniser
from handler.settings import Settings
from handler.storage import Storage
from tests.fakes.aws import Client, aws_error
from tests.fakes.bucket import BUCKET, S3, Bucket, Photo, Rekognition
from tests.fakes.dynamodb import DynamoDB, Tables
from tests.fakes.queues import check_batch, check_message

if TYPE_CHECKING:
    from collections.abc import Callable

    from handler.rate_limiter import SplitRateLimiter
    from handler.report import Report

    Hook = Callable[[str, dict[str, Any]], None]

START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)

__all__ = ["BUCKET", "SETTINGS", "START", "Clock", "Function", "Photo", "World", "failing"]

SETTINGS = Settings.from_environment(
    {
        "IMAGE_LABELS_TABLE": "ImageLabels",
        "LABEL_INDEX_TABLE": "LabelIndex",
        "LABEL_QUOTA_TABLE": "LabelQuota",
        "QUEUE_URL": "queue",
        "DEAD_LETTER_QUEUE_URL": "dead-letters",
        "CONVERT_QUEUE_URL": "convert",
        "CONTENT_CLAIMS_TABLE": "ContentClaims",
        "PHOTO_METADATA": "off",
    }
)


class Clock:
    """Virtual time: it passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = START

    def seconds(self) -> float:
        return self.now.timestamp()

    def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def deadline(self, seconds: float = 20.0) -> Deadline:
        end = self.now + timedelta(seconds=seconds)
        return Deadline(lambda: (end - self.now).total_seconds() * 1000, reserve_s=0.5, pause=self.pause)


class World:
    """What exists, shared by every caller, and how to make things happen to it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tables = Tables()
        self.bucket = Bucket(lambda: self.clock.now, self._sequencer)
        self.dead: list[dict[str, Any]] = []
        # Bodies by the queue that they were forwarded to.
        self.sent: dict[str, list[str]] = {}
        self.visibility: dict[str, int] = {}
        self.recognised: list[str] = []
        self._sequence = itertools.count(1)
        self._etags = itertools.count(1)
        self._messages = itertools.count(1)

    @property
    def forwarded(self) -> list[str]:
        """Bodies that were forwarded to the converter."""
        return self.sent.get("convert", [])

    def put(self, key: str, photo: Photo, **changes: Any) -> dict[str, Any]:
        """Upload, always other bytes; returns the S3 record that tells of it."""
        return self.bucket.put(key, replace(photo, etag=f"etag-{next(self._etags)}")) | changes

    def put_copy(self, of: str, key: str) -> dict[str, Any]:
        """Upload the bytes that are there under another key; returns the S3 record that tells of it."""
        version = self.bucket.present(of)
        assert version
        assert version.photo
        return self.bucket.put(key, version.photo)

    def remove(self, key: str) -> dict[str, Any]:
        """Delete; returns the S3 record that tells of it."""
        return self.bucket.delete(key)

    def _sequencer(self) -> str:
        return f"{next(self._sequence):010X}".ljust(18, "0")

    def message(self, body: str | dict[str, Any], *, receive_count: int = 1, name: str | None = None) -> SQSRecord:
        """An SQS record as Lambda passes it; a dict is an S3 record, or a body of its own."""
        if isinstance(body, dict):
            body = json.dumps({"Records": [body]} if "s3" in body else body)
        name = name or f"message-{next(self._messages)}"
        return SQSRecord(
            {
                "messageId": name,
                "receiptHandle": f"receipt-{name}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(receive_count),
                    "SentTimestamp": str(int(self.clock.now.timestamp() * 1000)),
                },
            }
        )

    def document(self, key: str) -> dict[str, Any] | None:
        """The document of an object, as Python values."""
        images = {item["ImageID"]: item for item in self.tables.plain("ImageLabels")}
        return images.get(f"{BUCKET}/{key}")

    def found(self, label: str) -> set[str]:
        """Keys that a reader finds under a label: rows whose document backs them."""
        documents = {item["ImageID"]: item for item in self.tables.plain("ImageLabels")}
        return {
            row["ImageID"].removeprefix(f"{BUCKET}/")
            for row in self.tables.plain("LabelIndex")
            if row["Label"] == label and _is_backed(row, documents.get(row["ImageID"]))
        }


def _is_backed(row: dict[str, Any], document: dict[str, Any] | None) -> bool:
    """The reader's rule, written down once more so that the function's own cannot vouch for itself."""
    if document is None or document["Status"] != "LABELLED":
        return False
    if document.get("CommitID") != row.get("CommitID") or document["Sequencer"] != row["Sequencer"]:
        return False
    confidence = row["Rank"].split("#")[0]
    return any(
        one["Name"] == row["Label"] and f"{one['Confidence']:06.2f}" == confidence for one in document["Labels"]
    )


class SQS(Client):
    service = "sqs"

    def __init__(self, world: World, hook: Hook | None = None) -> None:
        super().__init__(hook)
        self._world = world

    def send_message(self, **parameters: Any) -> dict[str, Any]:
        self._called("SendMessage", parameters)
        check_message(parameters)
        assert parameters["QueueUrl"] == SETTINGS.dead_letter_queue_url
        self._world.dead.append(parameters)
        return {"MessageId": "sent"}

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        self._called("SendMessageBatch", parameters)
        check_batch(parameters["Entries"])
        bodies = [entry["MessageBody"] for entry in parameters["Entries"]]
        self._world.sent.setdefault(parameters["QueueUrl"], []).extend(bodies)
        return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]], "Failed": []}

    def change_message_visibility_batch(self, **parameters: Any) -> dict[str, Any]:
        self._called("ChangeMessageVisibilityBatch", parameters)
        entries = parameters["Entries"]
        if not 0 < len(entries) <= 10:
            raise aws_error("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
        if len({entry["Id"] for entry in entries}) < len(entries):
            raise aws_error("AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
        for entry in entries:
            assert 0 <= entry["VisibilityTimeout"] <= 43_200
            self._world.visibility[entry["ReceiptHandle"]] = entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}


class Function:
    """A function upon the fakes: one caller, whose every call passes `hook` first."""

    def __init__(
        self,
        world: World,
        hook: Hook | None = None,
        *,
        settings: Settings = SETTINGS,
        is_converting: bool = False,
        decoder: tuple[str, ...] = ("cat",),
        unprocessed: Callable[[int], int] = lambda _entries: 0,
    ) -> None:
        self._world = world
        self.fakes: Any = SimpleNamespace(
            dynamodb=DynamoDB(world.tables, hook, unprocessed),
            rekognition=Rekognition(world.bucket, world.recognised.append, hook),
            s3=S3(world.bucket, hook),
            sqs=SQS(world, hook),
        )
        recogniser = Recogniser(
            self.fakes.rekognition,
            request_of(settings),
            rate_limiter=self._rate_limiter(settings),
        )
        if is_converting:
            settings = replace(settings, convert_queue_url=None)
        self.lanes = converting_lanes(settings) if is_converting else labelling_lanes(settings)
        storage = Storage(
            self.fakes.dynamodb,
            settings.image_labels_table,
            settings.label_index_table,
            settings.content_claims_table,
        )
        objects = Objects(self.fakes.s3)
        copies = Copies(settings, storage, objects, now=lambda: world.clock.now)
        self._pipeline = Pipeline(
            storage,
            Labeller(
                settings,
                Converter(self.fakes.s3, recogniser, decoder) if is_converting else recogniser,
                objects,
                copies,
                now=lambda: world.clock.now,
            ),
            copies,
            Messages(self.fakes.sqs, settings.dead_letter_queue_url),
            concurrency=settings.rekognition_concurrency,
            now=lambda: world.clock.now,
        )

    def _rate_limiter(self, settings: Settings) -> SplitRateLimiter | None:
        if not settings.rekognition_tps:
            return None
        return limiter_of(
            self.fakes.dynamodb,
            settings.label_quota_table,
            tps=settings.rekognition_tps,
            environments=settings.max_concurrency,
            waiting_environments=settings.bulk_concurrency,
            budget=settings.budget,
            clock=self._world.clock.seconds,
        )

    def receive(self, *records: SQSRecord, seconds: float = 20.0, lane: str = "Live") -> Report:
        """One invocation with these records of a lane."""
        [its_lane] = [one for one in self.lanes if one.priority.name == lane]
        deadline = self._world.clock.deadline(seconds)
        try:
            return self._pipeline.run([read_message(record) for record in records], its_lane, deadline)
        finally:
            deadline.close()


def failing(report: Report) -> set[str]:
    """The messageIds that would be reported in batchItemFailures."""
    return {message.message_id for message in report.failed}
