"""What a service's model allows of a request: types and names as botocore checks them, and limits that it does not."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator


@cache
def _input_shape(service: str, operation: str) -> Shape:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape
    return shape


def violations(service: str, operation: str, parameters: dict[str, Any]) -> list[str]:
    """Return what AWS would refuse a request for, by the whole model of the installed botocore."""
    shape = _input_shape(service, operation)
    report = ParamValidator().validate(parameters, shape)
    found = [report.generate_report()] if report.has_errors() else []
    return [f"{operation}: {one}" for one in [*found, *_beyond(shape, parameters, operation)]]


def _beyond(shape: Shape, value: Any, where: str) -> list[str]:
    found = []
    length = value if isinstance(value, int | float) else len(value) if hasattr(value, "__len__") else 0
    if "max" in shape.metadata and length > shape.metadata["max"]:
        found.append(f"{where} is {length}, at most {shape.metadata['max']}")
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not re.fullmatch(_as_python(pattern), value):
        found.append(f"{where} is {value!r}, not {pattern}")
    if getattr(shape, "enum", None) and value not in shape.enum:  # type: ignore[attr-defined]
        found.append(f"{where} is {value!r}, none of {shape.enum}")  # type: ignore[attr-defined]
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        for name, inner in value.items():
            if name in shape.members:
                found += _beyond(shape.members[name], inner, f"{where}.{name}")
    if isinstance(shape, ListShape):
        found += [one for inner in value for one in _beyond(shape.member, inner, f"{where}[]")]
    if isinstance(shape, MapShape):
        found += [one for inner in value.values() for one in _beyond(shape.value, inner, f"{where}{{}}")]
    return found


def _as_python(pattern: str) -> str:
    r"""Rekognition writes `\S` for texts that have anything in them, and means one character of it at least."""
    return r"(?s).*\S.*" if pattern == r"\S" else pattern
