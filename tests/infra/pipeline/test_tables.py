"""Tables and other data."""

from __future__ import annotations

from tests.infra.pipeline.shared import BUCKET, Template, stack_of


def test_given_data_when_the_stack_goes_then_it_stays(template: Template) -> None:
    stack = stack_of(template)
    for name in ("PhotoBucket", "ImageLabels", "LabelIndex", "LabelQuota"):
        resource = stack.resources[name]
        assert resource.get("DeletionPolicy") == "Retain", name
        assert resource.get("UpdateReplacePolicy") == "Retain", name


def test_given_data_when_the_stack_comes_back_then_it_is_found_by_name(template: Template) -> None:
    stack = stack_of(template, TablePrefix="two-")
    assert stack.properties("PhotoBucket")["BucketName"] == BUCKET
    assert stack.properties("ImageLabels")["TableName"] == "two-ImageLabels"
    assert stack.properties("LabelIndex")["TableName"] == "two-LabelIndex"
    assert stack.properties("LabelQuota")["TableName"] == "two-LabelQuota"


def test_given_data_when_at_rest_then_it_is_encrypted(template: Template) -> None:
    stack = stack_of(template)
    encryption = stack.properties("PhotoBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    for queue in stack.of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
    for table in stack.of_type("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True}


def test_given_the_bucket_when_made_then_nothing_in_it_can_be_public(template: Template) -> None:
    blocked = stack_of(template).properties("PhotoBucket")["PublicAccessBlockConfiguration"]
    assert blocked == dict.fromkeys(
        ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
    )


def test_given_the_tables_when_made_then_they_are_those_of_the_design(template: Template) -> None:
    stack = stack_of(template)
    keys = {
        name: {key["AttributeName"]: key["KeyType"] for key in table["KeySchema"]}
        for name, table in stack.of_type("AWS::DynamoDB::Table").items()
    }
    assert keys == {
        "ImageLabels": {"ImageID": "HASH"},
        "LabelIndex": {"Label": "HASH", "Rank": "RANGE"},
        "LabelQuota": {"Operation": "HASH"},
    }
    for name, table in stack.of_type("AWS::DynamoDB::Table").items():
        types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
        assert types == dict.fromkeys(keys[name], "S")
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    documents = stack.properties("ImageLabels")
    assert documents["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert documents["TimeToLiveSpecification"] == {"AttributeName": "ExpiresAt", "Enabled": True}
