"""Every S3 event that can reach the queue, as S3 writes it, and what becomes of its photo.

The pipeline's own bucket sends creations, removals and expirations only. An existing bucket may send what its owner
chose, and a message of ours or of nobody's can be in any queue.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.answers import head, head_error
from tests.contract.function import BUCKET, notification

if TYPE_CHECKING:
    from tests.contract.function import Function
    from tests.contract.server import Aws

LOCALSTACK = "localstack/localstack test_s3_notifications_sqs.snapshot.json, recorded on AWS: "
GUIDE = "S3's user guide, event message structure and types: "


@dataclass(frozen=True)
class Case:
    """An event's name and object, from where that is known; and its end where the photo is there, and is gone."""

    source: str
    name: str
    there: str
    gone: str
    of_object: dict[str, Any] = field(default_factory=dict)


# Of removals: an object that is no more has neither.
GONE: dict[str, Any] = {"size": None, "eTag": None}
# Of tags and rights.
NO_ORDER: dict[str, Any] = {"size": None, "sequencer": None}
UNKNOWN = "dead-lettered: UnknownEvent"

CREATIONS = {
    "Put": Case(LOCALSTACK + "test_object_created_put", "ObjectCreated:Put", "LABELLED", ""),
    "Post": Case(GUIDE + "s3:ObjectCreated:Post", "ObjectCreated:Post", "LABELLED", ""),
    "Copy": Case(LOCALSTACK + "test_object_created_copy", "ObjectCreated:Copy", "LABELLED", ""),
    "CompleteMultipartUpload": Case(
        LOCALSTACK + "test_object_created_complete_multipart_upload",
        "ObjectCreated:CompleteMultipartUpload",
        "LABELLED",
        "",
        {"eTag": "8eabe9d6b43316e840b079170916c079-1"},
    ),
    "a version": Case(
        LOCALSTACK + "test_object_created_put_versioned",
        "ObjectCreated:Put",
        "LABELLED",
        "",
        {"versionId": "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"},
    ),
    "an encoded key": Case(
        LOCALSTACK + "test_key_encoding", "ObjectCreated:Put", "LABELLED", "", {"key": "a%40b+c.jpg"}
    ),
}
REMOVALS = {
    "Delete": Case(LOCALSTACK + "test_delete_objects", "ObjectRemoved:Delete", "done", "REMOVED", GONE),
    "DeleteMarkerCreated": Case(
        LOCALSTACK + "test_object_created_put_versioned",
        "ObjectRemoved:DeleteMarkerCreated",
        "done",
        "REMOVED",
        {"size": None, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "versionId": "marker"},
    ),
    "an expiration": Case(GUIDE + "no s3: before its name", "LifecycleExpiration:Delete", "done", "REMOVED", GONE),
    "an expiration in a versioned bucket": Case(
        GUIDE + "no s3: before its name",
        "LifecycleExpiration:DeleteMarkerCreated",
        "done",
        "REMOVED",
        {"size": None, "versionId": "marker"},
    ),
    "an expiration, with s3: before its name": Case(
        GUIDE + "as the names of subscriptions are", "s3:LifecycleExpiration:Delete", "done", "REMOVED", GONE
    ),
}
OTHERS = {
    "tags": Case(LOCALSTACK + "test_object_tagging_put_event", "ObjectTagging:Put", UNKNOWN, UNKNOWN, NO_ORDER),
    "tags that go": Case(
        LOCALSTACK + "test_object_tagging_delete_event", "ObjectTagging:Delete", UNKNOWN, UNKNOWN, NO_ORDER
    ),
    "rights": Case(LOCALSTACK + "test_object_put_acl", "ObjectAcl:Put", UNKNOWN, UNKNOWN, NO_ORDER),
    "a restoration begins": Case(LOCALSTACK + "test_restore_object", "ObjectRestore:Post", UNKNOWN, UNKNOWN),
    "a restoration is done": Case(LOCALSTACK + "test_restore_object", "ObjectRestore:Completed", UNKNOWN, UNKNOWN),
    "a restoration ends": Case(GUIDE + "ObjectRestore:Delete", "ObjectRestore:Delete", UNKNOWN, UNKNOWN),
    "a transition": Case(GUIDE + "LifecycleTransition", "LifecycleTransition", UNKNOWN, UNKNOWN),
    "tiering": Case(GUIDE + "IntelligentTiering", "IntelligentTiering", UNKNOWN, UNKNOWN),
    "replication": Case(
        GUIDE + "Replication",
        "Replication:OperationFailedReplication",
        UNKNOWN,
        UNKNOWN,
    ),
    "a loss": Case(GUIDE + "ReducedRedundancyLostObject", "ReducedRedundancyLostObject", UNKNOWN, UNKNOWN),
    "an annotation": Case(GUIDE + "ObjectAnnotation", "ObjectAnnotation:Put", UNKNOWN, UNKNOWN, NO_ORDER),
    "an annotation that goes": Case(
        GUIDE + "ObjectAnnotation", "ObjectAnnotation:Delete", UNKNOWN, UNKNOWN, NO_ORDER
    ),
}


@pytest.mark.parametrize("name", CREATIONS)
def test_given_a_creation_when_received_then_the_photo_is_labelled(
    function: Function, aws: Aws, name: str
) -> None:
    case = CREATIONS[name]
    assert function.receive(notification(case.name, **case.of_object)) == case.there
    [call] = aws.of("DetectLabels")
    assert call.content["Image"]["S3Object"].get("Version") == case.of_object.get("versionId")
    [document] = function.documents()
    assert document["ETag"]["S"] == case.of_object.get("eTag", "e1")


@pytest.mark.parametrize("name", [*REMOVALS, *OTHERS])
@pytest.mark.parametrize("is_there", [True, False])
def test_given_another_event_when_received_then_what_is_there_decides(
    function: Function, aws: Aws, name: str, is_there: bool
) -> None:
    case = (REMOVALS | OTHERS)[name]
    aws.tell("HeadObject", head() if is_there else head_error(404))
    end = case.there if is_there else case.gone
    assert function.receive(notification(case.name, **case.of_object)) == end
    assert "DetectLabels" not in aws.operations(), "nothing is paid for"


MESSAGES = {
    # S3's user guide, walkthrough: what S3 sends when notifications are set.
    "s3:TestEvent": (
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": "2026-11-23T06:00:00.000Z",
            "Bucket": BUCKET,
            "RequestId": "5582815E1AEA5ADF",
            "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
        },
        "done",
    ),
    # SNS's developer guide, HTTP/HTTPS JSON format; without raw delivery.
    "an SNS envelope": (
        {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:photos",
            "Subject": "Amazon S3 Notification",
            "Message": notification(),
            "Timestamp": "2026-11-23T06:00:00.000Z",
        },
        "dead-lettered: SnsEnvelope",
    ),
    # S3's user guide, EventBridge event message structure.
    "an EventBridge event": (
        {
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": "123456789012",
            "time": "2026-11-23T06:00:00Z",
            "region": "eu-central-1",
            "resources": [f"arn:aws:s3:::{BUCKET}"],
            "detail": {
                "version": "0",
                "bucket": {"name": BUCKET},
                "object": {
                    "key": "cat.jpg",
                    "size": 5,
                    "etag": "b1946ac92492d2347c6235b4d2611184",
                    "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                    "sequencer": "617f08299329d189",
                },
                "request-id": "N4N7GDK58NMKJ12R",
                "requester": "123456789012",
                "source-ip-address": "192.0.2.3",
                "reason": "PutObject",
            },
        },
        "dead-lettered: EventBridgeEvent",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_given_a_message_that_is_no_notification_when_received_then_it_is_done_or_says_why_not(
    function: Function, aws: Aws, name: str
) -> None:
    body, end = MESSAGES[name]
    assert function.receive(json.dumps(body)) == end
    assert not {"DetectLabels", "HeadObject"} & set(aws.operations())


NO_BUCKETS = {
    "b": "dead-lettered: InvalidObjectName",
    "a photo": "dead-lettered: InvalidObjectName",
    "photos?": "dead-lettered: InvalidObjectName",
    "photos\n": "dead-lettered: InvalidObjectName",
    "arn:aws:s3:::photos": "dead-lettered: InvalidObjectName",
    "arn:aws:s3:us-west-2:123456789012:accesspoint:mine": "dead-lettered: InvalidObjectName",
    # Of a directory bucket, almost: botocore finds no endpoint for them.
    "a--x-s3": "comes back",
    "a--one--x-s3": "comes back",
}


@pytest.mark.parametrize("bucket", NO_BUCKETS)
def test_given_a_name_that_no_bucket_has_when_received_then_nothing_is_tried_again_and_again(
    function: Function, aws: Aws, bucket: str
) -> None:
    body = json.dumps({"source": "photo-labels", "action": "reconcile", "bucket": bucket, "key": "cat.jpg"})
    assert function.receive(body) == NO_BUCKETS[bucket]
    assert function.waited_s < 1
    assert set(aws.operations()) <= {"BatchGetItem", "SendMessage", "ChangeMessageVisibilityBatch"}
