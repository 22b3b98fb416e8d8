"""Calls to S3 about what is true now: HeadObject, and GetObject of one byte where that says too little."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from handler.deadline import call
from handler.timeouts import S3
from photo_labels.records.errors import PermanentError, code_of, status_of
from photo_labels.records.heads import CUSTOMER_KEY, Head, head_of

if TYPE_CHECKING:
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
