"""The stacks, as the deploy tool changes and removes them, on the local AWS; no image is needed for that."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from infra.deployment import Deployment
from infra.destroy import destroy
from infra.display import Display
from infra.stored import adoptable, require_adoptable, retained, stores_named
from infra.template import REGISTRY, STACK_TAG
from local.ministack import Ministack
from photo_labels.library.target import Connection, local_session
from photo_labels.library.user_errors import UserError
from tests.bucket_tags import tag_as_cloudformation_does

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from infra.stacks import ChangeSet

ACCOUNT = "000000000000"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/photo-labels@sha256:" + "0" * 64
VALUES = {"ImageUri": IMAGE, "Architecture": "x86_64", "EnforceTls": "false"}
BUCKET = f"photo-labels-{ACCOUNT}-us-east-1"
BEFORE_CLAIMS = {"ImageLabels", "LabelIndex", "LabelQuota"}
TABLES = BEFORE_CLAIMS | {"ContentClaims"}
DATA = {*(f"table {name}" for name in TABLES), f"bucket {BUCKET} with all its photos"}


@pytest.fixture
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    ministack = Ministack(tmp_path_factory.mktemp("aws"), {}, os.environ)
    try:
        ministack.wait_until_ready()
        yield Connection(local_session(), ministack.endpoint_url, "local")
    finally:
        ministack.process.stop()


def deployed(
    aws: Connection, name: str = "photo-labels", template: str | None = None, **parameters: str
) -> Deployment:
    """Deploy as `make deploy` does, but for the image and its proof; `template`: one of an earlier version."""
    deployment = Deployment(name, ACCOUNT, aws, lambda _: None)
    registry = deployment.registry.propose({"RepositoryName": name, "EnforceTls": "false"}, REGISTRY)
    if registry:
        deployment.registry.execute(registry)
    values = VALUES | parameters
    given, effective = template or deployment.template(values), deployment.effective(values)
    own = adoptable(deployment, deployment.template(values), effective)
    if proposed := deployment.pipeline.propose(values, given):
        require_adoptable(
            deployment, without_conditions_quirk(proposed, stores_named(json.loads(given), effective)), own
        )
        deployment.execute(proposed)
    tag_as_cloudformation_does(aws.client("s3"), f"{name}-{ACCOUNT}-us-east-1", name)
    return deployment


def without_conditions_quirk(proposed: ChangeSet, made: Collection[str]) -> ChangeSet:
    """Leave out what ministack would adopt by its own account, and does not, since its condition does not hold."""
    changes = [one for one in proposed.changes if one.action != "Import" or one.resource in made]
    return replace(proposed, changes=tuple(changes))


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


def of_an_earlier_version(deployment: Deployment, **parameters: str) -> str:
    """Return a template from before there were tags, and claims; LabelQuota went with its stack."""
    template = json.loads(deployment.template(parameters))
    claims = template["Resources"].pop("ContentClaims")
    as_before = json.dumps(template).replace('{"Ref": "ContentClaims"}', '""')
    arn = '{"Fn::GetAtt": ["ContentClaims", "Arn"]}'
    template = json.loads(as_before.replace(arn, '{"Fn::GetAtt": ["ImageLabels", "Arn"]}'))
    assert claims
    del template["Outputs"]["ContentClaimsTable"]
    for resource in template["Resources"].values():
        resource.get("Properties", {}).pop("Tags", None)
    del template["Resources"]["LabelQuota"]["DeletionPolicy"]
    del template["Resources"]["LabelQuota"]["UpdateReplacePolicy"]
    return json.dumps(template)


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
    assert kept_or_removed(said, "It keeps: ") == DATA
    assert tables(aws) == TABLES
    again = deployed(aws)
    assert aws.client("s3").head_object(Bucket=BUCKET, Key="kept.jpg")
    said = destroyed(again, with_data=True)
    assert kept_or_removed(said, "Removed, too: ") == DATA
    assert tables(aws) == buckets(aws) == set()


def test_given_a_stack_of_an_earlier_version_when_deployed_then_its_tables_stay_and_are_tagged(
    aws: Connection,
) -> None:
    old = Deployment("photo-labels", ACCOUNT, aws, lambda _: None)
    client = aws.client("dynamodb")
    deployment = deployed(aws, template=of_an_earlier_version(old))
    ids = {name: client.describe_table(TableName=name)["Table"]["TableId"] for name in BEFORE_CLAIMS}
    assert {one.store.name for one in retained(deployment).untagged} == {"ImageLabels", "LabelIndex"}
    deployed(aws)
    assert {name: client.describe_table(TableName=name)["Table"]["TableId"] for name in BEFORE_CLAIMS} == ids
    assert {one.name for one in retained(deployment).own} == TABLES | {BUCKET}
    assert retained(deployment).untagged == ()


def test_given_an_earlier_versions_stack_when_destroyed_with_data_then_nobody_can_tell_and_nothing_goes(
    aws: Connection,
) -> None:
    old = Deployment("photo-labels", ACCOUNT, aws, lambda _: None)
    deployment = deployed(aws, template=of_an_earlier_version(old))
    with pytest.raises(UserError, match=r"(?s)No tag tells .* table ImageLabels, table LabelIndex:.*tag-resource"):
        destroyed(deployment, with_data=True)
    assert deployment.pipeline.status() == "CREATE_COMPLETE"
    assert tables(aws) == BEFORE_CLAIMS


def test_given_data_that_an_earlier_version_kept_when_deployed_then_the_commands_that_are_said_adopt_it(
    aws: Connection,
) -> None:
    old = Deployment("photo-labels", ACCOUNT, aws, lambda _: None)
    said = destroyed(deployed(aws, template=of_an_earlier_version(old)))
    assert tables(aws) == {"ImageLabels", "LabelIndex"}
    with pytest.raises(UserError) as refused:
        deployed(aws)
    assert "table ImageLabels (no tag tells whose), table LabelIndex (no tag tells whose)." in str(refused.value)
    assert BUCKET not in str(refused.value), "it has CloudFormation's own tag"
    commands = [line.split() for line in str(refused.value).splitlines() if "tag-resource" in line]
    assert commands == [line.split() for line in said.splitlines() if "tag-resource" in line]
    for command in commands:
        tag = dict(pair.split("=") for pair in command[-1].split(","))
        arn = command[command.index("--resource-arn") + 1]
        aws.client("dynamodb").tag_resource(ResourceArn=arn, Tags=[tag])
    assert {one.name for one in retained(deployed(aws)).own} == TABLES | {BUCKET}


def test_given_another_stacks_tables_when_deployed_then_refused_with_a_way_out(aws: Connection) -> None:
    deployed(aws)
    with pytest.raises(
        UserError, match=r"table ImageLabels \(of the stack photo-labels\).*TablePrefix=two-"
    ) as refused:
        deployed(aws, "two")
    assert "tag-resource" not in str(refused.value), "nobody is told to take another stack's"
    second = deployed(aws, "two", TablePrefix="two-")
    destroyed(second, with_data=True)
    assert tables(aws) == TABLES
    assert BUCKET in buckets(aws)


def test_given_another_stacks_quota_when_destroyed_with_data_then_it_is_left_alone_and_that_is_said(
    aws: Connection,
) -> None:
    deployed(aws)
    second = deployed(aws, "two", TablePrefix="two-", QuotaTable="LabelQuota")
    said = destroyed(second, with_data=True)
    assert "It leaves alone what it did not make: table LabelQuota." in said
    assert "LabelQuota" not in str(kept_or_removed(said, "Removed, too: "))
    assert tables(aws) == TABLES


def create_table(aws: Connection, name: str) -> str:
    answer = aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "ImageID", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "ImageID", "KeyType": "HASH"}],
    )
    arn: str = answer["TableDescription"]["TableArn"]
    return arn


def test_given_somebodys_table_when_deployed_then_it_is_left_alone_until_it_is_tagged(aws: Connection) -> None:
    arn = create_table(aws, "ImageLabels")
    with pytest.raises(UserError, match=r"table ImageLabels \(no tag tells whose\).*TablePrefix"):
        deployed(aws)
    assert Deployment("photo-labels", ACCOUNT, aws, lambda _: None).pipeline.status() is None
    aws.client("dynamodb").tag_resource(ResourceArn=arn, Tags=[{"Key": STACK_TAG, "Value": "photo-labels"}])
    deployed(aws)


def test_given_a_table_that_comes_meanwhile_when_deployed_then_it_is_not_adopted(aws: Connection) -> None:
    deployment = Deployment("photo-labels", ACCOUNT, aws, lambda _: None)
    registry = deployment.registry.propose({"RepositoryName": "photo-labels", "EnforceTls": "false"}, REGISTRY)
    assert registry
    deployment.registry.execute(registry)
    own = adoptable(deployment, deployment.template(VALUES), deployment.effective(VALUES))
    create_table(aws, "LabelIndex")
    proposed = deployment.pipeline.propose(VALUES, deployment.template(VALUES))
    assert proposed
    with pytest.raises(UserError, match="would adopt LabelIndex, which photo-labels is not known to have made"):
        require_adoptable(deployment, proposed, own)
    assert deployment.pipeline.status() is None


def test_given_a_first_deployment_that_failed_when_destroyed_with_data_then_what_it_made_goes(
    aws: Connection,
) -> None:
    deployment = Deployment("photo-labels", ACCOUNT, aws, lambda _: None)
    template = json.loads(deployment.template(VALUES))
    aws.client("s3").create_bucket(Bucket="taken")
    template["Resources"]["Broken"] = {
        "Type": "AWS::S3::Bucket",
        "DependsOn": ["PhotoBucket", *TABLES],
        "Properties": {"BucketName": {"Fn::Sub": "taken"}},
    }
    with pytest.raises(UserError, match="ROLLBACK_COMPLETE"):
        deployed(aws, template=json.dumps(template))
    assert tables(aws) == TABLES
    tag_as_cloudformation_does(aws.client("s3"), BUCKET, "photo-labels")
    said = destroyed(deployment, with_data=True)
    assert kept_or_removed(said, "Removed, too: ") == DATA
    assert tables(aws) == set()
    assert BUCKET not in buckets(aws)


def test_given_somebodys_bucket_when_deployed_then_refused_with_a_way_out(aws: Connection) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(UserError, match=rf"bucket {BUCKET} \(no tag.*STACK=….*EXISTING_BUCKET={BUCKET}"):
        deployed(aws)
    deployed(aws, ExistingBucket=BUCKET)
    said = destroyed(Deployment("photo-labels", ACCOUNT, aws, lambda _: None), with_data=True)
    assert f"It leaves alone what it did not make: bucket {BUCKET} with all its photos." in said
    assert buckets(aws) == {BUCKET}
    assert tables(aws) == set()


def test_given_a_table_that_the_stack_did_not_make_when_destroyed_with_data_then_it_stays(aws: Connection) -> None:
    deployment = deployed(aws)
    retag(aws, "LabelIndex", removed=STACK_TAG, added={STACK_TAG: "two"})
    said = destroyed(deployment, with_data=True)
    assert "It leaves alone what it did not make: table LabelIndex." in said
    assert tables(aws) == {"LabelIndex"}


def test_given_a_run_that_was_interrupted_when_destroyed_again_then_the_rest_goes(aws: Connection) -> None:
    deployment = deployed(aws)
    aws.client("dynamodb").delete_table(TableName="ImageLabels")
    said = destroyed(deployment, with_data=True)
    assert kept_or_removed(said, "Removed, too: ") == DATA - {"table ImageLabels"}
    assert tables(aws) == buckets(aws) == set()


def test_given_a_template_that_retains_more_when_destroyed_with_data_then_that_goes_too(aws: Connection) -> None:
    deployment = deployed(aws)
    template = json.loads(deployment.pipeline.template())
    template["Resources"]["LabelQuota"] |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    template["Resources"]["LabelIndex"] |= {"DeletionPolicy": "Delete"}
    proposed = deployment.pipeline.propose({"MaxLabels": "7"}, json.dumps(template))
    assert proposed
    deployment.execute(proposed)
    assert "LabelQuota" in {one.name for one in retained(deployment).own}
    assert "LabelIndex" not in {one.name for one in retained(deployment).own}
    destroyed(deployment, with_data=True)
    assert tables(aws) == set()


def test_given_the_templates_conditions_when_stores_are_named_then_only_those_that_would_be_made(
    aws: Connection,
) -> None:
    deployment = Deployment("photo-labels", ACCOUNT, aws, lambda _: None)
    template = json.loads(deployment.template({"TablePrefix": "two-"}))
    named = {one.name for one in stores_named(template, deployment.effective(VALUES)).values()}
    assert named == {BUCKET, "two-ImageLabels", "two-LabelIndex", "two-LabelQuota", "two-ContentClaims"}
    existing = deployment.effective(VALUES | {"ExistingBucket": "holidays"})
    assert {one.name for one in stores_named(template, existing).values()} == named - {BUCKET}
    shared = deployment.effective(VALUES | {"QuotaTable": "LabelQuota"})
    assert {one.name for one in stores_named(template, shared).values()} == named - {"two-LabelQuota"}


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
