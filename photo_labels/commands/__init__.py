"""The commands of `photos`, one a module."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from photo_labels.library.searching import label_map
from photo_labels.library.searching.label_map import NO_MAP, LabelMap
from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from photo_labels.library.target import Target


@dataclass(frozen=True, slots=True)
class Session:
    """What all commands share: how to find the pipeline, and where to print."""

    find: Callable[[], Target]
    console: Console

    def target(self, shown: Console | None = None) -> Target:
        """Find the pipeline and print which it is. Raises UserError."""
        target = self.find()
        (shown or self.console).print(safe(target.description), style="dim")
        return target


class Given(click.ParamType[Any]):
    """A text that is not empty: an empty one is most likely an unset variable of the caller's."""

    name = "text"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if value == "":
            self.fail("It is empty: is a variable not set?", parameter, context)
        return value


class GivenPath(Given):
    """A path; the empty one would be the folder that the command is run in."""

    name = "path"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Path:
        return Path(super().convert(value, parameter, context))


GIVEN, GIVEN_PATH = Given(), GivenPath()


map_option = click.option(
    "--map",
    "map_file",
    type=GIVEN_PATH,
    envvar="PHOTOS_LABEL_MAP",
    metavar="FILE",
    help="Your own names of labels: a file that renames, merges and hides them. Or PHOTOS_LABEL_MAP=FILE.",
)


def read_map(map_file: Path | None) -> LabelMap:
    """Read the file of --map, if any. Raises UserError where it makes no sense."""
    return label_map.read(map_file) if map_file else NO_MAP
