"""What a command is doing, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from rich.console import Console


class StatusLine:
    """Shows what a command is doing, in one line; silent where there is no terminal."""

    def __init__(self, console: Console, doing: str) -> None:
        self._console, self._doing = console, doing
        self._status = console.status(doing) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def tell(self, text: str) -> None:
        if self._status:
            self._status.update(safe(f"{self._doing}: {text}"))
