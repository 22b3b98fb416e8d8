"""`make destroy`: remove the pipeline; photos and tables stay, unless DATA=delete removes them, too."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from infra.notifications import Notifications
from infra.stored import how_to_tag, retained
from infra.via import say_that_it_stays
from photo_labels.library.queues import depth
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from types_boto3_s3 import S3Client

    from infra.deployment import Deployment
    from infra.display import Display
    from infra.stored import Retained, Store
    from photo_labels.library.target import Connection, Target


def destroy(deployment: Deployment, display: Display, *, with_data: bool) -> None:
    """Remove the stacks; bucket and tables stay, unless `with_data`."""
    if deployment.pipeline.status() is None:
        display.say(f"There is no stack {deployment.name} in {deployment.connection.description}.")
        if with_data:  # only the stack knows which tables are its own: another may have the same ones
            display.say(
                "If an earlier `make destroy` kept its bucket and tables: `make deploy` adopts them again, and "
                "`make destroy DATA=delete` then removes them, too."
            )
    else:
        deployment.require_own_stack()
        _destroy_pipeline(deployment, display, with_data=with_data)
    if deployment.registry.status():
        _empty_template_bucket(deployment)
        deployment.registry.delete()
        display.say("The registry is gone, and its images.")


def _empty_template_bucket(deployment: Deployment) -> None:
    """CloudFormation deletes no bucket that has something in it; that of an older version's stack has none."""
    s3 = deployment.connection.client("s3")
    if bucket := deployment.registry.outputs().get("TemplateBucket"):
        with suppress(s3.exceptions.NoSuchBucket):
            empty_bucket(s3, bucket)


def _destroy_pipeline(deployment: Deployment, display: Display, *, with_data: bool) -> None:
    stores = retained(deployment)
    if with_data and stores.untagged:
        raise UserError(_nobody_can_tell(deployment.name, stores))
    if not deployment.pipeline.outputs():
        _destroy_unfinished(deployment, display, stores, with_data=with_data)
        return
    target = deployment.target
    outputs = target.outputs
    is_own = not deployment.pipeline.parameters().get("ExistingBucket")
    data = _listed([*stores.own, *(one.store for one in stores.untagged)])
    waiting = _waiting(target)
    display.say(f"This removes {deployment.name} from {target.description}.", style="bold")
    if waiting:
        display.say(f"{waiting} messages wait in its queues: their photos will not be labelled.", style="yellow")
    display.say(f"{'It removes, too' if with_data else 'It keeps'}: {data}.")
    if stores.others:
        display.say(f"It leaves alone what it did not make: {_listed(stores.others)}.")
    if not display.confirmed(f"Destroy {deployment.name}?"):
        raise UserError("Nothing was removed.")
    notifications = Notifications(target.client("s3"), outputs.bucket)
    notifications.remove(outputs.queue_arn)
    if is_own:
        notifications.remove_event_bridge()
    if with_data:  # while the stack still tells what is its own, in case this is interrupted
        _delete_data(deployment.connection, stores.own)
    deployment.pipeline.delete()
    display.say(f"{deployment.name} is gone. {'Removed, too' if with_data else 'Kept'}: {data}.")
    if outputs.labelling.undelivered_queue_url and not is_own:
        say_that_it_stays(display, outputs.bucket)
    if not with_data:
        _say_how_it_is_adopted(deployment, display, stores)


def _destroy_unfinished(deployment: Deployment, display: Display, stores: Retained, *, with_data: bool) -> None:
    """Remove a first deployment that failed, or was not confirmed."""
    data = stores.own if with_data else ()
    if data:
        display.say(f"This removes {deployment.name}, whose deployment failed, and {_listed(data)}.", style="bold")
        if not display.confirmed(f"Destroy {deployment.name}?"):
            raise UserError("Nothing was removed.")
        _delete_data(deployment.connection, data)
    deployment.pipeline.delete()
    if with_data:
        display.say(f"{deployment.name} is gone. Removed, too: {_listed(data)}.")
        return
    display.say(f"{deployment.name} is gone. A bucket and tables that it had made already are kept.")
    _say_how_it_is_adopted(deployment, display, stores)


def _say_how_it_is_adopted(deployment: Deployment, display: Display, stores: Retained) -> None:
    display.say("`make deploy` adopts again what was kept.")
    if stores.untagged:
        display.say(
            f"But it does not know as its own what no tag tells of. If {deployment.name} made it, tag it before:"
            f"{how_to_tag(stores.untagged, deployment.name)}",
            style="yellow",
        )


def _nobody_can_tell(stack: str, stores: Retained) -> str:
    listed = ", ".join(one.store.noun for one in stores.untagged)
    return (
        f"No tag tells whether {stack} made {listed}: versions up to 0.2.0 set none, and adopted whatever had "
        f"these names. Nothing was removed. If {stack} made all of it, tag it, or have `make deploy` tag what the "
        "stack has, and destroy it then; `make destroy` without DATA=delete keeps all data."
        f"{how_to_tag(stores.untagged, stack)}"
    )


def _listed(stores: Iterable[Store]) -> str:
    return ", ".join(map(str, stores)) or "nothing"


def _delete_data(connection: Connection, stores: Iterable[Store]) -> None:
    tables, s3 = connection.client("dynamodb"), connection.client("s3")
    for store in stores:
        if store.is_bucket:
            with suppress(s3.exceptions.NoSuchBucket):
                empty_bucket(s3, store.name)
                s3.delete_bucket(Bucket=store.name)
        else:
            with suppress(tables.exceptions.ResourceNotFoundException):
                tables.delete_table(TableName=store.name)


def empty_bucket(s3: S3Client, bucket: str) -> None:
    """Delete all objects and versions. Raises UserError for what S3 does not delete."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects: Any = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if objects:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                first = f"{errors[0]['Key']} ({errors[0]['Message']})"
                what = counted(len(errors), "object")
                raise UserError(f"S3 does not delete {what} of {bucket}, the first {first}.")


def _waiting(target: Target) -> int:
    sqs = target.client("sqs")
    total = 0
    for queue in target.outputs.queue_urls + target.outputs.dead_letter_queue_urls:
        with suppress(sqs.exceptions.QueueDoesNotExist):  # an earlier run was interrupted
            total += sum(depth(sqs, queue))
    return total
