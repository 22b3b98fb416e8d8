"""`make image` and `make push`: the image, and the registry it is pushed to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import image as images
from infra.registry import Registry
from infra.template import REGISTRY
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from infra.deployment import Deployment
    from infra.display import Display
    from infra.stacks import ChangeSet, Stack


def build(display: Display, base: str | None, architecture: str | None) -> images.Image:
    """Build the image; its tag tells from what."""
    engine = images.reach_engine()
    with display.working("building the image"):
        image = images.build(engine, architecture or images.native_architecture(engine), base=base)
    display.say(f"image {image.name}, {image.size_mb:.0f} MB, for {image.architecture}")
    return image


def push(
    deployment: Deployment,
    display: Display,
    base: str | None,
    architecture: str | None,
    tags: dict[str, str] | None = None,
) -> tuple[str, str]:
    """Push the image unless it is in ECR already; return its URI by digest, and its architecture.

    `tags` are those of the registry's stack from now on; None: they stay as they are.
    """
    engine = images.reach_engine()
    wanted = architecture or images.native_architecture(engine)
    registry = _registry(deployment, display, tags)
    tag = images.tag_of(wanted, base)
    if uri := registry.find(tag):
        display.say(f"image {tag} is in ECR already")
        return uri, wanted
    image = build(display, base, wanted)
    with display.pushing() as show:
        uri = registry.push(engine, image, show)
    display.say(f"pushed: {uri}")
    return uri, image.architecture


def _registry(deployment: Deployment, display: Display, tags: dict[str, str] | None) -> Registry:
    """Return the registry, after bringing its stack up to date."""
    tls = "false" if deployment.registry_host else "true"  # what stands in for AWS has none
    values = {"RepositoryName": deployment.name, "EnforceTls": tls}
    proposed = deployment.registry.propose(values, REGISTRY, tags)
    if proposed:
        confirm(deployment, display, deployment.registry, proposed)
        deployment.registry.execute(proposed)
    uri = deployment.registry.outputs()["RepositoryUri"]
    return Registry(deployment.connection.client("ecr"), uri, deployment.registry_host)


def confirm(deployment: Deployment, display: Display, stack: Stack, proposed: ChangeSet) -> None:
    """Show changes and ask; where the answer is no, discard them and raise UserError."""
    display.changes(stack.name, proposed)
    if not display.confirmed(f"Change {stack.name} in {deployment.connection.description}?"):
        stack.discard(proposed)
        raise UserError("Nothing was changed.")
