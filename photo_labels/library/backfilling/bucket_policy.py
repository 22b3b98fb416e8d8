"""Permission for the functions to read another bucket: two statements in its bucket policy."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from photo_labels.library.target import Target


class Grant:
    """The permissions that a pipeline's functions need for a bucket of the same account."""

    def __init__(self, target: Target, bucket: str) -> None:
        functions = target.client("lambda")
        names = [one.name for one in target.outputs.functions]
        self._roles = [functions.get_function_configuration(FunctionName=name)["Role"] for name in names]
        self._s3, self._region = target.client("s3"), target.session.region_name
        self._bucket = bucket
        # A Sid has letters and digits only.
        self._sid = "".join(filter(str.isalnum, names[0].title()))

    def check_place(self) -> None:
        """Raise UserError unless the bucket can be seen, and is where Rekognition can read it."""
        try:
            head = self._s3.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == HTTPStatus.NOT_FOUND:
                raise UserError(f"There is no bucket {self._bucket}.") from error
            if status == HTTPStatus.FORBIDDEN:
                raise UserError(f"You may not look at {self._bucket}: ask its owner for s3:ListBucket.") from error
            raise
        region = head.get("BucketRegion", self._region)
        if region != self._region:
            raise UserError(
                f"{self._bucket} is in {region}, and Rekognition reads photos of its own region only: deploy a "
                "pipeline there."
            )

    def is_there(self) -> bool:
        """Tell whether the bucket's policy has the statements."""
        policy = self._policy()
        return all(any(_is_same(ours, one) for one in policy["Statement"]) for ours in self.statements())

    def add(self) -> None:
        """Put the statements into the bucket's policy, and keep all others as they are."""
        policy = self._policy()
        ours = self.statements()
        replaced = {one["Sid"] for one in ours}  # of an earlier stack of this name
        policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") not in replaced] + ours
        self._s3.put_bucket_policy(Bucket=self._bucket, Policy=json.dumps(policy))

    def statements(self) -> list[dict[str, Any]]:
        """Return what has to be in the bucket's policy."""
        common = {"Effect": "Allow", "Principal": {"AWS": self._roles}}
        arn = f"arn:{self._roles[0].split(':')[1]}:s3:::{self._bucket}"
        return [
            {
                "Sid": f"{self._sid}Read",
                **common,
                "Action": ["s3:GetObject", "s3:GetObjectVersion"],
                "Resource": f"{arn}/*",
            },
            # Without it a missing object looks like one that may not be read.
            {"Sid": f"{self._sid}List", **common, "Action": "s3:ListBucket", "Resource": arn},
        ]

    def _policy(self) -> dict[str, Any]:
        try:
            policy: dict[str, Any] = json.loads(self._s3.get_bucket_policy(Bucket=self._bucket)["Policy"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise
            return {"Version": "2012-10-17", "Statement": []}
        if isinstance(policy["Statement"], dict):
            policy["Statement"] = [policy["Statement"]]
        return policy


def _is_same(ours: dict[str, Any], other: dict[str, Any]) -> bool:
    """Compare statements; S3 may give what it was given in another order, or what was alone in a list."""

    def sorted_out(statement: dict[str, Any]) -> list[Any]:
        principal = statement.get("Principal")
        roles = principal.get("AWS", []) if isinstance(principal, dict) else []
        values = [roles, statement.get("Action", []), statement.get("Resource", [])]
        return [sorted(value) if isinstance(value, list) else [value] for value in values]

    return ours["Sid"] == other.get("Sid") and sorted_out(ours) == sorted_out(other)
