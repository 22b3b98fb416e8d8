"""The execution environments, as Lambda has them: real processes, without a cloud around them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from local.environments import Environments, Function

if TYPE_CHECKING:
    from collections.abc import Callable

HANDLER = "tests.integration.slow_handler.handler"


class Logs:
    """CloudWatch Logs, remembering what came."""

    def __init__(self) -> None:
        self.streams: list[str] = []
        self.lines: list[str] = []

    def create_log_stream(self, **parameters: Any) -> None:
        self.streams.append(parameters["logStreamName"])

    def put_log_events(self, **parameters: Any) -> None:
        self.lines += [event["message"] for event in parameters["logEvents"]]


class Invoker:
    """A pool of environments of one function, and invocations of it."""

    def __init__(self, handler: str = HANDLER) -> None:
        self.logs = Logs()
        self.function = Function(
            name="f",
            arn="arn",
            revision="1",
            image="image",
            handler=handler,
            timeout_s=20,
            memory_mb="512",
            log_group="g",
            environment={"STACK": "photo-labels", "PYTHONPATH": "."},
            assume_role=lambda: ({"AWS_ACCESS_KEY_ID": "role"}, self.logs),
        )
        self.environments = Environments("http://aws", "http://rekognition")

    async def invoke(self, event: dict[str, Any], timeout_s: float = 20.0) -> dict[str, Any]:
        deadline_ms = int((time.time() + timeout_s) * 1000)
        return await self.environments.invoke(self.function, event, "request", deadline_ms)


async def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < end, "it never came to that"
        await asyncio.sleep(0.01)


async def all_of(invoker: Invoker, *events: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        return await asyncio.gather(*(invoker.invoke(event) for event in events))
    finally:
        await invoker.environments.stop()


def test_given_no_environment_when_invoked_then_it_starts_cold_and_the_next_is_warm() -> None:
    async def run() -> None:
        invoker = Invoker()
        try:
            first, second = await invoker.invoke({}), await invoker.invoke({})
        finally:
            await invoker.environments.stop()
        assert first["answer"]["pid"] == second["answer"]["pid"]
        assert len(invoker.environments.init_ms) == 1
        cold, warm = (line for line in invoker.logs.lines if line.startswith("REPORT RequestId: request\t"))
        assert "\tInit Duration: " in cold
        assert re.search(r"\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax Memory Used: \d+ MB$", warm)
        assert 0 < first["answer"]["remaining_ms"] <= 20_000
        assert first["answer"]["stack"] == "photo-labels"
        # Those of its role, and what keeps botocore from the files and the metadata of the machine.
        shields = {"AWS_CONFIG_FILE", "AWS_EC2_METADATA_DISABLED", "AWS_SHARED_CREDENTIALS_FILE"}
        assert set(first["answer"]["foreign"]) - {"AWS_DEFAULT_REGION"} == {"AWS_ACCESS_KEY_ID"} | shields
        assert first["peak_mb"] > 5

    asyncio.run(run())


def test_given_invocations_at_the_same_time_then_each_has_an_environment_of_its_own() -> None:
    invoker = Invoker()
    answers = asyncio.run(all_of(invoker, {"sleep_s": 0.2}, {"sleep_s": 0.2}, {"sleep_s": 0.2}))
    assert len({answer["answer"]["pid"] for answer in answers}) == 3
    assert len(invoker.environments.init_ms) == 3


def test_given_a_handler_beyond_its_deadline_when_invoked_then_its_process_is_killed() -> None:
    async def run() -> None:
        invoker = Invoker()
        try:
            pid = (await invoker.invoke({}))["answer"]["pid"]
            late = await invoker.invoke({"sleep_s": 60}, timeout_s=0.2)
            assert late["error"]["errorType"] == "Sandbox.Timedout"
            assert not psutil.pid_exists(pid)
            assert (await invoker.invoke({}))["answer"]["pid"] != pid
        finally:
            await invoker.environments.stop()

    asyncio.run(run())


def test_given_a_handler_that_raises_when_invoked_then_it_answers_the_error_and_stays_warm() -> None:
    async def run() -> None:
        invoker = Invoker()
        try:
            failed = await invoker.invoke({"raise": "no photo"})
            assert failed["error"] == {"errorType": "ValueError", "errorMessage": "no photo"}
            await invoker.invoke({})
        finally:
            await invoker.environments.stop()
        assert len(invoker.environments.init_ms) == 1
        assert any("ValueError: no photo" in line for line in invoker.logs.lines)

    asyncio.run(run())


def test_given_a_process_that_ends_when_invoked_then_that_is_said_and_the_next_starts_cold() -> None:
    async def run() -> None:
        invoker = Invoker()
        try:
            assert (await invoker.invoke({"exit": True}))["error"]["errorType"] == "Runtime.ExitError"
            assert "pid" in (await invoker.invoke({}))["answer"]
        finally:
            await invoker.environments.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    "handler", ["tests.integration.nothing.handler", "tests.integration.slow_handler.nothing"]
)
def test_given_a_handler_that_is_not_there_when_invoked_then_the_init_error_is_the_answer(handler: str) -> None:
    [answer] = asyncio.run(all_of(Invoker(handler), {}))
    assert answer["error"]["errorType"] in {"ModuleNotFoundError", "AttributeError"}


def test_given_what_a_handler_prints_when_invoked_then_it_is_in_its_log_stream() -> None:
    invoker = Invoker()
    asyncio.run(all_of(invoker, {"hello": "ünï"}))
    assert invoker.logs.lines[0] == "working on {'hello': 'ünï'}"
    [stream] = invoker.logs.streams
    assert "/[$LATEST]" in stream


def test_given_no_event_when_it_has_answered_then_it_is_frozen_with_what_it_left_running() -> None:
    async def run() -> None:
        invoker = Invoker()
        try:
            process = psutil.Process((await invoker.invoke({"then_count": True}))["answer"]["pid"])
            await until(lambda: process.status() == psutil.STATUS_STOPPED)
            counted = (await invoker.invoke({}))["answer"]["counted"]
            await until(lambda: process.status() == psutil.STATUS_STOPPED)
            used = process.cpu_times().user
            await asyncio.sleep(0.3)
            assert process.cpu_times().user == used
            assert (await invoker.invoke({"sleep_s": 0.1}))["answer"]["counted"] > counted
        finally:
            await invoker.environments.stop()

    asyncio.run(run())


def test_given_a_frozen_environment_when_the_server_is_killed_then_it_ends_too() -> None:
    script = (
        "import asyncio\n"
        "from tests.integration.test_environments import Invoker\n"
        "async def run():\n"
        "    print((await Invoker().invoke({}))['answer']['pid'], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(run())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        environment = psutil.Process(int(server.stdout.readline()))
        asyncio.run(until(lambda: environment.status() == psutil.STATUS_STOPPED))
        server.kill()
        asyncio.run(until(lambda: not environment.is_running() or environment.status() == psutil.STATUS_ZOMBIE))
