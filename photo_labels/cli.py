"""`photos`: the command line."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from photo_labels import __version__
from photo_labels.commands import (
    GIVEN,
    Session,
    audit,
    backfill,
    browse,
    export,
    failures,
    import_,
    labels,
    pause,
    purge,
    redrive,
    search,
    show,
    status,
)
from photo_labels.library.target import (
    DEFAULT_STACK,
    AwsSettingsError,
    Target,
    aws_target,
    has_checkout,
    is_local_cloud_up,
    local_target,
)
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run

console = Console()


class Photos(click.Group):
    """All commands; `photos search dog --local` is told where --local belongs."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except click.NoSuchOption as error:
            if error.option_name != "--local":
                raise
            said = f"--local goes before the command: {_typed_with_local()}"
            raise click.UsageError(said, error.ctx) from error


@click.group(cls=Photos, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--local", is_flag=True, help="Use the local cloud (make up), not AWS. Or PHOTOS_TARGET=local.")
@click.option("--stack", type=GIVEN, default=DEFAULT_STACK, show_default=True, help="The pipeline's stack on AWS.")
@click.option("--region", type=GIVEN, help="The stack's region; otherwise that of your AWS settings.")
@click.option("--profile", type=GIVEN, help="The profile of your AWS settings.")
@click.version_option(__version__, prog_name="photos")
@click.pass_context
def photos(context: click.Context, local: bool, stack: str, region: str | None, profile: str | None) -> None:
    """Label photos and find them again.

    \b
    photos --local import ~/Pictures
    photos --local search mountain and sky
    photos --stack photo-labels --region eu-west-1 status
    """  # noqa: D301 - click reads \b

    def find() -> Target:
        wanted = "local" if local else os.environ.get("PHOTOS_TARGET") or "aws"
        if wanted not in {"aws", "local"}:
            raise UserError(f"PHOTOS_TARGET is {wanted!r}: it may be local or aws.")
        if wanted == "local":
            return local_target()
        try:
            return aws_target(stack, region, profile)
        except AwsSettingsError as error:
            raise UserError(f"{error}{_without_aws()}") from error

    # Found when it is asked for: `photos import --help` needs no credentials.
    context.obj = Session(find, console)


def _without_aws() -> str:
    """Return a sentence on how to do the same without AWS; empty where there is no way."""
    if is_local_cloud_up():
        return f" The local cloud is running: {_typed_with_local()}"
    return f" Or do without AWS: make up && {_typed_with_local()}" if has_checkout() else ""


def _typed_with_local() -> str:
    """Return the command line as it was typed, with --local where it belongs, before the command."""
    words = [word for word in sys.argv[1:] if word != "--local"]
    if Path(sys.argv[0]).name == "__main__.py":  # python -m photo_labels
        program = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv[1:])]
    else:
        found = shutil.which("photos")
        program = ["photos" if found and os.path.realpath(found) == os.path.realpath(sys.argv[0]) else sys.argv[0]]
    return shlex.join([*program, "--local", *words])


for command in (
    *(import_.import_, backfill.backfill, purge.purge),
    *(search.search, labels.labels, show.show, browse.browse, export.export),
    *(status.status, audit.audit, failures.failures, redrive.redrive, pause.pause, pause.resume),
):
    photos.add_command(command)


def main() -> None:
    """The console script."""
    run(lambda: photos.main(prog_name="photos", standalone_mode=False), "photos")
