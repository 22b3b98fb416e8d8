"""What HeadObject says of an object, as S3's API reference has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from handler.objects import Objects
from photo_labels.records.errors import PermanentError, is_throttle, status_of
from photo_labels.records.heads import Head
from tests.fakes.aws import aws_error
from tests.fakes.world import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANGED = datetime(2026, 11, 23, 6, tzinfo=UTC)
ANSWER = {"ETag": '"abc"', "ContentLength": 7, "LastModified": CHANGED}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stubbed:
        yield stubbed
        stubbed.assert_no_pending_responses()


def head(stub: Stubber, version_id: str | None = None) -> Head | None:
    client: Any = stub.client
    return Objects(client).head("b", "k", version_id, Clock().deadline())


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Head("abc", 7, None, CHANGED, archived=False, is_bulk=False)),
        ({"VersionId": "v1"}, Head("abc", 7, "v1", CHANGED, archived=False, is_bulk=False)),
        ({"VersionId": "null"}, Head("abc", 7, "null", CHANGED, archived=False, is_bulk=False)),
        ({"StorageClass": "GLACIER_IR"}, Head("abc", 7, None, CHANGED, archived=False, is_bulk=False)),
        ({"StorageClass": "GLACIER"}, Head("abc", 7, None, CHANGED, archived=True, is_bulk=False)),
        ({"StorageClass": "DEEP_ARCHIVE"}, Head("abc", 7, None, CHANGED, archived=True, is_bulk=False)),
        (
            {"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"},
            Head("abc", 7, None, CHANGED, archived=True, is_bulk=False),
        ),
        (
            {"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'},
            Head("abc", 7, None, CHANGED, archived=True, is_bulk=False),
        ),
        (
            {"StorageClass": "GLACIER", "Restore": 'ongoing-request="false", expiry-date="Fri, 21 Dec 2029"'},
            Head("abc", 7, None, CHANGED, archived=False, is_bulk=False),
        ),
        ({"Metadata": {}}, Head("abc", 7, None, CHANGED, archived=False, is_bulk=False)),
        ({"Metadata": {"photo-labels": "bulk"}}, Head("abc", 7, None, CHANGED, archived=False, is_bulk=True)),
        (
            {"Metadata": {"photo-labels": "Bulk, or not?", "bulk": "photo-labels"}},
            Head("abc", 7, None, CHANGED, archived=False, is_bulk=False),
        ),
    ],
)
def test_given_an_object_when_looked_at_then_it_is_as_s3_says(
    stub: Stubber, more: dict[str, Any], expected: Head
) -> None:
    stub.add_response("head_object", ANSWER | more, {"Bucket": "b", "Key": "k"})
    assert head(stub) == expected


@pytest.mark.parametrize("status", [404, 405])
def test_given_what_is_gone_or_a_delete_marker_when_looked_at_then_there_is_none(
    stub: Stubber, status: int
) -> None:
    stub.add_client_error(
        "head_object",
        f"{status}",
        http_status_code=status,
        expected_params={"Bucket": "b", "Key": "k", "VersionId": "v1"},
    )
    assert head(stub, "v1") is None


def test_given_object_under_its_owners_key_when_looked_at_then_one_byte_is_asked_for_to_know(
    stub: Stubber,
) -> None:
    asked = {"Bucket": "b", "Key": "k", "Range": "bytes=0-0"}
    stub.add_client_error("head_object", "400", http_status_code=400)
    stub.add_client_error("get_object", "InvalidRequest", http_status_code=400, expected_params=asked)
    with pytest.raises(PermanentError, match="CustomerKey"):
        head(stub)


def test_given_a_refusal_when_looked_at_then_it_is_raised_as_it_is(stub: Stubber) -> None:
    stub.add_client_error("head_object", "403", http_status_code=403)
    with pytest.raises(ClientError, match="403"):
        head(stub)


def test_given_any_error_with_429_when_judged_then_it_is_a_throttle() -> None:
    assert is_throttle(aws_error("Whatever", status=429))
    assert not is_throttle(aws_error("Whatever", status=430))
    assert status_of(ClientError({"Error": {"Code": "NoAnswer"}}, "Operation")) == 0
