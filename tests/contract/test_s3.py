"""S3's answers to HeadObject and GetObject, and what they mean for a photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from handler import timeouts
from tests.contract.answers import REGION, head, head_error, part, photo, rekognition_error, s3_error
from tests.contract.function import DECODED, notification, reconcile
from tests.photo_files import encoded

if TYPE_CHECKING:
    from tests.contract.function import Function
    from tests.contract.server import Answer, Aws

LOCALSTACK = "localstack/localstack tests/aws/services/s3, recorded on AWS: "
API = "S3's API reference: "

# aws/aws-sdk-php#2710, the answer's body.
UNREADABLE = rekognition_error(
    "InvalidS3ObjectException",
    "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
)
# LocalStack's test_object_retrieval_sse_c, get-obj-no-sse-c.
OWNERS_KEY = s3_error(
    400,
    "InvalidRequest",
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to "
    "retrieve the object.",
)
# LocalStack's test_put_object_storage_class[GLACIER-False].
IN_THE_ARCHIVE = s3_error(
    403,
    "InvalidObjectState",
    "The operation is not valid for the object's storage class",
    StorageClass="GLACIER",
)


@dataclass(frozen=True)
class Case:
    """What S3 answers, from where that is known, and what becomes of the photo."""

    source: str
    answers: dict[str, tuple[Answer, ...]]
    end: str
    # The calls to S3, where botocore makes some by itself.
    asked: tuple[str, ...] = field(default=())


HEADS = {
    "an object": Case(LOCALSTACK + "head_object", {"HeadObject": (head(),)}, "LABELLED"),
    "an object with a version": Case(
        LOCALSTACK + "head-object-with-lock",
        {"HeadObject": (head(x_amz_version_id="3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"),)},
        "LABELLED",
    ),
    "an object from before versioning": Case(
        API + "HeadObject, x-amz-version-id", {"HeadObject": (head(x_amz_version_id="null"),)}, "LABELLED"
    ),
    "an object with tags, metadata, parts and a rule": Case(
        API + "HeadObject",
        {
            "HeadObject": (
                head(
                    x_amz_meta_photographer="=?UTF-8?B?w7w=?=",
                    x_amz_tagging_count="3",
                    x_amz_mp_parts_count="2",
                    x_amz_expiration='expiry-date="Fri, 21 Dec 2029 00:00:00 GMT", rule-id="one"',
                    x_amz_replication_status="COMPLETED",
                    x_amz_server_side_encryption_bucket_key_enabled="true",
                    x_amz_object_lock_mode="GOVERNANCE",
                    x_amz_object_lock_retain_until_date="2029-12-21T00:00:00.000Z",
                ),
            )
        },
        "LABELLED",
    ),
    "no object": Case(LOCALSTACK + "404", {"HeadObject": (head_error(404),)}, "REMOVED"),
    "a deleted object": Case(
        API + "HeadObject, delete markers",
        {"HeadObject": (head_error(404, x_amz_delete_marker="true"),)},
        "REMOVED",
    ),
    "no right to see it": Case(LOCALSTACK + "403", {"HeadObject": (head_error(403),)}, "comes back"),
    "a moment of overload": Case(
        API + "error responses, SlowDown", {"HeadObject": (head_error(503), head_error(500), head())}, "LABELLED"
    ),
    "an hour of overload": Case(
        API + "error responses, SlowDown", {"HeadObject": (head_error(503),)}, "comes back"
    ),
    "its owner's key, and no region": Case(
        "boto/boto3#1482 and boto/botocore#1413; " + LOCALSTACK + "test_object_retrieval_sse_c",
        {"HeadObject": (head_error(400),), "GetObject": (OWNERS_KEY,)},
        "REJECTED CustomerKey",
        ("HeadObject", "HeadBucket", "HeadObject", "GetObject"),
    ),
    "its owner's key, and the bucket's region": Case(
        "as before, with the header that botocore looks for first",
        {"HeadObject": (head_error(400, x_amz_bucket_region=REGION),), "GetObject": (OWNERS_KEY,)},
        "REJECTED CustomerKey",
        ("HeadObject", "HeadObject", "GetObject"),
    ),
    "its owner's key, and a bucket that may not be looked at": Case(
        "as before; " + API + "HeadBucket answers 403 with the region",
        {
            "HeadObject": (head_error(400),),
            "HeadBucket": (head_error(403, x_amz_bucket_region=REGION),),
            "GetObject": (OWNERS_KEY,),
        },
        "REJECTED CustomerKey",
    ),
    "its owner's key, and a bucket whose region nobody tells": Case(
        "as before; " + API + "HeadBucket",
        {"HeadObject": (head_error(400),), "HeadBucket": (head_error(403),), "GetObject": (OWNERS_KEY,)},
        "REJECTED CustomerKey",
    ),
    "credentials that ran out": Case(
        API + "error responses, ExpiredToken",
        {
            "HeadObject": (head_error(400),),
            "HeadBucket": (head_error(400),),
            "GetObject": (s3_error(400, "ExpiredToken", "The provided token has expired."),),
        },
        "comes back",
    ),
    "another region": Case(
        "boto/botocore#1413, debug log: 301 with x-amz-bucket-region",
        {
            "HeadObject": (head_error(301, x_amz_bucket_region="us-west-2"), head()),
            "DetectLabels": (UNREADABLE,),
        },
        "comes back",
    ),
    "another region, that HeadBucket tells": Case(
        "boto/botocore#1413",
        {
            "HeadObject": (head_error(301), head()),
            "HeadBucket": (head_error(301, x_amz_bucket_region="us-west-2"),),
            "DetectLabels": (UNREADABLE,),
        },
        "comes back",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_given_what_s3_says_of_an_object_when_it_is_reconciled_then_that_is_what_becomes_of_it(
    function: Function, aws: Aws, name: str
) -> None:
    case = HEADS[name]
    for operation, answers in case.answers.items():
        aws.tell(operation, *answers)
    # Each in a bucket of its own: botocore remembers regions.
    assert function.receive(reconcile(bucket=f"photos-{list(HEADS).index(name)}")) == case.end
    if case.asked:
        calls = [one for one in aws.operations() if one.startswith(("Head", "Get"))]
        assert tuple(calls) == case.asked


def test_given_a_version_under_its_owners_key_when_asked_why_then_of_that_version(
    function: Function, aws: Aws
) -> None:
    aws.tell("DetectLabels", UNREADABLE)
    aws.tell("HeadObject", head_error(400))
    aws.tell("GetObject", OWNERS_KEY)
    assert function.receive(notification(versionId="v1")) == "REJECTED CustomerKey"
    assert [call.query for call in aws.of("GetObject")] == [{"versionId": "v1"}]


def test_given_botocores_own_requests_when_s3_hangs_then_a_call_takes_no_longer_than_stated(
    function: Function, aws: Aws
) -> None:
    aws.tell("HeadObject", head_error(400))
    aws.tell("GetObject", OWNERS_KEY)
    function.receive(reconcile(bucket="three-in-one"))
    one_s = timeouts.S3.connect_s + timeouts.S3.read_s
    heads = [one for one in aws.operations() if one.startswith("Head")]
    assert len(heads) * one_s <= timeouts.S3.call_s


def test_given_a_bucket_of_another_region_when_asked_for_then_it_is_asked_there(
    function: Function, aws: Aws
) -> None:
    aws.tell("HeadObject", head_error(301, x_amz_bucket_region="us-west-2"), head())
    function.receive(reconcile(bucket="far-away"))
    assert [call.host for call in aws.of("HeadObject")] == [
        f"far-away.s3.{REGION}.amazonaws.com",
        "far-away.s3.us-west-2.amazonaws.com",
    ]
    assert "/us-west-2/s3/aws4_request" in aws.of("HeadObject")[1].headers["authorization"]


def test_given_a_directory_bucket_when_its_session_is_refused_then_the_message_comes_back(
    function: Function, aws: Aws
) -> None:
    """Nothing notifies of its objects, but a message may name it. API reference, CreateSession."""
    aws.tell("CreateSession", s3_error(403, "AccessDenied", "Access Denied"))
    bucket = "photos--euc1-az1--x-s3"
    assert function.receive(reconcile(bucket=bucket)) == "comes back"
    [error] = [outcome.error for outcome in function.report.outcomes.values()]
    assert "AccessDenied" in str(error)
    assert aws.of("CreateSession")[0].host == f"{bucket}.s3express-euc1-az1.{REGION}.amazonaws.com"


UNREADABLES = {
    "empty": Case(LOCALSTACK + "head_object", {"HeadObject": (head(0),)}, "REJECTED EmptyObject"),
    "archived": Case(
        API + "HeadObject, x-amz-storage-class",
        {"HeadObject": (head(x_amz_storage_class="GLACIER"),)},
        "REJECTED ArchivedObject",
    ),
    "deeply archived": Case(
        LOCALSTACK + "test_s3_get_deep_archive_object_restore",
        {"HeadObject": (head(x_amz_storage_class="DEEP_ARCHIVE"),)},
        "REJECTED ArchivedObject",
    ),
    "archived by intelligent tiering": Case(
        API + "HeadObject, x-amz-archive-status",
        {"HeadObject": (head(x_amz_storage_class="INTELLIGENT_TIERING", x_amz_archive_status="ARCHIVE_ACCESS"),)},
        "REJECTED ArchivedObject",
    ),
    "being restored": Case(
        API + "HeadObject, x-amz-restore",
        {"HeadObject": (head(x_amz_storage_class="GLACIER", x_amz_restore='ongoing-request="true"'),)},
        "REJECTED ArchivedObject",
    ),
    "restored": Case(
        API + "HeadObject, x-amz-restore",
        {
            "HeadObject": (
                head(
                    x_amz_storage_class="GLACIER",
                    x_amz_restore='ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"',
                ),
            )
        },
        "comes back",
    ),
    "at hand, in Glacier": Case(
        LOCALSTACK + "test_put_object_storage_class[GLACIER_IR-True]",
        {"HeadObject": (head(x_amz_storage_class="GLACIER_IR"),)},
        "comes back",
    ),
    "gone": Case(LOCALSTACK + "404", {"HeadObject": (head_error(404),)}, "REMOVED"),
    "under its owner's key": Case(
        "boto/boto3#1482", {"HeadObject": (head_error(400),), "GetObject": (OWNERS_KEY,)}, "REJECTED CustomerKey"
    ),
    "forbidden": Case(LOCALSTACK + "403", {"HeadObject": (head_error(403),)}, "comes back"),
}


@pytest.mark.parametrize("name", UNREADABLES)
def test_given_an_object_that_rekognition_cannot_read_when_s3_is_asked_then_it_says_why(
    function: Function, aws: Aws, name: str
) -> None:
    case = UNREADABLES[name]
    aws.tell("DetectLabels", UNREADABLE)
    for operation, answers in case.answers.items():
        aws.tell(operation, *answers)
    assert function.receive(notification()) == case.end


def test_given_a_version_that_is_a_delete_marker_when_s3_is_asked_then_the_photo_is_removed(
    function: Function, aws: Aws
) -> None:
    """LocalStack's head-object-locked-delete-marker; API reference: `x-amz-delete-marker`, `Allow: DELETE`."""
    aws.tell("DetectLabels", UNREADABLE)
    marker = head_error(405, x_amz_delete_marker="true", x_amz_version_id="v1", Allow="DELETE")
    aws.tell("HeadObject", marker, head_error(404, x_amz_delete_marker="true"))
    assert function.receive(notification(versionId="v1")) == "REMOVED"
    assert aws.of("HeadObject")[0].query == {"versionId": "v1"}


def test_given_the_key_of_a_phone_when_asked_for_then_s3_gets_it_as_it_is(function: Function, aws: Aws) -> None:
    aws.tell("DetectLabels", UNREADABLE)
    function.receive(notification(key="a+photo%2B%C3%BC/%40b%25.jpg"))
    assert aws.of("HeadObject")[0].path == "/a photo+ü/@b%.jpg"
    assert aws.of("DetectLabels")[0].content["Image"]["S3Object"]["Name"] == "a photo+ü/@b%.jpg"


VIDEO = b"\0\0\0\x14ftypqt  \0\0\0\0qt  ".ljust(64, b"\0")
JPEG = b"\xff\xd8\xff".ljust(64, b"\0")
BEGINNINGS = {
    "a video": Case(API + "GetObject, Range", {"GetObject": (part(VIDEO),)}, "REJECTED NotAPhoto"),
    "a byte": Case(API + "GetObject, Range", {"GetObject": (part(b"x"),)}, "REJECTED NotAPhoto"),
    "a video, whole, with its checksum": Case(
        API + "GetObject", {"GetObject": (photo(VIDEO * 100),)}, "REJECTED NotAPhoto"
    ),
    "a JPEG": Case(API + "GetObject, Range", {"GetObject": (part(JPEG),)}, "LABELLED"),
    "one that ended too early, once": Case(
        "a lost connection",
        {"GetObject": (part(b"\xff\xd8", Content_Length="64", Connection="close"), part(JPEG))},
        "LABELLED",
    ),
    "nothing": Case(
        API + "error responses, InvalidRange",
        {"GetObject": (s3_error(416, "InvalidRange", "The requested range is not satisfiable"),)},
        "LABELLED",
    ),
    "no right to read it": Case(
        LOCALSTACK + "AccessDenied", {"GetObject": (s3_error(403, "AccessDenied", "Access Denied"),)}, "LABELLED"
    ),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_given_a_name_that_says_nothing_when_s3_is_asked_for_64_bytes_then_they_decide(
    function: Function, aws: Aws, name: str
) -> None:
    """Where S3 refuses, Rekognition is asked as for any photo: here it reads it."""
    case = BEGINNINGS[name]
    aws.tell("GetObject", *case.answers["GetObject"])
    assert function.receive(notification(key="IMG_0001")) == case.end
    assert {request.headers["range"] for request in aws.of("GetObject")} == {"bytes=0-63"}
    assert len(aws.of("GetObject")) == len(case.answers["GetObject"])
    assert len(aws.of("DetectLabels")) == (case.end == "LABELLED")


def header(width: int, height: int, kind: str = "JPEG") -> bytes:
    return encoded(Image.new("L", (width, height)), kind)


HEADERS = {
    "a JPEG that is too small": Case(
        API + "GetObject, Range", {"GetObject": (part(header(64, 48)),)}, "REJECTED TooSmall"
    ),
    "a PNG that is too small, whole, with its checksum": Case(
        API + "GetObject", {"GetObject": (photo(header(79, 300, "PNG") + bytes(40_000)),)}, "REJECTED TooSmall"
    ),
    "one that ended too early, once": Case(
        "a lost connection",
        {
            "GetObject": (
                part(header(64, 48)[:30], Content_Length="2000", Connection="close"),
                part(header(64, 48)),
            )
        },
        "REJECTED TooSmall",
    ),
    "a moment of overload": Case(
        API + "error responses, SlowDown",
        {
            "GetObject": (
                s3_error(503, "SlowDown", "Please reduce your request rate."),
                part(header(64, 48)),
            )
        },
        "REJECTED TooSmall",
    ),
    "a JPEG that is large enough": Case(
        API + "GetObject, Range", {"GetObject": (part(header(80, 80)),)}, "LABELLED"
    ),
    "something else": Case(API + "GetObject, Range", {"GetObject": (part(VIDEO),)}, "LABELLED"),
    "its owner's key": Case(LOCALSTACK + "get-obj-no-sse-c", {"GetObject": (OWNERS_KEY,)}, "LABELLED"),
    "in the archive": Case(
        LOCALSTACK + "test_put_object_storage_class", {"GetObject": (IN_THE_ARCHIVE,)}, "LABELLED"
    ),
    "no right to read it": Case(
        LOCALSTACK + "AccessDenied", {"GetObject": (s3_error(403, "AccessDenied", "Access Denied"),)}, "LABELLED"
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_given_a_light_jpeg_when_s3_is_asked_for_its_header_then_that_decides_before_rekognition(
    function: Function, aws: Aws, name: str
) -> None:
    """Where S3 refuses, Rekognition is asked as for any photo: here it reads it."""
    case = HEADERS[name]
    aws.tell("GetObject", *case.answers["GetObject"])
    assert function.receive(notification(size=2_000, versionId="v1")) == case.end
    assert {request.headers["range"] for request in aws.of("GetObject")} == {"bytes=0-19999"}
    assert {request.query["versionId"] for request in aws.of("GetObject")} == {"v1"}
    assert len(aws.of("GetObject")) == len(case.answers["GetObject"])
    assert len(aws.of("DetectLabels")) == (case.end == "LABELLED")


@pytest.mark.parametrize("name", HEADERS)
def test_given_a_heavier_jpeg_that_rekognition_refuses_when_s3_is_asked_then_its_header_says_why(
    function: Function, aws: Aws, name: str
) -> None:
    case = HEADERS[name]
    aws.tell("DetectLabels", rekognition_error("InvalidParameterException", "Request has Invalid Parameters"))
    aws.tell("GetObject", *case.answers["GetObject"])
    end = "REJECTED InvalidParameterException" if case.end == "LABELLED" else case.end
    assert function.receive(notification()) == end
    assert {request.headers["range"] for request in aws.of("GetObject")} == {"bytes=0-262143"}
    assert len(aws.of("DetectLabels")) == 1


DOWNLOADS = {
    "a photo": Case(LOCALSTACK + "get-obj", {"GetObject": (photo(DECODED),)}, "LABELLED"),
    "a photo with a checksum that botocore has no code for": Case(
        LOCALSTACK + "test_put_object_default_checksum_with_sse_c: CRC64NVME",
        {"GetObject": (photo(DECODED, x_amz_checksum_crc64nvme="qUVrWYOrIAM="),)},
        "LABELLED",
    ),
    "a photo that was damaged on its way, once": Case(
        API + "checking object integrity",
        {"GetObject": (photo(DECODED, x_amz_checksum_crc32="AAAAAA=="), photo(DECODED))},
        "LABELLED",
    ),
    "a photo that ended too early, once": Case(
        "a lost connection",
        {
            "GetObject": (
                photo(DECODED[:-3], Content_Length=str(len(DECODED)), Connection="close"),
                photo(DECODED),
            )
        },
        "LABELLED",
    ),
    "a photo that the decoder finds too small": Case(
        LOCALSTACK + "get-obj",
        {"GetObject": (photo(b'{"reason": "TooSmall", "detail": "The photo has 64 x 48 pixels."}\n'),)},
        "REJECTED TooSmall",
    ),
    "an empty object": Case(
        LOCALSTACK + "get-obj", {"GetObject": (photo(b""),), "HeadObject": (head(0),)}, "REJECTED EmptyObject"
    ),
    "an archived object": Case(
        LOCALSTACK + "test_put_object_storage_class",
        {"GetObject": (IN_THE_ARCHIVE,), "HeadObject": (head(x_amz_storage_class="GLACIER"),)},
        "REJECTED ArchivedObject",
    ),
    "no object": Case(
        LOCALSTACK + "NoSuchKey",
        {
            "GetObject": (s3_error(404, "NoSuchKey", "The specified key does not exist.", Key="cat.heic"),),
            "HeadObject": (head_error(404),),
        },
        "REMOVED",
    ),
    "its owner's key": Case(
        LOCALSTACK + "get-obj-no-sse-c",
        {"GetObject": (OWNERS_KEY,), "HeadObject": (head_error(400),)},
        "REJECTED CustomerKey",
    ),
    "no right to read it": Case(
        LOCALSTACK + "AccessDenied",
        {"GetObject": (s3_error(403, "AccessDenied", "Access Denied"),)},
        "comes back",
    ),
    "a moment of overload": Case(
        API + "error responses, SlowDown",
        {"GetObject": (s3_error(503, "SlowDown", "Please reduce your request rate."), photo(DECODED))},
        "LABELLED",
    ),
    "a moment of too many calls to KMS": Case(
        "aws-samples/cql-replicator#92",
        {
            "GetObject": (
                s3_error(503, "SlowDown", "Please reduce your request rate for operations involving AWS KMS."),
                photo(DECODED),
            )
        },
        "LABELLED",
    ),
}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_given_what_s3_answers_when_a_photo_is_converted_then_that_is_what_becomes_of_it(
    function: Function, aws: Aws, name: str
) -> None:
    case = DOWNLOADS[name]
    for operation, answers in case.answers.items():
        aws.tell(operation, *answers)
    assert function.receive(notification(key="cat.heic"), is_converting=True) == case.end
