"""Tables and other data."""

from __future__ import annotations

import json

from infra.template import STACK_TAG
from tests.infra.pipeline.shared import BUCKET, KEY, Template, stack_of


def test_given_data_when_the_stack_goes_then_it_stays(template: Template) -> None:
    stack = stack_of(template)
    for name in ("PhotoBucket", "ImageLabels", "LabelIndex", "LabelQuota", "ContentClaims"):
        resource = stack.resources[name]
        assert resource.get("DeletionPolicy") == "Retain", name
        assert resource.get("UpdateReplacePolicy") == "Retain", name


def test_given_data_when_the_stack_comes_back_then_it_is_found_by_name(template: Template) -> None:
    stack = stack_of(template, TablePrefix="two-")
    assert stack.properties("PhotoBucket")["BucketName"] == BUCKET
    assert stack.properties("ImageLabels")["TableName"] == "two-ImageLabels"
    assert stack.properties("LabelIndex")["TableName"] == "two-LabelIndex"
    assert stack.properties("LabelQuota")["TableName"] == "two-LabelQuota"
    assert stack.properties("ContentClaims")["TableName"] == "two-ContentClaims"


def test_given_data_when_at_rest_then_it_is_encrypted(template: Template) -> None:
    stack = stack_of(template)
    encryption = stack.properties("PhotoBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    for queue in stack.of_type("AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in queue
    for table in stack.of_type("AWS::DynamoDB::Table").values():
        # The key that AWS owns is free, the one that it manages is not. Left out, the update of a table fails that had it.
        assert table["SSESpecification"] == {"SSEEnabled": False}
    assert "KmsKeyArn" not in json.dumps(stack.resources)
    assert "kms:" not in json.dumps(stack.resources)


def test_given_a_key_when_data_is_at_rest_then_it_is_encrypted_with_it(template: Template) -> None:
    stack = stack_of(template, KmsKeyArn=KEY, Via="both")
    [rule] = stack.properties("PhotoBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY},
        "BucketKeyEnabled": True,
    }
    for queue in stack.of_type("AWS::SQS::Queue").values():
        assert (queue["SqsManagedSseEnabled"], queue["KmsMasterKeyId"]) == (False, KEY)
        assert 60 <= int(queue["KmsDataKeyReusePeriodSeconds"]) <= 86_400
    for table in stack.of_type("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert {group["KmsKeyId"] for group in stack.of_type("AWS::Logs::LogGroup").values()} == {KEY}
    assert stack.properties("AlarmTopic")["KmsMasterKeyId"] == KEY


def test_given_a_key_when_it_comes_and_goes_then_no_name_changes_and_nothing_is_made_anew(
    template: Template,
) -> None:
    # None of these properties' changes replaces a resource (CloudFormation's template reference).
    in_place = {"SSESpecification", "BucketEncryption", "SqsManagedSseEnabled", "KmsMasterKeyId"}
    in_place |= {"KmsDataKeyReusePeriodSeconds", "KmsKeyId", "PolicyDocument"}
    before, after = stack_of(template).resources, stack_of(template, KmsKeyArn=KEY).resources
    assert before.keys() == after.keys()
    for name, one in before.items():
        old, new = one["Properties"], after[name]["Properties"]
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        assert changed <= in_place, name


def test_given_stores_when_made_then_they_have_the_tag_by_which_their_stack_knows_them(template: Template) -> None:
    stack = stack_of(template)
    stores = {**stack.of_type("AWS::S3::Bucket"), **stack.of_type("AWS::DynamoDB::Table")}
    assert len(stores) >= 4
    for store in stores.values():
        assert store["Tags"] == [{"Key": STACK_TAG, "Value": "photo-labels"}]


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
        "ContentClaims": {"Content": "HASH"},
    }
    for name, table in stack.of_type("AWS::DynamoDB::Table").items():
        types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
        assert types == dict.fromkeys(keys[name], "S")
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        # Nothing is lost with a claim.
        is_kept = {} if name == "ContentClaims" else {"PointInTimeRecoveryEnabled": True}
        assert table.get("PointInTimeRecoverySpecification", {}) == is_kept
    documents = stack.properties("ImageLabels")
    assert documents["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert documents["TimeToLiveSpecification"] == {"AttributeName": "ExpiresAt", "Enabled": True}
