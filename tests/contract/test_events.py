"""Every S3 event that can reach the queue, as S3 writes it, and what becomes of its photo.

The pipeline's own bucket sends creations, removals and expirations only. An existing bucket may send what its owner
chose, and a message of ours or of nobody's can be in any queue.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


def event_bridge(kind: str = "Object Created", **of_object: Any) -> dict[str, Any]:
    """Return the example of S3's user guide, EventBridge event message structure; None: the object has no such thing."""
    content = {
        "key": "cat.jpg",
        "size": 5,
        "etag": "b1946ac92492d2347c6235b4d2611184",
        "version-id": "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        "sequencer": "617f08299329d189",
        **of_object,
    }
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": kind,
        "source": "aws.s3",
        "account": "123456789012",
        "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "region": "eu-central-1",
        "resources": [f"arn:aws:s3:::{BUCKET}"],
        "detail": {
            "version": "0",
            "event-version": "1.0",
            "bucket": {"name": BUCKET},
            "object": {field: value for field, value in content.items() if value is not None},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "192.0.2.3",
        },
    }


def deleted(reason: str, deletion_type: str, **of_object: Any) -> dict[str, Any]:
    """Return the examples there of deletions, which have no size, and those of objects no etag."""
    event = event_bridge("Object Deleted", size=None, **of_object)
    event["detail"] |= {"reason": reason, "deletion-type": deletion_type}
    return event


def sns(content: dict[str, Any]) -> dict[str, Any]:
    """Return what SNS's developer guide has as HTTP/HTTPS notification JSON format, which queues get without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:photos",
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps(content),
        "Timestamp": "2026-11-23T06:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLEw6JRN",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:x",
    }


MARKER = {"etag": "d41d8cd98f00b204e9800998ecf8427e", "version-id": "1QW9g1Z99LUNbvaaYVpW9xDlOLU.qxgF"}
ENVELOPED = {
    "EventBridge: created": (event_bridge(), "LABELLED", ""),
    "EventBridge: created, a key as it is": (event_bridge(key="a+b %20ü.jpg"), "LABELLED", ""),
    "EventBridge: deleted": (deleted("DeleteObject", "Permanently Deleted", etag=None), "done", "REMOVED"),
    "EventBridge: a delete marker": (
        deleted("DeleteObject", "Delete Marker Created", **MARKER),
        "done",
        "REMOVED",
    ),
    "EventBridge: expired": (
        deleted("Lifecycle Expiration", "Permanently Deleted", etag=None),
        "done",
        "REMOVED",
    ),
    "EventBridge: expired to a marker": (
        deleted("Lifecycle Expiration", "Delete Marker Created", **MARKER),
        "done",
        "REMOVED",
    ),
    "SNS: created": (sns(json.loads(notification())), "LABELLED", ""),
    "SNS: deleted": (sns(json.loads(notification("ObjectRemoved:Delete", **GONE))), "done", "REMOVED"),
    "EventBridge by SNS": (sns(event_bridge()), "LABELLED", ""),
}


@pytest.mark.parametrize("name", ENVELOPED)
@pytest.mark.parametrize("is_there", [True, False])
def test_given_an_event_in_an_envelope_when_received_then_it_ends_as_s3s_own_does(
    function: Function, aws: Aws, name: str, is_there: bool
) -> None:
    body, there, gone = ENVELOPED[name]
    aws.tell("HeadObject", head() if is_there else head_error(404))
    assert function.receive(json.dumps(body)) == (there if is_there else gone or there)
    if there == "LABELLED":
        [call] = aws.of("DetectLabels")
        [document] = function.documents()
        assert call.content["Image"]["S3Object"]["Name"] == document["Key"]["S"]
        assert document["Key"]["S"] == body.get("detail", {}).get("object", {}).get("key", "cat.jpg")


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
    # S3's test event as a topic passes it on.
    "s3:TestEvent by SNS": (sns({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}), "done"),
    # SNS's developer guide, HTTP/HTTPS subscription confirmation JSON format.
    "SNS asks for confirmation": (
        {
            "Type": "SubscriptionConfirmation",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "Token": "2336412f37",
            "TopicArn": "arn:aws:sns:eu-central-1:123456789012:photos",
            "Message": "You have chosen to subscribe to the topic arn:aws:sns:eu-central-1:123456789012:photos.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message.",
            "SubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:"
            "eu-central-1:123456789012:photos&Token=2336412f37",
            "Timestamp": "2026-11-23T06:00:00.000Z",
        },
        "dead-lettered: SnsSubscription",
    ),
    # CloudTrail's events of S3 have the same source, and another detail.
    "an API call": (
        event_bridge("AWS API Call via CloudTrail") | {"detail": {"eventName": "PutObject"}},
        "dead-lettered: UnknownEvent",
    ),
    "another service": (
        event_bridge("EC2 Instance State-change Notification")
        | {"source": "aws.ec2", "detail": {"state": "running"}},
        "dead-lettered: UnknownEvent",
    ),
    **{
        # S3's user guide, Using EventBridge; once it is on for a bucket, S3 sends all of them.
        kind: (event_bridge(kind), "done")
        for kind in (
            "Object Restore Initiated",
            "Object Restore Completed",
            "Object Restore Expired",
            "Object Storage Class Changed",
            "Object Access Tier Changed",
            "Object ACL Updated",
            "Object Tags Added",
            "Object Tags Deleted",
        )
    },
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
