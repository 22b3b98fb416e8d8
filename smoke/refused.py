"""Calls that AWS refuses, or answers in a way of its own: made to be recorded. None of them changes anything."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from photo_labels.library.target import Target

_TOO_LARGE = b"\xff\xd8\xff" + bytes(5 * 2**20)


def ask(target: Target, key: str) -> list[str]:
    """Make all calls; return those that AWS did not refuse although it should. `key`: of a labelled photo."""
    return [name for name, call in _calls(target, key) if not _is_refused(call)]


def _is_refused(call: Callable[[], Any]) -> bool:
    with suppress(ClientError):
        call()
        return False
    return True


def _calls(target: Target, key: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    s3, sqs, dynamodb = (target.client(name) for name in ("s3", "sqs", "dynamodb"))
    bucket, queue, table = (
        target.outputs.bucket,
        target.outputs.labelling.queue_url,
        target.outputs.image_labels_table,
    )
    image = {"S": f"{bucket}/{key}"}
    yield "HEAD of nothing", lambda: s3.head_object(Bucket=bucket, Key="smoke/nothing")
    yield "GET of nothing", lambda: s3.get_object(Bucket=bucket, Key="smoke/nothing")
    yield (
        "a lost condition",
        lambda: dynamodb.put_item(
            TableName=table,
            Item={"ImageID": image},
            ConditionExpression="attribute_not_exists(ImageID)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        ),
    )
    yield "26 rows", lambda: dynamodb.batch_write_item(RequestItems={target.outputs.label_index_table: _rows(26)})
    yield "no such queue", lambda: sqs.send_message(QueueUrl=f"{queue}-none", MessageBody="smoke")
    yield "an empty message", lambda: sqs.send_message(QueueUrl=queue, MessageBody="")
    yield "a message beyond 1 MiB", lambda: sqs.send_message(QueueUrl=queue, MessageBody="x" * (2**20 + 1))
    yield "eleven entries", lambda: sqs.change_message_visibility_batch(QueueUrl=queue, Entries=_entries(11))
    if not target.is_local:  # the local Rekognition has an address of its own
        rekognition = target.client("rekognition")
        yield "no photo", lambda: rekognition.detect_labels(Image={"Bytes": b"no photo"})
        yield "too many bytes", lambda: rekognition.detect_labels(Image={"Bytes": _TOO_LARGE})
        nothing = {"S3Object": {"Bucket": bucket, "Name": "smoke/nothing"}}
        yield "labels of nothing", lambda: rekognition.detect_labels(Image=nothing)


def _rows(count: int) -> list[Any]:
    rows = ({"Label": {"S": "smoke"}, "Rank": {"S": str(number)}} for number in range(count))
    return [{"PutRequest": {"Item": row}} for row in rows]


def _entries(count: int) -> list[Any]:
    return [{"Id": str(number), "ReceiptHandle": "none", "VisibilityTimeout": 1} for number in range(count)]
