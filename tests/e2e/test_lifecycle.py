"""Starting and stopping: `make up`, `make down`, `make demo`, crashes, and a hostile environment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("cloud")

REPOSITORY = Path(__file__).resolve().parents[2]
HOSTILE = {
    "AWS_PROFILE": "nobody",
    "AWS_DEFAULT_PROFILE": "nobody",
    "AWS_REGION": "xx-nowhere-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "wrong",
    "AWS_SECRET_ACCESS_KEY": "wrong",
    "AWS_CA_BUNDLE": "/nowhere.pem",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}


class Machine:
    """The commands of one checkout, whose local cloud keeps its state in a folder of the test's."""

    def __init__(self, state: Path, environment: dict[str, str] | None = None) -> None:
        self.state = state
        self.environment = {**os.environ, "PHOTOS_LOCAL_STATE": str(state), **(environment or {})}

    def run(self, *command: str, module: str = "local") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *command],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def processes(self) -> list[psutil.Process]:
        """The processes of the running cloud: the one that serves, and all below it."""
        serving = psutil.Process(json.loads((self.state / "cloud.json").read_text())["pid"])
        return [serving, *serving.children(recursive=True)]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "cloud")
    yield machine
    machine.run("down")


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_given_no_local_cloud_when_started_twice_and_stopped_then_each_says_what_is_so(machine: Machine) -> None:
    first, second = machine.run("up"), machine.run("up")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "is up" in first.stdout
    assert "running already" in second.stdout
    assert re.search(r"Process \d+, AWS at http://127.0.0.1:\d+", second.stdout)
    processes = machine.processes()
    assert len(processes) >= 4
    assert "has stopped" in machine.run("down").stdout
    eventually(lambda: gone(processes))
    assert "is not running" in machine.run("down").stdout


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_given_a_running_cloud_when_it_is_ended_then_no_process_is_left_and_it_starts_again(
    machine: Machine, how: signal.Signals
) -> None:
    machine.run("up")
    processes = machine.processes()
    os.kill(processes[0].pid, how)
    eventually(lambda: gone(processes))
    assert "is up" in machine.run("up").stdout


def test_given_a_running_cloud_when_one_of_its_processes_dies_then_all_end(machine: Machine) -> None:
    machine.run("up")
    processes = machine.processes()
    processes[1].kill()
    eventually(lambda: gone(processes))


def test_given_running_servers_when_looked_at_then_they_listen_on_loopback_only(machine: Machine) -> None:
    machine.run("up")
    listening = [
        connection.laddr.ip
        for process in machine.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}


def test_given_a_hostile_environment_when_demonstrated_then_it_is_unmoved(tmp_path: Path) -> None:
    demo = Machine(tmp_path / "cloud", HOSTILE).run("demo", "samples")
    assert demo.returncode == 0, demo.stderr
    assert "Cat" in demo.stdout


@pytest.mark.parametrize("folder", ["missing", "empty", "README.md"])
def test_given_a_folder_without_photos_when_demonstrated_then_a_sentence_says_so(
    tmp_path: Path, folder: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.md").touch()
    demo = Machine(tmp_path / "cloud").run("demo", str(tmp_path / folder))
    assert demo.returncode != 0
    assert "Traceback" not in demo.stderr + demo.stdout
    assert str(tmp_path / folder) in demo.stderr


def test_given_no_local_cloud_when_asked_then_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    asked = Machine(tmp_path / "cloud").run("--local", "search", "Cat", module="photos")
    assert asked.returncode == 2
    assert "make up" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_given_a_dead_local_cloud_when_asked_then_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "cloud")
    machine.state.mkdir()
    (machine.state / "cloud.json").write_text(
        '{"pid": 1, "endpoint_url": "http://127.0.0.1:9", "stack": "photo-labels"}'
    )
    asked = machine.run("--local", "search", "Cat", module="photos")
    assert asked.returncode == 2
    assert "make up" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_given_a_stack_that_is_not_there_when_asked_then_a_sentence_says_so(machine: Machine) -> None:
    machine.run("up")
    running = json.loads((machine.state / "cloud.json").read_text())
    (machine.state / "cloud.json").write_text(json.dumps(running | {"stack": "nothing"}))
    asked = machine.run("--local", "search", "Cat", module="photos")
    (machine.state / "cloud.json").write_text(json.dumps(running))
    assert asked.returncode == 2
    assert "There is no stack 'nothing' in local" in asked.stderr
