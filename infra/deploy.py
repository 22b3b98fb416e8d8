"""`make image`, `push`, `deploy`, `redeploy`, `rollback` and `destroy`: each is safe to run twice.

The template's parameter ImageUri is the one truth about what runs: a new image is an update of the stack, also
when that is all that changes. While the function changes, the mappings are paused and photos wait in the queue.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra import image as images
from infra.alarms import listeners_of
from infra.function import Function, Hearing, Running
from infra.notifications import Notifications
from infra.place import REGISTRY
from infra.quota import converting_environments_for, detect_labels_tps, environments_for
from infra.registry import Registry
from infra.rollout import change, leave_running, run
from photo_labels.library.queues import depth
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from infra.display import Display
    from infra.place import Place
    from infra.stacks import ChangeSet, Stack
    from photo_labels.library.target import Target


def deploy(place: Place, parameters: dict[str, str], base: str | None, architecture: str | None) -> None:
    """Bring up or change everything; resources that an earlier `destroy` kept are adopted again."""
    place.refuse_foreign()
    uri, architecture = pushed(place, base, architecture)
    values = _from_quota(place, parameters) | parameters
    values |= {"ImageUri": uri, "Architecture": architecture}
    before = place.pipeline.parameters()
    if bucket := values.get("ExistingBucket") or before.get("ExistingBucket"):
        prefix = values.get("KeyPrefix", before.get("KeyPrefix", ""))
        Notifications(place.aws.client("s3"), bucket).check(f"{place.stack}-photos", prefix)
    _change(place, before, values)
    target = place.deployed()
    function = Function(target)
    if function.hearing() is Hearing.RUNNING and not function.is_proved():
        function.pause()  # a first deployment has nothing to go back to: it has to label a photo first
    _notify(place, target, before.get("ExistingBucket"))
    leave_running(place, target)
    place.display.outputs(place.pipeline.outputs())
    _warn_of_unconfirmed(place, target)


def _change(place: Place, before: dict[str, str], values: dict[str, str]) -> None:
    """Show what would change, and change it. Raises UserError when that is not wanted."""
    for name, value in sorted(values.items()):
        if before.get(name) != value:
            place.display.say(f"  {name}: {before.get(name) or '(unset)'} → {value or '(unset)'}")
    proposed = place.pipeline.propose(values, place.template(values))
    if proposed is None:
        place.display.say(f"{place.stack} is as it should be: nothing to change")
        return
    _confirm(place, place.pipeline, proposed)
    if place.pipeline.outputs():
        change(place, proposed)
    else:
        place.pipeline.execute(proposed)


def _confirm(place: Place, stack: Stack, proposed: ChangeSet) -> None:
    """Show changes and ask; raises UserError, having forgotten them, when they are not wanted."""
    place.display.changes(stack.name, proposed)
    if not place.display.confirmed(f"Change {stack.name} in {place.aws.description}?"):
        stack.discard(proposed)
        raise UserError("Nothing was changed.")


def _notify(place: Place, target: Target, earlier: str | None) -> None:
    """Have the bucket notify the queue, and one that was labelled earlier no more."""
    bucket, queue = target.outputs.bucket, target.outputs.queue_arn
    if Notifications(target.client("s3"), bucket).add(queue, target.outputs.key_prefix):
        place.display.say(f"{bucket} notifies the queue from now on")
    if earlier and earlier != bucket:
        Notifications(target.client("s3"), earlier).remove(queue)


def redeploy(place: Place, base: str | None, architecture: str | None) -> None:
    """Build, push and run a new image; one that does not label a photo is rolled back by itself."""
    function = Function(place.deployed())
    has = function.running().architecture
    wanted = architecture or images.native_architecture(images.reach_engine())
    if wanted != has:
        raise UserError(
            f"The function runs on {has}, and this image would be for {wanted}: build it with ARCHITECTURE={has}, "
            "or move the function with `make deploy`."
        )
    uri, built = pushed(place, base, wanted)
    run(place, function, Running(uri, built))
    leave_running(place, place.deployed())


def rollback(place: Place) -> None:
    """Run the image again that ran before the last deployment."""
    function = Function(place.deployed())
    previous = function.previous()
    if previous is None:
        raise UserError(
            "There is no earlier image to go back to, or it runs already: for any other, "
            "check out its commit and run `make redeploy`, which finds it in ECR."
        )
    place.display.say(f"going back to {previous.image}")
    run(place, function, previous)
    function.remember(None)
    leave_running(place, place.deployed())


def destroy(place: Place, *, with_data: bool) -> None:
    """Remove the stacks; bucket and tables stay, unless they are to go, too."""
    if place.pipeline.status() is None:
        place.display.say(f"There is no stack {place.stack} in {place.aws.description}.")
        if with_data:  # which tables are its own only the stack knows: another may have the same ones
            place.display.say(
                "If an earlier `make destroy` kept its bucket and tables: `make deploy` adopts them again, and "
                "`make destroy DATA=delete` then removes them, too."
            )
    else:
        place.refuse_foreign()
        _destroy_pipeline(place, with_data=with_data)
    if place.registry.status():
        place.registry.delete()
        place.display.say("The registry is gone, and its images.")


def _destroy_pipeline(place: Place, *, with_data: bool) -> None:
    if not place.pipeline.outputs():  # a first deployment that failed, or was not confirmed
        place.pipeline.delete()
        place.display.say(
            f"{place.stack} is gone. A bucket and tables that it had made already are kept; "
            "`make deploy` adopts them."
        )
        return
    target = place.deployed()
    outputs = target.outputs
    is_own = not place.pipeline.parameters().get("ExistingBucket")
    data = [f"table {outputs.image_labels_table}", f"table {outputs.label_index_table}"]
    data += [f"bucket {outputs.bucket} with all its photos"] if is_own else []
    waiting = _waiting(target)
    place.display.say(f"This removes {place.stack} from {target.description}.", style="bold")
    if waiting:
        place.display.say(
            f"{waiting} messages wait in its queues: their photos will not be labelled.", style="yellow"
        )
    place.display.say(f"{'It removes, too' if with_data else 'It keeps'}: {', '.join(data)}.")
    if not place.display.confirmed(f"Destroy {place.stack}?"):
        raise UserError("Nothing was removed.")
    Notifications(target.client("s3"), outputs.bucket).remove(outputs.queue_arn)
    if with_data:  # while the stack can still tell what is its own, should this be broken off
        _delete_data(target, is_own=is_own)
    place.pipeline.delete()
    place.display.say(f"{place.stack} is gone. {'Removed, too' if with_data else 'Kept'}: {', '.join(data)}.")
    if not with_data:
        place.display.say("`make deploy` adopts again what was kept.")


def _delete_data(target: Target, *, is_own: bool) -> None:
    tables = target.client("dynamodb")
    for name in target.outputs.tables:
        with suppress(tables.exceptions.ResourceNotFoundException):
            tables.delete_table(TableName=name)
    if is_own:
        s3 = target.client("s3")
        with suppress(s3.exceptions.NoSuchBucket):
            _delete_bucket(s3, target.outputs.bucket)


def _delete_bucket(s3: S3Client, bucket: str) -> None:
    """Delete it with all objects and versions. Raises UserError for what S3 does not let go."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects: Any = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if objects:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                first = f"{errors[0]['Key']} ({errors[0]['Message']})"
                raise UserError(f"S3 does not delete {len(errors)} objects of {bucket}, the first {first}.")
    s3.delete_bucket(Bucket=bucket)


def _waiting(target: Target) -> int:
    sqs = target.client("sqs")
    total = 0
    for queue in target.outputs.queue_urls + target.outputs.dead_letter_queue_urls:
        with suppress(sqs.exceptions.QueueDoesNotExist):  # an earlier run was broken off
            total += sum(depth(sqs, queue))
    return total


def build(display: Display, base: str | None, architecture: str | None) -> images.Image:
    """Build the image; its tag says of what."""
    engine = images.reach_engine()
    with display.working("building the image"):
        image = images.build(engine, architecture or images.native_architecture(engine), base=base)
    display.say(f"image {image.name}, {image.size_mb:.0f} MB, for {image.architecture}")
    return image


def pushed(place: Place, base: str | None, architecture: str | None) -> tuple[str, str]:
    """See to it that the image is in ECR; gives it by digest, and its architecture."""
    engine = images.reach_engine()
    wanted = architecture or images.native_architecture(engine)
    registry = _registry(place)
    tag = images.tag_of(wanted, base)
    if uri := registry.find(tag):
        place.display.say(f"image {tag} is in ECR already")
        return uri, wanted
    image = build(place.display, base, wanted)
    with place.display.pushing() as show:
        uri = registry.push(engine, image, show)
    place.display.say(f"pushed: {uri}")
    return uri, image.architecture


def _registry(place: Place) -> Registry:
    """The registry, its stack brought up to date first."""
    proposed = place.registry.propose({"RepositoryName": place.stack}, REGISTRY)
    if proposed:
        _confirm(place, place.registry, proposed)
        place.registry.execute(proposed)
    uri = place.registry.outputs()["RepositoryUri"]
    return Registry(place.aws.client("ecr"), uri, place.registry_host)


def _from_quota(place: Place, given: dict[str, str]) -> dict[str, str]:
    """RekognitionTps and both concurrencies as the account's quota has them, where they are not given."""
    if given.keys() >= {"RekognitionTps", "MaxConcurrency", "ConvertConcurrency"}:
        return {}
    try:
        tps = detect_labels_tps(place.aws.client("service-quotas"))
        why = "it has no such quota"
    except ClientError as error:
        tps, why = None, error.response["Error"].get("Message") or error.response["Error"]["Code"]
    if tps is None:
        place.display.say(
            f"Service Quotas does not tell the DetectLabels quota ({why}): RekognitionTps, MaxConcurrency and "
            "ConvertConcurrency stay as they are. Set them: "
            'make deploy PARAMETERS="RekognitionTps=… MaxConcurrency=… ConvertConcurrency=…"',
            style="yellow",
        )
        return {}
    values = {
        "RekognitionTps": f"{tps:g}",
        "MaxConcurrency": str(environments_for(tps)),
        "ConvertConcurrency": str(converting_environments_for(tps)),
    }
    place.display.say(
        f"DetectLabels quota here: {tps:g} calls a second, so RekognitionTps is {values['RekognitionTps']}, "
        f"MaxConcurrency {values['MaxConcurrency']} and ConvertConcurrency {values['ConvertConcurrency']}"
    )
    return values


def _warn_of_unconfirmed(place: Place, target: Target) -> None:
    topic = target.outputs.alarm_topic_arn
    listeners = listeners_of(target.client("sns"), topic)
    if listeners.unconfirmed:
        place.display.say(
            f"NOBODY HEARS THE ALARMS AT {', '.join(listeners.unconfirmed)} YET: "
            "whoever reads mail there must follow the link in the one from AWS.",
            style="bold red",
        )
    elif not listeners.confirmed:
        place.display.say(
            f"Nobody hears the alarms: make deploy EMAIL=… subscribes an address to {topic}.", style="yellow"
        )
