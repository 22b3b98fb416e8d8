"""The functions that a deployment proves: invoked as soon as Lambda has them ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from infra.function import Function
from photo_labels.library.user_errors import UserError
from tests.fakes.stack import outputs_of_stack

NAME = "photo-labels-label"
ASKED = {"FunctionName": NAME, "Payload": "{}", "LogType": "Tail"}


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> tuple[Function, Stubber]:
    monkeypatch.setattr("infra.function._LOOK_S", 0)
    client = boto3.client("lambda", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    target: Any = SimpleNamespace(client=lambda _: client, outputs=outputs_of_stack({"FunctionName": NAME}))
    return Function(target), Stubber(client)


def refuse(stub: Stubber, code: str) -> None:
    stub.add_client_error("invoke", code, "Lambda is initializing your function.", expected_params=ASKED)


def state(stub: Stubber, state: str, update: str = "Successful", reason: str = "") -> None:
    found = {"State": state, "LastUpdateStatus": update, "StateReason": reason}
    stub.add_response("get_function_configuration", found, {"FunctionName": NAME})


@pytest.mark.parametrize(
    "code", ["CodeArtifactUserPendingException", "ResourceConflictException", "ResourceNotReadyException"]
)
def test_given_a_function_that_was_idle_for_weeks_when_invoked_then_again_once_it_is_active(
    function: tuple[Function, Stubber], code: str
) -> None:
    refuse(function[1], code)
    state(function[1], "Pending")
    state(function[1], "Active", "InProgress")
    state(function[1], "Active")
    function[1].add_response("invoke", {"StatusCode": 200}, ASKED)
    with function[1] as stub:
        assert function[0]._invoke(NAME, "{}")["StatusCode"] == 200
        stub.assert_no_pending_responses()


def test_given_a_function_that_is_inactive_still_when_invoked_then_that_activates_it_again(
    function: tuple[Function, Stubber],
) -> None:
    for states in (["Pending", "Inactive"], ["Pending", "Active"]):
        refuse(function[1], "CodeArtifactUserPendingException")
        for one in states:
            state(function[1], one)
    function[1].add_response("invoke", {"StatusCode": 200}, ASKED)
    with function[1] as stub:
        assert function[0]._invoke(NAME, "{}")["StatusCode"] == 200
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("last", ["Pending", "Inactive", "Active"])
def test_given_a_function_that_does_not_become_ready_in_time_when_invoked_then_a_sentence(
    function: tuple[Function, Stubber], monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    monkeypatch.setattr("infra.function._READY_S", -1)
    refuse(function[1], "CodeArtifactUserPendingException")
    state(function[1], last, reason="The function is being created.")
    with function[1], pytest.raises(UserError, match=rf"ready to be invoked: it is {last}, .*\(The function is"):
        function[0]._invoke(NAME, "{}")


def test_given_a_function_that_failed_when_invoked_then_its_reason_without_waiting(
    function: tuple[Function, Stubber],
) -> None:
    refuse(function[1], "ResourceConflictException")
    state(function[1], "Failed", reason="The image is gone.")
    with function[1], pytest.raises(UserError, match=r"it is Failed, .*\(The image is gone"):
        function[0]._invoke(NAME, "{}")


def test_given_another_refusal_when_invoked_then_it_is_raised(function: tuple[Function, Stubber]) -> None:
    refuse(function[1], "AccessDeniedException")
    with function[1], pytest.raises(ClientError, match="AccessDenied"):
        function[0]._invoke(NAME, "{}")
