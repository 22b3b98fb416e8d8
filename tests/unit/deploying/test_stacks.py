"""Stacks: change sets, events, how templates are sent, and what is destroyed and shown."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import boto3
import click
import pytest
from botocore.stub import Stubber
from rich.console import Console

from infra.__main__ import EMAIL, _pairs
from infra.destroy import _empty_template_bucket, _waiting, empty_bucket
from infra.display import Display
from infra.function import MappingState
from infra.rollout import _Before, _roll_back
from infra.stacks import Change, ChangeSet, Event, Stack
from infra.template import pipeline_template
from infra.template_bucket import upload_template
from photo_labels.library.user_errors import UserError
from tests.fakes.stack import outputs_of_stack
from tests.infra.template import read
from tests.unit.deploying.shared import event


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
    return Stack(client, "photo-labels", lambda _: None, lambda template: f"https://{template}"), Stubber(client)


TAGS = [{"Key": "team", "Value": "photos"}]


def described(status: str, **parameters: str) -> dict[str, Any]:
    pairs = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    stack = {"StackName": "photo-labels", "StackId": "arn", "CreationTime": datetime(2026, 1, 1, tzinfo=UTC)}
    return {"Stacks": [stack | {"StackStatus": status, "Parameters": pairs, "Tags": TAGS}]}


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
        stack.wait_for_end(ChangeSet("name", ()))
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
    for _ in range(3):
        stub.add_response(
            "describe_stacks", described("ROLLBACK_COMPLETE", TablePrefix="mine-", Memory="256", Old="")
        )
    names = [{"ParameterKey": name} for name in ("TablePrefix", "Memory", "ImageUri")]
    stub.add_response("get_template_summary", {"Parameters": names}, {"TemplateURL": "https://template"})
    stub.add_response("create_change_set", {"Id": "arn:aws:cloudformation:x"})
    stack._client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet", lambda params, **_: asked.update(params)
    )
    with stub:
        stack.propose({"Memory": "512", "ImageUri": "uri"}, "template")
    given_ = {one["ParameterKey"]: one["ParameterValue"] for one in asked["Parameters"]}
    assert given_ == {"TablePrefix": "mine-", "Memory": "512", "ImageUri": "uri"}
    assert asked["ChangeSetType"] == "CREATE"
    assert asked["TemplateURL"] == "https://template"
    assert not asked.keys() & {"TemplateBody", "UsePreviousTemplate"}
    assert asked["Tags"] == TAGS


@pytest.mark.parametrize("tags", [{"env": "prod"}, {}])
def test_given_tags_when_proposed_then_they_are_all_that_the_stack_has_then(
    monkeypatch: pytest.MonkeyPatch, tags: dict[str, str]
) -> None:
    stack, stub = cloudformation()
    asked: dict[str, Any] = {}
    monkeypatch.setattr(Stack, "_worked_out", lambda _, name: ChangeSet(name, ()))
    for _ in range(2):
        stub.add_response("describe_stacks", described("UPDATE_COMPLETE"))
    stub.add_response("get_template_summary", {"Parameters": []})
    stub.add_response("create_change_set", {"Id": "arn:aws:cloudformation:x"})
    stub.client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet", lambda params, **_: asked.update(params)
    )
    with stub:
        stack.propose({}, None, tags)
    assert asked["Tags"] == [{"Key": key, "Value": value} for key, value in tags.items()]
    assert asked["UsePreviousTemplate"]


def test_given_a_stack_without_uploads_when_proposed_then_its_template_is_sent_with_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline, stub = cloudformation()
    stack = Stack(pipeline._client, "photo-labels-registry", lambda _: None)
    asked: dict[str, Any] = {}
    monkeypatch.setattr(Stack, "_worked_out", lambda _, name: ChangeSet(name, ()))
    for _ in range(3):
        stub.add_response("describe_stacks", described("UPDATE_COMPLETE"))
    stub.add_response("get_template_summary", {"Parameters": []}, {"TemplateBody": "small"})
    stub.add_response("create_change_set", {"Id": "arn:aws:cloudformation:x"})
    stub.client.meta.events.register(
        "provide-client-params.cloudformation.CreateChangeSet", lambda params, **_: asked.update(params)
    )
    with stub:
        stack.propose({}, "small")
    assert asked["TemplateBody"] == "small"
    assert not asked.keys() & {"TemplateURL", "UsePreviousTemplate"}


@pytest.mark.parametrize(("now", "sent"), [("the new one", "the earlier one"), ("the earlier one", None)])
def test_given_a_change_that_failed_when_rolled_back_then_the_template_is_sent_only_where_it_changed(
    now: str, sent: str | None
) -> None:
    """`make rollback` does not bring up the registry, which may be of a version without a bucket for it."""
    asked: list[Any] = []
    pipeline = SimpleNamespace(
        wait_for_end=lambda _: None, template=lambda: now, propose=lambda *given: asked.append(given)
    )
    noted: list[dict[str, str]] = []
    function: Any = SimpleNamespace(resume=lambda: None, note_again=noted.append)
    deployment: Any = SimpleNamespace(pipeline=pipeline, function=function)
    running: Any = None
    notes, tags = {"photo-labels:previous-image": "uri x86_64"}, {"team": "photos"}
    before = _Before(MappingState.RUNNING, running, notes, {"Memory": "512"}, tags, "the earlier one")
    _roll_back(deployment, ChangeSet("abandoned", ()), before)
    assert asked == [({"Memory": "512"}, sent, tags)]
    assert noted == [notes]


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
            UserError, match=r"does not delete 1 object of b, the first held.jpg \(under legal hold"
        ):
            empty_bucket(s3, "b")


def s3_of(region: str, endpoint: str | None = None) -> Any:
    return boto3.client("s3", region, endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b")


@pytest.mark.parametrize(
    ("region", "endpoint", "url"),
    [
        ("eu-central-1", None, "https://b.s3.eu-central-1.amazonaws.com/"),
        ("us-east-1", None, "https://b.s3.amazonaws.com/"),
        ("cn-north-1", None, "https://b.s3.cn-north-1.amazonaws.com.cn/"),
        ("us-east-1", "http://127.0.0.1:4566", "http://127.0.0.1:4566/b/"),
    ],
)
def test_given_a_template_when_uploaded_then_its_url_is_that_of_its_content_in_the_region(
    region: str, endpoint: str | None, url: str
) -> None:
    s3 = s3_of(region, endpoint)
    key = f"{sha256(b'template').hexdigest()}.json"
    with Stubber(s3) as stub:
        stub.add_response("put_object", {}, {"Bucket": "b", "Key": key, "Body": b"template"})
        assert upload_template(s3, "b", "template") == url + key


def test_given_a_bucket_of_templates_that_is_gone_when_uploaded_then_a_sentence() -> None:
    s3 = s3_of("eu-central-1")
    with Stubber(s3) as stub:
        stub.add_client_error("put_object", "NoSuchBucket")
        with pytest.raises(UserError, match=r"aws s3 mb s3://b\b"):
            upload_template(s3, "b", "template")


def deployed(s3: Any, outputs: dict[str, str]) -> Any:
    return SimpleNamespace(
        connection=SimpleNamespace(client=lambda _: s3), registry=SimpleNamespace(outputs=lambda: outputs)
    )


def test_given_templates_when_destroyed_then_the_bucket_is_emptied_for_cloudformation_to_delete() -> None:
    s3 = s3_of("eu-central-1")
    with Stubber(s3) as stub:
        stub.add_response(
            "list_object_versions", {"Versions": [{"Key": "0.json", "VersionId": "null"}]}, {"Bucket": "b"}
        )
        objects = [{"Key": "0.json", "VersionId": "null"}]
        asked = {"Bucket": "b", "Delete": {"Objects": objects, "Quiet": True}}
        stub.add_response("delete_objects", {}, asked)
        _empty_template_bucket(deployed(s3, {"TemplateBucket": "b"}))
        stub.assert_no_pending_responses()


def test_given_no_bucket_of_templates_when_destroyed_then_nothing_is_in_the_way() -> None:
    s3 = s3_of("eu-central-1")
    with Stubber(s3) as stub:
        stub.add_client_error("list_object_versions", "NoSuchBucket")
        _empty_template_bucket(deployed(s3, {"TemplateBucket": "gone"}))
        _empty_template_bucket(deployed(s3, {"RepositoryUri": "of an older version's stack"}))
        stub.assert_no_pending_responses()


def test_given_a_narrow_terminal_when_names_are_shown_then_they_are_whole() -> None:
    console = Console(record=True, width=40)
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/photo-labels-photos"
    Display(console, yes=False).outputs({"QueueUrl": url, "KeyPrefix": ""})
    assert console.export_text() == f"KeyPrefix  (none)\nQueueUrl   {url}\n"


def test_given_what_would_differ_when_shown_then_each_value_has_a_line_and_equal_ones_none() -> None:
    console = Console(record=True, width=100)
    display = Display(console, yes=False)
    display.differences(
        {"team": "photos", "env": "test", "old": "1"}, {"team": "photos", "env": "prod", "old": ""}, "tag "
    )
    assert console.export_text() == "  tag env: test → prod\n  tag old: 1 → (unset)\n"


def test_given_pairs_when_read_then_none_said_is_not_the_same_as_an_empty_one() -> None:
    context: Any = None
    assert _pairs(context, context, ()) is None
    assert _pairs(context, context, ("",)) == {}
    assert _pairs(context, context, ("team=photos env=prod", "a=b=c")) == {
        "team": "photos",
        "env": "prod",
        "a": "b=c",
    }
    with pytest.raises(click.BadParameter, match="'team' is not of the form Name=value"):
        _pairs(context, context, ("team",))


def test_given_names_of_categories_with_blanks_when_read_then_the_filter_has_all_of_them() -> None:
    context: Any = None
    said = "LabelCategoryExclusionFilters=Animals and Pets,Person Description MaxLabels=9"
    assert _pairs(context, context, (said,)) == {
        "LabelCategoryExclusionFilters": "Animals and Pets,Person Description",
        "MaxLabels": "9",
    }
    with pytest.raises(click.BadParameter, match="'more' is not of the form Name=value"):
        _pairs(context, context, (f"{said} more",))


def test_given_the_template_when_read_then_the_tool_takes_the_addresses_that_it_takes() -> None:
    assert read("pipeline.yaml")["Parameters"]["AlarmEmail"]["AllowedPattern"] == EMAIL.pattern


def test_given_what_would_be_made_again_when_shown_then_it_stands_out() -> None:
    console = Console(record=True, width=100)
    changes = (Change("Modify", "ImageLabels", "AWS::DynamoDB::Table", "True"), Change("Add", "Queue", "x", ""))
    Display(console, yes=False).changes("photo-labels", ChangeSet("name", changes))
    said = console.export_text()
    assert "ImageLabels" in said
    assert "True" in said


def test_given_nobody_to_ask_when_a_question_is_asked_then_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert Display(Console(), yes=True).confirmed("Change it?")
    with pytest.raises(UserError, match="--yes"):
        Display(Console(), yes=False).confirmed("Change it?")


def test_given_a_template_as_it_was_sent_when_read_back_then_it_is_the_same() -> None:
    """A deployment that fails compares it, and sends it again."""
    sent = pipeline_template({"AWS::StackName": "s" * 35, "AWS::AccountId": "1" * 12, "TablePrefix": "p" * 64})
    stack, stub = cloudformation()
    stub.add_response("get_template", {"TemplateBody": sent})
    with stub:
        assert stack.template() == sent
