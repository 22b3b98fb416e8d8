"""`photos pause` and `photos resume`: stop labelling, and continue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from photo_labels.library.mapping import Mappings

if TYPE_CHECKING:
    from photo_labels.commands import Session


@click.command()
@click.pass_obj
def pause(session: Session) -> None:
    """Stop labelling: photos wait in the queue, for ten days at most, and none is lost."""
    Mappings(session.target()).switch(on=False)
    session.console.print(
        "Paused: photos wait in the queue, for ten days at most. `photos resume` goes on with them."
    )


@click.command()
@click.pass_obj
def resume(session: Session) -> None:
    """Go on labelling what has waited, and what comes."""
    Mappings(session.target()).switch(on=True)
    session.console.print("Resumed: what has waited is labelled now.")
