"""The templates, and what the deploy tool makes of them before it sends them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

_HERE = Path(__file__).resolve().parent
REGISTRY = (_HERE / "registry.yaml").read_text()
_NAMES_OF_RETAINED = ("BucketName", "TableName")


def pipeline_template(variables: Mapping[str, str]) -> str:
    """Return infra/pipeline.yaml as compact JSON, with the names of bucket and tables written out.

    What an earlier stack has retained is adopted only where its name is static (user guide, "Import AWS resources
    into a CloudFormation stack automatically").
    `variables`: AWS::StackName, TablePrefix and the like.
    """
    template = yaml.load((_HERE / "pipeline.yaml").read_text(), _Loader)  # noqa: S506 - a safe loader, with tags
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in _NAMES_OF_RETAINED:
            if isinstance(sub := properties.get(name), dict):
                properties[name] = _written_out(sub["Fn::Sub"], variables)
    return json.dumps(template, separators=(",", ":"))


def _written_out(name: str, variables: Mapping[str, str]) -> str:
    for variable, value in variables.items():
        name = name.replace(f"${{{variable}}}", value)
    return name


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
