"""The image has what the function calls, and nothing else: botocore's models are cut to a list."""

from __future__ import annotations

import ast
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import botocore
import botocore.loaders
import botocore.session
import pytest
from botocore import xform_name

from infra.trim_botocore import OPERATIONS, reduced, trim
from local.ministack import REPOSITORY

USERS = {
    "sqs": ["messages"],
    "s3": ["objects", "conversion"],
    "rekognition": ["recognition"],
    "dynamodb": ["storage", "quota"],
}
"""The modules that use a service's client; the first says how long its calls may take."""


def called(module: str) -> set[str]:
    """Methods that a module of handler/ uses of its client."""
    tree = ast.parse((REPOSITORY / "handler" / f"{module}.py").read_text())
    return {
        one.attr
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute) and isinstance(one.value, ast.Attribute) and one.value.attr == "_client"
    }


def test_given_the_handler_when_it_calls_aws_then_only_what_the_image_has() -> None:
    for service, modules in USERS.items():
        used = set().union(*map(called, modules))
        assert used == {xform_name(operation) for operation in OPERATIONS[service]}, service


def test_given_the_handler_when_it_makes_clients_then_only_of_services_that_the_image_has() -> None:
    tree = ast.parse((REPOSITORY / "handler" / "serving.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = {
        one.args[0].value: one.args[1].id
        for one in calls
        if isinstance(one.func, ast.Attribute)
        and one.func.attr == "_client"
        and isinstance(one.args[0], ast.Constant)
        and isinstance(one.args[1], ast.Name)
    }
    assert made == {service: modules[0] for service, modules in USERS.items()}
    others = {path.stem for path in (REPOSITORY / "handler").glob("*.py")} - set().union(*USERS.values())
    assert not any(called(module) for module in others)


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of botocore's data, trimmed as in the image."""
    site = tmp_path_factory.mktemp("site")
    data = Path(botocore.__file__).parent / "data"
    for name in (*OPERATIONS, "ec2"):
        shutil.copytree(data / name, site / "botocore" / "data" / name)
    for path in data.glob("*.json"):
        shutil.copyfile(path, site / "botocore" / "data" / path.name)
    trim(site)
    return site / "botocore" / "data"


def test_given_trimmed_data_when_clients_are_made_then_they_are_as_before(trimmed: Path) -> None:
    session = botocore.session.get_session()
    loader = botocore.loaders.Loader(extra_search_paths=[str(trimmed)], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    whole = botocore.session.get_session()
    session.set_credentials("a", "b")
    whole.set_credentials("a", "b")
    for service, operations in OPERATIONS.items():
        for region in ("eu-central-1", "us-gov-west-1", "cn-north-1"):
            ours = session.create_client(service, region)
            theirs = whole.create_client(service, region)
            assert ours.meta.endpoint_url == theirs.meta.endpoint_url
        for operation in operations:
            model = ours.meta.service_model.operation_model(operation)
            original = theirs.meta.service_model.operation_model(operation)
            assert _outline(model.input_shape) == _outline(original.input_shape)
            assert _outline(model.output_shape) == _outline(original.output_shape)
            assert [shape.name for shape in model.error_shapes] == [shape.name for shape in original.error_shapes]
    assert {path.name for path in trimmed.iterdir() if path.is_dir()} == set(OPERATIONS)


def _outline(shape: Any, seen: tuple[str, ...] = ()) -> Any:
    """What a shape serializes to, all the way down."""
    if shape is None or shape.name in seen:
        return shape and shape.name
    inner = {name: _outline(member, (*seen, shape.name)) for name, member in getattr(shape, "members", {}).items()}
    parts = [
        _outline(getattr(shape, name), (*seen, shape.name))
        for name in ("member", "key", "value")
        if hasattr(shape, name)
    ]
    return shape.type_name, {**shape.serialization}, inner, parts


def test_given_an_operation_that_botocore_does_not_have_when_reduced_then_it_fails() -> None:
    path = next((Path(botocore.__file__).parent / "data" / "sqs").rglob("service-2.json.gz"))
    model = json.loads(gzip.decompress(path.read_bytes()))
    with pytest.raises(KeyError, match="SendPhotos"):
        reduced(model, {"SendPhotos"})
