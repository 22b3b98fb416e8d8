"""One photo of each kind, from its upload to what is found of it; and a malformed message."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import pillow_heif
from botocore.exceptions import ClientError
from PIL import Image

from local.ministack import REPOSITORY
from photo_labels.library.failures import Failures
from photo_labels.library.queues import DeadLetterLook
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.table_reader import TableReader
from smoke import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

T = TypeVar("T")

_LOOK_S = 0.2
_OWNERS_KEY = b"0" * 32


class NotSeenError(Exception):
    """A step did not have the expected result; the text tells which."""


class SkippedError(Exception):
    """A step cannot be taken here; the text tells why."""


class Walk:
    """The steps, in their order; each can fail without the others."""

    def __init__(self, target: Target, *, patience_s: float, alarm_s: float) -> None:
        """`patience_s`: for a document; `alarm_s`: for an alarm, of which CloudWatch hears once a minute."""
        self._target = target
        self._patience_s, self._alarm_s = patience_s, alarm_s
        self._bucket = target.outputs.bucket
        self._s3 = target.client("s3")
        self._sqs = target.client("sqs")
        self._cloudwatch = target.client("cloudwatch")
        self._reader = TableReader(target)

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Return each with its name."""
        yield "a photo is labelled", self._photo
        yield "a copy takes its labels over", self._copy
        yield "an overwrite replaces its labels", self._overwrite
        yield "a removal is a tombstone", self._removal
        yield "HEIC is converted", self._heic
        yield "what is no photo is rejected", self._no_photo
        yield "a photo that is too small is rejected", self._small
        yield "a photo under its owner's key is rejected", self._owners_key
        yield "an older version comes back", self._versions
        yield "what AWS refuses is refused", self._refusals
        yield "a message nobody understands is dead-lettered", self._poison
        yield "its alarm rings", self._alarm
        yield "it is redriven, and comes back", self._redrive

    # ------------------------------------------------------------ photos

    def _photo(self) -> None:
        self._wait_for("photo.jpg", _sample("cat.jpg"), "LABELLED")

    def _copy(self) -> None:
        document = self._wait_for("copy.jpg", _sample("cat.jpg"), "LABELLED")
        if document.copy_of != f"{self._bucket}/photo.jpg":
            raise NotSeenError("copy.jpg was recognised, though photo.jpg has the same bytes")

    def _overwrite(self) -> None:
        self._wait_for("overwritten.jpg", _sample("cat.jpg", "overwritten"), "LABELLED")
        self._wait_for("overwritten.jpg", _sample("flower.jpg", "overwritten"), "LABELLED")

    def _removal(self) -> None:
        self._wait_for("removed.jpg", _sample("cat.jpg", "removed"), "LABELLED")
        self._s3.delete_object(Bucket=self._bucket, Key="removed.jpg")
        self._see("removed.jpg", lambda document: document.status == "REMOVED", "a tombstone")

    def _heic(self) -> None:
        pillow_heif.register_heif_opener()
        document = self._wait_for(
            "phone.heic", _written(Image.open(io.BytesIO(_sample("cat.jpg"))), "HEIF"), "LABELLED"
        )
        if document.orientation is None:
            raise NotSeenError("phone.heic was labelled, but not converted")

    def _no_photo(self) -> None:
        self._wait_for("text.jpg", b"this is no photo", "REJECTED")

    def _small(self) -> None:
        self._wait_for("small.png", _written(Image.new("RGB", (79, 200)), "PNG"), "REJECTED")

    def _owners_key(self) -> None:
        # The local S3 gives it the ETag of its bytes: on AWS it has one of its own, and is never taken for a copy.
        body = _sample("cat.jpg", "secret")
        key = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": _OWNERS_KEY}
        try:
            self._s3.put_object(Bucket=self._bucket, Key="secret.jpg", Body=body, **key)
        except ClientError as error:  # the default of new buckets
            raise SkippedError(f"S3 takes no such photo ({error.response['Error']['Code']})") from error
        with suppress(ClientError):  # to be recorded
            self._s3.head_object(Bucket=self._bucket, Key="secret.jpg")
        self._see("secret.jpg", lambda document: document.reason == "CustomerKey", "a rejection for its key")

    def _versions(self) -> None:
        """In the end, since a bucket never goes back to what it was before it had versions."""
        self._s3.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"})
        first = self._wait_for("versions.jpg", _sample("cat.jpg", "versions"), "LABELLED")
        newer = self._wait_for("versions.jpg", _sample("flower.jpg", "versions"), "LABELLED")
        self._s3.delete_object(Bucket=self._bucket, Key="versions.jpg", VersionId=newer.version_id)
        self._see("versions.jpg", lambda document: document.version_id == first.version_id, "the first version")
        marker = self._s3.delete_object(Bucket=self._bucket, Key="versions.jpg")["VersionId"]
        self._see("versions.jpg", lambda document: document.status == "REMOVED", "a tombstone")
        with suppress(ClientError):  # to be recorded
            self._s3.head_object(Bucket=self._bucket, Key="versions.jpg", VersionId=marker)
        self._s3.delete_object(Bucket=self._bucket, Key="versions.jpg", VersionId=marker)
        self._see("versions.jpg", lambda document: document.status == "LABELLED", "labels again")

    def _refusals(self) -> None:
        if taken := refused.ask(self._target, "photo.jpg"):
            raise NotSeenError(f"AWS took what it was recorded to refuse: {', '.join(taken)}")

    # ------------------------------------------------------------ messages

    def _poison(self) -> None:
        self._sqs.send_message(QueueUrl=self._target.outputs.labelling.queue_url, MessageBody="{")
        self._until(self._dead_letters, self._patience_s, "a dead letter")

    def _alarm(self) -> None:
        name = f"{self._target.outputs.labelling.name.removesuffix('-label')}-DeadLetters"
        if self._target.is_local:  # nobody there watches metrics
            self._cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="smoke")

        def rings() -> bool:
            [alarm] = self._cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
            return bool(alarm["StateValue"] == "ALARM")

        self._until(rings, self._alarm_s, f"{name} in ALARM")

    def _redrive(self) -> None:
        with Reconciler(self._target, None) as reconciler:
            redriven = Failures(self._target).redrive(None, reconciler)
        if redriven.messages < 1:
            raise NotSeenError("no dead letter was redriven")
        self._until(self._dead_letters, self._patience_s, "the dead letter again")
        queue = self._target.outputs.labelling.dead_letter_queue_url
        look = DeadLetterLook(self._sqs, queue, datetime.now(UTC))
        for messages in look.pages():
            look.delete(messages)

    def _dead_letters(self) -> bool:
        return any(one.reason == "InvalidJson" for one in Failures(self._target).dead_letters())

    # ------------------------------------------------------------ looking

    def _wait_for(self, key: str, body: bytes, status: str) -> Document:
        etag = self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)["ETag"].strip('"')
        self._s3.head_object(Bucket=self._bucket, Key=key)  # to be recorded
        return self._see(key, lambda one: (one.status, one.etag) == (status, etag), f"{status}, of this upload")

    def _see(self, key: str, is_wanted: Callable[[Document], bool], what: str) -> Document:
        image = f"{self._bucket}/{key}"

        def look() -> Document | None:
            document = self._reader.documents([image]).get(image)
            return document if document and is_wanted(document) else None

        return self._until(look, self._patience_s, f"{key}: {what}")

    def _until(self, look: Callable[[], T | None], within_s: float, what: str) -> T:
        end = time.monotonic() + within_s
        while not (seen := look()):
            if time.monotonic() > end:
                raise NotSeenError(f"not seen within {within_s:.0f} s: {what}")
            time.sleep(_LOOK_S)
        return seen


def _sample(name: str, mark: str = "") -> bytes:
    """Return a photo; a mark after its end, where it means nothing, makes it another than the same one without."""
    return (REPOSITORY / "samples" / name).read_bytes() + mark.encode()


def _written(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()
