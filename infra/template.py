"""The templates, and what the deploy tool makes of them before it sends them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE = Path(__file__).resolve().parent
REGISTRY = (_HERE / "registry.yaml").read_text()
# The property that names a bucket or table, which outlives its stack.
NAMES_OF_STORES = {"AWS::S3::Bucket": "BucketName", "AWS::DynamoDB::Table": "TableName"}
# The tag by which a stack knows again what it made.
STACK_TAG = "photo-labels:stack"


def pipeline_template(variables: Mapping[str, str]) -> str:
    """Return infra/pipeline.yaml as compact JSON, with KeySuffixes and the names of bucket and tables written out.

    What an earlier stack has retained is adopted only where its name is static (user guide, "Import AWS resources
    into a CloudFormation stack automatically").
    `variables`: AWS::StackName, TablePrefix, KeySuffixes and the like. Raises UserError for KeySuffixes that S3
    would refuse.
    """
    template = parsed((_HERE / "pipeline.yaml").read_text())
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        name = NAMES_OF_STORES.get(resource["Type"], "")
        if isinstance(sub := properties.get(name), dict):
            properties[name] = _written_out(sub["Fn::Sub"], variables)
    if text := variables.get("KeySuffixes", ""):
        _write_suffixes(template, text)
    return json.dumps(template, separators=(",", ":"))


def parsed(template: str) -> Any:
    """Return a template's content, with the long forms of its functions; versions before sent it as YAML."""
    return yaml.load(template, _Loader)  # noqa: S506 - a safe loader, with tags


def _written_out(name: str, variables: Mapping[str, str]) -> str:
    for variable, value in variables.items():
        name = name.replace(f"${{{variable}}}", value)
    return name


def _write_suffixes(template: dict[str, Any], text: str) -> None:
    """Let only keys with one of these suffixes raise events: S3 takes one a notification, and no loop is known."""
    suffixes = KeyFilter.of("", text).suffixes
    for one in suffixes:
        if longer := next((other for other in suffixes if other != one and other.endswith(one)), None):
            raise UserError(f"KeySuffixes: what ends with {longer} ends with {one}, too, so leave out {longer}.")
    # With these in the template, no others can be the parameter's, which the tools go by.
    template["Parameters"]["KeySuffixes"] |= {"Default": text, "AllowedValues": [text]}
    resources = template["Resources"]
    notified = resources["PhotoBucket"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]["Fn::If"]
    prefix = {"Name": "prefix", "Value": {"Ref": "KeyPrefix"}}
    has_prefix = {"Fn::If": ["HasKeyPrefix", prefix, {"Ref": "AWS::NoValue"}]}
    notified[1] = [
        one | {"Filter": {"S3Key": {"Rules": [has_prefix, {"Name": "suffix", "Value": suffix}]}}}
        for one in notified[1]
        for suffix in suffixes
    ]
    # Of what is in one list any may match, so that a prefix beside a suffix would say too little.
    both = [{"wildcard": {"Fn::Sub": f"${{KeyPrefix}}*{suffix}"}} for suffix in suffixes]
    keys = {"Fn::If": ["HasKeyPrefix", both, [{"suffix": suffix} for suffix in suffixes]]}
    resources["BucketEvents"]["Properties"]["EventPattern"]["detail"]["object"] = {"key": keys}


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms, `!Ref` and the like, as the long ones."""


def _long_form(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt":
        value = value.split(".", 1)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _long_form)
