"""`photos`: the command line."""

from __future__ import annotations

import os
import sys

import click
from rich.console import Console

from photos.commands import Session, bulk, care, look
from photos.display import safe
from photos.errors import TOLD, sentence
from photos.target import DEFAULT_STACK, Target, aws_target, local_target

console = Console()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--local", is_flag=True, help="Use the local cloud (make up), not AWS. Or PHOTOS_TARGET=local.")
@click.option("--stack", default=DEFAULT_STACK, show_default=True, help="The pipeline's stack on AWS.")
@click.option("--region", help="The stack's region; otherwise that of your AWS settings.")
@click.option("--profile", help="The profile of your AWS settings.")
@click.pass_context
def photos(context: click.Context, local: bool, stack: str, region: str | None, profile: str | None) -> None:
    """Label photos and find them again."""

    def find() -> Target:
        if local or os.environ.get("PHOTOS_TARGET") == "local":
            return local_target()
        return aws_target(stack, region, profile)

    # Found when it is asked for: `photos import --help` needs no credentials.
    context.obj = Session(find, console)


for command in (
    *(bulk.import_, bulk.backfill, bulk.purge),
    *(look.search, look.labels, look.show, look.browse, look.export),
    *(care.status, care.audit, care.failures, care.redrive, care.pause, care.resume),
):
    photos.add_command(command)


def main() -> None:
    """The console script: what is a person's to mend is said in a sentence, without a traceback."""
    try:
        photos.main(prog_name="photos", standalone_mode=True)
    except TOLD as error:
        Console(stderr=True).print(safe(f"photos: {sentence(error)}"), soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:  # photos search … | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
