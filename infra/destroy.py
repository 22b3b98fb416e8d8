"""`make destroy`: remove the pipeline; photos and tables stay, unless DATA=delete removes them, too."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from infra.notifications import Notifications
from infra.stored import retained_stores
from infra.via import say_that_it_stays
from photo_labels.library.queues import depth
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from infra.deployment import Deployment
    from infra.display import Display
    from infra.stored import Store
    from photo_labels.library.target import Target


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
            _empty_bucket(s3, bucket)


def _destroy_pipeline(deployment: Deployment, display: Display, *, with_data: bool) -> None:
    if not deployment.pipeline.outputs():  # a first deployment that failed, or was not confirmed
        deployment.pipeline.delete()
        display.say(
            f"{deployment.name} is gone. A bucket and tables that it had made already are kept; "
            "`make deploy` adopts them."
        )
        return
    target = deployment.target
    outputs = target.outputs
    is_own = not deployment.pipeline.parameters().get("ExistingBucket")
    own, others = retained_stores(deployment)
    data = _listed(own)
    waiting = _waiting(target)
    display.say(f"This removes {deployment.name} from {target.description}.", style="bold")
    if waiting:
        display.say(f"{waiting} messages wait in its queues: their photos will not be labelled.", style="yellow")
    display.say(f"{'It removes, too' if with_data else 'It keeps'}: {data}.")
    if others:
        display.say(f"It keeps what it did not make: {_listed(others)}.")
    if not display.confirmed(f"Destroy {deployment.name}?"):
        raise UserError("Nothing was removed.")
    notifications = Notifications(target.client("s3"), outputs.bucket)
    notifications.remove(outputs.queue_arn)
    if is_own:
        notifications.remove_event_bridge()
    if with_data:  # while the stack still tells what is its own, in case this is interrupted
        _delete_data(target, own)
    deployment.pipeline.delete()
    display.say(f"{deployment.name} is gone. {'Removed, too' if with_data else 'Kept'}: {data}.")
    if outputs.labelling.undelivered_queue_url and not is_own:
        say_that_it_stays(display, outputs.bucket)
    if not with_data:
        display.say("`make deploy` adopts again what was kept.")


def _listed(stores: list[Store]) -> str:
    return ", ".join(map(str, stores)) or "nothing"


def _delete_data(target: Target, stores: list[Store]) -> None:
    tables, s3 = target.client("dynamodb"), target.client("s3")
    for store in stores:
        if store.is_bucket:
            with suppress(s3.exceptions.NoSuchBucket):
                _empty_bucket(s3, store.name)
                s3.delete_bucket(Bucket=store.name)
        else:
            with suppress(tables.exceptions.ResourceNotFoundException):
                tables.delete_table(TableName=store.name)


def _empty_bucket(s3: S3Client, bucket: str) -> None:
    """Delete all objects and versions. Raises UserError for what S3 does not delete."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects: Any = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if objects:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                first = f"{errors[0]['Key']} ({errors[0]['Message']})"
                raise UserError(f"S3 does not delete {len(errors)} objects of {bucket}, the first {first}.")


def _waiting(target: Target) -> int:
    sqs = target.client("sqs")
    total = 0
    for queue in target.outputs.queue_urls + target.outputs.dead_letter_queue_urls:
        with suppress(sqs.exceptions.QueueDoesNotExist):  # an earlier run was interrupted
            total += sum(depth(sqs, queue))
    return total
