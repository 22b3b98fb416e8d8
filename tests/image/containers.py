"""The function in containers of its image, behind the local cloud: what the tests put in the environments' place."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from loadtest.benchmarks.emulator import Emulator
from local.environments import Function, deployed
from local.ministack import patch_quirks
from photo_labels.library.target import Connection, described, local_session

if TYPE_CHECKING:
    import docker


class Containers:
    """Execution environments, each a container of the image that the function has at the moment.

    As on Lambda none outlives a change of the function's code or configuration.
    """

    def __init__(self, engine: docker.DockerClient) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._idle: dict[str, list[Emulator]] = {}
        self._all: list[Emulator] = []
        # By image: the messageIds that its containers were invoked with.
        self.received: dict[str, list[str]] = {}
        self.endpoint_url: str
        self.rekognition_url: str
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for container in self._all:
            container.stop()

    def invoke(self, name: str, event: Any, deadline_s: float) -> dict[str, Any]:
        """One invocation, answered as ministack's proxy expects it."""
        function = deployed(name, self.endpoint_url, self.rekognition_url)
        with self._lock:
            messages = [record["messageId"] for record in event["Records"]]
            self.received.setdefault(function.image, []).extend(messages)
        container = self._take(function)
        answer = container.invoke(event, timeout_s=max(1.0, deadline_s - time.time()) + 5)
        with self._lock:
            self._idle.setdefault(function.revision, []).append(container)
        if isinstance(answer, str):  # the emulator's way to tell a timeout
            return {"errorType": "Sandbox.Timedout", "errorMessage": answer}
        return dict(answer)

    def _take(self, function: Function) -> Emulator:
        with self._lock:
            idle = self._idle.get(function.revision)
            if idle:
                return idle.pop()
        # A first invocation comes from the deploy tool itself, after each deployment: in time to set right what
        # ministack gets wrong in one.
        patch_quirks(
            described(Connection(local_session(), self.endpoint_url, "local"), function.name.rpartition("-")[0])
        )
        self._engine.images.pull(self._reachable(function.image))
        credentials, _ = function.assume_role()
        environment = function.environment | credentials | {"AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_s)}
        container = Emulator(
            self._engine,
            self._reachable(function.image),
            environment,
            memory_mb=int(function.memory_mb),
            command=[function.handler],
        )
        container.start()
        with self._lock:
            self._all.append(container)
        return container

    def _reachable(self, image: str) -> str:
        """The image by its digest, in the registry that ministack is."""
        return self.endpoint_url.removeprefix("http://") + "/" + image.partition("/")[2]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for what is under way


def _handler(containers: Containers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            deadline_ms = int(self.headers.get("X-Amzn-Lambda-Deadline-Ms", (time.time() + 20) * 1000))
            answer = containers.invoke(self.path.strip("/"), event, deadline_ms / 1000)
            body = json.dumps(answer).encode()
            self.send_response(500 if "errorMessage" in answer else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
