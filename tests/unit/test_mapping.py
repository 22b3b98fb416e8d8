"""Switching the event source mapping off and on."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from photo_labels import cli
from photo_labels.library.mapping import Mappings
from photo_labels.library.user_errors import UserError
from tests.fakes.stack import outputs_of_stack

MAPPING, CONVERTING = "00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"


class Reached:
    """A deployed pipeline whose Lambda is scripted."""

    def __init__(self) -> None:
        self.description = "AWS"
        self.outputs = outputs_of_stack({"MappingId": MAPPING, "ConvertMappingId": CONVERTING})
        self.functions = boto3.client("lambda", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")

    def client(self, _: str) -> Any:
        return self.functions


def test_given_a_mapping_that_is_being_changed_when_paused_then_it_is_asked_once_it_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("photo_labels.library.mapping._LOOK_S", 0)
    target: Any = Reached()
    stub = Stubber(target.functions)
    for state in ("Updating", "Enabled"):
        stub.add_response("get_event_source_mapping", {"State": state}, {"UUID": MAPPING})
    stub.add_response("update_event_source_mapping", {"State": "Disabling"}, {"UUID": MAPPING, "Enabled": False})
    for state in ("Enabled", "Disabling", "Disabled"):  # a read may lag behind
        stub.add_response("get_event_source_mapping", {"State": state}, {"UUID": MAPPING})
    stub.add_response("get_event_source_mapping", {"State": "Disabled"}, {"UUID": CONVERTING})
    with stub:
        Mappings(target).switch(on=False)
    stub.assert_no_pending_responses()


def test_given_a_mapping_that_never_changes_when_resumed_then_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photo_labels.library.mapping._CHANGED_S", -1)
    target: Any = Reached()
    with Stubber(target.functions) as stub:
        stub.add_response("get_event_source_mapping", {"State": "Updating"})
        with pytest.raises(UserError, match=f"mapping {MAPPING} stays Updating"):
            Mappings(target).switch(on=True)


@pytest.mark.parametrize(
    ("command", "before", "after", "said"),
    [
        ("pause", "Enabled", "Disabled", "Paused: photos wait in the queue"),
        ("resume", "Disabled", "Enabled", "Resumed"),
    ],
)
def test_given_the_commands_when_called_then_both_mappings_are_switched(
    monkeypatch: pytest.MonkeyPatch, command: str, before: str, after: str, said: str
) -> None:
    monkeypatch.setattr("photo_labels.library.mapping._LOOK_S", 0)
    target: Any = Reached()
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    with Stubber(target.functions) as stub:
        for mapping in (MAPPING, CONVERTING):
            stub.add_response("get_event_source_mapping", {"State": before}, {"UUID": mapping})
            switched = {"UUID": mapping, "Enabled": after == "Enabled"}
            stub.add_response("update_event_source_mapping", {"State": "Updating"}, switched)
            stub.add_response("get_event_source_mapping", {"State": after}, {"UUID": mapping})
        ended = CliRunner().invoke(cli.photos, [command])
    assert ended.exit_code == 0, ended.output
    assert said in ended.output
