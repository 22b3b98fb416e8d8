"""`make deploy`: bring up the pipeline or change it; safe to run twice.

The template's parameter ImageUri is the one truth about what runs: a new image is an update of the stack, also
when that is all that changes. While the function changes, the mappings are paused and photos wait in the queue.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.alarm_subscribers import subscribers_of
from infra.function import MappingState
from infra.push import confirm, push
from infra.rollout import change, leave_running
from infra.service_quotas import (
    bulk_environments_for,
    concurrent_executions,
    converting_environments_for,
    detect_labels_tps,
    live_environments_for,
)
from infra.via import NOTIFICATIONS, PRICE, check, listen, next_via, settle, wanted_via

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.deployment import Deployment
    from infra.display import Display


def deploy(
    deployment: Deployment,
    display: Display,
    parameters: dict[str, str],
    base: str | None,
    architecture: str | None,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Bring up or change everything; resources that an earlier `destroy` retained are adopted again."""
    deployment.require_own_stack()
    before = deployment.pipeline.parameters()
    wanted = wanted_via(parameters, before)
    uri, architecture = push(deployment, display, base, architecture)
    values = _from_quota(deployment, display, parameters) | parameters
    via = next_via(deployment, before, wanted)
    values |= {"ImageUri": uri, "Architecture": architecture, "Via": via}
    if bucket := values.get("ExistingBucket") or before.get("ExistingBucket"):
        check(deployment, before | values, bucket, wanted)
    if via != NOTIFICATIONS and before.get("Via", NOTIFICATIONS) == NOTIFICATIONS:
        display.say(PRICE, style="yellow")
    _change(deployment, display, before, values)
    function = deployment.function
    if function.mapping_state() is MappingState.RUNNING and not function.is_proved():
        function.pause()  # a first deployment has nothing to go back to: it has to label a photo first
    listen(deployment, display, wanted, before.get("ExistingBucket"))
    leave_running(deployment, display)
    settle(deployment, display, via, wanted, pause)
    display.outputs(deployment.pipeline.outputs())
    _warn_of_pending(deployment, display)


def _change(deployment: Deployment, display: Display, before: dict[str, str], values: dict[str, str]) -> None:
    """Show what would change, and change it. Raises UserError when that is not wanted."""
    for name, value in sorted(values.items()):
        if before.get(name) != value:
            display.say(f"  {name}: {before.get(name) or '(unset)'} → {value or '(unset)'}")
    proposed = deployment.pipeline.propose(values, deployment.template(values))
    if proposed is None:
        display.say(f"{deployment.name} is as it should be: nothing to change")
        return
    confirm(deployment, display, deployment.pipeline, proposed)
    if deployment.pipeline.outputs():
        change(deployment, display, proposed)
    else:
        deployment.execute(proposed)


def _from_quota(deployment: Deployment, display: Display, given: dict[str, str]) -> dict[str, str]:
    """Return RekognitionTps and the concurrencies by the account's quota, where they are not given."""
    if given.keys() >= {"RekognitionTps", "MaxConcurrency", "BulkConcurrency", "ConvertConcurrency"}:
        return {}
    try:
        tps = detect_labels_tps(deployment.connection.client("service-quotas"))
        why = "it has no such quota"
    except ClientError as error:
        tps, why = None, error.response["Error"].get("Message") or error.response["Error"]["Code"]
    if tps is None:
        display.say(
            f"Service Quotas does not tell the DetectLabels quota ({why}): RekognitionTps, MaxConcurrency, "
            "BulkConcurrency and ConvertConcurrency stay as they are. Set them: "
            'make deploy PARAMETERS="RekognitionTps=… MaxConcurrency=… BulkConcurrency=… ConvertConcurrency=…"',
            style="yellow",
        )
        return {}
    values = {
        "RekognitionTps": f"{tps:g}",
        "MaxConcurrency": str(live_environments_for(tps)),
        "BulkConcurrency": str(bulk_environments_for(tps)),
        "ConvertConcurrency": str(
            converting_environments_for(tps, concurrent_executions(deployment.connection.client("lambda")))
        ),
    }
    display.say(
        f"DetectLabels quota here: {tps:g} calls a second, so RekognitionTps is {values['RekognitionTps']}, "
        f"MaxConcurrency {values['MaxConcurrency']}, BulkConcurrency {values['BulkConcurrency']} and "
        f"ConvertConcurrency {values['ConvertConcurrency']}"
    )
    return values


def _warn_of_pending(deployment: Deployment, display: Display) -> None:
    target = deployment.target
    topic = target.outputs.alarm_topic_arn
    subscribers = subscribers_of(target.client("sns"), topic)
    if subscribers.pending:
        display.say(
            f"Alarm subscription pending for {', '.join(subscribers.pending)}: "
            "confirm it by the link in the e-mail from AWS.",
            style="bold red",
        )
    elif not subscribers.confirmed:
        display.say(
            f"No alarm subscription: make deploy EMAIL=… subscribes an address to {topic}.", style="yellow"
        )
