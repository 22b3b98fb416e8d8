"""The execution environments of the function: one process each, one invocation at a time, as on Lambda.

ministack POSTs an invocation to `/{function}` and takes the answer. An environment is started when none is
idle (a cold start), frozen from its answer to its next event, killed when an invocation passes its deadline, and
speaks to AWS with the credentials of the function's own role and nothing else. What it prints goes to CloudWatch
Logs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import socket
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from local.child import exit_with_parent
from local.ministack import REPOSITORY
from photo_labels.library.http_server import create_server
from photo_labels.library.target import Connection, local_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

# The image's command, which a function may name another one instead of.
_HANDLER = "handler.app.handler"
# An environment's, less than that of the role's credentials (one hour).
_LIFE_S = 45 * 60
# The shortest time between two uploads of logs: each takes as much CPU as a call of the function.
_SHIP_S = 1.0
_MAX_LINE_BYTES = 2**24


@dataclass(slots=True)
class Function:
    """A function as it is deployed, and what its environments need."""

    name: str
    arn: str
    revision: str
    image: str
    handler: str
    timeout_s: int
    memory_mb: str
    log_group: str
    environment: dict[str, str]
    # Returns fresh credentials of its role, as environment variables, and a CloudWatch Logs client.
    assume_role: Callable[[], tuple[dict[str, str], Any]]
    idle: list[Environment] = field(default_factory=list)


def deployed(name: str, endpoint_url: str, rekognition_url: str) -> Function:
    """Read a function's configuration."""
    root = Connection(local_session(), endpoint_url, "local")
    found = root.client("lambda").get_function(FunctionName=name)
    configuration = found["Configuration"]
    command = configuration.get("ImageConfigResponse", {}).get("ImageConfig", {}).get("Command")
    region = root.session.region_name
    memory_mb = str(configuration["MemorySize"])
    own = {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ENDPOINT_URL_REKOGNITION": rekognition_url,
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory_mb,
    }

    def assume_role() -> tuple[dict[str, str], Any]:
        given = root.client("sts").assume_role(RoleArn=configuration["Role"], RoleSessionName=name)["Credentials"]
        keys = {
            "access_key_id": given["AccessKeyId"],
            "secret_access_key": given["SecretAccessKey"],
            "session_token": given["SessionToken"],
        }
        _introduce(rekognition_url, keys)
        session = boto3.Session(**{f"aws_{name}": key for name, key in keys.items()}, region_name=region)
        logs = Connection(session, endpoint_url, "local").client("logs")
        return {f"AWS_{name.upper()}": key for name, key in keys.items()}, logs

    return Function(
        name=name,
        arn=configuration["FunctionArn"],
        revision=configuration["RevisionId"],
        image=found["Code"]["ImageUri"],
        handler=(command or [_HANDLER])[0],
        timeout_s=configuration["Timeout"],
        memory_mb=memory_mb,
        log_group=configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{name}"),
        environment={**configuration["Environment"]["Variables"], **own},
        assume_role=assume_role,
    )


def _introduce(rekognition_url: str, keys: dict[str, str]) -> None:
    """Register these keys with the local Rekognition: it reads photos with its caller's permissions."""
    url, headers = f"{rekognition_url}/_rekognition/credentials", {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(keys).encode(), headers, method="PUT")
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()


class Environment:
    """One process; its log stream is named as Lambda names them."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._stream = datetime.now(UTC).strftime("%Y/%m/%d/[$LATEST]") + secrets.token_hex(16)
        self._born = time.monotonic()
        self._logs: Any
        self._process: asyncio.subprocess.Process
        self._shipping: asyncio.Task[None]

    @property
    def is_usable(self) -> bool:
        return self._process.returncode is None and time.monotonic() - self._born < _LIFE_S

    async def start(self) -> dict[str, Any]:
        """Start it and wait for its init; returns the init's duration or error."""
        credentials, self._logs = await asyncio.to_thread(self._function.assume_role)
        await asyncio.to_thread(
            self._logs.create_log_stream, logGroupName=self._function.log_group, logStreamName=self._stream
        )
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "local.runtime", self._function.handler),
            cwd=REPOSITORY,
            env=os.environ | self._function.environment | credentials,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
            # A group of its own, which Ctrl-C does not reach. In this session, so that those that are frozen end
            # with this process, too: an orphaned group with stopped members gets SIGHUP and SIGCONT (POSIX).
            process_group=0,
        )
        self._shipping = asyncio.create_task(self._ship_logs())
        return await self._line()

    async def invoke(self, event: Any, request_id: str, deadline_ms: int) -> dict[str, Any]:
        """Thaw, answer one event, and freeze; raises TimeoutError at the deadline: then it must be stopped."""
        function = self._function
        context = {
            "function_name": function.name,
            "invoked_function_arn": function.arn,
            "aws_request_id": request_id,
            "memory_limit_in_mb": function.memory_mb,
            "log_group_name": function.log_group,
            "log_stream_name": self._stream,
            "deadline_ms": deadline_ms,
        }
        assert self._process.stdin
        self._signal(signal.SIGCONT)
        self._process.stdin.write(json.dumps({"event": event, "context": context}).encode() + b"\n")
        await self._process.stdin.drain()
        answer = await asyncio.wait_for(self._line(), deadline_ms / 1000 - time.time())
        self._signal(signal.SIGSTOP)
        return answer

    async def stop(self) -> None:
        """Kill it, as Lambda does, and send off what it has printed."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._shipping

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended: who waits for its answer sees that
            self._process.send_signal(number)

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = await self._process.stdout.readline()
        if not line:
            raise ConnectionError("the process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _ship_logs(self) -> None:
        assert self._process.stderr
        while printed := await self._process.stderr.read(2**17):
            printed += await self._process.stderr.readline() if not printed.endswith(b"\n") else b""
            now_ms = int(time.time() * 1000)
            lines = printed.decode(errors="replace").split("\n")
            # As on AWS, a log that is not taken is lost, and the function goes on.
            with suppress(ClientError):
                await asyncio.to_thread(
                    self._logs.put_log_events,
                    logGroupName=self._function.log_group,
                    logStreamName=self._stream,
                    logEvents=[{"timestamp": now_ms, "message": line} for line in lines if line],
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _SHIP_S)


class Environments:
    """All environments of all functions that have been invoked."""

    def __init__(self, endpoint_url: str, rekognition_url: str) -> None:
        self._endpoint_url = endpoint_url
        self._rekognition_url = rekognition_url
        self._functions: dict[str, Function] = {}
        self._running: set[Environment] = set()
        self._finding = asyncio.Lock()
        self.init_ms: list[float] = []
        self.peak_mb = 0.0

    async def serve(self, request: Request) -> JSONResponse:
        """One invocation; a function error is a 500, which ministack reports as Lambda does."""
        function = await self._function(request.path_params["function"])
        deadline_ms = int(
            request.headers.get("X-Amzn-Lambda-Deadline-Ms", (time.time() + function.timeout_s) * 1000)
        )
        request_id = request.headers.get("X-Amzn-Lambda-Request-Id", secrets.token_hex(16))
        answer = await self.invoke(function, await request.json(), request_id, deadline_ms)
        if "error" in answer:
            return JSONResponse(answer["error"], status_code=500)
        self.peak_mb = max(self.peak_mb, answer["peak_mb"])
        return JSONResponse(answer["answer"])

    async def state(self, _: Request) -> JSONResponse:
        """What benchmarks and tests want to know."""
        return JSONResponse({"environments": len(self._running), "init_ms": self.init_ms, "peak_mb": self.peak_mb})

    async def stop(self) -> None:
        await asyncio.gather(*(environment.stop() for environment in self._running))

    async def _function(self, name: str) -> Function:
        async with self._finding:
            if name not in self._functions:
                self._functions[name] = await asyncio.to_thread(
                    deployed, name, self._endpoint_url, self._rekognition_url
                )
            return self._functions[name]

    async def invoke(self, function: Function, event: Any, request_id: str, deadline_ms: int) -> dict[str, Any]:
        environment = await self._idle(function) or Environment(function)
        try:
            if environment not in self._running:
                self._running.add(environment)
                started = await environment.start()
                if "error" in started:
                    await self._end(environment)
                    return started
                self.init_ms.append(started["init_ms"])
            answer = await environment.invoke(event, request_id, deadline_ms)
        except TimeoutError:
            await self._end(environment)
            return _error(
                "Sandbox.Timedout", f"{request_id} Task timed out after {function.timeout_s:.2f} seconds"
            )
        except ConnectionError:
            await self._end(environment)
            return _error("Runtime.ExitError", f"{request_id} The process ended before it answered.")
        function.idle.append(environment)
        return answer

    async def _idle(self, function: Function) -> Environment | None:
        """The environment that was used last, so that the others may grow old; none: a cold start."""
        while function.idle:
            environment = function.idle.pop()
            if environment.is_usable:
                return environment
            await self._end(environment)
        return None

    async def _end(self, environment: Environment) -> None:
        self._running.discard(environment)
        await environment.stop()


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"errorType": kind, "errorMessage": message}}


async def _serve(endpoint_url: str, rekognition_url: str, listener: socket.socket) -> None:
    environments = Environments(endpoint_url, rekognition_url)
    routes = [
        Route("/_environments", environments.state),
        Route("/{function}", environments.serve, methods=["POST"]),
    ]
    print("listening", flush=True)
    await create_server(Starlette(routes=routes)).serve([listener])
    await environments.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m local.environments", description=__doc__)
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--rekognition-url", required=True)
    parser.add_argument("--listener", type=int, required=True, help="a file descriptor")
    options = parser.parse_args()
    exit_with_parent()
    own = socket.socket(fileno=options.listener)
    asyncio.run(_serve(options.endpoint_url, options.rekognition_url, own))
