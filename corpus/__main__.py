"""`make corpus`: a folder of image files, into a local cloud, beside what other programs make of them.

Exit code 0: all is as the list says, and nothing is refused or blank that another program shows; 1: something is;
2: it could not be done.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from corpus.comparison import compared
from corpus.ends import by_decoder, imported
from corpus.expected import expected_in
from corpus.table import show, show_verdict
from corpus.tools import installed
from corpus.verdict import judged
from local.cloud import LocalCloud
from local.folders import Folder
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from corpus.ends import FileEnd


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--folder", type=Folder(exists=True), help="With the files; those of the list are at OWNER/NAME/path."
)
@click.option("--decoder", is_flag=True, help="Decode them alone: no cloud, and no labels.")
def main(folder: Path | None, decoder: bool) -> None:
    """Import a folder of awkward image files, and compare their ends with what libvips and ImageMagick show.

    \b
    make corpus DIR=samples
    .venv/bin/python -m corpus --folder samples
    """  # noqa: D301 - click reads \b
    if folder is None:
        raise UserError("Name a folder with image files: make corpus DIR=folder (corpus/README.md).")
    place = folder.absolute()
    console = Console(highlight=False)
    with Console(stderr=True).status("starting") as status:
        ends = by_decoder(place, status.update) if decoder else _by_import(place, status.update)
        tools = installed()
        files = compared(ends, tools, status.update)
        verdict = judged(files, expected_in(place))
    show(console, files, tools)
    show_verdict(console, verdict, place)
    if not tools:
        console.print("Neither libvips (vipsthumbnail) nor ImageMagick is installed: nothing was compared.")
    sys.exit(0 if verdict.is_good else 1)


def _by_import(folder: Path, tell: Callable[[str], None]) -> list[FileEnd]:
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as state, LocalCloud(Path(state)) as cloud:
        return imported(cloud.target, folder, tell)


if __name__ == "__main__":
    run(lambda: main.main(standalone_mode=False), "corpus")
