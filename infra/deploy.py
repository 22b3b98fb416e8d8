"""`make deploy`: bring up the pipeline or change it; safe to run twice.

The template's parameter ImageUri is the one truth about what runs: a new image is an update of the stack, also
when that is all that changes. While the function changes, the mappings are paused and photos wait in the queue.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.alarm_subscribers import subscribers_of
from infra.concurrency import Concurrency, concurrency_for
from infra.encryption_key import check_key
from infra.function import MappingState
from infra.push import confirm, push
from infra.rollout import change, leave_running
from infra.service_quotas import concurrent_executions, detect_labels_tps
from infra.stored import adoptable, require_adoptable
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
    tags: dict[str, str] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Bring up or change everything; resources that an earlier `destroy` retained are adopted again.

    `tags`: of both stacks, and all that is in them; None: they keep those that they have.
    """
    deployment.require_own_stack()
    before = deployment.pipeline.parameters()
    wanted = wanted_via(parameters, before)
    adopted = adoptable(deployment, deployment.template(parameters), deployment.effective(parameters))
    uri, architecture = push(deployment, display, base, architecture, tags)
    executions = concurrent_executions(deployment.connection.client("lambda"))
    values = _from_quota(deployment, display, parameters, executions) | parameters
    via = next_via(deployment, before, wanted)
    values |= {"ImageUri": uri, "Architecture": architecture, "Via": via}
    former = before.get("KmsKeyArn", "")
    if former and former != values.get("KmsKeyArn", former):  # photos and messages written with it are still there
        values = {"FormerKmsKeyArn": former} | values
    _check(deployment, display, before, values, wanted)
    _warn_of_concurrency(display, deployment.effective(values), executions)
    _change(deployment, display, before, values, tags=tags, adopted=adopted)
    function = deployment.function
    if function.mapping_state() is MappingState.RUNNING and not function.is_proved():
        function.pause()  # a first deployment has nothing to go back to: it has to label a photo first
    listen(deployment, display, wanted, before.get("ExistingBucket"))
    leave_running(deployment, display)
    settle(deployment, display, via, wanted, pause)
    display.outputs(deployment.pipeline.outputs())
    _warn_of_pending(deployment, display)


def _check(
    deployment: Deployment, display: Display, before: dict[str, str], values: dict[str, str], wanted: str
) -> None:
    """Raise UserError where key or bucket do not do; say what is not sure, and what costs more from now on."""
    by_event_bridge = values["Via"] != NOTIFICATIONS
    if key := values.get("KmsKeyArn"):
        region = deployment.connection.session.region_name
        kms = deployment.connection.client("kms")
        if warning := check_key(kms, key, region, by_event_bridge=by_event_bridge):
            display.say(warning, style="yellow")
    if bucket := values.get("ExistingBucket") or before.get("ExistingBucket"):
        check(deployment, before | values, bucket, wanted)
    if by_event_bridge and before.get("Via", NOTIFICATIONS) == NOTIFICATIONS:
        display.say(PRICE, style="yellow")


def _change(
    deployment: Deployment,
    display: Display,
    before: dict[str, str],
    values: dict[str, str],
    *,
    tags: dict[str, str] | None,
    adopted: set[str],
) -> None:
    """Show what would change, and change it. Raises UserError when that is not wanted."""
    display.differences(before, values)
    if tags is not None:
        known = deployment.pipeline.tags()
        display.differences(known, dict.fromkeys(known, "") | tags, kind="tag ")
    proposed = deployment.pipeline.propose(values, deployment.template(values), tags)
    if proposed is None:
        display.say(f"{deployment.name} is as it should be: nothing to change")
        return
    require_adoptable(deployment, proposed, adopted)
    confirm(deployment, display, deployment.pipeline, proposed)
    if deployment.pipeline.outputs():
        change(deployment, display, proposed)
    else:
        deployment.execute(proposed)


def _from_quota(
    deployment: Deployment, display: Display, given: dict[str, str], executions: int | None
) -> dict[str, str]:
    """Return RekognitionTps and the concurrencies by the account's quotas, where they are not given."""
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
    concurrency, wanted = concurrency_for(tps, executions), concurrency_for(tps)
    values = {"RekognitionTps": f"{tps:g}"} | concurrency.parameters()
    display.say(
        f"DetectLabels quota here: {tps:g} calls a second, so RekognitionTps is {values['RekognitionTps']}, "
        f"MaxConcurrency {values['MaxConcurrency']}, BulkConcurrency {values['BulkConcurrency']} and "
        f"ConvertConcurrency {values['ConvertConcurrency']}"
    )
    if executions is not None and concurrency != wanted and concurrency.fits(executions):
        display.say(
            f"Lambda runs {executions} executions at a time here: with {wanted.executions_needed} (ask Service "
            'Quotas for Lambda\'s "Concurrent executions"), the concurrencies would be '
            f"{wanted.live}, {wanted.bulk} and {wanted.converting}."
        )
    return values


def _warn_of_concurrency(display: Display, parameters: dict[str, str], executions: int | None) -> None:
    """Say where the account has too few executions for the mappings, or where that is not known."""
    concurrency = Concurrency.of(parameters)
    if executions is None:
        display.say(
            "Lambda does not tell how many executions this account may have at a time (GetAccountSettings is "
            "refused): the concurrencies are not checked against it.",
            style="yellow",
        )
    elif concurrency is not None and not concurrency.fits(executions):
        display.say(
            f"Lambda runs {executions} executions at a time here, and the event source mappings may take "
            f"{concurrency.together} together: functions may be throttled, and photos wait longer then. Ask "
            f'Service Quotas for {concurrency.executions_needed} or more of Lambda\'s "Concurrent executions" '
            "(new accounts have 10); MaxConcurrency, BulkConcurrency and ConvertConcurrency are 2 at the least.",
            style="yellow",
        )


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
