"""The pipelines of a smoke test: each is its own, and is removed with all its content."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.deploy import deploy
from infra.deployment import Deployment
from infra.destroy import destroy
from infra.display import Display
from local.cloud import LocalCloud
from photo_labels.library.target import Target, aws_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console


@contextmanager
def local() -> Iterator[tuple[Target, str]]:
    """A local cloud, and its account."""
    with (
        tempfile.TemporaryDirectory(prefix="photo-labels-") as folder,
        LocalCloud(Path(folder) / "cloud") as cloud,
    ):
        yield cloud.target, "000000000000"


@contextmanager
def on_aws(
    region: str | None, profile: str | None, base: str | None, console: Console, *, yes: bool
) -> Iterator[tuple[Target, str]]:
    """A stack under a name of its own, and the account; both stacks, tables and bucket are removed in the end."""
    connection, account = aws_connection(region, profile)
    stack = f"photo-labels-smoke-{secrets.token_hex(3)}"
    console.print(
        f"This deploys {stack} in {connection.description}, has about ten photos labelled (0.02 USD), and removes "
        "all of it.",
        markup=False,
    )
    if not yes:
        click.confirm("Go on?", abort=True)
    display = Display(console, yes=True)
    deployment = Deployment(stack, account, connection, display.event)
    try:
        deploy(deployment, display, {"TablePrefix": f"{stack}-"}, base, None)
        yield deployment.target, account
    finally:
        destroy(deployment, display, with_data=True)
