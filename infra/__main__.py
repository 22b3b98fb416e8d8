"""The deploy tool's commands, `python -m infra`; the Makefile calls them."""

from __future__ import annotations

import re
from typing import Any

import click
from rich.console import Console

from infra import image as images
from infra.deploy import deploy
from infra.deployment import Deployment
from infra.destroy import destroy
from infra.display import Display
from infra.pairs import pairs
from infra.push import build, push
from infra.redeploy import redeploy, rollback
from infra.via import EVENT_BRIDGE, NOTIFICATIONS
from photo_labels.library.target import DEFAULT_STACK, aws_connection
from photo_labels.terminal.ending import run

# As in the template.
EMAIL = re.compile(r"^$|^[^@\s]+@[^@\s]+\.[^@\s]+$")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--stack", default=DEFAULT_STACK, show_default=True, help="The pipeline's stack.")
@click.option("--region", help="Its region; otherwise that of your AWS settings.")
@click.option("--profile", help="The profile of your AWS settings.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--base", help="The base image, another one of the Debian family.")
@click.option("--architecture", type=click.Choice(sorted(images.PLATFORMS)), help="Instead of the engine's own.")
@click.option("--registry-host", help="Push there instead, to what stands in for ECR.")
@click.pass_context
def main(context: click.Context, /, **options: Any) -> None:
    """Deploy the pipeline with its container image.

    \b
    make deploy REGION=eu-west-1 EMAIL=me@example.com
    .venv/bin/python -m infra --region eu-west-1 deploy --email me@example.com
    """  # noqa: D301 - click reads \b
    context.obj = options | {"display": Display(Console(highlight=False), yes=options["yes"])}


def _deployment(options: dict[str, Any]) -> Deployment:
    """Find the account and region, and say them before anything else."""
    display: Display = options["display"]
    connection, account = aws_connection(options["region"], options["profile"])
    display.say(f"stack {options['stack']} in {connection.description}", style="bold")
    return Deployment(options["stack"], account, connection, display.event, options["registry_host"])


@main.command("image")
@click.pass_obj
def image_(options: dict[str, Any]) -> None:
    """Build the image.

    \b
    make image ARCHITECTURE=arm64
    .venv/bin/python -m infra --architecture arm64 image
    """  # noqa: D301 - click reads \b
    build(options["display"], options["base"], options["architecture"])


@main.command("push")
@click.pass_obj
def push_(options: dict[str, Any]) -> None:
    """Build the image and push it to ECR.

    \b
    make push REGION=eu-west-1
    .venv/bin/python -m infra --region eu-west-1 push
    """  # noqa: D301 - click reads \b
    push(_deployment(options), options["display"], options["base"], options["architecture"])


def _pairs(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str] | None:
    if not given:
        return None
    try:
        return pairs(" ".join(given))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _email(_context: click.Context, _parameter: click.Parameter, address: str | None) -> str | None:
    """Refuse beforehand what the template would refuse when the image is built and pushed; "": nobody."""
    if address and not EMAIL.fullmatch(address):
        raise click.BadParameter("it is no e-mail address.")
    return address


@main.command("deploy")
@click.option("--existing-bucket", help="Label the photos of this bucket instead of one of the stack's own.")
@click.option("--prefix", help="Label only what begins so.")
@click.option(
    "--via",
    type=click.Choice([NOTIFICATIONS, EVENT_BRIDGE]),
    help="How S3's events come: by the bucket's notifications, or by EventBridge, which S3 takes beside others.",
)
@click.option("--email", callback=_email, help="Who is told of alarms.")
@click.option("--parameters", multiple=True, callback=_pairs, help="Others of the template: Name=value …")
@click.option("--tags", multiple=True, callback=_pairs, help="All tags of both stacks: key=value …")
@click.pass_obj
def deploy_(
    options: dict[str, Any],
    *,
    existing_bucket: str | None,
    prefix: str | None,
    via: str | None,
    email: str | None,
    parameters: dict[str, str] | None,
    tags: dict[str, str] | None,
) -> None:
    """Bring up the pipeline, or change it.

    \b
    make deploy EMAIL=me@example.com PARAMETERS="MinConfidence=70 MaxLabels=20"
    .venv/bin/python -m infra deploy --parameters MinConfidence=70
    """  # noqa: D301 - click reads \b
    given = {"ExistingBucket": existing_bucket, "KeyPrefix": prefix, "Via": via, "AlarmEmail": email}
    own = {name: value for name, value in given.items() if value is not None}
    values = own | (parameters or {})
    deploy(_deployment(options), options["display"], values, options["base"], options["architecture"], tags=tags)


@main.command("redeploy")
@click.pass_obj
def redeploy_(options: dict[str, Any]) -> None:
    """Run a new image, or the old one if the new one does not work.

    \b
    make redeploy REGION=eu-west-1
    .venv/bin/python -m infra --region eu-west-1 redeploy
    """  # noqa: D301 - click reads \b
    redeploy(_deployment(options), options["display"], options["base"], options["architecture"])


@main.command("rollback")
@click.pass_obj
def rollback_(options: dict[str, Any]) -> None:
    """Run the image again that ran before.

    \b
    make rollback REGION=eu-west-1
    .venv/bin/python -m infra --region eu-west-1 rollback
    """  # noqa: D301 - click reads \b
    rollback(_deployment(options), options["display"])


@main.command("destroy")
@click.option("--with-data", is_flag=True, help="Remove the bucket with its photos, and the tables, too.")
@click.pass_obj
def destroy_(options: dict[str, Any], *, with_data: bool) -> None:
    """Remove the pipeline.

    \b
    make destroy REGION=eu-west-1
    .venv/bin/python -m infra --region eu-west-1 destroy
    """  # noqa: D301 - click reads \b
    destroy(_deployment(options), options["display"], with_data=with_data)


if __name__ == "__main__":
    # However this ends, a paused mapping is resumed or reported.
    run(lambda: main.main(standalone_mode=False), "photo-labels")
