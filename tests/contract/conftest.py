"""The clients of the image, upon an AWS that answers as it was recorded to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.loaders import Loader

from handler.clients import Clients
from tests.contract.answers import REGION, USUAL
from tests.contract.function import SETTINGS, Function
from tests.contract.server import Aws, Server
from tests.contract.valid import violations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from botocore.model import OperationModel


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with Server(Aws(USUAL)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def clients(trimmed_data: Path, server: Server) -> Clients:
    """The function's own clients, of the image's botocore: they find AWS's endpoints, and loopback answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loader, "BUILTIN_DATA_PATH", str(trimmed_data))
        patch.setattr(Loader, "CUSTOMER_DATA_PATH", str(trimmed_data))
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_SESSION_TOKEN", "token")
        clients = Clients(SETTINGS)
        functions = clients.make_lambda()

    def to_loopback(request: Any, **_: Any) -> None:
        url = urlsplit(request.url)
        request.headers["Host"] = url.netloc
        request.url = f"{server.url}{url.path or '/'}{'?' + url.query if url.query else ''}"

    def check(params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        server.aws.invalid += violations(model.service_model.service_name, model.name, params)

    clients.make_lambda = lambda: functions  # type: ignore[method-assign]
    for client in (clients.dynamodb, clients.rekognition, clients.s3, clients.sqs, functions):
        client.meta.events.register("before-send", to_loopback)
        client.meta.events.register_first("provide-client-params", check)
    return clients


@pytest.fixture
def aws(server: Server) -> Iterator[Aws]:
    """What all of a test's requests were like is looked at when it ends: the function itself does not check them."""
    yield server.aws
    invalid = list(server.aws.invalid)
    server.aws.forget()
    assert invalid == []


@pytest.fixture
def function(clients: Clients, aws: Aws) -> Function:
    return Function(clients, aws)
