"""DynamoDB's attribute values: what documents and rows are made of, to and from `{"S": "text"}` and the like.

boto3 has these conversions (`boto3.dynamodb.types`, which the tests compare them with), but `import boto3` brings
in s3transfer, and the function would pay for it at every cold start.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def to_attribute(value: object) -> dict[str, Any]:
    """Return the attribute value of a text, truth, number, list or map; raises TypeError for anything else."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, list):
        return {"L": [to_attribute(one) for one in value]}
    if isinstance(value, dict):
        return {"M": to_attributes(value)}
    if type(value) in {int, Decimal}:
        return {"N": str(value)}
    raise TypeError(f"DynamoDB gets no {type(value).__name__} of ours.")


def from_attribute(attribute: dict[str, Any]) -> Any:
    """Read an attribute value; of a type that we never write (somebody else did), it is left as it came."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return Decimal(value)
    if kind == "L":
        return [from_attribute(one) for one in value]
    return from_attributes(value) if kind == "M" else value


def to_attributes(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item as DynamoDB takes it."""
    return {name: to_attribute(value) for name, value in item.items()}


def from_attributes(item: dict[str, Any]) -> dict[str, Any]:
    """Read an item as DynamoDB gives it."""
    return {name: from_attribute(attribute) for name, attribute in item.items()}
