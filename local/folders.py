"""Folders as people write them on make's command line."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click


def as_written(text: str) -> Path:
    """Return the folder with `~` replaced: neither sh nor zsh does so the `~` in `make demo PHOTOS=~/Pictures`."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - for Path, `./~` is `~`, and a home that is not there an error


def as_typed(text: str) -> str:
    """Return a folder as a word for the shell, which replaces a `~` in front only where it is not quoted."""
    if text.startswith("-"):
        return shlex.quote(f"./{text}")
    home, slash, rest = text.partition("/")
    if as_written(home) == Path(home):
        return shlex.quote(text)
    return f"{home}{slash}{shlex.quote(rest) if rest else ''}"


class Folder(click.Path):
    """A folder as people write it."""

    def __init__(self, *, exists: bool) -> None:
        super().__init__(exists=exists, file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        if not value:
            self.fail("it is empty: name a folder, or leave it out.", param, context)
        return super().convert(as_written(value), param, context)
