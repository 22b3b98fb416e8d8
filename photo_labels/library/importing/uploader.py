"""One file into the bucket: checksummed from the disk to S3, never over another photo, never twice.

A PUT is made on condition that nothing has that key (If-None-Match). So what was there already, say from a run
that was killed between S3's answer and the journal, is found out by S3's refusal, and not by asking about each
photo beforehand. A file that changed since it was uploaded is refused as well: that it is a later state of the
same photo, and not a file of that name on another memory card, only its owner knows, who says --replace.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from concurrent.futures import Future
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from photo_labels.library.importing.comparison import Comparison, compare
from photo_labels.library.importing.ends import End
from photo_labels.library.importing.finder import end_of, stamp_of
from photo_labels.library.importing.pace import MOST
from photo_labels.library.retention import NoRoomError
from photo_labels.library.user_errors import CONNECTION_LOST, are_credentials_over, user_message
from photo_labels.records.errors import code_of
from photo_labels.records.heads import BULK, LANE_METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from io import BufferedReader

    from photo_labels.library.importing.journal import File, Journal
    from photo_labels.library.retention import QueueRoom
    from photo_labels.library.target import Target

_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
_SLOW_DOWN = {"SlowDown", "RequestLimitExceeded", "ThrottlingException", "503"}
_MAX_BYTES = 5 * 2**30


class SlowDownError(Exception):
    """S3 asks for fewer requests a second."""


class ConnectionLostError(Exception):
    """S3 could not be reached."""


class StopError(Exception):
    """No photo can be uploaded; says why."""


class Bucket:
    """The bucket, as an import writes to it."""

    def __init__(self, target: Target) -> None:
        self._name = target.outputs.bucket
        self._s3: Any = target.client("s3", connections=MOST)

    def put(self, key: str, body: BufferedReader, sha256: bytes, *, over: str | None) -> str:
        """Upload a photo on the condition that nothing has that key, or `over`, the ETag of what is there.

        It is marked as bulk work, which one PUT does whatever its size. Return its ETag. Raises ClientError, with
        a code of TAKEN where the condition does not hold.
        """
        body.seek(0)
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": f'"{over}"'}
        checksum = base64.b64encode(sha256).decode()
        return _etag(
            self._s3.put_object(
                Bucket=self._name,
                Key=key,
                Body=body,
                ChecksumSHA256=checksum,
                Metadata={LANE_METADATA: BULK},
                **condition,
            )
        )

    def head(self, key: str) -> Any:
        """Ask what is there. Raises ClientError."""
        return self._s3.head_object(Bucket=self._name, Key=key, ChecksumMode="ENABLED")

    def size_of_first_part(self, key: str) -> int:
        """Ask for the first of the parts in which an object was uploaded."""
        return int(self._s3.head_object(Bucket=self._name, Key=key, PartNumber=1)["ContentLength"])

    def last_modified(self, key: str, etag: str) -> datetime | None:
        """Ask when a key got that content; None: it does not have it any more."""
        try:
            there = self.head(key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                return None
            raise
        moment: datetime = there["LastModified"]
        return moment if _etag(there) == etag else None


class UntouchedBucket(Bucket):
    """The bucket of a dry run: it is asked whether it would take a photo, and gets none."""

    def put(self, key: str, body: BufferedReader, sha256: bytes, *, over: str | None) -> str:  # noqa: ARG002
        """Return no ETag where S3 would take it. Raises ClientError as S3 would."""
        try:
            there = _etag(self.head(key))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
            there = None
        if there != over:
            refused: Any = {"Error": {"Code": "PreconditionFailed", "Message": "Not in a real run either."}}
            raise ClientError(refused, "PutObject")
        return ""


class Upload:
    """One file on its way. Files with the same content are uploaded one after another, in the order they began.

    Which of them is uploaded, and which are its copies, would otherwise depend on the order of threads: a dry run
    would not say what the run does.
    """

    def __init__(self, file: File, under_way: Iterable[Upload] = ()) -> None:
        """Begin an upload; `under_way`: those that began before it and have not ended."""
        self.file = file
        self._before = [one for one in under_way if one.file.size == file.size]
        self._sha256: Future[bytes | None] = Future()
        self._ended = threading.Event()

    def wait_for_copies(self, sha256: bytes) -> None:
        """Return when all uploads that began before this one and have its content, `sha256`, have ended."""
        self._sha256.set_result(sha256)
        for one in self._before:
            if one._sha256.result() == sha256:  # noqa: SLF001 - of the same class
                one._ended.wait()  # noqa: SLF001

    def end(self) -> None:
        """Let the others go on, however this one ended."""
        self._before.clear()
        if not self._sha256.done():
            self._sha256.set_result(None)
        self._ended.set()


class Uploader:
    """Uploads files; called from several threads."""

    def __init__(
        self,
        bucket: Bucket,
        journal: Journal,
        now: Callable[[], float],
        *,
        room: QueueRoom | None,
        is_replacing: bool = False,
    ) -> None:
        """`now`: seconds of the run's clock; `is_replacing`: put over other photos of that name.

        `room`: as many are uploaded at most; None: all.
        """
        self._room = room
        self._bucket = bucket
        self._journal = journal
        self._now = now
        self._is_replacing = is_replacing

    def upload(self, upload: Upload) -> None:
        """Upload a file, unless its content is there; the journal has what came of it.

        Raises SlowDownError and ConnectionLostError, after which it may be tried again, and StopError.
        """
        try:
            self._try(upload)
        except BaseException:
            self._journal.release(upload.file)
            raise
        finally:
            upload.end()

    def _try(self, upload: Upload) -> None:
        file = upload.file
        try:
            with file.path.open("rb") as body:
                if unfit := _unfit(file, body):
                    self._journal.not_uploaded(file, *unfit)
                else:
                    self._put(upload, body)
        except OSError as error:
            self._journal.not_uploaded(file, end_of(error), f"It cannot be read: {error.strerror or error}.")
        except ClientError as error:
            code = code_of(error)
            if code in _SLOW_DOWN:
                raise SlowDownError(str(error)) from error
            if code == "NoSuchBucket":
                raise StopError("The bucket is not there any more: is the stack?") from error
            if are_credentials_over(error):
                raise StopError(user_message(error)) from error
            self._journal.not_uploaded(file, End.NOT_UPLOADED, f"S3 did not take it: {error}")
        except CONNECTION_LOST as error:
            raise ConnectionLostError(str(error)) from error
        except BotoCoreError as error:
            raise StopError(user_message(error)) from error

    def _put(self, upload: Upload, body: BufferedReader) -> None:
        file = upload.file
        sha256 = hashlib.file_digest(body, "sha256").digest()
        upload.wait_for_copies(sha256)
        if not self._journal.claim(file, sha256, self._now()):
            return
        self._take_room()
        try:
            etag = self._bucket.put(file.key, body, sha256, over=None)
        except ClientError as error:
            if code_of(error) not in _TAKEN:
                raise
            if refused := self._taken(file, body, sha256):
                self._journal.not_uploaded(file, *refused, sha256)
        else:
            self._journal.uploaded(file, sha256, etag, self._now(), is_new=True)

    def _take_room(self) -> None:
        try:
            if self._room:
                self._room.take(1)
        except NoRoomError as error:
            raise StopError(str(error)) from error

    def _taken(self, file: File, body: BufferedReader, sha256: bytes) -> tuple[End, str] | None:
        """See whether what is under the key is this very photo, and replace it where that was asked for.

        Return its end, and why it is not uploaded, where it is not.
        """
        there = self._bucket.head(file.key)
        comparison = compare(there, body, sha256, lambda: self._bucket.size_of_first_part(file.key))
        if comparison is Comparison.SAME:
            self._journal.uploaded(file, sha256, _etag(there), self._now(), is_new=False)
            return None
        if not self._is_replacing:
            return End.IMPOSSIBLE, _REFUSALS[comparison].format(key=file.key)
        try:
            etag = self._bucket.put(file.key, body, sha256, over=_etag(there))
        except ClientError as error:
            if code_of(error) not in {*_TAKEN, "NoSuchKey"}:
                raise
            return End.NOT_UPLOADED, "Others write to its key: import it again."
        self._journal.uploaded(file, sha256, etag, self._now(), is_new=True)
        return None


_REFUSALS = {
    Comparison.OTHER: (
        "The bucket has another photo {key}, of another file or of this one before it changed: use --prefix for "
        "this one, or --replace that one."
    ),
    Comparison.UNKNOWN: (
        "The bucket has a photo {key} of the same size, and S3 does not tell whether it is this one: use --prefix "
        "for this one, or --replace that one."
    ),
}


def _unfit(file: File, body: BufferedReader) -> tuple[End, str] | None:
    status = os.fstat(body.fileno())
    if (status.st_size, stamp_of(status)) != (file.size, file.stamp):
        return End.NOT_UPLOADED, "It has changed since it was found: import it again when nothing writes to it."
    if status.st_size > _MAX_BYTES:
        return End.IMPOSSIBLE, "It is larger than 5 GB, which is S3's limit for one PUT."
    return None


def _etag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')
