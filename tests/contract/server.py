"""AWS on loopback, answering what it was told to: bytes over HTTP, which botocore parses as it does AWS's own."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Answer:
    """One HTTP answer, all of its headers named but Content-Length."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One call as it arrived."""

    operation: str
    host: str
    path: str
    query: dict[str, str]
    # By their names in small letters.
    headers: dict[str, str]
    # JSON; None where there is none.
    content: Any


class Aws:
    """What is answered to which operation, and what was asked."""

    def __init__(self, usual: Mapping[str, Callable[[Request], Answer]]) -> None:
        """`usual`: what is answered where nothing else is said."""
        self._usual = usual
        self._lock = threading.Lock()
        self._told: defaultdict[str, list[Answer | Callable[[Request], Answer]]] = defaultdict(list)
        self.requests: list[Request] = []
        # What in the requests the service's model does not allow.
        self.invalid: list[str] = []

    def tell(self, operation: str, *answers: Answer | Callable[[Request], Answer]) -> None:
        """Answer so from now on: each once, and the last ever after."""
        self._told[operation] = list(answers)

    def forget(self) -> None:
        with self._lock:
            self._told.clear()
            self.requests.clear()
            self.invalid.clear()

    def of(self, operation: str) -> list[Request]:
        return [request for request in self.requests if request.operation == operation]

    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            told = self._told[request.operation]
            answer = told.pop(0) if len(told) > 1 else told[0] if told else self._usual[request.operation]
        return answer if isinstance(answer, Answer) else answer(request)


class Server(ThreadingHTTPServer):
    """Serves an `Aws` at a free port of loopback."""

    daemon_threads = True

    def __init__(self, aws: Aws) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.aws = aws

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        content = json.loads(body) if body else None
        operation = _operation(self.command, headers, url.path, query)
        request = Request(operation, headers["host"], unquote(url.path), query, headers, content)
        self._send(self.server.aws.answer(request))

    do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - the names that BaseHTTPRequestHandler looks for

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not {"Content-Length", "Transfer-Encoding"} & answer.headers.keys():
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _operation(method: str, headers: dict[str, str], path: str, query: dict[str, str]) -> str:
    """Tell the operation: JSON's is in a header, S3's is what is done to what."""
    if "x-amz-target" in headers:
        return headers["x-amz-target"].rpartition(".")[2]
    if path.startswith("/2015-03-31/event-source-mappings/"):
        return "UpdateEventSourceMapping"
    if method == "HEAD":
        return "HeadBucket" if path == "/" else "HeadObject"
    return "CreateSession" if "session" in query else "GetObject"
