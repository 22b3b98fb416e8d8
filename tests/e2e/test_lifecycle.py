"""Starting and stopping: `make up`, `make down`, `make demo`, crashes, and a hostile environment."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from PIL import Image

from local.state import State
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator


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

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "local", *command],
            cwd=REPOSITORY,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[psutil.Process]:
        """The processes of the running cloud: the one that serves, and all below it."""
        serving = psutil.Process(json.loads((self.state / "cloud.json").read_text())["pid"])
        return [serving, *serving.children(recursive=True)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("machine") / "cloud")
    yield machine
    machine.run("down")


@pytest.fixture
def stopped(machine: Machine) -> Machine:
    """Return a machine whose cloud does not run, and has left nothing."""
    machine.run("down")
    shutil.rmtree(machine.state, ignore_errors=True)
    return machine


@pytest.fixture
def running(machine: Machine) -> Machine:
    """Return a machine whose cloud runs: from an earlier test, if one has left it running."""
    assert machine.run("up").returncode == 0
    return machine


def test_given_parameters_when_started_then_the_stack_has_them_and_bad_ones_are_refused_in_a_sentence(
    stopped: Machine,
) -> None:
    for bad, why in {
        "ImageProperties=perhaps": "ImageProperties",
        "Imageproperties=true": "There is no parameter Imageproperties",
        "true": "'true' is not of the form Name=value",
    }.items():
        refused = stopped.run("up", bad)
        assert refused.returncode == 2
        assert why in refused.stderr
        assert "Traceback" not in refused.stderr
    asked = "ImageProperties=true LabelCategoryExclusionFilters=Nature and Outdoors,Plants and Flowers"
    assert stopped.run("up", asked).returncode == 0
    again = stopped.run("up", "ImageProperties=false")
    assert again.returncode == 2
    assert "is running already: `make down` before" in again.stderr
    photos = [str(REPOSITORY / "samples" / name) for name in ("flower.jpg", "coffee.jpg")]
    assert stopped.run("--local", "import", *photos, module="photo_labels").returncode == 0
    found = stopped.run("--local", "search", "food", "--sharpness", ">50", "--json", module="photo_labels")
    assert [json.loads(line)["image"].rpartition("/")[2] for line in found.stdout.splitlines()] == ["coffee.jpg"]
    flower = json.loads(stopped.run("--local", "show", "flower.jpg", "--json", module="photo_labels").stdout)
    assert (flower["Status"], [label["Name"] for label in flower["Labels"]]) == ("LABELLED", [])
    assert 0 < flower["ImageProperties"]["Sharpness"] < 100
    assert "is running already" in stopped.run("up").stdout


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_given_no_local_cloud_when_started_twice_and_stopped_then_each_says_what_is_so(stopped: Machine) -> None:
    first, second = stopped.run("up"), stopped.run("up")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "is up" in first.stdout
    assert "running already" in second.stdout
    assert re.search(r"Process \d+, AWS at http://127.0.0.1:\d+", second.stdout)
    processes = stopped.processes()
    assert len(processes) >= 4
    assert "has stopped" in stopped.run("down").stdout
    eventually(lambda: gone(processes))
    assert "is not running" in stopped.run("down").stdout


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_given_a_running_cloud_when_ended_then_no_process_is_left_and_it_starts_again(
    running: Machine, how: signal.Signals
) -> None:
    processes = running.processes()
    os.kill(processes[0].pid, how)
    eventually(lambda: gone(processes))
    assert "is up" in running.run("up").stdout


def test_given_a_running_cloud_when_one_of_its_processes_dies_then_all_end(running: Machine) -> None:
    processes = running.processes()
    processes[1].kill()
    eventually(lambda: gone(processes))


def test_given_two_starts_at_once_when_both_end_then_one_cloud_runs_and_both_name_it(stopped: Machine) -> None:
    starts = [stopped.start("up") for _ in range(2)]
    told = [start.communicate(timeout=100) for start in starts]
    assert [start.returncode for start in starts] == [0, 0], told
    pid = stopped.processes()[0].pid
    assert all(f"Process {pid}," in printed for printed, _ in told)


def test_given_a_cloud_that_is_starting_when_stopped_then_it_ends_and_the_start_says_so(stopped: Machine) -> None:
    start = stopped.start("up")
    eventually((stopped.state / "ministack.log").exists)
    assert "has stopped" in stopped.run("down").stdout
    printed, errors = start.communicate(timeout=100)
    assert "is up" in printed or "did not start" in errors
    assert "Traceback" not in errors
    assert "is not running" in stopped.run("down").stdout


def test_given_a_start_when_interrupted_then_what_it_started_ends(stopped: Machine) -> None:
    start = stopped.start("up")
    eventually((stopped.state / "ministack.log").exists)
    started = psutil.Process(start.pid).children(recursive=True)
    start.send_signal(signal.SIGINT)
    _, errors = start.communicate(timeout=100)
    assert (start.returncode, errors) == (130, "photo-labels: stopped\n")
    eventually(lambda: gone(started))
    assert "is not running" in stopped.run("down").stdout


DAMAGED = ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "endpoint_url": 3}']


@pytest.mark.parametrize("damaged", ["{", "[]"])
def test_given_a_damaged_file_of_a_crash_when_stopped_and_started_then_it_is_no_hindrance(
    stopped: Machine, damaged: str
) -> None:
    with State(stopped.state).held():
        (stopped.state / "cloud.json").write_text(damaged)
    assert "is not running" in stopped.run("down").stdout
    assert "is up" in stopped.run("up").stdout


def test_given_a_running_cloud_with_a_damaged_file_when_stopped_then_it_alone_ends(
    running: Machine,
) -> None:
    processes = running.processes()
    facts = json.loads((running.state / "cloud.json").read_text())
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        for damaged in [*DAMAGED, json.dumps(facts | {"pid": None})]:
            (running.state / "cloud.json").write_text(damaged)
            again = running.run("up")
            assert again.returncode == 2
            assert "is damaged" in again.stderr
            assert "make down && make up" in again.stderr
            assert "Traceback" not in again.stderr
        (running.state / "cloud.json").write_text(json.dumps(facts | {"pid": bystander.pid}))
        assert "has stopped" in running.run("down").stdout
        assert bystander.poll() is None
        bystander.kill()
    eventually(lambda: gone(processes))


@pytest.mark.parametrize("what", ["folder", "file"])
def test_given_a_folder_of_others_when_started_and_stopped_then_the_message_says_what_to_do(
    tmp_path: Path, what: str
) -> None:
    machine = Machine(tmp_path / "diary")
    (tmp_path / "diary.log").write_text("the only copy")
    if what == "folder":
        machine.state.mkdir()
        (machine.state / "cat.jpg").write_text("the only copy")
    else:
        machine.state.write_text("the only copy")
    up, down = machine.run("up"), machine.run("down")
    assert (up.returncode, up.stdout) == (2, "")
    assert "PHOTOS_LOCAL_STATE" in up.stderr
    assert "Traceback" not in up.stderr + down.stderr
    assert "is not running" in down.stdout
    kept = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(kept) == {"diary.log", "cat.jpg" if what == "folder" else "diary"}
    assert set(kept.values()) == {"the only copy"}


def test_given_a_running_cloud_with_photos_when_looked_at_then_its_files_are_its_users_alone(
    running: Machine,
) -> None:
    assert running.run("--local", "import", "samples", module="photo_labels").returncode == 0
    kept = list(running.state.rglob("*"))
    assert {"cat.jpg", "cloud.json", "cloud.log", "ministack.log", "imported.sqlite"} <= {
        path.name for path in kept
    }
    assert not [path for path in [running.state, *kept] if path.stat().st_mode & 0o077]


def test_given_a_running_cloud_when_load_tested_then_another_is_measured_unless_asked_for(
    running: Machine,
) -> None:
    few = ("--number", "3", "--size", "2KB", "--rate", "0", "--slo", "lost=0")
    before = exported(running)
    own = running.run(*few, module="loadtest")
    assert own.returncode == 0, own.stderr
    assert own.stdout.startswith("Local cloud on ")
    assert "`make up`" not in own.stdout
    assert exported(running) == before
    asked = running.run(*few, "--target", "up", "--keep", module="loadtest")
    assert asked.returncode == 0, asked.stderr
    said = r"^Local cloud .* It is the one of `make up`, with \d+ environments and no quota: .* its own only\.$"
    assert re.match(said, asked.stdout.splitlines()[0])
    assert len(exported(running) - before) == 3


def exported(machine: Machine) -> set[str]:
    """Return a line of each photo of the cloud that runs."""
    return set(machine.run("--local", "export", "--yes", module="photo_labels").stdout.splitlines())


def test_given_running_servers_when_looked_at_then_they_listen_on_loopback_only(running: Machine) -> None:
    listening = [
        connection.laddr.ip
        for process in running.processes()
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}


def test_given_a_hostile_environment_when_demonstrated_then_it_is_unmoved(tmp_path: Path) -> None:
    demo = Machine(tmp_path / "cloud", HOSTILE).run("demo", "samples")
    assert demo.returncode == 0, demo.stderr
    assert "Cat" in demo.stdout


def test_given_the_samples_when_demonstrated_then_it_prints_what_readme_and_tour_show(tmp_path: Path) -> None:
    demo = Machine(tmp_path / "cloud", {"COLUMNS": "80"}).run("demo", "samples")
    assert demo.returncode == 0, demo.stderr
    printed = [_without_figures(line) for line in demo.stdout.splitlines()]
    for page in ("README.md", "docs/tour.md"):
        text = (REPOSITORY / page).read_text(encoding="utf-8")
        shown = re.search(r"^\$ make demo\n(.*?)\n(?=```|\n\$ make test)", text, re.DOTALL | re.MULTILINE)
        assert shown
        rest = iter(printed)
        for line in shown[1].splitlines():
            assert line == "…" or _without_figures(line) in rest, f"{page} shows {line!r}"
    [word] = re.findall(r"\.venv/bin/photos --local search (\S+)", demo.stdout)
    assert f"$ photos search {word}\n" in demo.stdout


def test_given_the_samples_when_the_tour_is_taken_then_its_commands_print_what_it_shows(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "tour.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```\n(\$ make up\n.*?)^```", text, re.DOTALL | re.MULTILINE)
    machine = Machine(tmp_path / "cloud", {"COLUMNS": "80"})
    try:
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            program, *words = shlex.split(command)
            ran = machine.run(*words, module="local" if program == "make" else "photo_labels")
            printed = ran.stdout + ran.stderr
            assert list(map(_without_figures, printed.splitlines())) == list(
                map(_without_figures, shown.splitlines())
            ), command
    finally:
        machine.run("down")


def _without_figures(line: str) -> str:
    """Return a line without what every machine prints otherwise: times, and the last digits of confidences."""
    line = re.sub(r"\d{4}-\d\d-\d\dT[\d:]{8}(\.\d{3}Z)?", "(then)", line)
    line = re.sub(r"Process \d+, AWS at http://127\.0\.0\.1:\d+", "Process 1", line)
    return re.sub(r" *\d+\.\d\d?", " 0", line).rstrip()


def test_given_files_without_labels_when_demonstrated_then_it_tells_them_and_ends_well(
    tmp_path: Path,
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "empty.jpg").touch()
    Image.new("RGB", (79, 80), "red").save(tmp_path / "photos" / "small.jpg")
    demo = Machine(tmp_path / "cloud", {"COLUMNS": "80"}).run("demo", str(tmp_path / "photos"))
    assert demo.returncode == 0, demo.stderr
    assert "2 photos = 0 labelled + 1 rejected + 1 empty\n" in demo.stdout
    assert "rejected: 1 too small (below 80 pixels a side)\n" in demo.stdout  # the cloud that could list it ends


def test_given_many_photos_in_folders_when_demonstrated_then_some_are_shown_with_their_paths(
    tmp_path: Path,
) -> None:
    for number in range(41):
        (tmp_path / "my photos" / f"{number % 2}").mkdir(parents=True, exist_ok=True)
        photo = (REPOSITORY / "samples" / "cat.jpg").read_bytes() + bytes([number])
        (tmp_path / "my photos" / f"{number % 2}" / f"{number}.jpg").write_bytes(photo)
    demo = Machine(tmp_path / "cloud", {"HOME": str(tmp_path)}).run("demo", "~/my photos")
    assert demo.returncode == 0, demo.stderr
    table = demo.stdout.partition("41 photos = 41 labelled")[0]
    assert "photo (20 of 41)" in table
    assert re.findall(r"[01]/\d+\.jpg", table)
    assert len(re.findall(r"\.jpg", table)) == 20
    assert ".venv/bin/photos --local import ~/'my photos'\n" in demo.stdout


@pytest.mark.parametrize("folder", ["missing", "empty", "README.md"])
def test_given_a_folder_without_photos_when_demonstrated_then_the_message_says_so(
    tmp_path: Path, folder: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "README.md").touch()
    demo = Machine(tmp_path / "cloud").run("demo", str(tmp_path / folder))
    assert demo.returncode != 0
    assert "Traceback" not in demo.stderr + demo.stdout
    assert str(tmp_path / folder) in demo.stderr


def test_given_an_empty_word_when_demonstrated_then_it_is_not_the_current_folder(tmp_path: Path) -> None:
    demo = Machine(tmp_path / "cloud").run("demo", "")
    assert (demo.returncode, demo.stdout) == (2, "")
    assert "PHOTOS=: name a folder" in demo.stderr


def test_given_names_that_the_terminal_cannot_show_when_demonstrated_then_they_are_labelled(
    tmp_path: Path,
) -> None:
    (tmp_path / "temporary").mkdir()
    (tmp_path / "Pictures" / "日本").mkdir(parents=True)
    shutil.copy(REPOSITORY / "samples" / "cat.jpg", tmp_path / "Pictures" / "日本" / "猫.jpg")
    environment = {"PYTHONIOENCODING": "latin-1", "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "temporary")}
    demo = Machine(tmp_path / "cloud", environment).run("demo", "~/Pictures")
    assert demo.returncode == 0, demo.stderr
    assert "1 labelled" in demo.stdout
    assert r"\u732b.jpg" in demo.stdout
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(("output", "code"), [("/dev/full", 2), ("a pipe that is closed", 0), ("nothing", 0)])
def test_given_an_output_that_takes_nothing_when_demonstrated_then_there_is_one_line_at_most(
    tmp_path: Path, output: str, code: int
) -> None:
    redirected = {"/dev/full": ">/dev/full", "a pipe that is closed": "| true", "nothing": ">&-"}[output]
    machine = Machine(tmp_path / "cloud")
    (tmp_path / "photos").mkdir()
    shutil.copy(REPOSITORY / "samples" / "cat.jpg", tmp_path / "photos")
    demo = subprocess.run(
        [
            *("bash", "-o", "pipefail", "-c"),
            f'"$0" -m local demo "$1" {redirected}',
            sys.executable,
            tmp_path / "photos",
        ],
        cwd=REPOSITORY,
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert demo.returncode == code
    assert len(demo.stderr.splitlines()) == (1 if code else 0), demo.stderr
    assert "Exception" not in demo.stderr


def test_given_no_local_cloud_when_asked_then_the_message_says_what_to_do(tmp_path: Path) -> None:
    asked = Machine(tmp_path / "cloud").run("--local", "search", "Cat", module="photo_labels")
    assert asked.returncode == 2
    assert "make up" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_given_a_dead_local_cloud_when_asked_then_the_message_says_what_to_do(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "cloud")
    machine.state.mkdir()
    (machine.state / "cloud.json").write_text(
        '{"pid": 1, "endpoint_url": "http://127.0.0.1:9", "stack": "photo-labels"}'
    )
    asked = machine.run("--local", "search", "Cat", module="photo_labels")
    assert asked.returncode == 2
    assert "make up" in asked.stderr
    assert "Traceback" not in asked.stderr


def test_given_a_stack_that_is_not_there_when_asked_then_the_message_says_so(running: Machine) -> None:
    facts = json.loads((running.state / "cloud.json").read_text())
    (running.state / "cloud.json").write_text(json.dumps(facts | {"stack": "nothing"}))
    asked = running.run("--local", "search", "Cat", module="photo_labels")
    (running.state / "cloud.json").write_text(json.dumps(facts))
    assert asked.returncode == 2
    assert "There is no stack 'nothing' in local" in asked.stderr
