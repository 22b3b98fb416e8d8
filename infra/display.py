"""What the deploy tool shows and asks."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from photo_labels.terminal.ending import is_agreed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from infra.registry import PushProgress
    from infra.stacks import ChangeSet, Event


class Display:
    """A terminal, or a log: nothing it shows needs colours or a cursor."""

    def __init__(self, console: Console, *, yes: bool) -> None:
        """`yes`: every question is answered with yes beforehand."""
        self._console = console
        self._yes = yes

    def say(self, sentence: str, style: str = "") -> None:
        self._console.print(escape(sentence), style=style, soft_wrap=True)

    def event(self, event: Event) -> None:
        """Print a line for each event but the beginnings, since each has an end."""
        if event.status.endswith("_FAILED"):
            self.say(f"  {event.status} {event.resource}: {event.reason}", style="red")
        elif not event.status.endswith("_IN_PROGRESS"):
            self.say(f"  {event.status} {event.resource}", style="dim")

    def differences(self, before: dict[str, str], values: dict[str, str], kind: str = "") -> None:
        """Print a line for each value that is not as before; an empty one is unset."""
        for name, value in sorted(values.items()):
            if before.get(name) != value:
                self.say(f"  {kind}{name}: {before.get(name) or '(unset)'} → {value or '(unset)'}")

    def changes(self, stack: str, change_set: ChangeSet) -> None:
        """Show what is about to change; resources that would be replaced, and so lose their content, stand out."""
        table = Table(title=f"changes to {stack}", title_justify="left")
        for column in ("action", "resource", "type", "made anew"):
            table.add_column(column)
        for change in change_set.changes:
            anew = change.replacement if change.replacement in {"True", "Conditional"} else ""
            table.add_row(change.action, change.resource, change.kind, anew, style="bold red" if anew else "")
        self._console.print(table)

    def confirmed(self, question: str) -> bool:
        """Ask; raises UserError where nobody can answer."""
        if self._yes:
            return True
        return is_agreed(question)

    @contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that work is in progress."""
        with self._console.status(escape(what)):
            yield

    @contextmanager
    def pushing(self) -> Iterator[Callable[[PushProgress], None]]:
        """Show how far a push is."""
        with self._console.status("pushing") as status:

            def show(progress: PushProgress) -> None:
                status.update(
                    f"pushing: {progress.layers_sent} of {progress.layers} layers, {progress.sent_mb:.1f} MB"
                )

            yield show

    def outputs(self, outputs: dict[str, str]) -> None:
        """One to a line, to be copied whole also where the terminal is narrow."""
        width = max(map(len, outputs))
        for name, value in sorted(outputs.items()):
            self.say(f"{name:{width}}  {value or '(none)'}")
