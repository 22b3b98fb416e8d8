"""How S3's events come to the queue: by the bucket's notifications, or by EventBridge; and how that is changed.

A change of a bucket's notifications usually takes about five minutes to have its effect (S3's user guide,
"Enabling and configuring event notifications"). So both ways are on for a while, and no event is lost; one that
comes by both is done once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.notifications import Notifications
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.queues import depth
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.deployment import Deployment
    from infra.display import Display

NOTIFICATIONS, EVENT_BRIDGE, BOTH = "notifications", "eventbridge", "both"
PRICE = "AWS charges 1.00 USD for a million events of the bucket that it sends to EventBridge, of photos or not."
_EFFECTIVE_S = 600


def wanted_via(given: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Return the way that is asked for, by the parameters that are given and those that are deployed."""
    wanted = given.get("Via") or before.get("Via") or NOTIFICATIONS
    if wanted not in {NOTIFICATIONS, EVENT_BRIDGE, BOTH}:
        raise UserError(f"VIA={wanted} is no way for events: say {NOTIFICATIONS} or {EVENT_BRIDGE}.")
    return wanted


def next_via(deployment: Deployment, before: Mapping[str, str], wanted: str) -> str:
    """Return what to deploy now: both ways, where another one is deployed and has to go on."""
    is_deployed = bool(deployment.pipeline.outputs())
    return wanted if not is_deployed or before.get("Via", NOTIFICATIONS) == wanted else BOTH


def check(deployment: Deployment, values: Mapping[str, str], bucket: str, wanted: str) -> None:
    """Raise UserError where the bucket is not there, or does not take our notifications."""
    notifications = Notifications(deployment.connection.client("s3"), bucket)
    if wanted == EVENT_BRIDGE:
        notifications.require_bucket()
    else:
        keys = KeyFilter.of(values.get("KeyPrefix", ""), values.get("KeySuffixes", ""))
        notifications.check(f"{deployment.name}-photos", keys)


def listen(deployment: Deployment, display: Display, wanted: str, earlier: str | None) -> None:
    """Turn on the way that is wanted for the bucket, and turn off the notifications of an earlier bucket."""
    target = deployment.target
    bucket, queue = target.outputs.bucket, target.outputs.queue_arn
    notifications = Notifications(target.client("s3"), bucket)
    if wanted != EVENT_BRIDGE and notifications.add(queue, target.outputs.keys):
        display.say(f"{bucket} notifies the queue from now on")
    if wanted != NOTIFICATIONS and notifications.add_event_bridge():
        display.say(f"{bucket} sends its events to EventBridge from now on; S3 takes about five minutes for that")
    if earlier and earlier != bucket:
        Notifications(target.client("s3"), earlier).remove(queue)


def settle(
    deployment: Deployment, display: Display, via: str, wanted: str, pause: Callable[[float], None]
) -> None:
    """Turn off the way that is not wanted any more, when the other one is sure to work."""
    if via != wanted:
        _change_over(deployment, display, wanted, pause)
    elif via == BOTH:
        display.say(f"Both ways are on: VIA={NOTIFICATIONS} or VIA={EVENT_BRIDGE} ends that.", style="yellow")
    if wanted == EVENT_BRIDGE:  # also where an earlier run was stopped just before this
        target = deployment.target
        Notifications(target.client("s3"), target.outputs.bucket).remove(target.outputs.queue_arn)


def _change_over(deployment: Deployment, display: Display, wanted: str, pause: Callable[[float], None]) -> None:
    command = f"make deploy VIA={wanted}"
    display.say(
        "Both ways are on, and each photo is labelled once. S3 needs about five minutes until a change of "
        f"notifications has its effect, so in ten minutes the old way is turned off. After Ctrl-C, `{command}` "
        "goes on."
    )
    with display.working("both ways are on"):
        pause(_EFFECTIVE_S)
    target = deployment.target
    undelivered = target.outputs.labelling.undelivered_queue_url
    if wanted == NOTIFICATIONS and undelivered and (left := sum(depth(target.client("sqs"), undelivered))):
        raise UserError(
            f"{left} events that EventBridge could not deliver would go with its queue: `photos redrive`, then "
            f"`{command}` goes on."
        )
    if proposed := deployment.pipeline.propose({"Via": wanted}):
        deployment.execute(proposed)
    if wanted == NOTIFICATIONS and deployment.pipeline.parameters().get("ExistingBucket"):
        say_that_it_stays(display, deployment.target.outputs.bucket)


def say_that_it_stays(display: Display, bucket: str) -> None:
    """Say that EventBridge stays on for a bucket of the user's: who else needs it by now, nobody can tell."""
    display.say(
        f"{bucket} still sends its events to EventBridge, since rules of others may need them. {PRICE} Turn it "
        "off in the bucket's properties, if none does.",
        style="yellow",
    )
