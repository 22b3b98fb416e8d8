"""Answers as AWS gives them: status, headers and bytes. Where each was recorded is said where it is used."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from tests.contract.server import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.contract.server import Request

REGION = "eu-central-1"
PHOTO = b"\xff\xd8\xff\xe0 a photo"
ETAG = "437b930db84b8079c2dd804a71936b5f"

_OF_S3 = {
    "x-amz-id-2": "vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=",
    "x-amz-request-id": "79104EXAMPLEB723",
    "Date": "Mon, 23 Nov 2026 06:00:00 GMT",
    "Server": "AmazonS3",
}


# ---------------------------------------------------------------- S3


def head(size: int = 100_000, **headers: str) -> Answer:
    """An object that is there, with headers of its own: `x_amz_version_id="null"`."""
    return Answer(
        200,
        headers={
            **_OF_S3,
            "Last-Modified": "Mon, 23 Nov 2026 05:59:59 GMT",
            "ETag": f'"{ETAG}"',
            "x-amz-server-side-encryption": "AES256",
            "Accept-Ranges": "bytes",
            "Content-Type": "image/jpeg",
            "Content-Length": str(size),
            **_headers(headers),
        },
    )


def head_error(status: int, **headers: str) -> Answer:
    """An error to HEAD: it has no body, and so no code; 400 ends the connection."""
    closing = {"Connection": "close"} if status == 400 else {}
    return Answer(
        status,
        headers={
            **_OF_S3,
            "Content-Type": "application/xml",
            "Transfer-Encoding": "chunked",
            **closing,
            **_headers(headers),
        },
    )


def photo(content: bytes = PHOTO, **headers: str) -> Answer:
    """An object's content; what was uploaded by an SDK of today has a checksum."""
    checksum = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    usual = {"x-amz-checksum-crc32": checksum, "x-amz-checksum-type": "FULL_OBJECT"}
    return Answer(200, content, {**head(len(content)).headers, **usual, **_headers(headers)})


def part(content: bytes, **headers: str) -> Answer:
    """The first bytes of an object, without the checksum of the whole."""
    content_range = f"bytes 0-{len(content) - 1}/100000"
    return Answer(
        206, content, {**head(len(content)).headers, **_headers({"Content_Range": content_range} | headers)}
    )


def s3_error(status: int, code: str, message: str, **more: str) -> Answer:
    """An error with a body: XML."""
    parts = {"Code": code, "Message": message, **more, "RequestId": _OF_S3["x-amz-request-id"]}
    inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in parts.items())
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}<HostId>{_OF_S3["x-amz-id-2"]}</HostId></Error>'
    return Answer(status, body.encode(), {**_OF_S3, "Content-Type": "application/xml"})


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in given.items()}


# ---------------------------------------------------------------- JSON: DynamoDB, Rekognition, SQS


def dynamodb(content: Any, status: int = 200) -> Answer:
    body = json.dumps(content, separators=(",", ":")).encode()
    return Answer(
        status,
        body,
        {
            "Server": "Server",
            "Date": _OF_S3["Date"],
            "Content-Type": "application/x-amz-json-1.0",
            "x-amzn-RequestId": "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG",
            "x-amz-crc32": str(zlib.crc32(body)),
        },
    )


def dynamodb_error(code: str, message: str, status: int = 400, *, of: str = "", **more: Any) -> Answer:
    """An error of DynamoDB itself; `of`: of the layer before it, which says `Message` where it refuses."""
    name = "Message" if code == "AccessDeniedException" else "message"
    kind = f"{of or 'com.amazonaws.dynamodb.v20120810'}#{code}"
    return dynamodb({"__type": kind, **more, name: message}, status)


def rekognition(content: Any, status: int = 200) -> Answer:
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "Date": _OF_S3["Date"],
        "x-amzn-RequestId": "d7f2ecd7-e9c9-11e8-b4e3-27525d3eeeeb",
    }
    return Answer(status, json.dumps(content).encode(), headers)


def rekognition_error(code: str, message: str, status: int = 400) -> Answer:
    """An error of Rekognition itself: its code twice, and a reference for its makers."""
    reference = "6f5c1a4e-8f0a-4d0f-9d0e-2b8f7c1f3a55"
    return rekognition({"__type": code, "Code": code, "Logref": reference, "Message": message}, status)


def front_error(code: str, message: str, status: int = 400) -> Answer:
    """An error of the layer before a service: of rights, signatures and rates."""
    return rekognition({"__type": code, "message": message}, status)


def sqs(content: Any = None, status: int = 200, **headers: str) -> Answer:
    usual = {
        "Content-Type": "application/x-amz-json-1.0",
        "Date": _OF_S3["Date"],
        "x-amzn-RequestId": "0e53ed64-5cf0-5d7f-8c22-b5f35143871d",
    }
    return Answer(status, b"" if content is None else json.dumps(content).encode(), {**usual, **_headers(headers)})


def sqs_error(kind: str, query_error: str, message: str, status: int = 400) -> Answer:
    """An error with two names: the second is of the days of XML, and the one that botocore gives."""
    content = {"__type": f"com.amazonaws.sqs#{kind}", "message": message}
    return sqs(content, status, x_amzn_query_error=f"{query_error};Sender")


# ---------------------------------------------------------------- where nothing else is said


DETECTED = {
    "LabelModelVersion": "3.0",
    "Labels": [
        {
            "Aliases": [],
            "Categories": [{"Name": "Animals and Pets"}],
            "Confidence": 99.61898803710938,
            "Instances": [
                {
                    "BoundingBox": {
                        "Height": 0.9412518739700317,
                        "Left": 0.2512579560279846,
                        "Top": 0.05875301733613014,
                        "Width": 0.530036747455597,
                    },
                    "Confidence": 96.4388427734375,
                    "DominantColors": [],
                }
            ],
            "Name": "Cat",
            "Parents": [{"Name": "Animal"}, {"Name": "Mammal"}, {"Name": "Pet"}],
        }
    ],
}


def _written(request: Request) -> Answer:
    responses = [{"TableName": one["Statement"].split('"')[1]} for one in request.content["Statements"]]
    return dynamodb({"Responses": responses})


def _sent(request: Request) -> Answer:
    digest = hashlib.md5(request.content["MessageBody"].encode()).hexdigest()
    return sqs({"MD5OfMessageBody": digest, "MessageId": "e2d1b1a5-6a3f-4c1e-9f0c-5d9d3b1f7a11"})


def _sent_together(request: Request) -> Answer:
    sent = [
        {"Id": one["Id"], "MessageId": "e2d1b1a5", "MD5OfMessageBody": "2"} for one in request.content["Entries"]
    ]
    return sqs({"Successful": sent})


# A pipeline without photos, and with everything in order.
USUAL: dict[str, Callable[[Request], Answer]] = {
    "BatchGetItem": lambda _: dynamodb({"Responses": {"ImageLabels": []}, "UnprocessedKeys": {}}),
    "BatchWriteItem": lambda _: dynamodb({"UnprocessedItems": {}}),
    "BatchExecuteStatement": _written,
    "PutItem": lambda _: dynamodb({}),
    "GetItem": lambda _: dynamodb({}),
    "UpdateItem": lambda request: dynamodb({"Attributes": request.content["Key"] | {"NextTurn": {"N": "1"}}}),
    "DeleteItem": lambda _: dynamodb({}),
    "DetectLabels": lambda _: rekognition(DETECTED),
    "HeadObject": lambda _: head(),
    "HeadBucket": lambda _: Answer(200, headers={**_OF_S3, "x-amz-bucket-region": REGION}),
    "GetObject": lambda _: photo(),
    "UpdateEventSourceMapping": lambda _: Answer(
        202, b'{"State": "Disabling"}', {"Content-Type": "application/json"}
    ),
    "SendMessage": _sent,
    "SendMessageBatch": _sent_together,
    "ChangeMessageVisibilityBatch": lambda request: sqs(
        {"Successful": [{"Id": one["Id"]} for one in request.content["Entries"]]}
    ),
}
