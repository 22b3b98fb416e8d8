"""The bucket's notifications: ours are added to the present ones, or removed; others' do not change.

PutBucketNotificationConfiguration replaces all that a bucket has, so it is read first.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from types_boto3_s3 import S3Client

    from photo_labels.library.key_filter import KeyFilter

# As infra/pipeline.yaml has them for a bucket of its own; a test compares the two.
EVENTS = ("s3:LifecycleExpiration:*", "s3:ObjectCreated:*", "s3:ObjectRemoved:*")


def added(configuration: dict[str, Any], queue_arn: str, keys: KeyFilter) -> dict[str, Any]:
    """Return a bucket's notification configuration with ours, one for each suffix; the same one if it is so."""
    ours = [one for one in configuration.get("QueueConfigurations", []) if one["QueueArn"] == queue_arn]
    own = [_own(queue_arn, keys.prefix, suffix) for suffix in keys.suffixes or ("",)]
    wanted = sorted(event for one in own for event in _filtered(one))
    if sorted(event for one in ours for event in _filtered(one)) == wanted:
        return configuration
    without = removed(configuration, queue_arn)
    return without | {"QueueConfigurations": [*without.get("QueueConfigurations", []), *own]}


def _own(queue_arn: str, prefix: str, suffix: str) -> dict[str, Any]:
    rules = [{"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value]
    name = f"photo-labels-{queue_arn.rpartition(':')[2]}{suffix}"
    own: dict[str, Any] = {"Id": name, "QueueArn": queue_arn, "Events": list(EVENTS)}
    return own | ({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})


def removed(configuration: dict[str, Any], queue_arn: str) -> dict[str, Any]:
    """Return a bucket's notification configuration without ours."""
    others = [one for one in configuration.get("QueueConfigurations", []) if one["QueueArn"] != queue_arn]
    rest = {name: value for name, value in configuration.items() if name != "QueueConfigurations"}
    return rest | ({"QueueConfigurations": others} if others else {})


def overlapping(configuration: dict[str, Any], queue_name: str, keys: KeyFilter) -> str | None:
    """Return the notification for the same objects that S3 would refuse ours beside; None: there is none.

    S3 compares events, prefixes and suffixes ("Configuring event notifications using object key name
    filtering").
    """
    destinations = {
        "QueueConfigurations": "QueueArn",
        "TopicConfigurations": "TopicArn",
        "LambdaFunctionConfigurations": "LambdaFunctionArn",
    }
    ours = {_kind(event) for event in EVENTS}
    for kind, destination in destinations.items():
        for one in configuration.get(kind, []):
            theirs = dict(rule for _, rules in _filtered(one) for rule in rules)
            is_same = _overlap(keys, theirs.get("prefix", ""), theirs.get("suffix", ""))
            is_other = not one[destination].endswith(f":{queue_name}")
            if is_other and is_same and ours & {_kind(event) for event in one["Events"]}:
                return str(one[destination])
    return None


def _overlap(ours: KeyFilter, prefix: str, suffix: str) -> bool:
    return (prefix.startswith(ours.prefix) or ours.prefix.startswith(prefix)) and any(
        suffix.endswith(one) or one.endswith(suffix) for one in ours.suffixes or ("",)
    )


def _kind(event: str) -> str:
    """s3:ObjectCreated:Put is of the kind ObjectCreated."""
    return event.split(":")[1]


class NoBucketError(UserError):
    """The bucket does not exist."""


class Notifications:
    """The notifications of one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def check(self, queue_name: str, keys: KeyFilter) -> None:
        """Raise UserError where ours could not be added."""
        if other := overlapping(self._read(), queue_name, keys):
            raise UserError(
                f"{other} is notified of the same photos in {self._bucket} already, and S3 takes only one for a "
                "prefix: deploy with VIA=eventbridge, which S3 takes besides; or name another PREFIX, or remove "
                "that notification."
            )

    def require_bucket(self) -> None:
        """Raise UserError where there is no such bucket, or its notifications cannot be read."""
        self._read()

    def add(self, queue_arn: str, keys: KeyFilter) -> bool:
        """Make the bucket notify our queue; return whether that is new. Raises UserError."""
        return self._change(lambda present: added(present, queue_arn, keys))

    def add_event_bridge(self) -> bool:
        """Make the bucket send its events to EventBridge, too; return whether that is new. Raises UserError."""
        return self._change(lambda present: {"EventBridgeConfiguration": {}} | present)

    def remove_event_bridge(self) -> None:
        """Stop sending the bucket's events to EventBridge, if it exists. Raises UserError."""
        with suppress(NoBucketError):
            self._change(
                lambda present: {name: one for name, one in present.items() if name != "EventBridgeConfiguration"}
            )

    def remove(self, queue_arn: str) -> bool:
        """Stop the bucket's notifications to our queue, if it exists. Raises UserError."""
        try:
            return self._change(lambda present: removed(present, queue_arn))
        except NoBucketError:
            return False

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bool:
        present = self._read()
        wanted: Any = change(present)
        if wanted == present:
            return False
        with self._explained():
            self._client.put_bucket_notification_configuration(
                Bucket=self._bucket, NotificationConfiguration=wanted
            )
        return True

    def _read(self) -> dict[str, Any]:
        with self._explained():
            answer: Any = self._client.get_bucket_notification_configuration(Bucket=self._bucket)
        answer.pop("ResponseMetadata", None)
        found: dict[str, Any] = answer
        return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
            if code == "NoSuchBucket":
                raise NoBucketError(f"There is no bucket {self._bucket}: make it, or name another.") from error
            raise UserError(f"The notifications of {self._bucket} cannot be changed ({code}): {said}") from error


def _filtered(configuration: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    names = sorted((rule["Name"].lower(), rule["Value"]) for rule in rules)
    return [(event, names) for event in configuration["Events"]]
