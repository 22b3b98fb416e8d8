"""The deploy tool's parts that need neither Docker nor a stack."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from infra import image as images
from infra.alarm_subscribers import subscribers_of
from infra.destroy import _delete_bucket, _waiting
from infra.display import Display
from infra.notifications import EVENTS, added, overlapping, removed
from infra.registry import PushProgress, Registry, _follow
from infra.service_quotas import detect_labels_tps, environments_for
from infra.stacks import Change, ChangeSet, Event, Stack
from photo_labels.library.user_errors import UserError
from tests.fakes.stack import outputs_of_stack
from tests.infra.template import read

if TYPE_CHECKING:
    from pathlib import Path

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:photo-labels-photos"

# ---------------------------------------------------------------- notifications

names = st.text("abc", min_size=1, max_size=3)
filters = st.dictionaries(st.sampled_from(["prefix", "Suffix"]), names, max_size=2).map(
    lambda rules: {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in rules.items()]}}
)
to_a_queue = st.fixed_dictionaries(
    {
        "Id": names,
        "QueueArn": st.sampled_from([QUEUE, "arn:aws:sqs:eu-central-1:123456789012:others"]),
        "Events": st.lists(st.sampled_from([*EVENTS, "s3:ObjectCreated:Put"]), min_size=1, unique=True),
    },
    optional={"Filter": filters},
)
configurations = st.fixed_dictionaries(
    {},
    optional={
        "QueueConfigurations": st.lists(to_a_queue, min_size=1, max_size=4),
        "LambdaFunctionConfigurations": st.just([{"Id": "theirs"}]),
        "TopicConfigurations": st.just([{"Id": "theirs"}]),
        "EventBridgeConfiguration": st.just({}),
    },
)


def of_others(configuration: dict[str, Any]) -> dict[str, Any]:
    queues = [one for one in configuration.get("QueueConfigurations", []) if one["QueueArn"] != QUEUE]
    return configuration | {"QueueConfigurations": queues}


@given(configurations, st.sampled_from(["", "jpg/"]))
def test_given_any_notifications_when_ours_are_added_then_nobody_elses_change(
    configuration: dict[str, Any], prefix: str
) -> None:
    after = added(configuration, QUEUE, prefix)
    assert of_others(after) == of_others(configuration)
    (*_,) = ours = [one for one in after["QueueConfigurations"] if one["QueueArn"] == QUEUE]
    assert sorted(event for one in ours for event in one["Events"]) == list(EVENTS)
    assert added(after, QUEUE, prefix) is after, "twice is once"


@given(configurations)
def test_given_any_notifications_when_ours_are_removed_then_nobody_elses_change(
    configuration: dict[str, Any],
) -> None:
    after = removed(configuration, QUEUE)
    assert of_others(after) == of_others(configuration)
    assert QUEUE not in str(after)


def test_given_ours_with_a_suffix_of_somebodys_when_added_then_all_photos_are_notified_of() -> None:
    spoilt: dict[str, Any] = {"Id": "x", "QueueArn": QUEUE, "Events": list(EVENTS)}
    spoilt |= {"Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}}}
    (ours,) = added({"QueueConfigurations": [spoilt]}, QUEUE, "")["QueueConfigurations"]
    assert "Filter" not in ours


def test_given_the_template_when_it_makes_the_bucket_then_it_is_notified_of_the_same_events() -> None:
    bucket = read("pipeline.yaml")["Resources"]["PhotoBucket"]["Properties"]
    of_template = bucket["NotificationConfiguration"]["QueueConfigurations"]
    assert sorted(one["Event"] for one in of_template) == list(EVENTS)


def others(events: list[str], prefix: str = "", suffix: str = "") -> dict[str, Any]:
    rules = [{"Name": "Prefix", "Value": prefix}, {"Name": "Suffix", "Value": suffix}]
    one = {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:theirs", "Events": events}
    return {"TopicConfigurations": [one | {"Filter": {"Key": {"FilterRules": rules}}}]}


@pytest.mark.parametrize(
    ("present", "prefix", "is_in_the_way"),
    [
        (others(["s3:ObjectCreated:Put"]), "jpg/", True),
        (others(["s3:ObjectCreated:*"], "jpg/2026/", ".jpg"), "jpg/", True),
        (others(["s3:ObjectRemoved:*"], "jpg/"), "", True),
        (others(["s3:ObjectCreated:*"], "raw/"), "jpg/", False),
        (others(["s3:ReducedRedundancyLostObject"]), "", False),
        ({"QueueConfigurations": [{"QueueArn": QUEUE, "Events": list(EVENTS)}]}, "", False),
        ({"EventBridgeConfiguration": {}}, "", False),
    ],
    ids=["an event of a kind", "within", "around", "beside", "another kind", "ours", "EventBridge"],
)
def test_given_anothers_notification_when_ours_is_to_come_then_an_overlap_is_told_beforehand(
    present: dict[str, Any], prefix: str, *, is_in_the_way: bool
) -> None:
    found = overlapping(present, "photo-labels-photos", prefix)
    assert found == ("arn:aws:sns:eu-central-1:123456789012:theirs" if is_in_the_way else None)


# ---------------------------------------------------------------- quota


def quotas(*answers: tuple[str, list[tuple[str, float]]]) -> Any:
    client = boto3.client("service-quotas", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    stub = Stubber(client)
    for operation, found in answers:
        answer = {"Quotas": [{"QuotaName": name, "Value": value} for name, value in found]}
        stub.add_response(operation, answer, {"ServiceCode": "rekognition"})
    stub.activate()
    return client


OTHERS = [("Transactions per second … DetectFaces", 5.0), ("Transactions per second … DetectLabelsOther", 1.0)]


def test_given_a_raised_quota_when_asked_then_that_one() -> None:
    applied = [*OTHERS, ("Transactions per second per account for … operation DetectLabels", 120.0)]
    assert detect_labels_tps(quotas(("list_service_quotas", applied))) == 120.0


def test_given_a_quota_that_was_never_changed_when_asked_then_awss_default() -> None:
    defaults = [*OTHERS, ("Transactions per second per account for … operation DetectLabels", 50.0)]
    answers = quotas(("list_service_quotas", OTHERS), ("list_aws_default_service_quotas", defaults))
    assert detect_labels_tps(answers) == 50.0


def test_given_no_such_quota_when_asked_then_none() -> None:
    answers = quotas(("list_service_quotas", OTHERS), ("list_aws_default_service_quotas", OTHERS))
    assert detect_labels_tps(answers) is None


@given(st.floats(0.1, 100_000))
def test_given_any_quota_when_environments_are_chosen_then_lambda_takes_their_number(tps: float) -> None:
    environments = environments_for(tps)
    assert 2 <= environments <= 1000
    assert environments * 10 >= tps or environments == 1000


# ---------------------------------------------------------------- alarms


def test_given_an_address_that_has_not_confirmed_when_asked_then_it_is_told_apart() -> None:
    client = boto3.client("sns", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    arn = "arn:aws:sns:eu-central-1:123456789012:photo-labels-alarms"
    waiting = {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "new@example.com"}
    heard = {"SubscriptionArn": f"{arn}:1", "Protocol": "email", "Endpoint": "old@example.com"}
    stub = Stubber(client)
    left = {"SubscriptionArn": "Deleted", "Protocol": "email", "Endpoint": "gone@example.com"}
    answer = {"Subscriptions": [waiting, left, heard]}
    stub.add_response("list_subscriptions_by_topic", answer, {"TopicArn": arn})
    stub.activate()
    assert subscribers_of(client, arn) == (["old@example.com"], ["new@example.com"])


# ---------------------------------------------------------------- mapping


MAPPING = "5f0d7ab3-9f2d-4f9d-a86f-e8af3087d8ae"


# ---------------------------------------------------------------- registry


def registry(answer: dict[str, Any] | None) -> Registry:
    client = boto3.client("ecr", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    stub = Stubber(client)
    if answer is None:
        stub.add_client_error("describe_images", "ImageNotFoundException")
    else:
        stub.add_response("describe_images", {"imageDetails": [answer]})
    stub.activate()
    return Registry(client, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/photo-labels")


def test_given_a_pushed_tag_when_found_then_it_is_named_by_digest() -> None:
    digest = "sha256:" + "a" * 64
    uri = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/photo-labels@{digest}"
    assert registry({"imageDigest": digest}).find("abc") == uri
    assert registry(None).find("abc") is None


def test_given_an_image_index_when_found_then_refused_since_lambda_does() -> None:
    index = {"imageDigest": "sha256:x", "imageManifestMediaType": "application/vnd.oci.image.index.v1+json"}
    with pytest.raises(UserError, match="index of several, which Lambda does not take"):
        registry(index).find("abc")


def test_given_a_push_that_fails_in_its_stream_when_followed_then_it_is_raised() -> None:
    stream: list[dict[str, Any]] = [
        {"status": "Preparing", "id": "a"},
        {"errorDetail": {"message": "denied: no rights"}, "error": "denied"},
    ]
    with pytest.raises(UserError, match="The push failed: denied: no rights"):
        _follow(stream, lambda _: None)


def test_given_a_push_when_followed_then_its_progress_is_shown() -> None:
    shown: list[PushProgress] = []
    stream: list[dict[str, Any]] = [
        {"status": "The push refers to repository"},
        {"status": "Layer already exists", "id": "a"},
        {"status": "Pushing", "id": "b", "progressDetail": {"current": 500_000, "total": 900_000}},
        {"status": "Pushed", "id": "b", "progressDetail": {}},
    ]
    _follow(stream, shown.append)
    assert shown[-1] == PushProgress(layers=2, layers_sent=2, sent_mb=0.5)


def test_given_an_engine_that_goes_away_when_pushing_then_a_sentence() -> None:
    client = boto3.client("ecr", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    token = base64.b64encode(b"AWS:password").decode()

    def gone(*_: Any, **__: Any) -> Any:
        raise requests.ConnectionError("the engine is gone")

    taken = SimpleNamespace(tag=lambda *_: True)
    engine: Any = SimpleNamespace(
        images=SimpleNamespace(get=lambda _: taken, push=gone, remove=lambda *_, **__: None)
    )
    with Stubber(client) as stub:
        stub.add_response("get_authorization_token", {"authorizationData": [{"authorizationToken": token}]})
        with pytest.raises(UserError, match=r"cannot push to .*: the engine is gone"):
            Registry(client, "host/photo-labels").push(engine, images.Image("abc", "x86_64", 1.0), lambda _: None)


# ---------------------------------------------------------------- image


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of what an image is made of."""
    for name in images.INPUTS:
        path = tmp_path / (f"{name}/app.py" if name in {"handler", "photo_labels/records"} else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.setattr(images, "ROOT", tmp_path)
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def _git(tree: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=tree, check=True)


def test_given_a_commit_when_an_image_is_named_then_by_the_commit(repository: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True, check=True)
    assert images.tag_of("arm64") == f"{head.stdout[:12]}-arm64"
    (repository / "README.md").write_text("not in the image")
    assert images.tag_of("arm64") == f"{head.stdout[:12]}-arm64"


def test_given_changes_when_an_image_is_named_then_by_its_content(repository: Path) -> None:
    app = repository / "handler" / "app.py"
    app.write_text("changed")
    changed = images.tag_of("x86_64")
    assert changed.startswith("dirty-")
    app.write_text("changed again")
    again = images.tag_of("x86_64")
    app.write_text("changed")
    assert images.tag_of("x86_64") == changed != again
    (repository / "handler" / "new.py").write_text("")
    assert images.tag_of("x86_64") not in {changed, again}


def test_given_another_base_when_an_image_is_named_then_by_the_base_too(repository: Path) -> None:
    names = {images.tag_of("x86_64", base) for base in (None, "debian:bookworm", "debian:trixie")}
    assert len(names) == 3
    (repository / "Dockerfile").write_text("changed")
    assert images.tag_of("x86_64", "debian:bookworm").startswith("dirty-"), "ECR forgets those first"


def test_given_certificates_that_are_not_there_when_an_image_is_built_then_a_sentence(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CERT", str(repository / "gone.pem"))
    with pytest.raises(UserError, match="PIP_CERT names certificates that cannot be read"), images._certificates():
        pass


def test_given_an_engine_of_another_kind_when_asked_then_a_sentence() -> None:
    engine: Any = SimpleNamespace(info=lambda: {"Architecture": "armv7l"})
    with pytest.raises(UserError, match="runs on armv7l, for which Lambda has nothing"):
        images.native_architecture(engine)


def test_given_pips_certificates_when_an_image_is_built_then_they_are_there_meanwhile_only(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = repository / "own.pem"
    own.write_text("certificates")
    monkeypatch.setenv("PIP_CERT", str(own))
    with images._certificates():
        assert (repository / "build-ca.crt").read_text() == "certificates"
    assert not (repository / "build-ca.crt").exists()


# ---------------------------------------------------------------- stacks


class Scripted:
    """CloudFormation whose stack has the given events."""

    def __init__(self, status: str, events: list[dict[str, str]] | None = None) -> None:
        self._status = status
        self._events = events or []

    def describe_stacks(self, **_: str) -> Any:
        return {"Stacks": [{"StackStatus": self._status, "StackId": "arn"}]}

    def execute_change_set(self, **given: str) -> None:
        token = given["ClientRequestToken"]
        for number, one in enumerate(self._events):
            one |= {"EventId": str(number), "ClientRequestToken": token, "StackId": "arn"}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: str) -> Any:
        return [{"StackEvents": list(reversed(self._events))}]


def event(resource: str, status: str, reason: str = "", physical: str = "") -> dict[str, str]:
    return {
        "LogicalResourceId": resource,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "PhysicalResourceId": physical,
    }


def test_given_a_failing_change_when_executed_then_the_first_reason_is_told() -> None:
    client: Any = Scripted(
        "CREATE_COMPLETE",
        [
            event("photo-labels", "UPDATE_IN_PROGRESS", physical="arn"),
            event("Queue", "UPDATE_FAILED", "Resource update cancelled"),
            event("Function", "UPDATE_FAILED", "the image is not there"),
            event("Table", "UPDATE_FAILED", "something later"),
            event("photo-labels", "UPDATE_ROLLBACK_COMPLETE", physical="arn"),
        ],
    )
    told: list[Event] = []
    stack = Stack(client, "photo-labels", told.append)
    with pytest.raises(
        UserError, match="photo-labels is UPDATE_ROLLBACK_COMPLETE: Function: the image is not there"
    ):
        stack.execute(ChangeSet("name", ()))
    assert [one.resource for one in told] == ["photo-labels", "Queue", "Function", "Table", "photo-labels"]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("UPDATE_IN_PROGRESS", "wait until it has ended"),
        ("DELETE_IN_PROGRESS", "wait until it has ended"),
        ("UPDATE_ROLLBACK_FAILED", "in CloudFormation's console"),
        ("DELETE_FAILED", "in CloudFormation's console"),
    ],
)
def test_given_a_stack_that_cannot_be_changed_now_when_proposed_then_a_sentence(status: str, advice: str) -> None:
    client: Any = Scripted(status)
    with pytest.raises(UserError, match=advice):
        Stack(client, "photo-labels", lambda _: None).propose({}, "template")


def cloudformation() -> tuple[Stack, Stubber]:
    client = boto3.client("cloudformation", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    return Stack(client, "photo-labels", lambda _: None), Stubber(client)


def described(status: str, **parameters: str) -> dict[str, Any]:
    pairs = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    stack = {"StackName": "photo-labels", "StackId": "arn", "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}
    return {"Stacks": [stack | {"StackStatus": status, "Parameters": pairs}]}


def test_given_an_execution_that_was_not_followed_when_settled_then_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infra.stacks._LOOK_S", 0)
    stack, stub = cloudformation()
    stub.add_client_error("delete_change_set", "InvalidChangeSetStatus")
    for status in ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE"):
        stub.add_response("describe_change_set", {"ExecutionStatus": status})
    for status in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"):
        stub.add_response("describe_stacks", described(status))
    with stub:
        stack.settle(ChangeSet("name", ()))
    stub.assert_no_pending_responses()


def test_given_a_stack_that_is_being_deleted_when_deleted_then_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infra.stacks._LOOK_S", 0)
    stack, stub = cloudformation()
    for status in ("DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
        stub.add_response("describe_stacks", described(status))
    stub.add_client_error("describe_stacks", "ValidationError", "Stack with id photo-labels does not exist")
    with stub:
        stack.delete()
    stub.assert_no_pending_responses()


def test_given_a_first_deployment_that_failed_when_proposed_again_then_its_parameters_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack, stub = cloudformation()
    asked: dict[str, Any] = {}
    monkeypatch.setattr(Stack, "delete", lambda _: None)
    monkeypatch.setattr(Stack, "_worked_out", lambda _, name: ChangeSet(name, ()))
    for _ in range(2):
        stub.add_response(
            "describe_stacks", described("ROLLBACK_COMPLETE", TablePrefix="mine-", Memory="256", Old="")
        )
    names = [{"ParameterKey": name} for name in ("TablePrefix", "Memory", "ImageUri")]
    stub.add_response("get_template_summary", {"Parameters": names})
    stub.add_response("create_change_set", {"Id": "arn:aws:cloudformation:x"})
    stack._client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet", lambda params, **_: asked.update(params)
    )
    with stub:
        stack.propose({"Memory": "512", "ImageUri": "uri"}, "template")
    given_ = {one["ParameterKey"]: one["ParameterValue"] for one in asked["Parameters"]}
    assert given_ == {"TablePrefix": "mine-", "Memory": "512", "ImageUri": "uri"}
    assert asked["ChangeSetType"] == "CREATE"


# ---------------------------------------------------------------- destroy


def test_given_queues_that_are_gone_already_when_counted_then_nothing_waits() -> None:
    sqs = boto3.client("sqs", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    target: Any = SimpleNamespace(
        client=lambda _: sqs,
        outputs=outputs_of_stack(
            {"QueueUrl": "gone", "DeadLetterQueueUrl": "there"}
            | {"ConvertQueueUrl": "empty", "ConvertDeadLetterQueueUrl": "gone, too"}
        ),
    )
    with Stubber(sqs) as stub:
        stub.add_client_error("get_queue_attributes", "QueueDoesNotExist")
        for waiting, in_hand in ((2, 1), (0, 0)):
            counts = {
                "ApproximateNumberOfMessages": f"{waiting}",
                "ApproximateNumberOfMessagesNotVisible": f"{in_hand}",
            }
            stub.add_response("get_queue_attributes", {"Attributes": counts})
        stub.add_client_error("get_queue_attributes", "QueueDoesNotExist")
        assert _waiting(target) == 3


def test_given_objects_that_s3_keeps_when_a_bucket_is_deleted_then_a_sentence() -> None:
    s3 = boto3.client("s3", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(s3) as stub:
        stub.add_response("list_object_versions", {"Versions": [{"Key": "held.jpg", "VersionId": "1"}]})
        refused = {"Key": "held.jpg", "Code": "AccessDenied", "Message": "under legal hold"}
        stub.add_response("delete_objects", {"Errors": [refused]})
        with pytest.raises(
            UserError, match=r"does not delete 1 objects of b, the first held.jpg \(under legal hold"
        ):
            _delete_bucket(s3, "b")


# ---------------------------------------------------------------- display


def test_given_a_narrow_terminal_when_names_are_shown_then_they_are_whole() -> None:
    console = Console(record=True, width=40)
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/photo-labels-photos"
    Display(console, yes=False).outputs({"QueueUrl": url, "KeyPrefix": ""})
    assert console.export_text() == f"KeyPrefix  (none)\nQueueUrl   {url}\n"


def test_given_what_would_be_made_anew_when_shown_then_it_stands_out() -> None:
    console = Console(record=True, width=100)
    changes = (Change("Modify", "ImageLabels", "AWS::DynamoDB::Table", "True"), Change("Add", "Queue", "x", ""))
    Display(console, yes=False).changes("photo-labels", ChangeSet("name", changes))
    said = console.export_text()
    assert "ImageLabels" in said
    assert "True" in said


def test_given_nobody_to_ask_when_a_question_is_asked_then_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert Display(Console(), yes=True).confirmed("Change it?")
    with pytest.raises(UserError, match="YES=1"):
        Display(Console(), yes=False).confirmed("Change it?")
