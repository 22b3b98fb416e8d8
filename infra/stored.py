"""What outlives a stack, its bucket and tables: which it would have, and whether what is there is its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.template import NAMES_OF_STORES, STACK_TAG, parsed
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.deployment import Deployment
    from photo_labels.library.target import Connection

_TABLE, _BUCKET = "AWS::DynamoDB::Table", "AWS::S3::Bucket"
# CloudFormation's own, which stays when the stack goes. Stacks of earlier versions have set no other.
_TAG_OF_CLOUDFORMATION = "aws:cloudformation:stack-name"


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket or a table."""

    kind: str
    name: str

    @property
    def is_bucket(self) -> bool:
        return self.kind == _BUCKET

    def __str__(self) -> str:
        return f"bucket {self.name} with all its photos" if self.is_bucket else f"table {self.name}"


def stores_named(template: str, parameters: Mapping[str, str]) -> list[Store]:
    """Return the buckets and tables that a stack of this template would have, where their names are static."""
    content = json.loads(template)
    values = _Values(content, parameters)
    return [
        Store(resource["Type"], name)
        for resource in content["Resources"].values()
        if isinstance(name := resource.get("Properties", {}).get(NAMES_OF_STORES.get(resource["Type"], "")), str)
        and ("Condition" not in resource or values.hold(resource["Condition"]))
    ]


def require_own(deployment: Deployment, template: str, parameters: Mapping[str, str]) -> None:
    """Raise UserError where a bucket or table would be adopted, or met, that this stack did not make."""
    has = set(deployment.pipeline.resources().values())
    for store in stores_named(template, parameters):
        if store.name not in has:
            tags = tags_of(deployment.connection, store)
            if tags is not None and not _are_of(tags, deployment.name):
                raise UserError(_not_own(store, deployment.name, tags))


def retained_stores(deployment: Deployment) -> tuple[list[Store], list[Store]]:
    """Return buckets and tables that the stack has, and that stay when it goes: those it made, and others.

    Tables come first. What is gone already is in neither.
    """
    template, physical = parsed(deployment.pipeline.template()), deployment.pipeline.resources()
    own: list[Store] = []
    others: list[Store] = []
    for name, resource in template["Resources"].items():
        if resource["Type"] in NAMES_OF_STORES and resource.get("DeletionPolicy") == "Retain" and name in physical:
            store = Store(resource["Type"], physical[name])
            tags = tags_of(deployment.connection, store)
            if tags is not None:
                (own if _are_of(tags, deployment.name) else others).append(store)
    return sorted(own, key=_tables_first), sorted(others, key=_tables_first)


def _tables_first(store: Store) -> bool:
    return store.is_bucket


def tags_of(connection: Connection, store: Store) -> dict[str, str] | None:
    """Return the tags; None: there is no such bucket or table."""
    return (_tags_of_bucket if store.is_bucket else _tags_of_table)(connection, store.name)


def _tags_of_table(connection: Connection, name: str) -> dict[str, str] | None:
    client = connection.client("dynamodb")
    try:
        arn = client.describe_table(TableName=name)["Table"]["TableArn"]
        pages = client.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    except client.exceptions.ResourceNotFoundException:
        return None


def _tags_of_bucket(connection: Connection, name: str) -> dict[str, str] | None:
    client = connection.client("s3")
    try:
        return {tag["Key"]: tag["Value"] for tag in client.get_bucket_tagging(Bucket=name)["TagSet"]}
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "NoSuchBucket":
            return None
        # Bucket names are shared by all accounts: one of another is denied.
        if code in {"NoSuchTagSet", "AccessDenied"}:
            return {}
        raise


def _are_of(tags: Mapping[str, str], stack: str) -> bool:
    return stack in {tags.get(STACK_TAG), tags.get(_TAG_OF_CLOUDFORMATION)}


def _not_own(store: Store, stack: str, tags: Mapping[str, str]) -> str:
    owner = tags.get(STACK_TAG) or tags.get(_TAG_OF_CLOUDFORMATION)
    whose = f"of the stack {owner}" if owner else f"that {stack} did not make"
    restored = f"If it is this stack's after all, restored from a backup say, tag it {STACK_TAG}={stack}."
    if store.is_bucket:
        return (
            f"There is a bucket {store.name} already, {whose}: name your stack otherwise (STACK=…), or label the "
            f"photos of that bucket (EXISTING_BUCKET={store.name}). {restored}"
        )
    return (
        f"There is a table {store.name} already, {whose}: put something before the names of your tables "
        f'(make deploy PARAMETERS="TablePrefix={stack}-"). {restored}'
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
