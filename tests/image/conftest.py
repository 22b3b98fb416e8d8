"""A Docker engine, the image, and a local cloud whose function runs in containers of it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from infra import image as images
from loadtest.benchmarks.emulator import EMULATOR
from local.child import Child
from local.ministack import REPOSITORY, Ministack
from photo_labels.library.target import Connection, Target, described, local_session
from photo_labels.library.user_errors import UserError
from tests.bucket_tags import tag_as_cloudformation_does
from tests.image.containers import Containers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import docker

STACK = "photo-labels"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One engine, one worker."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("docker"))
        item.add_marker(pytest.mark.timeout(300))


def _engine() -> docker.DockerClient:
    if platform.system() != "Linux":
        raise UserError("these tests need the host's network in containers, which only an engine on Linux has")
    if not (EMULATOR / ".installed").exists():
        raise UserError("the runtime interface emulator is not there: run `make emulator`")
    return images.reach_engine()


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A Docker engine; without one, the tests of the image are skipped, but never in CI."""
    try:
        client = _engine()
    except UserError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    before = {tag for image in client.images.list() for tag in image.tags}
    yield client
    for image in client.images.list():
        pulled = [name for name in image.attrs["RepoDigests"] or [] if name.startswith("127.0.0.1:")]
        for name in (set(image.tags) - before) | set(pulled):
            client.images.remove(name, force=True)
    client.close()


@pytest.fixture(scope="session")
def base() -> str | None:
    """The base image to build on, as `make image BASE_IMAGE=…` has it."""
    return os.environ.get("BASE_IMAGE") or None


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient, base: str | None) -> images.Image:
    """The image of the working tree."""
    return images.build(engine, images.native_architecture(engine), base=base)


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a copy of the working tree, without git, that has some code more at the end of handler/app.py."""

    def copy(code: str) -> Path:
        tree = tmp_path / "tree"
        for name in (*images.INPUTS, "infra", "photo_labels", "samples"):
            source, copied = REPOSITORY / name, tree / name
            copied.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                shutil.copyfile(source, copied)
        with (tree / "handler" / "app.py").open("a") as app:
            app.write(code)
        return tree

    return copy


@dataclass
class Account:
    """An AWS account on this machine, nothing deployed in it yet."""

    endpoint_url: str
    rekognition_url: str
    containers: Containers
    environment: dict[str, str]

    def client(self, service: str) -> Any:
        return Connection(local_session(), self.endpoint_url, "local").client(service)

    def deployed(self) -> Target:
        return described(Connection(local_session(), self.endpoint_url, "local"), STACK)

    def start(self, *command: str, tree: Path = REPOSITORY) -> subprocess.Popen[str]:
        """Start the deploy tool of a working tree as a user does, without a question."""
        tag_as_cloudformation_does(self.client("s3"), f"{STACK}-000000000000-us-east-1", STACK)
        arguments = [
            "--yes",
            "--region",
            "us-east-1",
            "--registry-host",
            self.endpoint_url.removeprefix("http://"),
        ]
        if base := os.environ.get("BASE_IMAGE"):
            arguments += ["--base", base]
        return subprocess.Popen(
            [sys.executable, "-m", "infra", *arguments, *command],
            cwd=tree,
            env=self.environment | {"PYTHONPATH": str(tree)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, tree: Path = REPOSITORY, expect: int = 0) -> str:
        """Run it to its end; gives all that it printed."""
        with self.start(*command, tree=tree) as running:
            printed, _ = running.communicate(timeout=240)
        assert running.returncode == expect, printed
        assert "Traceback" not in printed
        return printed


def _deployer(endpoint_url: str) -> dict[str, str]:
    """Keys of a user who may do what infra/deployer-policy.json says, and nothing else."""
    iam = Connection(local_session(), endpoint_url, "local").client("iam")
    policy = (REPOSITORY / "infra" / "deployer-policy.json").read_text()
    names = {"BUCKET": f"{STACK}-000000000000-us-east-1", "ACCOUNT": "000000000000", "REGION": "us-east-1"}
    for name, value in (names | {"STACK": STACK}).items():
        policy = policy.replace(name, value)
    # One more policy for a bucket that exists already, as docs/deploying.md says.
    iam.create_user(UserName="deployer")
    iam.put_user_policy(UserName="deployer", PolicyName="deploy", PolicyDocument=policy)
    existing = policy.replace(names["BUCKET"], "holidays*")
    iam.put_user_policy(UserName="deployer", PolicyName="existing", PolicyDocument=existing)
    # ministack takes reading a mapping for listing them all, and does not see which table's tags are asked for.
    unseen = ["lambda:ListEventSourceMappings", "dynamodb:ListTagsOfResource"]
    quirks = {"Effect": "Allow", "Action": unseen, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [quirks]})
    iam.put_user_policy(UserName="deployer", PolicyName="ministack", PolicyDocument=document)
    keys: dict[str, str] = iam.create_access_key(UserName="deployer")["AccessKey"]
    return keys


@pytest.fixture(scope="module")
def account(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A local AWS with the real Rekognition server, whose functions run in containers."""
    state = tmp_path_factory.mktemp("account")
    with ExitStack() as running:
        containers = Containers(engine)
        proxies = {name: f"{containers.url}/{name}" for name in (f"{STACK}-label", f"{STACK}-convert")}
        # As AWS's default: ministack's own is by the machine's memory, and deployments keep to it.
        ministack = Ministack(state, proxies, os.environ | {"LAMBDA_ACCOUNT_CONCURRENCY": "1000"})
        running.callback(ministack.process.stop)
        rekognition = Child(
            [
                sys.executable,
                "-m",
                "local.rekognition",
                "--exit-with-parent",
                "--s3-endpoint",
                ministack.endpoint_url,
            ],
            state / "rekognition.log",
            {**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        running.callback(rekognition.stop)
        ministack.wait_until_ready()
        keys = _deployer(ministack.endpoint_url)
        containers.endpoint_url = ministack.endpoint_url
        containers.rekognition_url = json.loads(rekognition.first_line())["url"]
        running.enter_context(containers)
        environment = os.environ | {
            "AWS_ENDPOINT_URL": ministack.endpoint_url,
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "COLUMNS": "200",
        }
        yield Account(ministack.endpoint_url, containers.rekognition_url, containers, environment)
