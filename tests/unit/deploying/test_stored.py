"""Whose a bucket or table is, and what is said of one that is somebody else's."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.stored import Store, adoptable, find, retained, stores_named
from infra.template import NAMES_OF_STORES, pipeline_template
from photo_labels.library.user_errors import UserError
from tests.fakes.aws import check
from tests.infra.template import read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.deployment import Deployment

BUCKET = Store("AWS::S3::Bucket", "photo-labels-123456789012-eu-central-1")
TABLE = Store("AWS::DynamoDB::Table", "ImageLabels")
ARN = "arn:aws:dynamodb:eu-central-1:123456789012:table/ImageLabels"
TAG = "photo-labels:stack"
TAG_OF_CLOUDFORMATION = "aws:cloudformation:stack-name"
OWN = {TAG: "photo-labels"}
TEMPLATE = pipeline_template(
    {"AWS::StackName": "photo-labels", "AWS::AccountId": "123456789012", "AWS::Region": "eu-central-1"}
    | {"TablePrefix": ""}
)


def client(service: Any) -> Any:
    return boto3.client(service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")


def connection(**clients: Any) -> Any:
    return SimpleNamespace(client=clients.__getitem__)


def tag_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def stack_of_bucket(tags: Mapping[str, str]) -> str | None:
    s3 = client("s3")
    with Stubber(s3) as stub:
        stub.add_response("get_bucket_tagging", {"TagSet": tag_set(tags)}, {"Bucket": BUCKET.name})
        found = find(connection(s3=s3), BUCKET)
    assert found
    return found.stack


def stack_of_table(tags: Mapping[str, str]) -> str | None:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        stub.add_response("describe_table", {"Table": {"TableArn": ARN, "TableStatus": "ACTIVE"}})
        stub.add_response("list_tags_of_resource", {"Tags": tag_set(tags)}, {"ResourceArn": ARN})
        found = find(connection(dynamodb=dynamodb), TABLE)
    assert found
    return found.stack


def test_given_our_tag_when_asked_then_it_tells_whose_a_store_is() -> None:
    for stack_of in (stack_of_bucket, stack_of_table):
        assert stack_of({TAG: "photo-labels", "team": "photos"}) == "photo-labels"
        assert stack_of({TAG: "two", TAG_OF_CLOUDFORMATION: "photo-labels"}) == "two"
        assert stack_of({"team": "photos"}) is None


def test_given_an_earlier_versions_store_when_asked_then_cloudformations_tag_tells_of_buckets_only() -> None:
    assert stack_of_bucket({TAG_OF_CLOUDFORMATION: "photo-labels"}) == "photo-labels"
    assert stack_of_table({TAG_OF_CLOUDFORMATION: "photo-labels"}) is None


@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchTagSet"])
def test_given_no_bucket_or_none_with_tags_when_asked_then_they_are_told_apart(code: str) -> None:
    s3 = client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error("get_bucket_tagging", code)
        found = find(connection(s3=s3), BUCKET)
    assert (found is None) == (code == "NoSuchBucket")
    assert found is None or found.stack is None


def test_given_a_bucket_of_another_account_when_asked_then_a_sentence() -> None:
    s3 = client("s3")
    with Stubber(s3) as stub:
        stub.add_client_error("get_bucket_tagging", "AccessDenied", http_status_code=403)
        with pytest.raises(UserError, match=r"of another account, name your stack otherwise \(STACK=…\)"):
            find(connection(s3=s3), BUCKET)


@pytest.mark.parametrize("status", [None, "DELETING"])
def test_given_a_table_that_goes_or_is_gone_when_asked_then_it_is_not_there(status: str | None) -> None:
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        if status:
            stub.add_response("describe_table", {"Table": {"TableArn": ARN, "TableStatus": status}})
        else:
            stub.add_client_error("describe_table", "ResourceNotFoundException")
        assert find(connection(dynamodb=dynamodb), TABLE) is None


class Account:
    """What is in an account: tables by name and the stack's own bucket, with tags; None: they may not be read."""

    def __init__(self, **there: Mapping[str, str] | None) -> None:
        self.there = there

    def client(self, service: str) -> Any:
        if service == "dynamodb":
            return _Tables({name: tags or {} for name, tags in self.there.items() if name != "bucket"})
        s3 = client(service)
        stub = Stubber(s3)
        tags = self.there.get("bucket", {})
        if "bucket" not in self.there:
            stub.add_client_error("get_bucket_tagging", "NoSuchBucket")
        elif tags is None:
            stub.add_client_error("get_bucket_tagging", "AccessDenied", http_status_code=403)
        else:
            stub.add_response("get_bucket_tagging", {"TagSet": tag_set(tags)})
        stub.activate()
        return s3


class _Tables:
    """Tables by name, with their tags."""

    exceptions = client("dynamodb").exceptions

    def __init__(self, tags: Mapping[str, Mapping[str, str]]) -> None:
        self._tags = tags

    def describe_table(self, **given: str) -> Any:
        check("dynamodb", "DescribeTable", given)
        if given["TableName"] not in self._tags:
            raise self.exceptions.ResourceNotFoundException({}, "DescribeTable")
        return {"Table": {"TableArn": f"arn:table/{given['TableName']}", "TableStatus": "ACTIVE"}}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **given: str) -> Any:
        check("dynamodb", "ListTagsOfResource", given)
        return [{"Tags": tag_set(self._tags[given["ResourceArn"].rpartition("/")[2]])}]


def deployment(
    account: Account, status: str | None, resources: Mapping[str, str], **parameters: str
) -> Deployment:
    found: Any = SimpleNamespace(
        name="photo-labels",
        connection=account,
        pipeline=SimpleNamespace(
            status=lambda: status,
            template=lambda: TEMPLATE,
            resources=lambda: dict(resources),
            parameters=lambda: parameters,
        ),
    )
    return found  # type: ignore[no-any-return]


def test_given_all_names_taken_when_deployed_then_one_sentence_names_them_and_their_ways_out() -> None:
    account = Account(bucket={}, ImageLabels={}, LabelIndex={TAG: "two"}, LabelQuota=OWN)
    with pytest.raises(UserError) as refused:
        adoptable(deployment(account, None, {}), TEMPLATE, {})
    said = str(refused.value)
    assert "table ImageLabels (no tag tells whose), table LabelIndex (of the stack two)" in said
    assert f"bucket {BUCKET.name} (no tag tells whose)" in said
    assert "LabelQuota" not in said
    assert 'PARAMETERS="TablePrefix=photo-labels-"' in said
    assert f"(STACK=…), or label the photos of that bucket (EXISTING_BUCKET={BUCKET.name})" in said
    bucket, table = (line.split() for line in said.splitlines()[1:])
    assert bucket[:3] == ["aws", "resourcegroupstaggingapi", "tag-resources"]
    assert bucket[-3:] == [f"arn:aws:s3:::{BUCKET.name}", "--tags", f"{TAG}=photo-labels"]
    assert table[:3] == ["aws", "dynamodb", "tag-resource"]
    assert table[-3:] == ["arn:table/ImageLabels", "--tags", f"Key={TAG},Value=photo-labels"]


def test_given_what_the_stack_has_when_deployed_then_its_tags_are_not_asked_for() -> None:
    account = Account(bucket=None, ImageLabels={}, LabelIndex=OWN)
    has = {"PhotoBucket": BUCKET.name, "ImageLabels": "ImageLabels"}
    assert adoptable(deployment(account, "CREATE_COMPLETE", has), TEMPLATE, {}) == {"LabelIndex"}


def test_given_names_that_are_not_made_when_deployed_then_what_has_them_does_not_matter() -> None:
    account = Account(bucket=None, LabelQuota={TAG: "two"})
    lent = {"ExistingBucket": "holidays", "QuotaTable": "LabelQuota"}
    assert adoptable(deployment(account, None, {}, **lent), TEMPLATE, lent) == set()


def test_given_a_half_deleted_stack_when_looked_at_then_what_it_has_kept_is_its_own_still() -> None:
    account = Account(bucket=OWN, ImageLabels=OWN, LabelIndex={}, LabelQuota={TAG: "two"})
    found = retained(deployment(account, "DELETE_FAILED", {"Queue": "https://queue"}))
    assert [store.name for store in found.own] == ["ImageLabels", BUCKET.name]
    assert (found.untagged, found.others) == ((), ()), "it did not come to make the rest"


def test_given_a_first_deployment_that_met_anothers_bucket_when_looked_at_then_it_is_left() -> None:
    found = retained(deployment(Account(bucket=None, ImageLabels=OWN), "ROLLBACK_COMPLETE", {}))
    assert [store.name for store in found.own] == ["ImageLabels"]


def test_given_a_deployed_stack_when_looked_at_then_only_what_it_has_counts() -> None:
    account = Account(bucket=OWN, ImageLabels=OWN, LabelIndex={}, LabelQuota=OWN)
    has = {"ImageLabels": "ImageLabels", "LabelIndex": "LabelIndex"}
    found = retained(deployment(account, "UPDATE_COMPLETE", has, QuotaTable="two-LabelQuota"))
    assert [store.name for store in found.own] == ["ImageLabels"]
    assert [one.store.name for one in found.untagged] == ["LabelIndex"]
    assert [store.name for store in found.others] == ["two-LabelQuota"]


def test_given_the_template_when_read_then_all_that_is_retained_is_named_and_looked_at() -> None:
    stay = {
        name: one
        for name, one in read("pipeline.yaml")["Resources"].items()
        if {one.get("DeletionPolicy"), one.get("UpdateReplacePolicy")} - {None, "Delete"}
    }
    assert {one["Type"] for one in stay.values()} <= NAMES_OF_STORES.keys()
    assert stores_named(json.loads(TEMPLATE), {}).keys() == stay.keys()
