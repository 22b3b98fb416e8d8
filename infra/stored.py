"""What outlives a stack, its bucket and tables: which it would have, and whether what is there is its own."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.template import NAMES_OF_STORES, STACK_TAG, parsed
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from infra.deployment import Deployment
    from infra.stacks import ChangeSet
    from photo_labels.library.target import Connection

_TABLE, _BUCKET = "AWS::DynamoDB::Table", "AWS::S3::Bucket"
# CloudFormation's own, which stays on a bucket when its stack goes. Tables do not get it: DynamoDB takes no tags
# of AWS's own (CloudFormation's public roadmap, "AWS::DynamoDB::Table does not propagate stack-level tags").
_TAG_OF_CLOUDFORMATION = "aws:cloudformation:stack-name"


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket or a table."""

    kind: str
    name: str

    @property
    def is_bucket(self) -> bool:
        return self.kind == _BUCKET

    @property
    def noun(self) -> str:
        return f"bucket {self.name}" if self.is_bucket else f"table {self.name}"

    def __str__(self) -> str:
        return f"{self.noun} with all its photos" if self.is_bucket else self.noun


@dataclass(frozen=True, slots=True)
class Found:
    """A bucket or table that is there."""

    store: Store
    arn: str
    # The stack that made it, as its tag tells. None: no tag tells.
    stack: str | None


@dataclass(frozen=True, slots=True)
class Retained:
    """What stays when a stack goes, tables first."""

    own: tuple[Store, ...] = ()
    # It may have made them, or adopted somebody else's: versions up to 0.2.0 did both, and set no tag.
    untagged: tuple[Found, ...] = ()
    others: tuple[Store, ...] = ()


def stores_named(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Store]:
    """Return the buckets and tables that a stack of this template would have, where their names are static.

    Keys are the template's names of them.
    """
    values = _Values(template, parameters)
    return {
        resource: Store(one["Type"], name)
        for resource, one in template["Resources"].items()
        if isinstance(name := one.get("Properties", {}).get(NAMES_OF_STORES.get(one["Type"], "")), str)
        and ("Condition" not in one or values.hold(one["Condition"]))
    }


def adoptable(deployment: Deployment, template: str, parameters: Mapping[str, str]) -> set[str]:
    """Return what the stack would adopt since it made it before, by the template's names.

    Raises UserError where a bucket or table would be adopted, or met, that this stack did not make.
    """
    has = set(deployment.pipeline.resources().values())
    own: set[str] = set()
    others: list[Found] = []
    for resource, store in stores_named(json.loads(template), parameters).items():
        if store.name not in has and (found := find(deployment.connection, store)):
            if found.stack == deployment.name:
                own.add(resource)
            else:
                others.append(found)
    if others:
        raise UserError(_taken(others, deployment.name))
    return own


def require_adoptable(deployment: Deployment, proposed: ChangeSet, expected: set[str]) -> None:
    """Discard changes, and raise UserError, where they would adopt anything but what is expected."""
    imported = [one.resource for one in proposed.changes if one.action == "Import"]
    if others := sorted(set(imported) - expected):
        deployment.pipeline.discard(proposed)
        raise UserError(
            f"CloudFormation would adopt {', '.join(others)}, which {deployment.name} is not known to have made: "
            "nothing was changed; `make deploy` again says what is there."
        )


def retained(deployment: Deployment) -> Retained:
    """Return the buckets and tables that the stack has, and that stay when it goes.

    What is gone already is left out; those of others that it uses are among the others.
    """
    stack = deployment.pipeline
    status = stack.status()
    if status in {None, "REVIEW_IN_PROGRESS"}:  # it has nothing yet, not even a template
        return Retained()
    template, parameters = parsed(stack.template()), stack.parameters()
    physical = stack.resources()
    stores = [
        Store(one["Type"], physical[resource])
        for resource, one in template["Resources"].items()
        if one["Type"] in NAMES_OF_STORES and one.get("DeletionPolicy") == "Retain" and resource in physical
    ]
    there = [found for store in stores if (found := find(deployment.connection, store))]
    if str(status).startswith(("DELETE_", "ROLLBACK_")):  # half deleted
        named = stores_named(template, parameters)
        kept = [store for resource, store in named.items() if resource not in physical]
        there += _own_of(deployment, kept)
    there.sort(key=lambda found: found.store.is_bucket)
    others = [found.store for found in there if found.stack not in {None, deployment.name}]
    return Retained(
        tuple(found.store for found in there if found.stack == deployment.name),
        tuple(found for found in there if found.stack is None),
        (*others, *_lent(parameters)),
    )


def _own_of(deployment: Deployment, stores: Iterable[Store]) -> Iterator[Found]:
    """Yield those that the stack made, of such as it would have: it may not have come to make them."""
    for store in stores:
        with suppress(UserError):  # somebody else's bucket
            found = find(deployment.connection, store)
            if found and found.stack == deployment.name:
                yield found


def _lent(parameters: Mapping[str, str]) -> list[Store]:
    named = {"QuotaTable": _TABLE, "ExistingBucket": _BUCKET}
    return [Store(kind, name) for parameter, kind in named.items() if (name := parameters.get(parameter))]


def find(connection: Connection, store: Store) -> Found | None:
    """Return a bucket or table with what its tags tell; None: there is none, or it is being deleted.

    Raises UserError for a bucket that may not be read.
    """
    return (_find_bucket if store.is_bucket else _find_table)(connection, store)


def _find_table(connection: Connection, store: Store) -> Found | None:
    client = connection.client("dynamodb")
    try:
        table = client.describe_table(TableName=store.name)["Table"]
        if table["TableStatus"] == "DELETING":  # by a run just before
            return None
        pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=table["TableArn"])
        tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    except client.exceptions.ResourceNotFoundException:
        return None
    return Found(store, table["TableArn"], tags.get(STACK_TAG))


def _find_bucket(connection: Connection, store: Store) -> Found | None:
    client = connection.client("s3")
    try:
        answer = client.get_bucket_tagging(Bucket=store.name)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            return None
        if code == "AccessDenied":
            # Bucket names are shared by all accounts, and S3 says the same of somebody else's.
            raise UserError(
                f"The bucket {store.name} is there, and its tags may not be read. If it is of another account, "
                "name your stack otherwise (STACK=…), or label the photos of a bucket that you have "
                "(EXISTING_BUCKET=…); if it is yours, you need s3:GetBucketTagging (infra/deployer-policy.json)."
            ) from error
        if code != "NoSuchTagSet":
            raise
        answer = {"TagSet": []}
    tags = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
    arn = f"arn:{client.meta.partition}:s3:::{store.name}"
    return Found(store, arn, tags.get(STACK_TAG) or tags.get(_TAG_OF_CLOUDFORMATION))


def _taken(others: list[Found], stack: str) -> str:
    listed = ", ".join(f"{one.store.noun} ({_whose(one)})" for one in others)
    buckets = [one.store.name for one in others if one.store.is_bucket]
    sentences = [f"{stack} would have these names, and did not make what has them: {listed}."]
    if len(buckets) < len(others):
        sentences.append(
            f'Put something before the names of your tables: make deploy PARAMETERS="TablePrefix={stack}-".'
        )
    sentences += [
        f"Name your stack otherwise (STACK=…), or label the photos of that bucket (EXISTING_BUCKET={name})."
        for name in buckets
    ]
    if untagged := [one for one in others if one.stack is None]:
        sentences.append(
            f"If it is of {stack} after all, restored from a backup, or kept when version 0.2.0 or an earlier one "
            f"was destroyed, tag it:{how_to_tag(untagged, stack)}"
        )
    return " ".join(sentences)


def _whose(found: Found) -> str:
    return f"of the stack {found.stack}" if found.stack else "no tag tells whose"


def how_to_tag(untagged: Iterable[Found], stack: str) -> str:
    """Return the commands that make buckets and tables a stack's own, each on a line."""
    return "".join(
        # S3's own command would replace all tags that the bucket has.
        f"\n  aws resourcegroupstaggingapi tag-resources --resource-arn-list {one.arn} --tags {STACK_TAG}={stack}"
        if one.store.is_bucket
        else f"\n  aws dynamodb tag-resource --resource-arn {one.arn} --tags Key={STACK_TAG},Value={stack}"
        for one in untagged
    )


class _Values:
    """A template's parameters and conditions, as far as our conditions go."""

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        defaults = {name: one.get("Default") for name, one in template["Parameters"].items()}
        self._parameters = {name: str(value) for name, value in (defaults | dict(parameters)).items()}
        self._conditions = template.get("Conditions", {})

    def hold(self, name: str) -> bool:
        return bool(self._value(self._conditions[name]))

    def _value(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        ((function, argument),) = node.items()
        if function == "Ref":
            return self._parameters[argument]
        if function == "Condition":
            return self.hold(argument)
        values = map(self._value, argument)
        return {
            "Fn::Equals": lambda: len(set(map(str, values))) == 1,
            "Fn::Not": lambda: not next(values),
            "Fn::And": lambda: all(values),
            "Fn::Or": lambda: any(values),
        }[function]()
