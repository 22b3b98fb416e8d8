"""`make smoke`: one photo of each kind, on a pipeline that is deployed for it and removed afterwards.

Exit codes: 0, all was as it should be; 1, something was not; 2, it could not be done; 130, stopped, and removed.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.folders import Folder
from photo_labels.library.user_errors import UserError, user_message
from photo_labels.terminal.ending import run
from smoke import pipelines
from smoke.recording import Recorder
from smoke.walk import NotSeenError, SkippedError, Walk

_PATIENCE_S = {"local": 30.0, "aws": 120.0}
_ALARM_S = {"local": 30.0, "aws": 600.0}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--target", type=click.Choice(["local", "aws"]), default="local", show_default=True, help="Where.")
@click.option(
    "--out", default=Path(".local/smoke"), show_default=True, type=Folder(exists=False), help="For AWS's answers."
)
@click.option("--region", help="With --target aws: otherwise the region of your AWS settings.")
@click.option("--profile", help="The profile of your AWS settings.")
@click.option("--base", help="The base image, another one of the Debian family.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def main(target: str, out: Path, yes: bool, **options: Any) -> None:
    """Walk through one photo of each kind, and keep each answer of AWS as it came.

    \b
    make smoke
    .venv/bin/python -m smoke --target local
    """  # noqa: D301 - click reads \b
    console = Console(highlight=False, soft_wrap=True)
    where = pipelines.local() if target == "local" else pipelines.on_aws(**options, console=console, yes=yes)
    with where as (deployed, account):
        recorder = Recorder(out, account, deployed.session)
        walk = Walk(deployed, patience_s=_PATIENCE_S[target], alarm_s=_ALARM_S[target])
        failed = [name for name, step in walk.steps() if not _taken(name, step, console)]
    console.print(
        f"{recorder.answers} answers are in {out}: what is new of them belongs into tests/contract.", markup=False
    )
    console.print(f"{len(failed)} steps failed" if failed else "all was as it should be")
    sys.exit(1 if failed else 0)


def _taken(name: str, step: Any, console: Console) -> bool:
    """Take a step and print how it ended; return false where it failed."""
    began = time.monotonic()
    try:
        with console.status(name):
            step()
    except SkippedError as why:
        console.print(f"skipped  {name}: {why}", markup=False)
    except (NotSeenError, UserError) as why:
        console.print(f"FAILED   {name}: {why}", style="red", markup=False)
        return False
    except (BotoCoreError, ClientError) as error:
        console.print(f"FAILED   {name}: {user_message(error)}", style="red", markup=False)
        return False
    else:
        console.print(f"ok       {name} ({time.monotonic() - began:.1f} s)", markup=False)
    return True


if __name__ == "__main__":
    run(lambda: main.main(standalone_mode=False), "smoke")
