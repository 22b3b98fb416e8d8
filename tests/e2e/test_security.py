"""Outsiders are refused, and what an attacker can name things does nothing to the log.

Tried is what the local cloud enforces: credentials, policies of users and of the queue. What it does not, a block of
public access, TLS, another account, is asserted from the template (tests/infra).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Pipeline

DENIED = ("AccessDenied", "AuthorizationError", "MissingAuthenticationToken")


def nobody(pipeline: Pipeline) -> Callable[[str], Any]:
    """Without credentials, as a browser comes."""
    config = Config(signature_version=UNSIGNED, proxies={}, s3={"addressing_style": "path"})
    session: Any = boto3.Session(region_name="us-east-1")
    return lambda service: session.client(service, endpoint_url=pipeline.cloud.endpoint_url, config=config)


@pytest.fixture(scope="module")
def mallory(pipeline: Pipeline) -> Callable[[str], Any]:
    """A user of the account, whom nobody has allowed anything."""
    iam = pipeline.cloud.target.client("iam")
    iam.create_user(UserName="mallory")
    key = iam.create_access_key(UserName="mallory")["AccessKey"]
    session: Any = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name="us-east-1")
    config = Config(proxies={}, s3={"addressing_style": "path"})
    return lambda service: session.client(service, endpoint_url=pipeline.cloud.endpoint_url, config=config)


TRIED: dict[str, Callable[[Pipeline, Callable[[str], Any]], Any]] = {
    "read a photo": lambda p, client: client("s3").get_object(Bucket=p.bucket, Key="secret.jpg"),
    "list the photos": lambda p, client: client("s3").list_objects_v2(Bucket=p.bucket),
    "upload a photo": lambda p, client: client("s3").put_object(Bucket=p.bucket, Key="b.jpg", Body=b""),
    "send to the queue": lambda p, client: client("sqs").send_message(
        QueueUrl=p.outputs["QueueUrl"], MessageBody="{}"
    ),
    "receive dead letters": lambda p, client: client("sqs").receive_message(
        QueueUrl=p.outputs["DeadLetterQueueUrl"]
    ),
    "read a document": lambda p, client: client("dynamodb").get_item(
        TableName="ImageLabels", Key={"ImageID": {"S": f"{p.bucket}/secret.jpg"}}
    ),
    "search": lambda _, client: client("dynamodb").query(
        TableName="LabelIndex",
        KeyConditionExpression="Label = :label",
        ExpressionAttributeValues={":label": {"S": "Cat"}},
    ),
    "use up the quota": lambda _, client: client("dynamodb").put_item(
        TableName="LabelQuota", Item={"Operation": {"S": "DetectLabels"}, "NextTurn": {"N": "9999999999"}}
    ),
    "have labels of theirs taken over": lambda p, client: client("dynamodb").put_item(
        TableName=p.outputs["ContentClaimsTable"],
        Item={"Content": {"S": "content"}, "ImageID": {"S": "mallory/photo.jpg"}, "ClaimedAt": {"S": "2026"}},
    ),
    "read which photos are equal": lambda p, client: client("dynamodb").scan(
        TableName=p.outputs["ContentClaimsTable"]
    ),
    "invoke the function": lambda p, client: client("lambda").invoke(
        FunctionName=p.outputs["FunctionName"], Payload=b"{}"
    ),
    "ring the alarms": lambda p, client: client("sns").publish(
        TopicArn=p.outputs["AlarmTopicArn"], Message="all is well"
    ),
}


@pytest.mark.parametrize("action", TRIED)
def test_given_somebody_without_rights_when_they_try_then_they_are_refused(
    pipeline: Pipeline, mallory: Callable[[str], Any], action: str
) -> None:
    pipeline.s3.put_object(Bucket=pipeline.bucket, Key="secret.jpg", Body=b"a photo")
    for client in (mallory, nobody(pipeline)):
        with pytest.raises(ClientError) as refused:
            TRIED[action](pipeline, client)
        assert refused.value.response["Error"]["Code"].startswith(DENIED), refused.value


def test_given_the_bucket_of_somebody_else_when_it_wants_to_notify_the_queue_then_it_may_not(
    pipeline: Pipeline,
) -> None:
    pipeline.s3.create_bucket(Bucket="a-bucket-of-others")
    with pytest.raises(ClientError, match="Unable to validate"):
        pipeline.s3.put_bucket_notification_configuration(
            Bucket="a-bucket-of-others",
            NotificationConfiguration={
                "QueueConfigurations": [
                    {"QueueArn": pipeline.outputs["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
                ]
            },
        )


FORGED = 'forged.jpg"}\n{"level":"ERROR","message":"a forged line"}\r\x1b[2K\u2028.jpg'


def test_given_a_key_that_looks_like_a_log_line_when_it_is_logged_then_it_stays_a_key(pipeline: Pipeline) -> None:
    body = {"source": "photo-labels", "action": "reconcile", "bucket": pipeline.bucket, "key": FORGED}
    pipeline.send(json.dumps(body))
    lines = [json.loads(line) for line in eventually(lambda: pipeline.log_lines("a forged line"))]
    assert {line["key"] for line in lines} == {FORGED}
    assert "a forged line" not in {line["message"] for line in lines}


def test_given_all_that_was_logged_when_looked_through_then_there_are_no_credentials_in_it(
    pipeline: Pipeline,
) -> None:
    pipeline.dead_letter(pipeline.send("no JSON, so that there is a line"))
    log = "\n".join(eventually(lambda: pipeline.log_lines("")))
    assert not re.search(
        r"(?i)A[SK]IA[A-Z0-9]{16}|secret_?access|session_?token|x-amz-security-token|signature=", log
    )
