"""Each --help page has examples in one form: each is taken by the program as it is typed, and removes nothing."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import click
import pytest

from chaos.__main__ import main as chaos
from corpus.__main__ import main as corpus
from infra.__main__ import main as infra
from loadtest.__main__ import main as loadtest
from local.models.evaluation.__main__ import main as evaluation
from photo_labels.cli import photos
from smoke.__main__ import main as smoke

REPOSITORY = Path(__file__).resolve().parents[2]
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
MODULE = ".venv/bin/python -m"
PROGRAMS: dict[str, click.Command] = {
    "photos": photos,
    f"{MODULE} infra": infra,
    f"{MODULE} loadtest": loadtest,
    f"{MODULE} chaos": chaos,
    f"{MODULE} corpus": corpus,
    f"{MODULE} smoke": smoke,
    f"{MODULE} local.models.evaluation": evaluation,
}
PAGES = PROGRAMS | {
    f"{program} {name}": command
    for program, group in PROGRAMS.items()
    if isinstance(group, click.Group)
    for name, command in group.commands.items()
}


def examples(command: click.Command) -> list[str]:
    """Return the lines of the block that click does not wrap, which is after the first paragraph of a page."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    assert [place for place, text in enumerate(paragraphs) if text.startswith("\b\n")] == [1]
    return paragraphs[1].splitlines()[1:]


def parsed(line: str) -> click.Command:
    """Parse a line as the program does, without running it; return the command that would run."""
    program = next(one for one in PROGRAMS if line.startswith(f"{one} "))
    words = shlex.split(line.removeprefix(program).partition(" > ")[0])
    command = PROGRAMS[program]
    context = command.make_context(program, words)
    if not isinstance(command, click.Group):
        return command
    name, sub, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    assert sub
    sub.make_context(name, rest, parent=context)
    return sub


def variables_of(target: str) -> set[str]:
    """Return the variables that the recipe of a target reads."""
    rule = re.search(rf"^{target}: .*## .*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE)
    deploy = re.search(r"^DEPLOY = (?:.*\\\n)*.*", MAKEFILE, re.MULTILINE)
    assert rule
    assert deploy
    return set(re.findall(r"\b[A-Z_]+\b", rule[1].replace("$(DEPLOY)", deploy[0])))


@pytest.mark.parametrize("page", PAGES)
def test_given_a_help_page_when_an_example_is_typed_then_the_program_takes_it(
    monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.chdir(REPOSITORY)  # one of them names a folder of it
    command = PAGES[page]
    said = [line for line in examples(command) if not line.startswith("make ")]
    assert said
    for line in said:
        assert isinstance(command, click.Group) or parsed(line) is command


@pytest.mark.parametrize("page", [page for page in PAGES if page.startswith(MODULE)])
def test_given_a_tool_of_make_when_its_help_is_read_then_an_example_is_what_make_takes(page: str) -> None:
    said = [shlex.split(line)[1:] for line in examples(PAGES[page]) if line.startswith("make ")]
    assert said
    for target, *values in said:
        assert {value.partition("=")[0] for value in values} <= variables_of(target)


@pytest.mark.parametrize("page", PAGES)
def test_given_a_help_page_when_an_example_is_typed_then_it_asks_before_it_removes_or_pays(page: str) -> None:
    bold = r"\b(YES|DATA)=|\s--(yes|with-data|everything|objects|all-objects|replace|force)\b"
    assert [line for line in examples(PAGES[page]) if re.search(bold, line) or len(line) > 76] == []


def test_given_an_option_that_is_not_there_when_parsed_then_it_is_refused() -> None:
    with pytest.raises(click.NoSuchOption):
        parsed("photos search dog --nearby 48.1,11.6")
