"""The commands of `photos`, by what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from photos.display import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from photos.target import Target


@dataclass(frozen=True, slots=True)
class Session:
    """What all commands share: how to find the pipeline, and where to print."""

    find: Callable[[], Target]
    console: Console

    def target(self, shown: Console | None = None) -> Target:
        """Find the pipeline, and say which it is. Raises UserError."""
        target = self.find()
        (shown or self.console).print(safe(target.description), style="dim")
        return target
