"""One file into the bucket: checksummed from the disk to S3, never over another photo, never twice.

A PUT is made on condition that nothing has that key (If-None-Match), or only what the file was before (If-Match).
So what was there already, say from a run that was killed between S3's answer and the journal, is found out by S3's
refusal, and not by asking about each photo beforehand.
"""

from __future__ import annotations

import base64
import hashlib
import os
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from handler.errors import code_of
from photos.pace import MOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

    from photos.journal import Claim, File, Journal
    from photos.target import Target

_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
_SLOW_DOWN = {"SlowDown", "RequestLimitExceeded", "ThrottlingException", "503"}
_FOR_ALL = {
    "ExpiredToken": "Your AWS credentials have expired: log in and run it again.",
    "ExpiredTokenException": "Your AWS credentials have expired: log in and run it again.",
    "InvalidAccessKeyId": "AWS does not know your credentials: log in and run it again.",
    "NoSuchBucket": "The bucket is not there any more: is the stack?",
}
"""Refusals that every other photo would meet, too."""
_MOST_BYTES = 5 * 2**30


class SlowDownError(Exception):
    """S3 asks for fewer requests a second."""


class ConnectionLostError(Exception):
    """S3 could not be reached."""


class StopError(Exception):
    """No photo can be uploaded; says why."""


class Uploader:
    """Uploads files; called from several threads."""

    def __init__(
        self, target: Target, journal: Journal, now: Callable[[], float], *, is_replacing: bool = False
    ) -> None:
        """`now`: seconds of the run's clock; `is_replacing`: put over other photos of that name."""
        self._bucket = target.outputs["Bucket"]
        self._s3: Any = target.client("s3", connections=MOST)
        self._journal = journal
        self._now = now
        self._is_replacing = is_replacing

    def upload(self, file: File) -> None:
        """Upload a file, unless its content is there; the journal has what came of it.

        Raises SlowDownError and ConnectionLostError, after which it may be tried again, and StopError.
        """
        try:
            why = self._tried(file)
        except BaseException:
            self._journal.release(file)
            raise
        if why:
            self._journal.not_uploaded(file, why)

    def is_there(self, key: str, etag: str) -> bool:
        """Ask S3 whether a key still has that content."""
        try:
            return _etag(self._s3.head_object(Bucket=self._bucket, Key=key)) == etag
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise

    def _tried(self, file: File) -> str:
        """Give why it is not uploaded, where it is not."""
        try:
            with file.path.open("rb") as body:
                return _unfit(file, body) or self._put(file, body)
        except OSError as error:
            return f"It cannot be read: {error.strerror or error}."
        except ClientError as error:
            code = code_of(error)
            if code in _SLOW_DOWN:
                raise SlowDownError from error
            if code in _FOR_ALL:
                raise StopError(_FOR_ALL[code]) from error
            return f"S3 did not take it: {error}"
        except (HTTPClientError, NoConnectionError) as error:
            raise ConnectionLostError(str(error)) from error

    def _put(self, file: File, body: BufferedReader) -> str:
        sha256 = hashlib.file_digest(body, "sha256").digest()
        claim = self._journal.claim(file, sha256, self._now())
        if not claim.is_ours:
            return ""
        for condition in self._conditions(claim):
            body.seek(0)
            try:
                answer = self._s3.put_object(
                    Bucket=self._bucket,
                    Key=file.key,
                    Body=body,
                    ChecksumSHA256=base64.b64encode(sha256).decode(),
                    **condition,
                )
            except ClientError as error:
                if code_of(error) == "NoSuchKey":  # what the file was before is not there any more
                    continue
                if code_of(error) not in _TAKEN:
                    raise
                return self._taken(file, body, sha256)
            self._journal.uploaded(sha256, _etag(answer), self._now(), is_new=True)
            return ""
        return "Others write to its key: import it again."

    def _conditions(self, claim: Claim) -> list[dict[str, str]]:
        if self._is_replacing:
            return [{}]
        is_new = {"IfNoneMatch": "*"}
        return [{"IfMatch": f'"{claim.replaces}"'}, is_new] if claim.replaces else [is_new]

    def _taken(self, file: File, body: BufferedReader, sha256: bytes) -> str:
        """See whether what is under the key is this very photo."""
        there = self._s3.head_object(Bucket=self._bucket, Key=file.key, ChecksumMode="ENABLED")
        if not _is_same(there, body, sha256):
            return f"The bucket has another photo {file.key}: use --prefix for this one, or --replace that one."
        self._journal.uploaded(sha256, _etag(there), self._now(), is_new=False)
        return ""


def _unfit(file: File, body: BufferedReader) -> str:
    status = os.fstat(body.fileno())
    if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
        return "It has changed since it was found: import it again when nothing writes to it."
    if status.st_size > _MOST_BYTES:
        return "It is larger than 5 GB, which is S3's limit for one PUT."
    return ""


def _etag(answer: Any) -> str:
    return str(answer["ETag"]).strip('"')


def _is_same(there: Any, body: BufferedReader, sha256: bytes) -> bool:
    """Compare by S3's checksum; where another tool has uploaded it without one, by its ETag, mostly the MD5."""
    if "ChecksumSHA256" in there:
        return bool(base64.b64decode(there["ChecksumSHA256"]) == sha256)
    body.seek(0)
    return _etag(there) == hashlib.file_digest(body, "md5").hexdigest()
