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
from infra.registry import PushProgress, Registry, _follow
from infra.service_quotas import (
    bulk_environments_for,
    concurrent_executions,
    converting_environments_for,
    detect_labels_tps,
    live_environments_for,
)
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
    environments = bulk_environments_for(tps)
    assert 2 <= environments <= live_environments_for(tps) <= 1000
    assert live_environments_for(tps) >= 5
    assert environments * 10 >= tps or environments == 1000


@pytest.mark.parametrize(
    ("tps", "executions", "converting"), [(5, 10, 2), (5, 1000, 5), (50, 1000, 50), (50, 100, 35), (5, None, 5)]
)
def test_given_an_account_of_few_executions_when_deployed_then_the_lanes_are_as_small_as_may_be(
    tps: float, executions: int | None, converting: int
) -> None:
    assert converting_environments_for(tps, executions) == converting


def test_given_lambda_when_it_does_not_tell_executions_then_nothing_is_known() -> None:
    client = boto3.client("lambda", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        stub.add_response("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": 10}})
        assert concurrent_executions(client) == 10
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
