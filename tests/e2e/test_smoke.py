"""`make smoke`: the walk on a local cloud, and that on AWS nothing is left behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from local.ministack import REPOSITORY
from photo_labels.library.user_errors import UserError
from smoke import __main__ as command
from smoke import pipelines
from smoke.walk import NotSeenError, SkippedError, Walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.deployment import Deployment


def test_given_a_local_cloud_when_walked_through_then_each_step_is_done_and_each_answer_kept(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smoke", "--out", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    taken = re.findall(r"^ok +(.+) \(", done.stdout, re.MULTILINE)
    assert len(taken) == 13, done.stdout
    kept = {path.name: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert f"{len(kept)} answers are in" in done.stdout
    assert kept["s3-HeadObject-405-1.json"]["headers"]["x-amz-delete-marker"] == "true"
    assert "Item" in json.loads(kept["dynamodb-PutItem-400-1.json"]["body"])
    assert not any("000000000000" in json.dumps(one) for one in kept.values()), "the account's number"


STEPS = {
    "fine": None,
    "skipped": SkippedError("S3 takes no such photo"),
    "wrong": NotSeenError("not seen within 30 s: cat.jpg"),
    "told": UserError("SQS moved nothing"),
}


def test_given_a_step_that_fails_when_walked_through_then_the_others_are_taken_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def steps(_: Walk) -> Iterator[tuple[str, Any]]:
        for name, error in STEPS.items():
            yield name, lambda error=error: _end(error)

    def place() -> Any:
        class Ready:
            def __enter__(self) -> Any:
                return Deployed(), "123"

            def __exit__(self, *_: object) -> None:
                pass

        return Ready()

    monkeypatch.setattr(pipelines, "local", place)
    monkeypatch.setattr(Walk, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(Walk, "steps", steps)
    result = CliRunner().invoke(command.main, ["--out", str(tmp_path)])
    assert result.exit_code == 1
    said = result.output.splitlines()
    assert [line.split()[0] for line in said[:4]] == ["ok", "skipped", "FAILED", "FAILED"]
    assert "2 steps failed" in said[-1]


def _end(error: BaseException | None) -> None:
    if error:
        raise error


class Deployed:
    """A target of which only its session is asked for."""

    class session:  # noqa: N801 - an attribute
        class events:  # noqa: N801
            @staticmethod
            def register(*_: Any) -> None:
                """Listen to nothing."""


@pytest.mark.parametrize("failing", ["deploy", "walk", None])
def test_given_aws_when_walked_through_then_the_stack_is_removed_however_it_ends(
    monkeypatch: pytest.MonkeyPatch, failing: str | None
) -> None:
    done: list[str] = []

    def deploy(deployment: Deployment, _display: Any, parameters: dict[str, str], *_: Any) -> None:
        done.append(f"deploy {deployment.name}")
        assert parameters == {"TablePrefix": f"{deployment.name}-"}
        if failing == "deploy":
            raise UserError("CloudFormation failed")

    def destroy(deployment: Deployment, _display: Any, *, with_data: bool) -> None:
        assert with_data
        done.append(f"destroy {deployment.name}")

    class Aws:
        description = "account 123456789012, eu-central-1"

        def client(self, *_: Any, **__: Any) -> None:
            """No client of AWS."""

    monkeypatch.setattr(pipelines, "aws_connection", lambda *_: (Aws(), "123456789012"))
    monkeypatch.setattr(pipelines, "deploy", deploy)
    monkeypatch.setattr(pipelines, "destroy", destroy)
    monkeypatch.setattr("infra.deployment.Deployment.target", None)
    with (
        pytest.raises((UserError, KeyboardInterrupt)) if failing else nullcontext(),
        pipelines.on_aws("eu-central-1", None, None, Console(), yes=True),
    ):
        _end(KeyboardInterrupt() if failing == "walk" else None)
    [deployed, destroyed] = done
    assert re.fullmatch(r"deploy photo-labels-smoke-[0-9a-f]{6}", deployed)
    assert destroyed == deployed.replace("deploy", "destroy")
