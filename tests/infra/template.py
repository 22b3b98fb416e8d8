"""A CloudFormation template as a stack of it would be: conditions decided, intrinsic functions worked out."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cfnlint.decode.cfn_yaml import load

INFRA = Path(__file__).parents[2] / "infra"
PSEUDO_PARAMETERS = {
    "AWS::StackName": "photo-labels",
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-central-1",
    "AWS::Partition": "aws",
}
_NO_VALUE = object()


def read(name: str) -> dict[str, Any]:
    """A template of `infra/`, as plain dictionaries and lists that a test may change."""
    template: dict[str, Any] = json.loads(json.dumps(load(str(INFRA / name))))
    return template


@dataclass(frozen=True)
class Stack:
    """What a template and its parameters come to.

    A reference to a resource reads `<Queue>`, an attribute of one `<Queue.Arn>`; anything that is not
    there, or not known here, raises.
    """

    template: dict[str, Any]
    parameters: dict[str, Any]

    @classmethod
    def of(cls, template: dict[str, Any], **given: Any) -> Stack:
        """A stack with these parameters, and the template's defaults for the others."""
        declared = template["Parameters"]
        unknown = given.keys() - declared.keys()
        if unknown:
            raise KeyError(f"no such parameters: {unknown}")
        values = {name: given.get(name, facts.get("Default")) for name, facts in declared.items()}
        return cls(template, {name: value if value is None else str(value) for name, value in values.items()})

    @cached_property
    def resources(self) -> dict[str, dict[str, Any]]:
        """Resources by logical name, those whose condition does not hold left out."""
        return {
            name: self._value(resource)
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self._holds(resource["Condition"])
        }

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """Values of the outputs."""
        return {
            name: self._value(output["Value"])
            for name, output in self.template["Outputs"].items()
            if "Condition" not in output or self._holds(output["Condition"])
        }

    def properties(self, logical_name: str) -> dict[str, Any]:
        """Properties of one resource."""
        properties: dict[str, Any] = self.resources[logical_name]["Properties"]
        return properties

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of all resources of a type, by logical name."""
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == kind}

    def _holds(self, name: str) -> bool:
        return bool(self._value(self.template["Conditions"][name]))

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [value for value in map(self._value, node) if value is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, argument)] = node.items()
            if name in ("Ref", "Condition") and isinstance(argument, str):
                return self._ref(argument) if name == "Ref" else self._holds(argument)
            if name.startswith("Fn::"):
                return self._function(name.removeprefix("Fn::"), argument)
        values = {key: self._value(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not _NO_VALUE}

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in PSEUDO_PARAMETERS:
            return PSEUDO_PARAMETERS[name]
        if name in self.parameters:
            return self.parameters[name]
        self._check(name)
        return f"<{name}>"

    def _check(self, logical_name: str) -> None:
        resource = self.template["Resources"][logical_name]
        if "Condition" in resource and not self._holds(resource["Condition"]):
            raise KeyError(f"{logical_name} is referred to, but its condition does not hold")

    def _function(self, name: str, argument: Any) -> Any:
        value: Any
        match name:
            case "If":
                condition, yes, no = argument
                value = self._value(yes if self._holds(condition) else no)
            case "Equals":
                left, right = self._value(argument)
                value = left == right
            case "Not":
                value = not self._value(argument)[0]
            case "And":
                value = all(self._value(argument))
            case "FindInMap":
                mapping, first, second = self._value(argument)
                value = self.template["Mappings"][mapping][first][second]
            case "GetAtt":
                logical_name, attribute = argument
                self._check(logical_name)
                value = f"<{logical_name}.{attribute}>"
            case "Sub":
                text, variables = argument if isinstance(argument, list) else (argument, {})
                value = re.sub(r"\$\{([^}]+)\}", lambda match: self._substitute(match[1], variables), text)
            case _:
                raise NotImplementedError(name)
        return value

    def _substitute(self, name: str, variables: dict[str, Any]) -> str:
        if name in variables:
            return str(self._value(variables[name]))
        if "." in name:
            return str(self._function("GetAtt", name.split(".", 1)))
        return str(self._ref(name))


def policy_statements(stack: Stack) -> list[dict[str, Any]]:
    """Every statement of every policy of a stack, but for who may assume its roles."""
    documents = [
        properties["PolicyDocument"]
        for one in stack.resources.values()
        if "PolicyDocument" in (properties := one["Properties"])
    ]
    for role in stack.of_type("AWS::IAM::Role").values():
        documents += [policy["PolicyDocument"] for policy in role["Policies"]]
    return [statement for document in documents for statement in document["Statement"]]


def as_list(value: Any) -> list[Any]:
    """What IAM lets stand alone or in a list."""
    return value if isinstance(value, list) else [value]
