"""The image has what the function and botocore itself call, and nothing else: botocore's models are cut to a list."""

from __future__ import annotations

import ast
import gzip
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore
import botocore.loaders
import botocore.session
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from infra.trim_botocore import CALLED, CALLED_BY_BOTOCORE, OPERATIONS, reduced
from local.ministack import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

# The modules that use a service's client.
USERS = {
    "sqs": ["messages"],
    "s3": ["objects", "conversion"],
    "rekognition": ["recognition"],
    "dynamodb": ["storage", "rate_limiter", "budget_record"],
    "lambda": ["budget_switch"],
}


class Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


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
        assert used == {xform_name(operation) for operation in CALLED[service]}, service


def test_given_the_pinned_botocore_when_it_calls_aws_by_itself_then_only_what_the_image_has() -> None:
    """An upgrade of botocore that calls more fails here, and not as an AttributeError in the function."""
    session = botocore.session.get_session()
    operations = {
        xform_name(operation): (service, operation)
        for service in OPERATIONS
        for operation in session.get_service_model(service).operation_names
    }
    called_by_itself: dict[str, set[str]] = {}
    by_any_name = set()
    for path in Path(botocore.__file__).parent.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        for function in (call.func for call in calls):
            if isinstance(function, ast.Attribute) and function.attr in operations:
                service, operation = operations[function.attr]
                called_by_itself.setdefault(service, set()).add(operation)
        if any(re.match(r"getattr\((self\._)?client, ", ast.unparse(call)) for call in calls):
            by_any_name.add(path.stem)
    assert called_by_itself == CALLED_BY_BOTOCORE
    # Endpoint discovery, other names for methods, and waiters, of which the function has none.
    assert by_any_name == {"discovery", "handlers", "waiter"}


def test_given_trimmed_data_when_endpoint_discovery_is_turned_on_then_no_endpoint_is_asked_for(
    trimmed_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.loaders.Loader, "BUILTIN_DATA_PATH", str(trimmed_data))
    monkeypatch.setenv("AWS_ENABLE_ENDPOINT_DISCOVERY", "true")
    session = botocore.session.get_session()
    session.set_credentials("a", "b")
    asked: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.headers["X-Amz-Target"].decode().rpartition(".")[2])
        return AWSResponse(request.url, 200, HTTPHeaders(), Raw(b"{}"))

    client: Any = session.create_client("dynamodb", "eu-central-1")
    client.meta.events.register("before-send", answer)
    client.update_item(TableName="t", Key={"Operation": {"S": "o"}})
    assert asked == ["UpdateItem"]


def test_given_the_handler_when_it_makes_clients_then_only_of_services_that_the_image_has() -> None:
    tree = ast.parse((REPOSITORY / "handler" / "clients.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    made = {
        one.args[0].value
        for one in calls
        if isinstance(one.func, ast.Attribute)
        and one.func.attr == "_client"
        and isinstance(one.args[0], ast.Constant)
    }
    assert made == USERS.keys()
    others = {path.stem for path in (REPOSITORY / "handler").glob("*.py")} - set().union(*USERS.values())
    assert not any(called(module) for module in others)


def test_given_trimmed_data_when_clients_are_made_then_they_are_as_before(trimmed_data: Path) -> None:
    session = botocore.session.get_session()
    loader = botocore.loaders.Loader(extra_search_paths=[str(trimmed_data)], include_default_search_paths=False)
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
    assert {path.name for path in trimmed_data.iterdir() if path.is_dir()} == set(OPERATIONS)


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
