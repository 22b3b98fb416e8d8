"""Quotas, alarm subscribers, mappings and the registry of an account."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import requests
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from infra import image as images
from infra.alarm_subscribers import subscribers_of
from infra.concurrency import Concurrency, concurrency_for
from infra.deploy import _from_quota, _warn_of_concurrency
from infra.registry import PushProgress, Registry, _follow
from infra.service_quotas import concurrent_executions, detect_labels_tps
from photo_labels.library.user_errors import UserError


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
    chosen = concurrency_for(tps)
    assert 2 <= chosen.bulk <= chosen.live <= 1000
    assert chosen.live >= 5
    assert chosen.bulk * 10 >= tps or chosen.bulk == 1000
    assert chosen.converting >= min(tps, 1000)


@pytest.mark.parametrize(
    ("tps", "executions", "chosen"),
    [
        (5, 10, (2, 2, 2)),  # a new account: Lambda takes no less, and nothing is left to others
        (5, 14, (4, 2, 2)),  # what live photos need comes first
        (5, 15, (5, 2, 2)),
        (5, 50, (5, 2, 5)),
        (50, 10, (2, 2, 2)),
        (50, 50, (6, 4, 15)),
        (50, 1000, (10, 10, 50)),
        (50, None, (10, 10, 50)),
        (1000, 1000, (71, 69, 344)),
    ],
)
def test_given_an_accounts_executions_when_deployed_then_all_lanes_fit_and_live_photos_come_first(
    tps: float, executions: int | None, chosen: tuple[int, int, int]
) -> None:
    assert concurrency_for(tps, executions) == Concurrency(*chosen)


@given(st.floats(0.1, 100_000), st.integers(1, 20_000))
def test_given_any_account_when_environments_are_chosen_then_a_tenth_is_left_to_others(
    tps: float, executions: int
) -> None:
    chosen, wanted = concurrency_for(tps, executions), concurrency_for(tps)
    assert chosen.fits(executions) == (executions >= 12) == (chosen.together * 10 <= executions * 9)
    assert min(chosen.live, chosen.bulk, chosen.converting) >= 2
    assert chosen.live <= wanted.live
    assert chosen.bulk <= wanted.bulk
    assert chosen.converting <= wanted.converting
    if wanted.fits(executions):
        assert chosen == wanted


class Account:
    """An account with a quota of 50 calls a second, and what it is told."""

    def __init__(self) -> None:
        self.said = ""
        self.connection = SimpleNamespace(client=self._client)

    def _client(self, _: str) -> Any:
        name = "Transactions per second per account for … operation DetectLabels"
        return quotas(("list_service_quotas", [(name, 50.0)]))

    def say(self, sentence: str, style: str = "") -> None:
        self.said += sentence


def told(executions: int | None) -> tuple[Concurrency | None, str, str]:
    """What an account of so many executions gets, what is said of it, and what is warned of."""
    account: Any = Account()
    values = _from_quota(account, account, {}, executions)
    said, account.said = account.said, ""
    _warn_of_concurrency(account, values, executions)
    return Concurrency.of(values), said, account.said


def test_given_an_account_of_10_executions_when_deployed_then_told_that_functions_may_be_throttled() -> None:
    chosen, _, warned = told(10)
    assert chosen == Concurrency(2, 2, 2)
    assert "may take 10 together: functions may be throttled" in warned
    assert 'for 12 or more of Lambda\'s "Concurrent executions"' in warned


def test_given_an_account_of_50_executions_when_deployed_then_told_what_more_of_them_would_do() -> None:
    chosen, said, warned = told(50)
    assert chosen == Concurrency(6, 4, 15)
    assert 'with 145 (ask Service Quotas for Lambda\'s "Concurrent executions")' in said
    assert "would be 10, 10 and 50" in said
    assert not warned


def test_given_an_account_of_1000_executions_when_deployed_then_nothing_is_said_of_them() -> None:
    chosen, said, warned = told(1000)
    assert chosen == Concurrency(10, 10, 50)
    assert "executions" not in said + warned


def test_given_an_account_that_may_not_be_asked_when_deployed_then_told_that_nothing_is_checked() -> None:
    chosen, _, warned = told(None)
    assert chosen == Concurrency(10, 10, 50)
    assert "GetAccountSettings is refused" in warned


def test_given_concurrencies_of_ones_own_when_too_many_for_the_account_then_warned_and_not_refused() -> None:
    account: Any = Account()
    given_ = {"MaxConcurrency": "40", "BulkConcurrency": "2", "ConvertConcurrency": "2"}
    _warn_of_concurrency(account, given_, 50)
    assert "may take 48 together" in account.said
    assert "for 54 or more" in account.said
    account.said = ""
    _warn_of_concurrency(account, given_, 54)
    _warn_of_concurrency(account, given_ | {"MaxConcurrency": "many"}, 10)
    assert not account.said


@pytest.mark.parametrize(("limit", "unreserved", "executions"), [(10, 10, 10), (50, 50, 50), (1000, 150, 150)])
def test_given_lambda_when_it_does_not_tell_executions_then_nothing_is_known(
    limit: int, unreserved: int, executions: int
) -> None:
    client = boto3.client("lambda", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        settings = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": unreserved}
        stub.add_response("get_account_settings", {"AccountLimit": settings})
        assert concurrent_executions(client) == executions
        stub.add_client_error("get_account_settings", "AccessDeniedException")
        assert concurrent_executions(client) is None


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


MAPPING = "5f0d7ab3-9f2d-4f9d-a86f-e8af3087d8ae"


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
