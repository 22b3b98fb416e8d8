"""A KMS key of the user's is checked before anything is changed."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

import infra.deploy
from infra.deploy import deploy
from infra.display import Display
from infra.encryption_key import check_key
from photo_labels.library.user_errors import UserError
from tests.unit.deploying.test_via import Account, Live

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
SERVICES = ["cloudwatch.amazonaws.com", "s3.amazonaws.com", "logs.eu-central-1.amazonaws.com"]


def policy(services: list[str], effect: str = "Allow") -> str:
    own: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    theirs = [{"Effect": effect, "Principal": {"Service": one}, "Action": "kms:Decrypt"} for one in services]
    return json.dumps({"Statement": [own, *theirs]})


def checked(
    text: str,
    region: str = "eu-central-1",
    *,
    by_event_bridge: bool = False,
    metadata: dict[str, str] | None = None,
) -> str | None:
    client = boto3.client("kms", region, aws_access_key_id="a", aws_secret_access_key="b")
    found = {"KeyId": "0a1b", "KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT"} | (metadata or {})
    with Stubber(client) as stub:
        stub.add_response("describe_key", {"KeyMetadata": found}, {"KeyId": KEY})
        stub.add_response("get_key_policy", {"Policy": text}, {"KeyId": KEY})
        return check_key(client, KEY, region, by_event_bridge=by_event_bridge)


def test_given_a_key_that_all_may_use_when_checked_then_all_is_well() -> None:
    assert checked(policy(SERVICES)) is None


def test_given_events_by_event_bridge_when_checked_then_it_has_to_use_the_key_too() -> None:
    with pytest.raises(UserError, match=r"does not let events\.amazonaws\.com use it"):
        checked(policy(SERVICES), by_event_bridge=True)
    assert checked(policy([*SERVICES, "events.amazonaws.com"]), by_event_bridge=True) is None


@pytest.mark.parametrize("missing", SERVICES)
@pytest.mark.parametrize("is_denied", [True, False])
def test_given_a_key_that_a_service_may_not_use_when_checked_then_it_is_named(
    missing: str, *, is_denied: bool
) -> None:
    others = [one for one in SERVICES if one != missing]
    text = policy([missing], "Deny") if is_denied else policy([])
    both = {"Statement": json.loads(text)["Statement"] + json.loads(policy(others))["Statement"]}
    with pytest.raises(UserError, match=rf"does not let {missing} use it: docs/deploying\.md"):
        checked(json.dumps(both))


@pytest.mark.parametrize(
    "metadata", [{"KeyState": "Disabled"}, {"KeyState": "PendingDeletion"}, {"KeySpec": "RSA_2048"}]
)
def test_given_a_key_that_encrypts_nothing_when_checked_then_a_sentence(metadata: dict[str, str]) -> None:
    with pytest.raises(UserError, match="has to be Enabled and symmetric"):
        checked(policy(SERVICES), metadata=metadata)


def test_given_a_key_of_another_region_when_checked_then_a_sentence() -> None:
    with pytest.raises(UserError, match="has to name a key in us-east-1"):
        checked(policy(SERVICES), region="us-east-1")


@pytest.mark.parametrize(("code", "is_fatal"), [("NotFoundException", True), ("AccessDeniedException", False)])
def test_given_a_key_that_cannot_be_read_when_checked_then_that_is_told(code: str, *, is_fatal: bool) -> None:
    client = boto3.client("kms", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        stub.add_client_error("describe_key", code, "not for you")
        if is_fatal:
            with pytest.raises(UserError, match="There is no key"):
                check_key(client, KEY, "eu-central-1")
        else:
            warning = check_key(client, KEY, "eu-central-1")
            assert warning
            assert "is not known (not for you)" in warning


def test_given_a_key_taken_away_when_deployed_then_it_is_noted_for_what_was_written_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(infra.deploy, "push", lambda *_: ("image", "arm64"))
    monkeypatch.setattr(infra.deploy, "change", lambda deployment, _, proposed: deployment.execute(proposed))
    monkeypatch.setattr(infra.deploy, "leave_running", lambda *_: None)
    monkeypatch.setattr(infra.deploy, "_warn_of_pending", lambda *_: None)
    monkeypatch.setattr(infra.deploy, "_from_quota", lambda *_: {})
    monkeypatch.setattr(infra.deploy, "confirm", lambda *_: None)
    account = Account()
    account.parameters = {"KmsKeyArn": KEY, "ExistingBucket": account.existing, "Via": "notifications"}
    account.is_deployed = True
    live: Any = Live(account)
    deploy(live, Display(account.console, yes=True), {"KmsKeyArn": ""}, None, None, pause=account.wait)
    assert (account.parameters["KmsKeyArn"], account.parameters["FormerKmsKeyArn"]) == ("", KEY)
