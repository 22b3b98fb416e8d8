"""The bucket and its events."""

from __future__ import annotations

import pytest

from tests.infra.pipeline.shared import BUCKET, Template, actions_of, stack_of
from tests.infra.template import as_list


def test_given_a_bucket_of_ours_when_made_then_the_queue_hears_of_all_that_comes_and_goes(
    template: Template,
) -> None:
    stack = stack_of(template)
    notified = stack.properties("PhotoBucket")["NotificationConfiguration"]["QueueConfigurations"]
    assert notified == [
        {"Event": event, "Queue": "<Queue.Arn>"}
        for event in ("s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:LifecycleExpiration:*")
    ]


def test_given_a_key_prefix_when_made_then_it_limits_events_and_what_may_be_read(template: Template) -> None:
    stack = stack_of(template, KeyPrefix="in/")
    for notified in stack.properties("PhotoBucket")["NotificationConfiguration"]["QueueConfigurations"]:
        assert notified["Filter"] == {"S3Key": {"Rules": [{"Name": "prefix", "Value": "in/"}]}}
    assert actions_of(stack)["s3:GetObject"] == {"arn:aws:s3:::<PhotoBucket>/in/*"}


def test_given_a_bucket_of_ours_when_made_then_it_may_send_before_it_is_told_to(template: Template) -> None:
    # Otherwise S3 refuses the notifications, and the stack fails.
    assert "QueuePolicy" in as_list(stack_of(template).resources["PhotoBucket"]["DependsOn"])


@pytest.mark.parametrize(("existing", "bucket"), [("", BUCKET), ("holiday-photos", "holiday-photos")])
def test_given_the_queue_when_s3_sends_then_only_from_that_bucket_and_account(
    template: Template, existing: str, bucket: str
) -> None:
    stack = stack_of(template, ExistingBucket=existing)
    [allowed] = [
        statement
        for statement in stack.properties("QueuePolicy")["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert allowed["Principal"] == {"Service": "s3.amazonaws.com"}
    assert (allowed["Action"], allowed["Resource"]) == ("sqs:SendMessage", "<Queue.Arn>")
    assert allowed["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }


def test_given_an_existing_bucket_when_deployed_then_nothing_of_it_is_ours(template: Template) -> None:
    stack = stack_of(template, ExistingBucket="holiday-photos")
    assert not stack.of_type("AWS::S3::Bucket")
    assert not stack.of_type("AWS::S3::BucketPolicy")
    assert stack.outputs["Bucket"] == "holiday-photos"
    assert actions_of(stack)["s3:GetObject"] == {"arn:aws:s3:::holiday-photos/*"}
    assert actions_of(stack)["s3:ListBucket"] == {"arn:aws:s3:::holiday-photos"}
