"""Finding the pipeline: whatever the user's settings are, a sentence says what is wrong with them."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import CredentialRetrievalError
from botocore.stub import Stubber
from click.testing import CliRunner

from photo_labels import cli
from photo_labels.library.credentials import CheckedSession
from photo_labels.library.outputs import StackOutputs
from photo_labels.library.state_files import home_folder, keep_state, state_path
from photo_labels.library.target import (
    LOCAL_STATE,
    Connection,
    Target,
    aws_connection,
    described,
    is_local_cloud_up,
    local_target,
    scrub_environment,
)
from photo_labels.library.user_errors import UserError, are_credentials_over
from tests.infra.template import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def settings(target: Target, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Sets the environment, and writes an AWS config file, of a user who has no others."""
    assert target  # AWS answers
    before = dict(os.environ)

    def set_them(config: str = "", **environment: str) -> None:
        file = tmp_path / "config"
        file.write_text(config)
        keys = {} if "credential_process" in config else {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "s"}
        scrub_environment(os.environ)
        os.environ |= keys | {"AWS_CONFIG_FILE": str(file)} | environment

    yield set_them
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize(
    ("given", "environment", "config", "region"),
    [
        (None, {"AWS_REGION": "eu-west-1"}, "", "eu-west-1"),
        (None, {"AWS_DEFAULT_REGION": "eu-west-2"}, "", "eu-west-2"),
        (None, {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "", "eu-west-1"),
        (None, {"AWS_REGION": ""}, "[default]\nregion = eu-west-3", "eu-west-3"),
        ("eu-central-1", {"AWS_REGION": "eu-west-1"}, "", "eu-central-1"),
    ],
)
def test_given_a_region_in_any_place_when_asked_then_it_is_that_one(
    settings: Callable[..., None], given: str | None, environment: dict[str, str], config: str, region: str
) -> None:
    settings(config, **environment)
    assert aws_connection(given, None)[0].session.region_name == region


@pytest.mark.parametrize(
    ("given", "environment", "config", "words"),
    [
        (None, {}, "", "set AWS_REGION, or pass --region"),
        ("", {"AWS_REGION": "eu-west-1"}, "", "set AWS_REGION, or pass --region"),
        (None, {"AWS_DEFAULT_REGION": ""}, "", "set AWS_REGION, or pass --region"),
        ("not a region", {}, "", "Your AWS settings cannot be used"),
        ("eu-west-1", {"AWS_ENDPOINT_URL": "localhost:4566"}, "", "Your AWS settings cannot be used"),
        ("eu-west-1", {}, "[default\nregion", "Your AWS settings cannot be used"),
        ("eu-west-1", {"AWS_PROFILE": "nobody"}, "", "Your AWS settings cannot be used .*nobody"),
        ("eu-west-1", {}, "[default]\ncredential_process = /no/such/program", "credentials .*/no/such/program"),
        ("eu-west-1", {}, "[default]\ncredential_process = echo nonsense", "AWS does not take your credentials"),
        ("eu-west-1", {}, "[default]\ncredential_process = echo []", "AWS does not take your credentials"),
        ("eu-west-1", {}, "[default]\ncredential_process = false", "AWS does not take your credentials"),
        ("eu-west-1", {}, '[default]\ncredential_process = "', "AWS does not take your credentials"),
        ("eu-west-1", {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": ""}, "", "your credentials"),
    ],
)
def test_given_settings_that_cannot_be_used_when_asked_then_a_sentence_says_which(
    settings: Callable[..., None], given: str | None, environment: dict[str, str], config: str, words: str
) -> None:
    settings(config, **environment)
    with pytest.raises(UserError, match=words):
        aws_connection(given, None)


def test_given_credential_process_that_breaks_later_when_renewed_then_credentials_are_over(
    settings: Callable[..., None], tmp_path: Path
) -> None:
    program = tmp_path / "credentials"
    answer = {"Version": 1, "AccessKeyId": "k", "SecretAccessKey": "s", "Expiration": "2020-01-01T00:00:00Z"}
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(answer)!r})\n")
    program.chmod(0o700)
    settings(f"[default]\ncredential_process = {program}")
    session = CheckedSession()
    credentials = session.get_credentials()
    program.unlink()
    with pytest.raises(CredentialRetrievalError) as over:
        credentials.get_frozen_credentials()
    assert are_credentials_over(over.value)


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user without any AWS settings, who types a search."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PHOTOS_TARGET", raising=False)
    scrub_environment(os.environ)
    monkeypatch.setattr(sys, "argv", [".venv/bin/photos", "search", "dining table", "--prefix", "it's/"])


def said_without(*options: str) -> str:
    error = CliRunner().invoke(cli.photos, [*options, "search", "dining table"]).exception
    assert isinstance(error, UserError)
    return str(error)


TYPED = """.venv/bin/photos --local search 'dining table' --prefix 'it'"'"'s/'"""


@pytest.mark.usefixtures("nothing_set")
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "No AWS region is set: "),
        (["--region", "eu-west-1"], "There are no AWS credentials: "),
        (["--profile", "nobody"], "Your AWS settings cannot be used "),
    ],
)
def test_given_no_aws_and_a_local_cloud_when_asked_then_local_is_suggested_and_not_done(
    monkeypatch: pytest.MonkeyPatch, options: list[str], why: str
) -> None:
    monkeypatch.setattr(cli, "is_local_cloud_up", lambda: True)
    monkeypatch.setattr(cli, "local_target", lambda: pytest.fail("it guesses"))
    said = said_without(*options)
    assert said.startswith(why)
    assert said.endswith(f". The local cloud is running: {TYPED}")


@pytest.mark.usefixtures("nothing_set")
@pytest.mark.parametrize("has_checkout", [True, False])
def test_given_no_aws_and_no_local_cloud_when_asked_then_make_up_is_suggested_in_a_checkout(
    monkeypatch: pytest.MonkeyPatch, has_checkout: bool
) -> None:
    monkeypatch.setattr(cli, "is_local_cloud_up", lambda: False)
    monkeypatch.setattr(cli, "has_checkout", lambda: has_checkout)
    own = "No AWS region is set: set AWS_REGION, or pass --region."
    assert said_without() == own + (f" Or do without AWS: make up && {TYPED}" if has_checkout else "")


def test_given_a_local_cloud_when_looked_for_then_it_is_up_as_long_as_it_answers(tmp_path: Path) -> None:
    assert not is_local_cloud_up(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "cloud.json").write_text(json.dumps({"endpoint_url": url}))
        assert is_local_cloud_up(tmp_path)
    assert not is_local_cloud_up(tmp_path)
    for damaged in ("", "{", "[]", '{"endpoint_url": "http://127.0.0.1:99999"}', '{"endpoint_url": 1}', "\0"):
        (tmp_path / "cloud.json").write_text(damaged)
        assert not is_local_cloud_up(tmp_path)


def test_given_local_behind_the_command_when_typed_then_the_message_puts_it_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "argv", [".venv/bin/photos", "search", "dog", "--local"])
    said = CliRunner().invoke(cli.photos, sys.argv[1:])
    assert said.exit_code == 2
    assert "Error: --local goes before the command: .venv/bin/photos --local search dog\n" in said.output


def test_given_photos_on_the_path_when_typed_then_it_is_suggested_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "photos").touch(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "photos"), "status"])
    assert cli._typed_with_local() == "photos --local status"
    monkeypatch.setattr(sys, "argv", ["/somewhere/photo_labels/__main__.py", "status"])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-m", "photo_labels", "status"])
    assert cli._typed_with_local() == "python3 -m photo_labels --local status"


@pytest.mark.parametrize("told", ["lokal", "LOCAL", "AWS "])
def test_given_a_target_that_is_misspelt_when_a_command_runs_then_it_is_not_taken_for_aws(
    monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("PHOTOS_TARGET", told)
    ended = CliRunner().invoke(cli.photos, ["status"])
    assert isinstance(ended.exception, UserError)
    assert "it may be local or aws" in str(ended.exception)


# the stack


class Asked(dict[str, str]):
    """Outputs of any name, which remembers the names that were read."""

    def __missing__(self, name: str) -> str:
        self[name] = "x"
        return "x"


def names_that_are_read() -> set[str]:
    asked = Asked()
    StackOutputs.from_stack(asked)
    return set(asked)


OUTPUTS = names_that_are_read()


def stubbed(target: Target, monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]) -> Stubber:
    client = target.client("cloudformation")
    monkeypatch.setattr(Connection, "client", lambda *_: client)
    stub = Stubber(client)
    pairs = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    stack: Any = {
        "StackName": "s",
        "StackStatus": "CREATE_COMPLETE",
        "CreationTime": "2026-11-25T00:00:00Z",
        "Outputs": pairs,
    }
    stub.add_response("describe_stacks", {"Stacks": [stack]})
    return stub


@pytest.mark.parametrize("missing", sorted(OUTPUTS))
def test_given_a_stack_of_another_kind_when_described_then_a_sentence_says_so(
    target: Target, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    outputs = {name: "x" for name in OUTPUTS if name != missing}
    with stubbed(target, monkeypatch, outputs), pytest.raises(UserError, match=f"no output {missing}.*--stack"):
        described(Connection(target.session, None, "account 1"), "s")


def test_given_the_template_when_deployed_then_it_has_all_outputs_that_the_tools_need() -> None:
    assert set(OUTPUTS) <= read("pipeline.yaml")["Outputs"].keys()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"endpoint_url": "http://127.0.0.1:1"}', "\0"])
def test_given_damaged_state_of_local_cloud_when_it_is_looked_for_then_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    (tmp_path / "cloud.json").write_text(content)
    with pytest.raises(UserError, match=r"cloud\.json is damaged.*make up"):
        local_target(tmp_path)


def test_given_a_local_cloud_that_has_crashed_when_it_is_looked_for_then_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    running = {"endpoint_url": "http://127.0.0.1:1", "stack": "photo-labels"}
    for library, up in (("", "make up"), ("/home/me/my photos", "make up LIBRARY='/home/me/my photos'")):
        (tmp_path / "cloud.json").write_text(json.dumps(running | {"library": library}))
        with pytest.raises(UserError, match=f"`make down && {up}` starts it anew"):
            local_target(tmp_path)


# the user's folders


def test_given_user_without_home_when_folder_is_asked_for_then_sentence_names_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    with pytest.raises(UserError, match="set HOME, or XDG_STATE_HOME"):
        home_folder("XDG_STATE_HOME", ".local/state")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert home_folder("XDG_STATE_HOME", ".local/state") == Path("/state")


def test_given_a_state_when_kept_then_only_its_user_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "labels.json"
    for _ in range(2):
        keep_state(path, "{}")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.chmod(0o644)  # as an older version has left it
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_given_a_folder_that_is_none_when_a_state_is_kept_then_a_sentence_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="set XDG_STATE_HOME"):
        keep_state(tmp_path / "file" / "labels.json", "{}")


def test_given_the_local_cloud_when_a_state_is_kept_then_with_it(target: Target) -> None:
    local = Target(target.session, "http://127.0.0.1:1", "local", target.outputs)
    assert state_path(local, "x") == LOCAL_STATE / "x"
