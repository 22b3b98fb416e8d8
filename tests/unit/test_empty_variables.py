"""A variable of the caller's that is not set leaves an empty text, which is never taken for everything or for here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from photo_labels import cli
from photo_labels.commands import Given

if TYPE_CHECKING:
    from collections.abc import Iterator

# Empty, these are as if they were left out; but purge's, which is refused with a sentence of its own.
MEANS_NOTHING = {("import", "--prefix"), ("search", "--prefix"), ("export", "--prefix"), ("purge", "--prefix")}


def texts() -> Iterator[tuple[str, click.Parameter]]:
    """Find all parameters of all commands that take a text."""
    for name, command in cli.photos.commands.items():
        for parameter in command.params:
            is_switch = isinstance(parameter, click.Option) and parameter.is_flag
            is_text = isinstance(parameter.type, (Given, click.types.StringParamType, click.Path))
            if is_text and not is_switch and (name, parameter.opts[-1]) not in MEANS_NOTHING:
                yield name, parameter


@pytest.mark.parametrize(
    ("command", "parameter"), [pytest.param(*one, id=f"{one[0]} {one[1].name}") for one in texts()]
)
def test_given_empty_text_when_any_command_gets_it_then_it_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, command: str, parameter: click.Parameter
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: pytest.fail("it goes on"))
    words = [parameter.opts[-1], ""] if isinstance(parameter, click.Option) else [""]
    needed = {"search": ["dog"], "show": ["a.jpg"], "import": ["/"]}.get(command, [])
    ended = CliRunner().invoke(cli.photos, [command, *words, *(needed if words[0] else [])])
    assert ended.exit_code == 2
    assert "is a variable not set?" in ended.output


@pytest.mark.parametrize("option", ["--stack", "--region", "--profile"])
def test_given_an_empty_place_when_any_command_runs_then_it_is_refused(option: str) -> None:
    ended = CliRunner().invoke(cli.photos, [option, "", "status"])
    assert (ended.exit_code, "is a variable not set?" in ended.output) == (2, True)
