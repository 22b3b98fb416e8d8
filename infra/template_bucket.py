"""The bucket by which CloudFormation gets templates: it takes 51,200 bytes with a request, and 1 MB from S3."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


def upload_template(client: S3Client, bucket: str, template: str) -> str:
    """Put a template into the bucket; return its URL, as CloudFormation takes it. Raises UserError."""
    content = template.encode()
    # By its content: no upload changes what an earlier change set has named. And ministack takes no / in a key.
    key = f"{sha256(content).hexdigest()}.json"
    try:
        client.put_object(Bucket=bucket, Key=key, Body=content)
    except client.exceptions.NoSuchBucket as error:
        raise UserError(
            f"The bucket {bucket} for templates was deleted, and CloudFormation does not make it anew: make it "
            f"yourself (aws s3 mb s3://{bucket}), and deploy again."
        ) from error
    scheme, host, *_ = urlsplit(client.meta.endpoint_url)
    if scheme != "https":  # what stands in for AWS has no host name for each bucket
        return f"{scheme}://{host}/{bucket}/{key}"
    return f"https://{bucket}.{host}/{key}"
