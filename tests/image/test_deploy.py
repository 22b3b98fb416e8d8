"""The deploy tool, as for AWS, on a local one: the image is pushed, and what is pushed labels photos in containers."""

from __future__ import annotations

import io
import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

import pillow_heif
import pytest
from PIL import Image

from loadtest.mix import distinct
from local.ministack import REPOSITORY
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from tests.image.conftest import STACK, Account
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

CAT = (REPOSITORY / "samples" / "cat.jpg").read_bytes()
# What the local AWS needs: it has no TLS, and this machine few cores.
LOCAL = ("--parameters", "EnforceTls=false MaxConcurrency=2")


def upload(target: Target, key: str) -> None:
    target.client("s3").put_object(Bucket=target.outputs.bucket, Key=key, Body=distinct(CAT, key))


def labelled(target: Target, keys: list[str]) -> dict[str, Document]:
    """Wait until all are; the deadline is that of a test."""
    bucket, reader = target.outputs.bucket, TableReader(target)
    images = [f"{bucket}/{key}" for key in keys]

    def look() -> dict[str, Document] | None:
        found = reader.documents(images)
        return found if len(found) == len(images) else None

    return eventually(look, within_s=90)


def image_of(target: Target) -> str:
    found = target.client("lambda").get_function(FunctionName=target.outputs.labelling.name)
    uri: str = found["Code"]["ImageUri"]
    return uri


def configuration_of(target: Target) -> dict[str, str]:
    found = target.client("lambda").get_function_configuration(FunctionName=target.outputs.labelling.name)
    variables: dict[str, str] = found["Environment"]["Variables"]
    return variables


def mapping_state(target: Target) -> str:
    state: str = target.client("lambda").get_event_source_mapping(UUID=target.outputs.labelling.mapping_id)[
        "State"
    ]
    return state


@pytest.fixture
def target(account: Account) -> Target:
    """The pipeline, deployed and at work."""
    try:
        return account.deployed()
    except UserError:
        account.run("deploy", *LOCAL)
        return account.deployed()


@pytest.fixture
def nothing(account: Account) -> Iterator[Account]:
    """An account without a pipeline, before and after."""
    account.run("destroy", "--with-data")
    yield account
    account.run("destroy", "--with-data")


class Load:
    """Photos that arrive all the time, as `with Load(target) as load:`."""

    def __init__(self, target: Target, name: str) -> None:
        self.keys: list[str] = []
        self._target = target
        self._name = name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._upload)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _upload(self) -> None:
        while not self._ended.wait(0.2):
            key = f"{self._name}/{len(self.keys)}.jpg"
            upload(self._target, key)
            self.keys.append(key)


def test_given_nothing_when_deployed_then_the_pushed_image_labels_photos(account: Account, target: Target) -> None:
    upload(target, "first cat.jpg")
    document = labelled(target, ["first cat.jpg"])[f"{target.outputs.bucket}/first cat.jpg"]
    assert "Cat" in {label["Name"] for label in document.labels}
    assert image_of(target) in account.containers.received
    assert mapping_state(target) == "Enabled"


def test_given_deployed_pipeline_when_phones_photo_arrives_then_pushed_image_converts_it(
    target: Target,
) -> None:
    photo = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(CAT))).save(photo)
    bucket = target.outputs.bucket
    target.client("s3").put_object(Bucket=bucket, Key="IMG_0001.HEIC", Body=photo.getvalue())
    document = labelled(target, ["IMG_0001.HEIC"])[f"{bucket}/IMG_0001.HEIC"]
    assert document.orientation == 1
    assert "Cat" in {label["Name"] for label in document.labels}


def test_given_a_deployed_pipeline_when_deployed_again_then_nothing_changes(
    account: Account, target: Target
) -> None:
    account.run("deploy", *LOCAL)
    before = image_of(target)
    said = account.run("deploy", *LOCAL)
    assert "is in ECR already" in said
    assert "photo-labels is as it should be: nothing to change" in said
    assert "No alarm subscription" in said
    assert image_of(target) == before


def test_given_tags_when_deployed_then_both_stacks_have_them_until_others_are_given(
    account: Account, target: Target
) -> None:
    cloudformation = account.client("cloudformation")

    def tags() -> list[dict[str, str]]:
        stacks = [cloudformation.describe_stacks(StackName=name) for name in (STACK, f"{STACK}-registry")]
        return [{one["Key"]: one["Value"] for one in found["Stacks"][0].get("Tags", [])} for found in stacks]

    said = account.run("deploy", "--tags", "team=photos env=test", *LOCAL)
    assert "tag team: (unset) → photos" in said
    assert tags() == [{"team": "photos", "env": "test"}] * 2
    account.run("deploy", *LOCAL)
    assert tags() == [{"team": "photos", "env": "test"}] * 2
    account.run("deploy", "--tags", "", *LOCAL)
    assert tags() == [{}] * 2
    assert "the function labelled" not in account.run("deploy", *LOCAL), (
        "what was noted in its tags is there still"
    )


def test_given_arriving_photos_when_redeployed_then_none_is_lost(
    account: Account, target: Target, changed: Callable[[str], Path]
) -> None:
    before = image_of(target)
    with Load(target, "redeploy") as load:
        said = account.run("redeploy", tree=changed("\n# Another image.\n"))
    assert "the function labelled a photo that was given to it" in said
    assert image_of(target) != before
    documents = labelled(target, load.keys)
    assert {document.status for document in documents.values()} == {"LABELLED"}
    assert len(account.containers.received[image_of(target)]) > 1
    assert mapping_state(target) == "Enabled"


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        ('\nraise RuntimeError("a broken image")\n', "a broken image"),
        ('\ndef handler(event, context):\n    return {"batchItemFailures": []}\n', "did not label a photo"),
        ('\ndef handler(event, context):\n    raise ValueError("a bug")\n', "a bug"),
    ],
    ids=["cannot start", "does nothing", "fails"],
)
def test_given_a_broken_image_when_redeployed_then_rolled_back_and_no_photo_meets_it(
    account: Account, target: Target, changed: Callable[[str], Path], defect: str, reason: str
) -> None:
    before, images = image_of(target), set(account.containers.received)
    with Load(target, f"broken {reason}") as load:
        said = account.run("redeploy", tree=changed(defect), expect=2)
    assert reason in said
    assert "runs the image that it ran before" in said
    assert image_of(target) == before
    assert mapping_state(target) == "Enabled"
    (broken,) = set(account.containers.received) - images
    assert set(account.containers.received[broken]) == {"probe"}
    labelled(target, load.keys)


def test_given_deployment_that_fails_when_rolled_back_then_parameters(
    account: Account, target: Target, changed: Callable[[str], Path]
) -> None:
    tree = changed('\nraise RuntimeError("a broken image")\n')
    with (tree / "infra" / "pipeline.yaml").open("a") as template:
        template.write("  New:\n    Value: of the new template\n")
    before, configuration = image_of(target), configuration_of(target)
    said = account.run(
        "deploy", "--parameters", "EnforceTls=false MaxConcurrency=2 MaxLabels=7", tree=tree, expect=2
    )
    assert "MaxLabels: 50 → 7" in said
    assert "a broken image" in said
    assert "Rolling back to what was deployed before" in said
    assert image_of(target) == before
    assert configuration_of(target) == configuration
    stacks = account.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert "New" not in {one["OutputKey"] for one in stacks[0]["Outputs"]}
    assert mapping_state(target) == "Enabled"


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_given_a_redeployment_when_it_is_interrupted_then_what_ran_before_runs(
    account: Account, target: Target, changed: Callable[[str], Path], by: signal.Signals
) -> None:
    before = image_of(target)
    with account.start("redeploy", tree=changed("\n# Interrupted.\n")) as running:
        assert running.stdout
        assert any("the mappings are paused" in line for line in running.stdout)
        running.send_signal(by)
        said, _ = running.communicate(timeout=60)
    assert running.returncode == 2, said
    assert "Rolling back to" in said
    assert "Traceback" not in said
    assert image_of(target) == before
    assert mapping_state(target) == "Enabled"


def test_given_two_deployments_when_rolled_back_then_first_runs_and_second_rollback_says_so(
    account: Account, target: Target, changed: Callable[[str], Path]
) -> None:
    first = image_of(target)
    account.run("redeploy", tree=changed("\n# The second.\n"))
    second = image_of(target)
    account.run("rollback")
    assert image_of(target) == first != second
    said = account.run("rollback", expect=2)
    assert "There is no earlier image to go back to" in said
    assert image_of(target) == first
    upload(target, "after rollback.jpg")
    labelled(target, ["after rollback.jpg"])


class Quotas(BaseHTTPRequestHandler):
    """Service Quotas, which the local AWS does not have: 30 calls of DetectLabels a second."""

    def do_POST(self) -> None:
        name = "Transactions per second per account for the Amazon Rekognition Image operation DetectLabels"
        body = json.dumps({"Quotas": [{"QuotaName": name, "Value": 30.0}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_given_the_accounts_quota_when_deployed_then_the_pipeline_keeps_to_it(
    account: Account, target: Target
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Quotas) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        account.environment["AWS_ENDPOINT_URL_SERVICE_QUOTAS"] = f"http://127.0.0.1:{server.server_port}"
        try:
            said = account.run("deploy", "--parameters", "EnforceTls=false")
        finally:
            del account.environment["AWS_ENDPOINT_URL_SERVICE_QUOTAS"]
            server.shutdown()
    assert "RekognitionTps: 5 → 30" in said
    found = target.client("lambda").get_function_configuration(FunctionName=target.outputs.labelling.name)
    assert found["Environment"]["Variables"]["REKOGNITION_TPS"] == "30"
    mapping = target.client("lambda").get_event_source_mapping(UUID=target.outputs.labelling.mapping_id)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 6}
    account.run("deploy", "--parameters", "RekognitionTps=5 MaxConcurrency=2")


def test_given_a_mapping_that_somebody_disabled_when_redeployed_then_it_stays_so_and_is_told(
    account: Account, target: Target, changed: Callable[[str], Path]
) -> None:
    mappings = target.client("lambda")
    mappings.update_event_source_mapping(UUID=target.outputs.labelling.mapping_id, Enabled=False)
    said = account.run("redeploy", tree=changed("\n# While somebody looks.\n"))
    assert "is disabled, and not by this tool" in said
    assert mapping_state(target) == "Disabled"
    mappings.update_event_source_mapping(UUID=target.outputs.labelling.mapping_id, Enabled=True)


def test_given_a_run_that_was_killed_while_paused_when_deployed_again_then_photos_flow(
    account: Account, target: Target
) -> None:
    client = target.client("lambda")
    arn = client.get_function_configuration(FunctionName=target.outputs.labelling.name)["FunctionArn"]
    client.tag_resource(Resource=arn, Tags={"photo-labels:paused-by-deploy": "true"})
    client.update_event_source_mapping(UUID=target.outputs.labelling.mapping_id, Enabled=False)
    account.run("redeploy")
    assert mapping_state(target) == "Enabled"


def test_given_an_image_of_another_architecture_when_redeployed_then_refused(
    account: Account, target: Target
) -> None:
    other = "arm64" if "x86_64" in account.run("image") else "x86_64"
    said = account.run("--architecture", other, "redeploy", expect=2)
    assert f"this image would be for {other}" in said


def test_given_a_destroyed_pipeline_when_deployed_again_then_its_photos_are_adopted(
    account: Account, target: Target
) -> None:
    upload(target, "kept.jpg")
    labelled(target, ["kept.jpg"])
    said = account.run("destroy")
    assert "It keeps: table ImageLabels, table LabelIndex, " in said
    assert "bucket photo-labels-000000000000-us-east-1 with all its photos" in said
    twice = account.run("destroy", "--with-data")
    assert "There is no stack" in twice
    assert "`make deploy` adopts them again" in twice
    s3: Any = target.client("s3")
    bucket = target.outputs.bucket
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "Import" in account.run("deploy", *LOCAL)
    again = account.deployed()
    assert labelled(again, ["kept.jpg"])
    upload(again, "new.jpg")
    labelled(again, ["new.jpg"])


def test_given_somebody_elses_table_when_deployed_then_refused_before_the_stack_is_made(nothing: Account) -> None:
    tables = nothing.client("dynamodb")
    tables.create_table(
        TableName="ImageLabels",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "ImageID", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "ImageID", "KeyType": "HASH"}],
    )
    try:
        said = nothing.run("deploy", *LOCAL, expect=2)
    finally:
        tables.delete_table(TableName="ImageLabels")
    assert "would have these names, and did not make what has them: table ImageLabels" in " ".join(said.split())
    assert "TablePrefix=photo-labels-" in said
    assert "There is no stack" in nothing.run("redeploy", expect=2)


def test_given_a_pipeline_when_destroyed_with_its_data_then_nothing_is_left(
    account: Account, target: Target
) -> None:
    upload(target, "gone.jpg")
    said = account.run("destroy", "--with-data")
    assert (
        "It removes, too: table ImageLabels, table LabelIndex, table LabelQuota, table ContentClaims, bucket"
        in said
    )
    assert target.client("dynamodb").list_tables()["TableNames"] == []
    buckets = {one["Name"] for one in target.client("s3").list_buckets()["Buckets"]}
    assert not [name for name in buckets if name.startswith(STACK)], "that of the photos, and that of templates"
    assert target.client("ecr").describe_repositories()["repositories"] == []


def test_given_somebodys_table_when_deployed_then_refused_before_an_image_is_built(nothing: Account) -> None:
    tables = nothing.client("dynamodb")
    tables.create_table(
        TableName="ImageLabels",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "ImageID", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "ImageID", "KeyType": "HASH"}],
    )
    try:
        said = nothing.run("deploy", *LOCAL, expect=2)
        assert "table ImageLabels (no tag tells whose)" in said
        assert "TablePrefix" in said
        assert nothing.client("ecr").describe_repositories()["repositories"] == []
    finally:
        tables.delete_table(TableName="ImageLabels")


@pytest.fixture
def holidays(nothing: Account) -> tuple[str, dict[str, Any]]:
    """A bucket of the user's that notifies another queue already."""
    s3, sqs, bucket = nothing.client("s3"), nothing.client("sqs"), "holidays"
    send = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [send]})
    queue = sqs.create_queue(QueueName="others", Attributes={"Policy": policy})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.create_bucket(Bucket=bucket)
    theirs = {"Id": "theirs", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    theirs |= {"Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}}}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [theirs]}
    )
    return bucket, theirs


def test_given_a_bucket_with_notifications_when_deployed_and_destroyed_then_they_stay(
    account: Account, holidays: tuple[str, dict[str, Any]]
) -> None:
    bucket, theirs = holidays
    s3 = account.client("s3")
    account.run("deploy", "--existing-bucket", bucket, "--prefix", "jpg/", "--email", "me@example.com", *LOCAL)
    target = account.deployed()
    found = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert len(found) == 2
    assert theirs in [one | {"Filter": theirs["Filter"]} for one in found if one["Id"] == "theirs"]
    upload(target, "jpg/cat.jpg")
    labelled(target, ["jpg/cat.jpg"])
    account.run("destroy")
    found = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert [one["Id"] for one in found] == ["theirs"]
    assert s3.head_object(Bucket=bucket, Key="jpg/cat.jpg")


def test_given_a_bucket_of_others_when_deployed_via_event_bridge_then_photos_are_labelled(
    account: Account, holidays: tuple[str, dict[str, Any]]
) -> None:
    bucket, _ = holidays
    s3: Any = account.client("s3")
    options = ("--existing-bucket", bucket, "--prefix", "raw/2026/", "--via", "eventbridge")
    said = account.run("deploy", *options, *LOCAL)
    assert "1.00 USD for a million events" in said
    target = account.deployed()
    upload(target, "raw/2026/a cat+1.jpg")
    labelled(target, ["raw/2026/a cat+1.jpg"])
    account.run("destroy")
    found = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert [one["Id"] for one in found["QueueConfigurations"]] == ["theirs"]
    assert "EventBridgeConfiguration" in found


def test_given_no_stack_when_redeployed_or_rolled_back_then_a_sentence(nothing: Account) -> None:
    for command in ("redeploy", "rollback"):
        assert f"There is no stack {STACK!r}" in nothing.run(command, expect=2)


def test_given_no_engine_when_an_image_is_built_then_a_sentence(account: Account) -> None:
    account.environment["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    try:
        assert "Docker does not answer" in account.run("image", expect=2)
    finally:
        del account.environment["DOCKER_HOST"]


def test_given_no_credentials_when_deployed_then_a_sentence(account: Account) -> None:
    keys = {name: account.environment.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    try:
        assert "There are no AWS credentials: log in" in account.run("deploy", expect=2)
    finally:
        account.environment.update(keys)


def test_given_bucket_that_notifies_another_when_deployed_then_refused_before_any_change(
    account: Account, holidays: tuple[str, dict[str, Any]]
) -> None:
    bucket, _ = holidays
    said = account.run("deploy", "--existing-bucket", bucket, "--prefix", "raw/2026/", *LOCAL, expect=2)
    assert "others is notified of the same photos in holidays already" in said
    assert "VIA=eventbridge" in said
    assert "There is no stack" in account.run("redeploy", expect=2)


def test_given_first_deployment_that_was_killed_when_deployed_again_then_function_is_proved(
    nothing: Account,
) -> None:
    with nothing.start("deploy", *LOCAL) as running:
        assert running.stdout
        assert any(f"CREATE_COMPLETE {STACK}\n" in line for line in running.stdout if "registry" not in line)
        running.kill()
    said = nothing.run("deploy", *LOCAL)
    assert "nothing to change" in said
    assert "the function labelled a photo" in said
    target = nothing.deployed()
    assert mapping_state(target) == "Enabled"
    assert "labelled a photo" not in nothing.run("deploy", *LOCAL), "once is enough"


def test_given_a_bucket_that_is_not_there_when_deployed_then_a_sentence(nothing: Account) -> None:
    said = nothing.run("deploy", "--existing-bucket", "holidays-gone", *LOCAL, expect=2)
    assert "There is no bucket holidays-gone" in said
