"""The image that ships, run as Lambda runs it: read-only, as nobody in particular, without rights, limited."""

from __future__ import annotations

import io
import json
import re
import socket
from typing import TYPE_CHECKING, Any

import pytest

from infra import image as images
from loadtest.benchmarks.emulator import Emulator
from local.ministack import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import docker

ENVIRONMENT = {
    "IMAGE_LABELS_TABLE": "ImageLabels",
    "LABEL_INDEX_TABLE": "LabelIndex",
    "LABEL_QUOTA_TABLE": "LabelQuota",
    "CONTENT_CLAIMS_TABLE": "ContentClaims",
    "QUEUE_URL": "http://127.0.0.1:9/queue",
    "DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/dead-letters",
    "POWERTOOLS_SERVICE_NAME": "photo-labels",
    "POWERTOOLS_METRICS_NAMESPACE": "PhotoLabels",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_LAMBDA_FUNCTION_TIMEOUT": "20",
}
# Of a CPU: what 512 MB of Lambda get.
OF_A_SMALL_FUNCTION = 0.29


def batch(*bodies: str) -> dict[str, Any]:
    """An SQS event as Lambda gets it."""
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1795400000000"}
    return {
        "Records": [
            {"messageId": f"m{n}", "receiptHandle": f"r{n}", "body": body, "attributes": attributes}
            for n, body in enumerate(bodies)
        ]
    }


TEST_EVENT = batch(json.dumps({"Event": "s3:TestEvent"}))


@pytest.fixture
def silent() -> Iterator[str]:
    """An AWS that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(scope="module")
def slow(engine: docker.DockerClient, image: images.Image) -> str:
    """The image with one file more: a handler that does not answer."""
    lines = r"import time\ndef handler(event, context):\n    time.sleep(60)\n"
    dockerfile = f"FROM {image.name}\nRUN printf '{lines}' > /var/task/slow.py\n"
    engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag="photo-labels:slow-for-tests", rm=True)
    return "photo-labels:slow-for-tests"


def test_given_the_image_when_invoked_with_a_batch_then_it_starts_and_answers(
    engine: docker.DockerClient, image: images.Image
) -> None:
    with Emulator(engine, image.name, ENVIRONMENT, cpus=OF_A_SMALL_FUNCTION) as function:
        assert function.invoke(TEST_EVENT) == {"batchItemFailures": []}
        assert function.invoke(TEST_EVENT) == {"batchItemFailures": []}
        assert '"_aws"' in function.log(), "its metrics are in its log"


@pytest.mark.parametrize("user", ["0", "12345:54321"])
def test_given_any_user_when_invoked_then_it_answers(
    engine: docker.DockerClient, image: images.Image, user: str
) -> None:
    with Emulator(engine, image.name, ENVIRONMENT, user=user) as function:
        assert function.invoke(TEST_EVENT) == {"batchItemFailures": []}


def test_given_a_bad_setting_when_started_then_it_fails_with_the_sentence(
    engine: docker.DockerClient, image: images.Image
) -> None:
    with Emulator(engine, image.name, ENVIRONMENT | {"MAX_LABELS": "many"}) as function:
        answer = function.invoke(TEST_EVENT)
    assert answer["errorType"] == "SettingsError"
    assert answer["errorMessage"] == "MAX_LABELS is 'many': it must be a number from 1 to 1000."


def test_given_no_sqs_event_when_invoked_then_the_error_is_reported(
    engine: docker.DockerClient, image: images.Image
) -> None:
    with Emulator(engine, image.name, ENVIRONMENT) as function:
        assert function.invoke({"something": "else"})["errorType"] == "KeyError"
        assert function.invoke(TEST_EVENT) == {"batchItemFailures": []}


def test_given_an_aws_that_does_not_answer_when_invoked_then_all_is_reported_in_time(
    engine: docker.DockerClient, image: images.Image, silent: str
) -> None:
    keys = [
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_REKOGNITION",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SQS",
    ]
    environment = ENVIRONMENT | dict.fromkeys(keys, silent) | {"AWS_LAMBDA_FUNCTION_TIMEOUT": "8"}
    body = {"source": "photo-labels", "action": "reconcile", "bucket": "photos", "key": "cat.jpg"}
    with Emulator(engine, image.name, environment) as function:
        answer = function.invoke(batch(json.dumps(body)))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_given_a_handler_that_hangs_when_invoked_then_the_timeout_is_reported(
    engine: docker.DockerClient, slow: str
) -> None:
    environment = ENVIRONMENT | {"AWS_LAMBDA_FUNCTION_TIMEOUT": "1"}
    with Emulator(engine, slow, environment, command=["slow.handler"]) as function:
        assert "Task timed out after 1.00 seconds" in function.invoke({})


def in_image(engine: docker.DockerClient, image: images.Image, script: str) -> list[str]:
    """Lines that a shell in the image prints."""
    said: bytes = engine.containers.run(
        image.name, ["-c", script], entrypoint="/bin/sh", user="0", network_mode="none", remove=True
    )
    return said.decode().splitlines()


def test_given_the_image_when_looked_into_then_only_handler_and_its_dependencies_are_there(
    engine: docker.DockerClient, image: images.Image
) -> None:
    there = set(in_image(engine, image, "ls -A /var/task"))
    locked = re.findall(
        r"^([a-z0-9-]+)==(\S+)", (REPOSITORY / "requirements" / "image.txt").read_text(), re.MULTILINE
    )
    dists = {f"{name.replace('-', '_')}-{version}.dist-info" for name, version in locked}
    assert {name for name in there if name.endswith(".dist-info")} == dists
    modules = {
        "PIL",
        "aws_lambda_powertools",
        "awslambdaric",
        "botocore",
        "dateutil",
        "handler",
        "jmespath",
        "photo_labels",
        "pillow.libs",
        "pillow_heif",
        "pillow_heif.libs",
        "simplejson",
    }
    modules |= {"six.py", "snapshot_restore_py.py", "typing_extensions.py", "urllib3", "__pycache__"}
    extensions = ("runtime_client.", "_pillow_heif.")
    extras = {name for name in there - dists - modules if not name.startswith(extensions)}
    assert not extras
    for package in ("handler", "photo_labels/records"):
        own = {str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / package).rglob("*.py")}
        found = in_image(engine, image, f"cd /var/task && find {package} -type f -not -path '*/__pycache__/*'")
        assert set(found) == own
    assert set(in_image(engine, image, "ls -A /var/task/photo_labels")) == {
        "__init__.py",
        "__pycache__",
        "records",
    }


def test_given_the_image_when_looked_into_then_nothing_of_the_build_is_left(
    engine: docker.DockerClient, image: images.Image
) -> None:
    assert in_image(engine, image, "find / -xdev -name '*.crt' -o -xdev -name 'build*' -path '/build*'") == []
    assert in_image(engine, image, "find / -xdev -name '*.pem' -not -path '/var/task/botocore/cacert.pem'") == []
    places = "/var/lib/apt/lists /var/cache /var/log /root /tmp"
    assert in_image(engine, image, f"find {places} -type f -not -name '.bashrc' -not -name '.profile'") == []
    assert in_image(engine, image, "command -v pip pip3 gcc curl git || true") == []
    set_by_us = {"LANG", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
    environment = engine.images.get(image.name).attrs["Config"]["Env"]
    assert {one.partition("=")[0] for one in environment} <= set_by_us


def test_given_the_image_when_python_runs_then_it_compiles_nothing(
    engine: docker.DockerClient, image: images.Image
) -> None:
    sources = in_image(engine, image, "find /var/task -name '*.py'")
    compiled = in_image(engine, image, "find /var/task -name '*.pyc'")
    names = {re.sub(r"__pycache__/(.*)\.cpython-\d+\.pyc$", r"\1.py", path) for path in compiled}
    assert set(sources) <= names


def test_given_two_clean_builds_when_compared_then_dependencies_and_handler_are_same_layers(
    engine: docker.DockerClient, base: str | None
) -> None:
    def layers() -> list[str]:
        image = images.build(engine, images.native_architecture(engine), base=base, no_cache=True)
        found: list[str] = engine.images.get(image.name).attrs["RootFS"]["Layers"]
        return found

    assert layers()[-2:] == layers()[-2:]


def test_given_a_change_of_the_handler_when_built_then_one_small_layer_is_new(
    account: Any, engine: docker.DockerClient, image: images.Image, changed: Callable[[str], Path]
) -> None:
    said = account.run("image", tree=changed("\n# Changed.\n"))
    (name,) = re.findall(r"image (photo-labels:\S+),", said)
    before, after = (engine.images.get(one) for one in (image.name, name))
    old, new = before.attrs["RootFS"]["Layers"], after.attrs["RootFS"]["Layers"]
    assert old[:-1] == new[:-1]
    assert old[-1] != new[-1]
    assert max(one["Size"] for one in after.history()[:3]) < 1e6


def test_given_no_docker_command_when_built_then_the_sdk_builds_the_same(
    account: Any, engine: docker.DockerClient, image: images.Image, tmp_path: Path
) -> None:
    python_only = tmp_path / "bin"
    python_only.mkdir()
    before = engine.images.get(image.name).attrs["RootFS"]["Layers"]
    path = account.environment["PATH"]
    account.environment["PATH"] = str(python_only)
    try:
        said = account.run("image")
    finally:
        account.environment["PATH"] = path
    (name,) = re.findall(r"image (photo-labels:\S+),", said)
    assert engine.images.get(name).attrs["RootFS"]["Layers"][-2:] == before[-2:]
