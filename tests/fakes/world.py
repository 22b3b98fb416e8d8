"""S3, Rekognition and SQS as the function sees them, and the function itself built upon them."""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.response import StreamingBody

from handler.conversion import Converter
from handler.deadline import Deadline
from handler.events import read_message
from handler.labelling import Labeller
from handler.messages import Messages
from handler.objects import Objects
from handler.pipeline import Pipeline, Report
from handler.quota import Quota
from handler.recognition import Recogniser
from handler.settings import Settings
from handler.storage import Storage
from tests.fakes.aws import Client, aws_error
from tests.fakes.dynamodb import DynamoDB, Tables

if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[str, dict[str, Any]], None]

BUCKET = "photos"
START = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)

SETTINGS = Settings.from_environment(
    {
        "IMAGE_LABELS_TABLE": "ImageLabels",
        "LABEL_INDEX_TABLE": "LabelIndex",
        "LABEL_QUOTA_TABLE": "LabelQuota",
        "QUEUE_URL": "queue",
        "DEAD_LETTER_QUEUE_URL": "dead-letters",
        "CONVERT_QUEUE_URL": "convert",
    }
)


@dataclass(frozen=True)
class Photo:
    """An object in S3 and what Rekognition would say to it: labels with confidences, or an error code."""

    labels: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    decodes: bool = False
    """A decoder makes a photo of it that Rekognition reads, whatever it says to the object itself."""
    size: int = 100_000
    etag: str = "e"
    version_id: str | None = None
    storage_class: str | None = None
    head_error: str | None = None


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
        self.objects: dict[str, Photo] = {}
        self.versions: dict[tuple[str, str], Photo] = {}
        self.dead: list[dict[str, Any]] = []
        self.handed_over: list[str] = []
        self.visibility: dict[str, int] = {}
        self.recognised: list[str] = []
        self._sequence = itertools.count(1)
        self._messages = itertools.count(1)

    def put(self, key: str, photo: Photo, **changes: Any) -> dict[str, Any]:
        """Upload; gives the S3 record that tells of it."""
        number = next(self._sequence)
        photo = replace(photo, etag=f"etag-{number}")
        self.objects[key] = photo
        if photo.version_id:
            self.versions[key, photo.version_id] = photo
        return self._record("ObjectCreated:Put", key, number, photo) | changes

    def remove(self, key: str) -> dict[str, Any]:
        """Delete; gives the S3 record that tells of it."""
        self.objects.pop(key, None)
        return self._record("ObjectRemoved:Delete", key, next(self._sequence), None)

    def _record(self, name: str, key: str, number: int, photo: Photo | None) -> dict[str, Any]:
        content: dict[str, Any] = {"key": quote_plus(key), "sequencer": f"{number:010X}".ljust(18, "0")}
        if photo:
            content |= {"size": photo.size, "eTag": photo.etag}
            if photo.version_id:
                content["versionId"] = photo.version_id
        return {
            "eventVersion": "2.6",
            "eventSource": "aws:s3",
            "eventName": name,
            "eventTime": self.clock.now.isoformat().replace("+00:00", "Z"),
            "s3": {"bucket": {"name": BUCKET}, "object": content},
        }

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
    if document is None or document["Status"] != "LABELLED" or document["Sequencer"] != row["Sequencer"]:
        return False
    confidence = row["Rank"].split("#")[0]
    return any(
        one["Name"] == row["Label"] and f"{one['Confidence']:06.2f}" == confidence for one in document["Labels"]
    )


class S3(Client):
    service = "s3"

    def __init__(self, world: World, hook: Hook | None = None) -> None:
        super().__init__(hook)
        self._world = world

    def head_object(self, **parameters: Any) -> dict[str, Any]:
        self._called("HeadObject", parameters)
        assert parameters["Bucket"] == BUCKET
        version = parameters.get("VersionId")
        key = parameters["Key"]
        photo = self._world.versions.get((key, version)) if version else self._world.objects.get(key)
        if photo is None:
            raise aws_error("404", "Not Found")
        if photo.head_error:
            raise aws_error(photo.head_error, status=int(photo.head_error))
        answer = {
            "ETag": f'"{photo.etag}"',
            "ContentLength": photo.size,
            "LastModified": self._world.clock.now,
            "StorageClass": photo.storage_class,
            "VersionId": photo.version_id,
        }
        return {name: value for name, value in answer.items() if value is not None}

    def get_object(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetObject", parameters)
        key, version = parameters["Key"], parameters.get("VersionId")
        photo = self._world.versions.get((key, version)) if version else self._world.objects.get(key)
        if photo is None:
            raise aws_error("NoSuchKey", status=404)
        if photo.head_error == "400":
            raise aws_error("InvalidRequest", "The object was stored using a form of Server Side Encryption.")
        if photo.head_error:
            raise aws_error("AccessDenied", status=int(photo.head_error))
        if photo.storage_class == "GLACIER":
            raise aws_error("InvalidObjectState", status=403)
        content = _as_decoded(key, photo) if photo.size else b""
        return {"Body": StreamingBody(io.BytesIO(content), len(content)), "ContentLength": len(content)}


def _as_decoded(key: str, photo: Photo) -> bytes:
    """What the decoder makes of a photo; its place is taken by `cat`."""
    if photo.error and not photo.decodes:
        return json.dumps({"reason": "BrokenPhoto", "detail": "The file is broken."}).encode() + b"\n"
    facts = {"format": "HEIF", "width": 4032, "height": 3024, "orientation": 6}
    return json.dumps(facts).encode() + b"\n" + json.dumps([key, photo.labels]).encode()


class Rekognition(Client):
    service = "rekognition"

    def __init__(self, world: World, hook: Hook | None = None) -> None:
        super().__init__(hook)
        self._world = world

    def detect_labels(self, **parameters: Any) -> dict[str, Any]:
        self._called("DetectLabels", parameters)
        if "Bytes" in parameters["Image"]:
            key, given = json.loads(parameters["Image"]["Bytes"])
            photo: Photo | None = Photo(given)
        else:
            reference = parameters["Image"]["S3Object"]
            key, version = reference["Name"], reference.get("Version")
            photo = self._world.versions.get((key, version)) if version else self._world.objects.get(key)
        if photo is None or photo.size == 0 or photo.storage_class == "GLACIER" or photo.head_error:
            raise aws_error("InvalidS3ObjectException", "Unable to get object metadata from S3.")
        if photo.error:
            raise aws_error(photo.error)
        self._world.recognised.append(key)
        wanted = [(name, value) for name, value in photo.labels.items() if value >= parameters["MinConfidence"]]
        labels = [
            {"Name": name, "Confidence": value, "Parents": [], "Aliases": [], "Categories": [], "Instances": []}
            for name, value in sorted(wanted, key=lambda one: -one[1])[: parameters["MaxLabels"]]
        ]
        return {"Labels": labels, "LabelModelVersion": "3.0"}


class SQS(Client):
    service = "sqs"

    def __init__(self, world: World, hook: Hook | None = None) -> None:
        super().__init__(hook)
        self._world = world

    def send_message(self, **parameters: Any) -> dict[str, Any]:
        self._called("SendMessage", parameters)
        if not parameters["MessageBody"]:
            raise aws_error("MissingParameter", "The request must contain the parameter MessageBody.")
        if any(not one["StringValue"] for one in parameters.get("MessageAttributes", {}).values()):
            raise aws_error("InvalidParameterValue", "Message attribute values must not be empty.")
        if parameters["QueueUrl"] == SETTINGS.convert_queue_url:
            self._world.handed_over.append(parameters["MessageBody"])
        else:
            assert parameters["QueueUrl"] == SETTINGS.dead_letter_queue_url
            self._world.dead.append(parameters)
        return {"MessageId": "sent"}

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
        unprocessed: Callable[[int], int] = lambda _entries: 0,
    ) -> None:
        self._world = world
        self.fakes: Any = SimpleNamespace(
            dynamodb=DynamoDB(world.tables, hook, unprocessed),
            rekognition=Rekognition(world, hook),
            s3=S3(world, hook),
            sqs=SQS(world, hook),
        )
        recogniser = Recogniser(
            self.fakes.rekognition,
            min_confidence=settings.min_confidence,
            max_labels=settings.max_labels,
            quota=self._quota(settings),
        )
        if is_converting:
            settings = replace(settings, convert_queue_url=None)
        self._pipeline = Pipeline(
            Storage(self.fakes.dynamodb, settings.image_labels_table, settings.label_index_table),
            Labeller(
                settings,
                Converter(self.fakes.s3, recogniser, ("cat",)) if is_converting else recogniser,
                Objects(self.fakes.s3),
                now=lambda: world.clock.now,
            ),
            Messages(
                self.fakes.sqs, settings.queue_url, settings.dead_letter_queue_url, settings.convert_queue_url
            ),
            concurrency=settings.rekognition_concurrency,
            now=lambda: world.clock.now,
        )

    def _quota(self, settings: Settings) -> Quota | None:
        if not settings.rekognition_tps:
            return None
        return Quota(
            self.fakes.dynamodb,
            settings.label_quota_table,
            tps=settings.rekognition_tps,
            environments=settings.max_concurrency,
            clock=self._world.clock.seconds,
        )

    def receive(self, *records: SQSRecord, seconds: float = 20.0) -> Report:
        """One invocation with these records."""
        deadline = self._world.clock.deadline(seconds)
        try:
            return self._pipeline.run([read_message(record) for record in records], deadline)
        finally:
            deadline.close()


def failing(report: Report) -> set[str]:
    """The messageIds that would be reported in batchItemFailures."""
    return {message.message_id for message in report.failed}
