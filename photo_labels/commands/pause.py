"""`photos pause` and `photos resume`: stop labelling, and continue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from photo_labels.library.mapping import Mappings
from photo_labels.terminal.status_line import StatusLine

if TYPE_CHECKING:
    from photo_labels.commands import Session


@click.command()
@click.pass_obj
def pause(session: Session) -> None:
    """Stop labelling: photos wait in the queue, for ten days at most, and none is lost.

    \b
    photos pause
    """  # noqa: D301 - click reads \b
    mappings = Mappings(session.target())
    with StatusLine(session.console, "pausing"):
        mappings.switch(on=False)
    session.console.print("Paused: photos wait in the queue, for ten days at most. `photos resume` continues.")


@click.command()
@click.pass_obj
def resume(session: Session) -> None:
    """Continue labelling: the photos that have waited, and new ones.

    \b
    photos resume
    """  # noqa: D301 - click reads \b
    mappings = Mappings(session.target())
    with StatusLine(session.console, "resuming"):
        mappings.switch(on=True)
    session.console.print("Resumed: the photos that have waited are labelled now.")
