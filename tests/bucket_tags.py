"""What ministack's CloudFormation does not do: a bucket gets the tags of its template and its stack."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def tag_as_cloudformation_does(s3: Any, bucket: str, stack: str) -> None:
    """Tag the bucket, if it is there."""
    tags = [{"Key": "photo-labels:stack", "Value": stack}]
    with suppress(s3.exceptions.NoSuchBucket):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
