"""Both functions upon the clients of the image, and what they make of what AWS answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handler.conversion import Converter
from handler.events import read_message
from handler.lanes import converting_lanes, labelling_lanes
from handler.serving import budget_switch, build_pipeline, recogniser
from handler.settings import Settings
from tests.contract.answers import REGION
from tests.fakes.world import START, Clock

if TYPE_CHECKING:
    from handler.clients import Clients
    from handler.pipeline import Pipeline
    from handler.report import Report
    from tests.contract.server import Aws, Request

BUCKET = "photos"
_QUEUES = f"https://sqs.{REGION}.amazonaws.com/123456789012/photo-labels"
ENVIRONMENT = {
    "IMAGE_LABELS_TABLE": "ImageLabels",
    "LABEL_INDEX_TABLE": "LabelIndex",
    "LABEL_QUOTA_TABLE": "LabelQuota",
    "QUEUE_URL": f"{_QUEUES}-photos",
    "DEAD_LETTER_QUEUE_URL": f"{_QUEUES}-dead-letters",
    "CONVERT_QUEUE_URL": f"{_QUEUES}-convert",
    "PHOTO_METADATA": "off",
}
SETTINGS = Settings.from_environment(ENVIRONMENT)
# What a decoder makes of a photo. `cat` takes its place, so this is what S3 has to answer for one that decodes.
DECODED = b'{"format": "HEIF", "width": 4032, "height": 3024, "orientation": 6, "is_truncated": false}\n\xff\xd8\xff a photo'


class Function:
    """One invocation after another, in time that passes only when somebody waits."""

    def __init__(self, clients: Clients, aws: Aws) -> None:
        self._clients = clients
        self._aws = aws
        self.report: Report
        # Of the last invocation's time, what it paused for.
        self.waited_s: float

    def receive(self, *bodies: str, settings: Settings = SETTINGS, is_converting: bool = False) -> str:
        """Receive messages; returns the end of the first, as `docs/how-it-works.md` calls it."""
        clock = Clock()
        records = [
            SQSRecord(
                {
                    "messageId": f"message-{number}",
                    "receiptHandle": f"receipt-{number}",
                    "body": body,
                    "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1795400000000"},
                }
            )
            for number, body in enumerate(bodies)
        ]
        pipeline = self._pipeline(settings, is_converting=is_converting)
        [lane] = converting_lanes(settings) if is_converting else labelling_lanes(settings)
        self.report = pipeline.run([read_message(record) for record in records], lane, clock.deadline())
        self.waited_s = (clock.now - START).total_seconds()
        return self._end()

    def check_budget(self, settings: Settings) -> datetime | None:
        """As the schedule does."""
        return budget_switch(settings, self._clients).check(["0" * 36], Clock().deadline())

    def documents(self) -> list[dict[str, Any]]:
        """Items that were sent to ImageLabels, by either operation."""
        inserted = [
            _item(one) for call in self._aws.of("BatchExecuteStatement") for one in call.content["Statements"]
        ]
        return inserted + [call.content["Item"] for call in self._aws.of("PutItem")]

    def _end(self) -> str:
        [message, *_] = self.report.messages
        if message in self.report.failed:
            return "comes back"
        sent = {
            call.content["QueueUrl"]: call
            for operation in ("SendMessage", "SendMessageBatch")
            for call in self._aws.of(operation)
        }
        if SETTINGS.dead_letter_queue_url in sent:
            return f"dead-lettered: {_reason(sent[SETTINGS.dead_letter_queue_url])}"
        if SETTINGS.convert_queue_url in sent:
            return "forwarded"
        if not message.events:
            return "done"
        outcome = self.report.outcomes[message.events[0].image_id]
        if outcome.skip_reason or outcome.superseded or not outcome.write:
            return "done"
        document = outcome.write.document
        assert any(one["Status"]["S"] == document.status for one in self.documents()), "it was never sent"
        return f"{document.status} {document.reason or ''}".strip()

    def _pipeline(self, settings: Settings, *, is_converting: bool) -> Pipeline:
        """As `handler.app` and `handler.convert` put it together."""
        asking = recogniser(settings, self._clients)
        detector = Converter(self._clients.s3, asking, ("cat",)) if is_converting else asking
        return build_pipeline(settings, self._clients, detector)


def _item(statement: dict[str, Any]) -> dict[str, Any]:
    names = [part.split("'")[1] for part in statement["Statement"].partition("VALUE")[2].split(", ")]
    return dict(zip(names, statement["Parameters"], strict=True))


def _reason(call: Request) -> str:
    reason: str = call.content["MessageAttributes"]["Reason"]["StringValue"]
    return reason


def reconcile(key: str = "cat.jpg", **more: Any) -> str:
    """A message that has the function ask S3 first."""
    message = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": key, "force": False}
    return json.dumps(message | more)


def notification(name: str = "ObjectCreated:Put", key: str = "cat.jpg", **of_object: Any) -> str:
    """One S3 event; an attribute of the object that is None is absent."""
    content = {"key": key, "size": 100_000, "eTag": "e1", "sequencer": "0055AED6DCD90281E5", **of_object}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "192.0.2.3"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpc="},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "photo-labels",
            "bucket": {
                "name": BUCKET,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{BUCKET}",
            },
            "object": {field: value for field, value in content.items() if value is not None},
        },
    }
    return json.dumps({"Records": [record]})
