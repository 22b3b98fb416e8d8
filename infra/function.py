"""The deployed function and its mapping: paused, proved with a real photo, resumed."""

from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photo_labels.library.budget import read_budget
from photo_labels.library.mapping import Mappings
from photo_labels.library.queues import depth
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from photo_labels.records.documents import image_id
from photo_labels.records.messages import reconcile_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from types_boto3_lambda import LambdaClient

    from photo_labels.library.target import Target

_PROBE = Path(__file__).resolve().parent.parent / "samples" / "coffee.jpg"
_LOOK_S = 0.5
# What Invoke answers while a function is Inactive or Pending: an image is made ready, the function is, or its VPC.
_NOT_READY = {"CodeArtifactUserPendingException", "ResourceConflictException", "ResourceNotReadyException"}
# 40 to 110 s were seen by others.
_READY_S = 300.0
_PREVIOUS = "photo-labels:previous-image"
_PROVED = "photo-labels:proved-image"
_PAUSED = "photo-labels:paused-by-deploy"


@dataclass(frozen=True, slots=True)
class Running:
    """What the function runs."""

    # By digest.
    image: str
    architecture: str


class MappingState(Enum):
    """How the event source mappings of the functions are."""

    RUNNING = "enabled"
    PAUSED = "disabled by a deployment"
    STOPPED = "disabled by somebody else, and for them to enable"


class Function:
    """The function that labels, and with it the one that converts, which runs the same image.

    What has to outlive a deployment is kept in the tags of the labelling function.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client: LambdaClient = target.client("lambda")
        self._name = target.outputs.labelling.name
        self._converting = target.outputs.converting.name
        self._mappings = Mappings(target)

    def running(self) -> Running:
        found = self._client.get_function(FunctionName=self._name)
        return Running(found["Code"]["ImageUri"], found["Configuration"]["Architectures"][0])

    def previous(self) -> Running | None:
        """Return what to roll back to; None: there is nothing, or it runs already."""
        image, _, architecture = self._tags().get(_PREVIOUS, "").partition(" ")
        return Running(image, architecture) if image else None

    def remember(self, previous: Running | None) -> None:
        """Note what to roll back to."""
        if previous:
            tags = {_PREVIOUS: f"{previous.image} {previous.architecture}"}
            self._client.tag_resource(Resource=self._arn(), Tags=tags)
        else:
            self._client.untag_resource(Resource=self._arn(), TagKeys=[_PREVIOUS])

    def notes(self) -> dict[str, str]:
        """Return what deployments have noted here: CloudFormation may remove tags that are not its own."""
        return {name: value for name, value in self._tags().items() if name in {_PREVIOUS, _PROVED}}

    def note_again(self, notes: dict[str, str]) -> None:
        """Write down what `notes` returned before an update."""
        if notes:
            self._client.tag_resource(Resource=self._arn(), Tags=notes)

    def is_proved(self) -> bool:
        """Tell whether the present image has labelled a photo; that of an interrupted first deployment has not."""
        return self._tags().get(_PROVED) == self.running().image

    def budget_spent_until(self) -> datetime | None:
        """Return until when no photo can be labelled because of the budget; None: it has something left."""
        configuration = self._client.get_function_configuration(FunctionName=self._name)
        budget = read_budget(self._target, configuration["Environment"]["Variables"])
        return budget.spent_until if budget else None

    def mapping_state(self) -> MappingState:
        """Return the state; a tag tells a pause of this tool, which a killed run may have left, from others'."""
        if self._mappings.are_on():
            return MappingState.RUNNING
        return MappingState.PAUSED if _PAUSED in self._tags() else MappingState.STOPPED

    def pause(self) -> None:
        """Stop the mappings: photos wait in the queues, and no receive is spent on them.

        Returns when batches under way have ended: nothing is in flight, or the function's timeout is over
        (messages in backoff count as in flight, too, so that the count alone could take minutes).
        """
        self._client.tag_resource(Resource=self._arn(), Tags={_PAUSED: "true"})
        self._mappings.switch(on=False)
        timeout_s = self._client.get_function_configuration(FunctionName=self._converting)["Timeout"]
        end = time.monotonic() + timeout_s
        while self._in_flight() and time.monotonic() < end:
            time.sleep(_LOOK_S)

    def resume(self) -> None:
        """Start the mappings again."""
        self._mappings.switch(on=True)
        self._client.untag_resource(Resource=self._arn(), TagKeys=[_PAUSED])

    def prove(self) -> None:
        """Make both functions label a real photo, invoked directly. Raises UserError with what went wrong.

        Call it while the mappings are paused: then the photo's own event waits, and nothing else labels it. It
        costs two Rekognition calls. The photo is removed again, and its document becomes a tombstone.
        """
        bucket = self._target.outputs.bucket
        key = f"{self._target.outputs.keys.prefix}photo-labels-probe-{time.time_ns()}.jpg"
        with self._photo(bucket, key):
            for name in (self._name, self._converting):
                self._label(name, bucket, key)
        # Its removal raises no event where KeySuffixes leaves it out, or EventBridge was turned on just now.
        self._client.invoke(FunctionName=self._name, Payload=json.dumps(_batch(bucket, key, force=False)))
        self._client.tag_resource(Resource=self._arn(), Tags={_PROVED: self.running().image})

    def _label(self, name: str, bucket: str, key: str) -> None:
        """Make one function label the photo. Raises UserError where it does not."""
        image, reader = image_id(bucket, key), TableReader(self._target)
        before = reader.documents([image]).get(image)
        answer = self._invoke(name, json.dumps(_batch(bucket, key, force=True)))
        said = answer["Payload"].read().decode()
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").strip()
        if answer.get("FunctionError"):
            raise UserError(f"The function {name} fails: {_message(said)}{_quoted(log)}")
        document = reader.documents([image]).get(image)
        if json.loads(said) != {"batchItemFailures": []} or document is None or document == before:
            raise UserError(f"The function {name} did not label a photo that was given to it.{_quoted(log)}")
        # A MinConfidence near 100 leaves no label of a good photo.
        if document.status != "LABELLED":
            raise UserError(f"The function {name} did not label a photo that was given to it: {document.detail}")

    def _invoke(self, name: str, payload: str) -> Any:
        """Invoke a function as soon as Lambda has it ready; raises UserError where that takes too long.

        One that was not invoked for weeks is Inactive. The first invocation is refused, and has it made ready
        anew: it is Pending, then Active, or Inactive again where that failed (developer guide, "Lambda function
        states").
        """
        end = time.monotonic() + _READY_S
        while True:
            try:
                return self._client.invoke(FunctionName=name, Payload=payload, LogType="Tail")
            except ClientError as error:
                if error.response["Error"]["Code"] not in _NOT_READY:
                    raise
            self._wait_while_pending(name, end)

    def _wait_while_pending(self, name: str, end: float) -> None:
        while True:
            time.sleep(_LOOK_S)
            found = self._client.get_function_configuration(FunctionName=name)
            state, update = found["State"], found["LastUpdateStatus"]
            if state == "Failed" or time.monotonic() > end:
                reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "Lambda says no reason"
                raise UserError(
                    f"Lambda does not have the function {name} ready to be invoked: it is {state}, its last "
                    f"update {update} ({reason}). Run this again, and see Lambda's console if it stays so."
                )
            if state != "Pending" and update != "InProgress":
                return

    @contextmanager
    def _photo(self, bucket: str, key: str) -> Iterator[None]:
        """A photo in the bucket, which leaves no version behind."""
        s3 = self._target.client("s3")
        version = s3.put_object(Bucket=bucket, Key=key, Body=_PROBE.read_bytes()).get("VersionId")
        try:
            yield
        finally:
            s3.delete_object(Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))

    def _in_flight(self) -> int:
        sqs = self._target.client("sqs")
        return sum(depth(sqs, queue)[1] for queue in self._target.outputs.queue_urls)

    def _arn(self) -> str:
        return self._client.get_function_configuration(FunctionName=self._name)["FunctionArn"]

    def _tags(self) -> dict[str, str]:
        return self._client.list_tags(Resource=self._arn())["Tags"]


def _batch(bucket: str, key: str, *, force: bool) -> dict[str, Any]:
    """Return an SQS event as Lambda gets it, with one reconcile message."""
    record = {
        "messageId": "probe",
        "receiptHandle": "probe",
        "body": reconcile_message(bucket, key, force=force),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }
    return {"Records": [record]}


def _message(payload: str) -> str:
    try:
        content = json.loads(payload)
    except ValueError:
        return payload
    return str(content.get("errorMessage", payload)) if isinstance(content, dict) else payload


def _quoted(log: str) -> str:
    return f"\nThe end of its log:\n{log}" if log else ""
