"""The command line, on moto's DynamoDB."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber
from click.testing import CliRunner
from rich.console import Console

from photo_labels import cli
from photo_labels.library.table_reader import TableReader
from photo_labels.library.target import Connection, Target, aws_target, described
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.text import safe
from tests.unit.deployed import BUCKET, document, store

HOSTILE = ["a b+c%.jpg", "ünï/日本.PNG", "[bold]not[/bold].jpg", "line\nbreak.jpg", "esc\x1b[31m.jpeg"]


# reading


def test_given_unprocessed_keys_when_read_then_they_are_asked_for_again(target: Target) -> None:
    for number in range(150):
        store(target, document(f"{number}.jpg", {}))
    pauses: list[float] = []
    reader = TableReader(target, pauses.append)
    batch_get_item, sizes = reader._client.batch_get_item, []

    def half(RequestItems: dict[str, Any], **_: Any) -> Any:  # noqa: N803 - boto3's name
        keys = RequestItems["ImageLabels"]["Keys"]
        sizes.append(len(keys))
        now = keys[: len(keys) // 2 or 1]
        answer = batch_get_item(RequestItems={"ImageLabels": {"Keys": now, "ConsistentRead": True}})
        left = keys[len(now) :]
        return answer | {"UnprocessedKeys": {"ImageLabels": {"Keys": left}} if left else {}}

    reader._client.batch_get_item = half
    assert len(reader.documents([f"{BUCKET}/{number}.jpg" for number in range(150)])) == 150
    assert max(sizes) <= 100
    assert pauses


# the commands


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(cli, "local_target", lambda: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return CliRunner().invoke(cli.photos, ["--local", *arguments])


@pytest.mark.parametrize("name", ["a.jpg", f"{BUCKET}/a.jpg", f"s3://{BUCKET}/a.jpg"])
def test_given_an_image_by_any_name_when_shown_then_its_document_is(
    target: Target, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    store(target, document("a.jpg", {"Cat": 98.5}))
    ended = run(target, monkeypatch, "show", name)
    shown = ended.output
    assert ended.exit_code == 0
    assert shown.startswith("account 1, us-east-1\n")
    assert "98.50" in shown


def test_given_an_image_that_is_not_known_when_shown_then_a_sentence_says_so(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(target, monkeypatch, "show", "none.jpg")
    assert ended.exit_code == 1
    assert "Nothing is known of none.jpg" in ended.output


def test_given_names_that_a_terminal_would_obey_when_shown_then_they_are_only_text(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(target, document("[red]x[/red]\x1b[31m\n.jpg", {"[blink]Cat": 98.5}))
    shown = run(target, monkeypatch, "search", "[blink]Cat").output
    assert "\x1b" not in shown
    assert "[red]x[/red]\\x1b[31m\\n.jpg" in shown
    assert str(safe("tab\there")) == "tab\\there"


def test_given_no_stack_when_described_then_the_sentence_names_stack_and_place(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = target.client("cloudformation")
    monkeypatch.setattr(Connection, "client", lambda *_: client)
    stub = Stubber(client)
    stub.add_client_error("describe_stacks", "ValidationError", "Stack with id nothing does not exist")
    with stub, pytest.raises(UserError, match="no stack 'nothing' in account 1: deploy it"):
        described(Connection(target.session, None, "account 1"), "nothing")


def test_given_a_profile_that_is_not_there_when_asked_then_a_sentence_says_what_to_do(target: Target) -> None:
    assert target
    with pytest.raises(UserError, match=r"nobody.*--profile"):
        aws_target("photo-labels", "us-east-1", "nobody")


def test_given_no_region_when_asked_then_a_sentence_says_what_to_do(target: Target) -> None:
    assert target
    with pytest.raises(UserError, match="--region"):
        aws_target("photo-labels", None, None)
