"""Both functions as Lambda loads them: from their environment alone, and what they answer."""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.test_settings import REQUIRED

if TYPE_CHECKING:
    from collections.abc import Iterator

S3S_TEST_EVENT = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"})


@dataclass
class Context:
    """Lambda's context object, as much of it as is used."""

    function_name: str = "label"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:label"
    aws_request_id: str = "1"

    def get_remaining_time_in_millis(self) -> int:
        return 20_000


@pytest.fixture(params=["handler.app", "handler.convert"])
def entry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function's module, loaded anew."""
    settings = REQUIRED | {"REKOGNITION_TPS": "5", "CONVERT_QUEUE_URL": "https://convert"}
    powertools = {"POWERTOOLS_SERVICE_NAME": "stack", "POWERTOOLS_METRICS_NAMESPACE": "PhotoLabels"}
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in (settings | powertools | keys).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delitem(sys.modules, request.param, raising=False)
    yield importlib.import_module(request.param)
    del sys.modules[request.param]


def batch(*bodies: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1795400000000"}
    return {
        "Records": [
            {"messageId": f"m{number}", "receiptHandle": f"r{number}", "body": body, "attributes": attributes}
            for number, body in enumerate(bodies)
        ]
    }


def test_given_a_function_when_invoked_then_it_answers_and_counts(
    entry: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.handler(batch(S3S_TEST_EVENT), Context()) == {"batchItemFailures": []}
    assert json.loads(capsys.readouterr().out)["ImagesLabelled"] == [0.0]


def test_given_a_function_when_loaded_then_the_collector_runs_again(entry: Any) -> None:
    assert entry.settings.label_quota_table == "LabelQuota"
    assert gc.isenabled()


def test_given_the_labelling_function_when_loaded_then_it_pays_nothing_for_the_decoders() -> None:
    script = "import handler.app, sys; print({'PIL', 'pillow_heif', 'handler.conversion'} & set(sys.modules))"
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"} | REQUIRED
    loaded = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "set()\n"


def test_given_its_clients_when_made_then_they_try_once_and_give_up_long_before_the_deadline(entry: Any) -> None:
    clients = entry.clients
    for client in (clients.dynamodb, clients.rekognition, clients.s3, clients.sqs):
        config = client.meta.config
        assert config.retries["total_max_attempts"] == 1
        assert config.connect_timeout + config.read_timeout <= 6
        assert config.max_pool_connections == entry.settings.rekognition_concurrency
