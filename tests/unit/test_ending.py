"""How commands end: the right exit code and a sentence, whatever standard output is and whoever is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    NoCredentialsError,
    UnauthorizedSSOTokenError,
)

from photo_labels import cli
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import agree, is_agreed, run
from tests.unit.commands import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Callable

# These say by exit code 1 that something is wrong: here a rejected photo without an object.
FOUND_SOMETHING = {"audit --list", "failures"}


def ends(streams: str, **environment: str) -> dict[str, dict[str, Any]]:
    """Run every command on such streams."""
    command = [sys.executable, "-m", "tests.unit.commands", streams]
    printed = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
    return {one["command"]: one for one in map(json.loads, printed.stdout.splitlines())}


def check(found: dict[str, dict[str, Any]], code: Callable[[str], int]) -> None:
    assert found.keys() == COMMANDS.keys()
    assert {name: one["code"] for name, one in found.items()} == {name: code(name) for name in COMMANDS}
    for one in found.values():
        assert "Traceback" not in one["said"], one
        assert "Exception ignored" not in one["said"], one


def as_read(name: str) -> int:
    return 1 if name in FOUND_SOMETHING else 0


@pytest.mark.parametrize("streams", ["read", "unread"])
def test_given_a_reader_present_or_gone_when_any_command_runs_then_its_exit_code_is_the_same(
    streams: str,
) -> None:
    check(ends(streams), as_read)


def test_given_a_full_disk_when_any_command_writes_to_it_then_a_sentence_says_so() -> None:
    found = ends("full")
    check(found, lambda _: 2)
    for one in found.values():
        assert one["said"].endswith("The output could not be written (No space left on device).\n"), one


def test_given_a_terminal_of_another_alphabet_when_any_command_writes_then_names_are_escaped() -> None:
    check(ends("read", PYTHONIOENCODING="latin-1"), as_read)


# errors


@pytest.fixture(autouse=True)
def pytests_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put pytest's own hook back after a test that runs a program in this process."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)


def ended(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(cli, "photos", type("Group", (), {"main": staticmethod(fail)}))
    with pytest.raises(SystemExit) as how:
        cli.main()
    assert isinstance(how.value.code, int)
    return how.value.code


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Query")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (UserError("There is no stack."), 2, "There is no stack."),
        (refusal("AccessDenied", "not you"), 2, "AWS refuses Query: not you"),
        (ConnectTimeoutError(endpoint_url="https://x"), 2, "No connection"),
        (PermissionError(13, "Permission denied", "/state"), 2, "/state: Permission denied."),
        (click.UsageError("no such option"), 2, "no such option"),
        (KeyboardInterrupt(), 130, "photos: stopped"),
        (refusal("ExpiredToken", "expired"), 3, "log in and run it again"),
        (refusal("InvalidClientTokenId", "who"), 3, "log in and run it again"),
        (NoCredentialsError(), 3, "log in and run it again"),
        (UnauthorizedSSOTokenError(), 3, "log in and run it again"),
        (CredentialRetrievalError(provider="custom-process", error_msg="x"), 3, "log in and run it again"),
    ],
)
def test_given_what_a_person_can_mend_when_it_reaches_the_top_then_it_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    words: str,
) -> None:
    assert ended(monkeypatch, error) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said


def test_given_a_bug_of_ours_when_it_reaches_the_top_then_it_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ZeroDivisionError):
        ended(monkeypatch, ZeroDivisionError())


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_given_a_signal_when_a_program_runs_then_it_is_stopped_in_order(signum: signal.Signals) -> None:
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit) as how:
            run(lambda: signal.raise_signal(signum), "photos")
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)
    assert how.value.code == 130


# questions


INTERRUPTED_IN_A_DESTRUCTOR = """
import os, signal, time
from photo_labels.terminal.ending import run

class Response:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        for _ in range(1000):
            pass

def main():
    Response()
    end = time.monotonic() + 30
    while time.monotonic() < end:
        time.sleep(0.01)

run(main, "photos")
"""


def test_given_a_signal_while_a_destructor_runs_when_it_is_ignored_then_it_is_raised_again() -> None:
    command = [sys.executable, "-c", INTERRUPTED_IN_A_DESTRUCTOR]
    stopped = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (stopped.returncode, stopped.stderr) == (130, "photos: stopped\n")


def test_given_nobody_when_asked_then_a_sentence_says_how_to_say_yes_beforehand() -> None:
    with pytest.raises(UserError, match=r"Go on\? Not interactive: pass --yes\."):
        agree("Go on?")


@pytest.mark.parametrize(
    ("answer", "meant"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_given_somebody_when_asked_then_only_yes_is_yes(
    someone: None, monkeypatch: pytest.MonkeyPatch, answer: str, meant: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"readline": lambda _: answer})())
    assert is_agreed("Go on?") == meant
    if not meant:
        with pytest.raises(SystemExit) as how:
            agree("Go on?")
        assert how.value.code == 1


@pytest.mark.parametrize("program", ["photo_labels", "local"])
def test_given_ctrl_c_while_a_program_is_being_read_when_it_ends_then_without_a_traceback(
    program: str,
) -> None:
    interrupted_by = """if True:
        import os, runpy, signal, sys

        class Late:
            def find_spec(self, name, *_):
                if name == "botocore.config":
                    os.kill(os.getpid(), signal.SIGINT)

        sys.meta_path.insert(0, Late())
        runpy.run_module(sys.argv[1], run_name="__main__")"""
    ended = subprocess.run(
        [sys.executable, "-c", interrupted_by, program, "status"], check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")
