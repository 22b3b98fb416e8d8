"""`photos browse`: a web page of the photos, for this machine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from photo_labels.commands import map_option, read_map
from photo_labels.library.viewing import launch

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.commands import Session


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1; by default a free one.")
@click.option("--open/--no-open", "is_opening", default=True, show_default=True, help="Open it in the browser.")
@map_option
@click.pass_obj
def browse(session: Session, port: int, is_opening: bool, map_file: Path | None) -> None:
    """Look at photos and their labels on a web page, served to this machine alone, until Ctrl-C.

    \b
    photos browse
    photos browse --no-open --port 8080

    It asks AWS with your own credentials; the bucket stays closed to all others.
    """  # noqa: D301 - click reads \b
    # A web server takes 200 ms to import, which would slow down `photos --help`.
    from photo_labels.browsing.server import Browse  # noqa: PLC0415

    names = read_map(map_file)
    server = Browse(session.target(), port, names)
    session.console.print(server.link(), soft_wrap=True, highlight=False)
    session.console.print("This link opens the page once. Ctrl-C ends it.", style="dim")
    if is_opening:
        launch(server.link())
    server.run()
