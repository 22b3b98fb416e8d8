"""`make redeploy` and `make rollback`: another image for a pipeline that is deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import image as images
from infra.function import Running
from infra.push import push
from infra.rollout import leave_running, run
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from infra.deployment import Deployment
    from infra.display import Display


def redeploy(deployment: Deployment, display: Display, base: str | None, architecture: str | None) -> None:
    """Build, push and run a new image; one that does not label a photo is rolled back by itself."""
    function = deployment.function
    has = function.running().architecture
    wanted = architecture or images.native_architecture(images.reach_engine())
    if wanted != has:
        raise UserError(
            f"The function runs on {has}, and this image would be for {wanted}: build it with ARCHITECTURE={has}, "
            "or move the function with `make deploy`."
        )
    uri, built = push(deployment, display, base, wanted)
    run(deployment, display, Running(uri, built))
    leave_running(deployment, display)


def rollback(deployment: Deployment, display: Display) -> None:
    """Run the image again that ran before the last deployment."""
    function = deployment.function
    previous = function.previous()
    if previous is None:
        raise UserError(
            "There is no earlier image to go back to, or it runs already: for any other, "
            "check out its commit and run `make redeploy`, which finds it in ECR."
        )
    display.say(f"going back to {previous.image}")
    run(deployment, display, previous)
    function.remember(None)
    leave_running(deployment, display)
