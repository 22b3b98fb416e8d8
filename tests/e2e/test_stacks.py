"""The stacks, as the deploy tool changes and removes them, on the local AWS; no image is needed for that."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from infra.deployment import Deployment
from infra.destroy import destroy
from infra.display import Display
from infra.stored import require_own, retained_stores, stores_named
from infra.template import REGISTRY, STACK_TAG
from local.ministack import Ministack
from photo_labels.library.target import Connection, local_session
from photo_labels.library.user_errors import UserError
from tests.bucket_tags import tag_as_cloudformation_does

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "000000000000"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/photo-labels@sha256:" + "0" * 64
VALUES = {"ImageUri": IMAGE, "Architecture": "x86_64", "EnforceTls": "false"}
BUCKET = f"photo-labels-{ACCOUNT}-us-east-1"
DATA = {"table ImageLabels", "table LabelIndex", f"bucket {BUCKET} with all its photos"}


@pytest.fixture
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    ministack = Ministack(tmp_path_factory.mktemp("aws"), {}, os.environ)
    try:
        ministack.wait_until_ready()
        yield Connection(local_session(), ministack.endpoint_url, "local")
    finally:
        ministack.process.stop()


def deployed(aws: Connection, name: str = "photo-labels", **parameters: str) -> Deployment:
    """Deploy as `make deploy` does, but for the image and its proof."""
    deployment = Deployment(name, ACCOUNT, aws, lambda _: None)
    registry = deployment.registry.propose({"RepositoryName": name, "EnforceTls": "false"}, REGISTRY)
    if registry:
        deployment.registry.execute(registry)
    values = VALUES | parameters
    template = deployment.template(values)
    require_own(deployment, template, deployment.effective(values))
    if proposed := deployment.pipeline.propose(values, template):
        deployment.execute(proposed)
    tag_as_cloudformation_does(aws.client("s3"), f"{name}-{ACCOUNT}-us-east-1", name)
    return deployment


def destroyed(deployment: Deployment, *, with_data: bool = False) -> str:
    """Return what `make destroy` said."""
    console = Console(record=True, width=300)
    destroy(deployment, Display(console, yes=True), with_data=with_data)
    return console.export_text()


def kept_or_removed(said: str, words: str) -> set[str]:
    (line,) = [one.split(words)[1] for one in said.splitlines() if words in one]
    return set(line.rstrip(".").split(", "))


def tables(aws: Connection) -> set[str]:
    return set(aws.client("dynamodb").list_tables()["TableNames"])


def buckets(aws: Connection) -> set[str]:
    return {one["Name"] for one in aws.client("s3").list_buckets()["Buckets"]}


def retag(aws: Connection, table: str, *, removed: str, added: dict[str, str]) -> None:
    client = aws.client("dynamodb")
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]
    client.untag_resource(ResourceArn=arn, TagKeys=[removed])
    if added:
        tags = [{"Key": key, "Value": value} for key, value in added.items()]
        client.tag_resource(ResourceArn=arn, Tags=tags)


def test_given_a_template_longer_than_a_request_takes_when_deployed_then_it_comes_from_the_bucket(
    aws: Connection,
) -> None:
    deployment = deployed(aws)
    bucket = deployment.registry.outputs()["TemplateBucket"]
    assert bucket.startswith("photo-labels-registry-")
    (sent,) = aws.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert sent["Key"].endswith(".json")
    template = json.loads(deployment.pipeline.template())
    template["Metadata"] = {"Padding": "x" * 60_000}
    proposed = deployment.pipeline.propose({"MaxLabels": "7"}, json.dumps(template))
    assert proposed
    deployment.execute(proposed)
    assert "Padding" in deployment.pipeline.template()
    destroyed(deployment, with_data=True)
    assert buckets(aws) == set()


def test_given_a_destroyed_stack_when_deployed_again_then_its_stores_are_adopted(aws: Connection) -> None:
    deployment = deployed(aws)
    aws.client("s3").put_object(Bucket=BUCKET, Key="kept.jpg", Body=b"photo")
    said = destroyed(deployment)
    assert kept_or_removed(said, "It keeps: ") >= DATA
    assert {"ImageLabels", "LabelIndex"} <= tables(aws)
    again = deployed(aws)
    assert aws.client("s3").head_object(Bucket=BUCKET, Key="kept.jpg")
    said = destroyed(again, with_data=True)
    assert kept_or_removed(said, "Removed, too: ") >= DATA
    assert tables(aws) == buckets(aws) == set()


def test_given_stores_of_an_earlier_version_when_deployed_again_then_cloudformations_tag_tells(
    aws: Connection,
) -> None:
    destroyed(deployed(aws))
    for table in ("ImageLabels", "LabelIndex"):
        retag(aws, table, removed=STACK_TAG, added={})
    deployment = deployed(aws)
    own, others = retained_stores(deployment)
    assert {one.name for one in own} >= {"ImageLabels", "LabelIndex", BUCKET}
    assert others == []


def test_given_another_stacks_tables_when_deployed_then_refused_with_a_way_out(aws: Connection) -> None:
    deployed(aws)
    with pytest.raises(
        UserError, match=r"a table ImageLabels already, of the stack photo-labels: .*TablePrefix=two-"
    ):
        deployed(aws, "two")
    second = deployed(aws, "two", TablePrefix="two-")
    destroyed(second, with_data=True)
    assert {"ImageLabels", "LabelIndex", "LabelQuota"} == tables(aws)
    assert BUCKET in buckets(aws)


def test_given_somebodys_table_when_deployed_then_it_is_left_alone_until_it_is_tagged(aws: Connection) -> None:
    client = aws.client("dynamodb")
    client.create_table(
        TableName="ImageLabels",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "ImageID", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "ImageID", "KeyType": "HASH"}],
    )
    with pytest.raises(
        UserError, match=r"a table ImageLabels already, that photo-labels did not make: .*TablePrefix"
    ):
        deployed(aws)
    assert Deployment("photo-labels", ACCOUNT, aws, lambda _: None).pipeline.status() is None
    arn = client.describe_table(TableName="ImageLabels")["Table"]["TableArn"]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": STACK_TAG, "Value": "photo-labels"}])
    deployed(aws)


def test_given_somebodys_bucket_when_deployed_then_refused_with_a_way_out(aws: Connection) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(UserError, match=rf"a bucket {BUCKET} already.*STACK=….*EXISTING_BUCKET={BUCKET}"):
        deployed(aws)
    deployed(aws, ExistingBucket=BUCKET)
    destroyed(Deployment("photo-labels", ACCOUNT, aws, lambda _: None), with_data=True)
    assert buckets(aws) == {BUCKET}
    assert tables(aws) == set()


class WithoutTagsOfAws(Connection):
    """CloudFormation's own tags cannot be taken away; who looks with this does not see them."""

    def client(self, service: Any, **more: Any) -> Any:
        client = super().client(service, **more)
        client.meta.events.register("after-call.dynamodb.ListTagsOfResource", _without_tags_of_aws)
        return client


def _without_tags_of_aws(parsed: dict[str, Any], **_: Any) -> None:
    parsed["Tags"] = [tag for tag in parsed["Tags"] if not tag["Key"].startswith("aws:")]


def test_given_a_table_that_the_stack_did_not_make_when_destroyed_with_data_then_it_stays(aws: Connection) -> None:
    deployment = deployed(aws)
    retag(aws, "LabelIndex", removed=STACK_TAG, added={STACK_TAG: "two"})
    deployment.connection = WithoutTagsOfAws(aws.session, aws.endpoint_url, aws.description)
    said = destroyed(deployment, with_data=True)
    assert "It keeps what it did not make: table LabelIndex." in said
    assert tables(aws) == {"LabelIndex"}


def test_given_a_template_that_retains_more_when_destroyed_with_data_then_that_goes_too(aws: Connection) -> None:
    deployment = deployed(aws)
    template = json.loads(deployment.pipeline.template())
    template["Resources"]["LabelQuota"] |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    template["Resources"]["LabelIndex"] |= {"DeletionPolicy": "Delete"}
    proposed = deployment.pipeline.propose({"MaxLabels": "7"}, json.dumps(template))
    assert proposed
    deployment.execute(proposed)
    assert "LabelQuota" in {one.name for one in retained_stores(deployment)[0]}
    assert "LabelIndex" not in {one.name for one in retained_stores(deployment)[0]}
    destroyed(deployment, with_data=True)
    assert tables(aws) == set()


def test_given_the_templates_conditions_when_stores_are_named_then_only_those_that_would_be_made(
    aws: Connection,
) -> None:
    deployment = Deployment("photo-labels", ACCOUNT, aws, lambda _: None)
    template = deployment.template({"TablePrefix": "two-"})
    named = {one.name for one in stores_named(template, deployment.effective(VALUES))}
    assert named == {BUCKET, "two-ImageLabels", "two-LabelIndex", "two-LabelQuota"}
    existing = deployment.effective(VALUES | {"ExistingBucket": "holidays"})
    assert {one.name for one in stores_named(template, existing)} == named - {BUCKET}


def test_given_a_key_when_it_comes_and_goes_then_no_table_is_made_anew(aws: Connection) -> None:
    deployed(aws)
    client = aws.client("dynamodb")
    made = client.describe_table(TableName="ImageLabels")["Table"]["TableId"]
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    for arn in (key, ""):
        deployed(aws, KmsKeyArn=arn)
        found = client.describe_table(TableName="ImageLabels")["Table"]
        assert found["TableId"] == made
        assert (found.get("SSEDescription", {}).get("KMSMasterKeyArn") == arn) == bool(arn)


def test_given_tags_when_deployed_then_they_stay_until_others_are_given(aws: Connection) -> None:
    deployment = deployed(aws)
    template = deployment.pipeline.template()
    for given, kept in (({"team": "photos"}, {"team": "photos"}), (None, {"team": "photos"}), ({}, {})):
        proposed = deployment.pipeline.propose({"MaxLabels": str(40 + len(kept))}, template, given)
        if proposed:
            deployment.execute(proposed)
        assert deployment.pipeline.tags() == kept
