"""Calls to S3 about what is true now: HeadObject, and GetObject of the first bytes where that says too little."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, IncompleteReadError

from handler.deadline import call
from handler.timeouts import S3
from photo_labels.records.errors import PermanentError, code_of, is_throttle, status_of
from photo_labels.records.heads import CUSTOMER_KEY, Head, head_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_s3 import S3Client

    from handler.deadline import Deadline


class Objects:
    """The objects in S3."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    def head(self, bucket: str, key: str, version_id: str | None, deadline: Deadline) -> Head | None:
        """Look at an object (its newest version, unless one is named); None: it is not there.

        Raises PermanentError for an object encrypted with a key that only its owner has (SSE-C), and
        ClientError for a refusal. Without s3:ListBucket S3 would refuse (403) what is not there.
        """
        version = {"VersionId": version_id} if version_id else {}
        try:
            answer = call(
                lambda: self._client.head_object(Bucket=bucket, Key=key, **version),  # type: ignore[arg-type]
                deadline,
                S3.call_s,
            )
        except ClientError as error:
            if status_of(error) in {404, 405}:  # 405: the version that was asked for is a delete marker
                return None
            if status_of(error) == 400:
                self._explain(bucket, key, version, deadline)
            raise
        return head_of(answer)

    def beginning(
        self, bucket: str, key: str, version_id: str | None, most_bytes: int, deadline: Deadline
    ) -> bytes | None:
        """Return the first bytes of an object; None: S3 does not give them, or there are none.

        Why it does not is for others to find out. Raises TransientError where S3 does not answer.
        """
        which = {"VersionId": version_id} if version_id else {}
        return self.part(bucket, key, which, range(most_bytes), deadline)

    def part(
        self, bucket: str, key: str, which: Mapping[str, str], wanted: range, deadline: Deadline
    ) -> bytes | None:
        """Return some bytes of an object, fewer at its end; None: S3 does not give them, or there are none.

        `which`: VersionId, or IfMatch with an ETag, or neither. Raises TransientError where S3 does not answer.
        """
        place = {"Bucket": bucket, "Key": key, **which}
        try:
            return call(lambda: self._read(place, wanted), deadline, S3.call_s)
        except ClientError as error:
            if status_of(error) in range(400, 500) and not is_throttle(error):
                return None
            raise

    def _read(self, place: dict[str, str], wanted: range) -> bytes | None:
        asked = f"bytes={wanted.start}-{wanted.stop - 1}"
        answer = self._client.get_object(Range=asked, **place)  # type: ignore[arg-type]
        with closing(answer["Body"]) as body:
            # Less, where the connection ends early: that must not pass for a file that is no photo.
            expected = min(answer["ContentLength"], len(wanted))
            found = body.read(expected)
        if len(found) < expected:
            raise IncompleteReadError(actual_bytes=len(found), expected_bytes=expected)
        return found or None

    def _explain(self, bucket: str, key: str, version: dict[str, str], deadline: Deadline) -> None:
        """Ask again by GetObject, of one byte: an answer to HEAD has no body, and so no error code."""
        try:
            call(
                partial(self._client.get_object, Bucket=bucket, Key=key, Range="bytes=0-0", **version),  # type: ignore[arg-type]
                deadline,
                S3.call_s,
            )
        except ClientError as error:
            if code_of(error) == "InvalidRequest":  # S3's API reference, GetObject, of objects under SSE-C
                raise PermanentError(
                    CUSTOMER_KEY,
                    "S3 does not show the photo without its owner's key (SSE-C), so Rekognition cannot read it.",
                ) from error
            raise
