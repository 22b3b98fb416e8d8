"""A library: photos, and what is known of them, over `make down` and `make up`, crashes and damage."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from local.library import Library
from local.ministack import REPOSITORY
from local.state import State
from photo_labels.library.target import local_target
from tests.e2e.test_lifecycle import Machine, gone
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Each test starts the cloud several times, beside others.
pytestmark = pytest.mark.timeout(400)

SAMPLES = REPOSITORY / "samples"
ALL = sorted(path.name for path in SAMPLES.glob("*.jpg"))


class Home(Machine):
    """A machine with a library."""

    def __init__(self, folder: Path, library: str = "photo library é") -> None:
        super().__init__(folder / "cloud", {"COLUMNS": "500"})
        self.library = folder / library

    def up(self, parameters: str = "", library: Path | None = None) -> str:
        """Start the cloud with the library; gives what is printed."""
        started = self.run("up", parameters, str(library or self.library))
        assert (started.returncode, started.stderr) == (0, ""), started.stderr
        return started.stdout

    def photos(self, *words: str, code: int = 0) -> str:
        done = self.run("--local", *words, module="photo_labels")
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def documents(self) -> dict[str, dict[str, Any]]:
        """All that is known, by key, exactly as it is in the table."""
        lines = [json.loads(line) for line in self.photos("export").splitlines()]
        return {line["Key"]: line for line in lines}

    def found(self, *words: str) -> set[str]:
        """What a search finds: by rows that their documents back."""
        lines = self.photos("search", *words, "--json", "--limit", "100").splitlines()
        return {json.loads(line)["image"].rpartition("/")[2] for line in lines}

    def calls(self) -> int:
        """How many calls the local Rekognition has answered since it was started."""
        url = State(self.state).running().rekognition_url  # type: ignore[union-attr]
        with urllib.request.urlopen(f"{url}/_rekognition/calls", timeout=10) as answer:
            return sum(json.load(answer)["objects"].values())

    def end_at_once(self) -> None:
        """Kill all of the cloud's processes, as a power cut would."""
        processes = self.processes()
        for one in processes:
            one.kill()
        # Its threads may have the lock a moment longer than it has a process.
        eventually(lambda: gone(processes) and not State(self.state).is_held())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.run("down")


def put_clock_forward(library: Path, key: str) -> None:
    """Have the saved document of a photo be of an event of tomorrow: the clock was put back since."""
    log = Library(library).documents
    (item,) = (one for one in log.items(log.read()) if one["Key"]["S"] == key)
    tomorrow = int(item["Sequencer"]["S"].ljust(18, "0"), 16) + 86_400_000_000
    log.save([(item["ImageID"]["S"], item | {"Sequencer": {"S": f"{tomorrow:018X}".rstrip("0")}})])
    log.close()


def test_given_a_library_when_stopped_and_started_again_then_all_is_as_it_was(home: Home) -> None:
    assert f"The library in {home.library} is new." in home.up()
    assert "8 labelled" in home.photos("import", str(SAMPLES))
    home.photos("purge", "coffee.jpg", "--yes")
    known, animals = home.documents(), home.found("animal")
    assert (set(known), animals) == (set(ALL) - {"coffee.jpg"}, {"cat.jpg", "dogs.jpg"})
    shown = home.photos("show", "cat.jpg")
    assert f"The library in {home.library} keeps its photos" in home.run("down").stdout

    started = home.up()
    assert f"The library in {home.library} has 8 photos.\n" in started
    assert "forgets" not in started
    assert (home.documents(), home.found("animal")) == (known, animals)
    assert home.photos("show", "cat.jpg") == shown
    again = [str(SAMPLES / name) for name in known]
    assert "7 photos, none to upload" in home.photos("import", *again)
    assert home.calls() == 0
    target = local_target(home.state)
    for name in ALL:
        found = target.client("s3").get_object(Bucket=target.outputs.bucket, Key=name)
        assert found["Body"].read() == (SAMPLES / name).read_bytes()
        assert found["Metadata"] == {"photo-labels": "bulk"}
    kept = [home.library, *home.library.rglob("*")]
    assert not [path for path in kept if path.stat().st_mode & 0o077]


def test_given_a_clock_that_was_put_back_when_photos_change_then_the_newest_counts_all_the_same(
    home: Home,
) -> None:
    home.up()
    home.photos("import", str(SAMPLES))
    home.run("down")
    put_clock_forward(home.library, "cat.jpg")
    put_clock_forward(home.library, "dogs.jpg")
    home.up()
    target = local_target(home.state)
    s3, bucket = target.client("s3"), target.outputs.bucket
    s3.put_object(Bucket=bucket, Key="cat.jpg", Body=(SAMPLES / "flower.jpg").read_bytes() + b"another")
    s3.delete_object(Bucket=bucket, Key="dogs.jpg")
    eventually(lambda: "cat.jpg" in home.found("flower"), within_s=60)
    eventually(lambda: "dogs.jpg" not in home.documents(), within_s=60)
    assert home.photos("search", "animal", "--json", code=1) == ""
    assert "nothing wrong was found" in home.photos("audit")


def ended(library: Path, how: str) -> None:
    path = library / "documents.log"
    content = path.read_bytes()
    if how == "absent":
        path.unlink()
    elif how == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif how == "damaged":
        path.write_bytes(content[:100] + b"\0\xff" + content[102:])
    elif how == "empty":
        path.write_bytes(b"")


def test_given_all_killed_and_what_was_saved_damaged_when_started_then_it_says_so_and_all_is_found(
    home: Home,
) -> None:
    home.up()
    home.photos("import", str(SAMPLES))
    animals = home.found("animal")
    for how, said in {
        "absent": "8 are being labelled again",
        "cut off": "being labelled again",
        "damaged": "1 is being labelled again",
        "empty": "8 are being labelled again",
        "as it was": "nothing is missing",
    }.items():
        log = home.library / "documents.log"
        eventually(lambda: {name for name in ALL if f'"{name}"'.encode() in log.read_bytes()} == set(ALL))  # noqa: B023
        home.end_at_once()
        ended(home.library, how)
        started = home.up()
        assert "has 8 photos. It did not end in order the last time: " in started, how
        assert said in started, how
        eventually(lambda: set(home.documents()) == set(ALL))
        eventually(lambda: home.found("animal") == animals)


def test_given_work_that_waits_when_stopped_then_it_is_done_after_the_next_start(home: Home) -> None:
    home.up()
    home.photos("pause")
    home.photos("import", str(SAMPLES / "cat.jpg"), "--no-wait")
    home.run("down")
    assert "has 1 photo. Of them 1 is being labelled, which waited when it stopped." in home.up()
    eventually(lambda: home.found("animal") == {"cat.jpg"})


def test_given_a_running_cloud_when_started_otherwise_then_it_says_which_library_it_has(home: Home) -> None:
    home.up()
    again = home.up()
    assert f"is running already. Process {home.processes()[0].pid}" in again
    assert f"Its library is in {home.library}." in again
    link = home.library.with_name("link")
    link.symlink_to(home.library)
    assert f"Its library is in {home.library}." in home.up(library=link)
    assert f"Its library is in {home.library}." in home.run("up").stdout
    assert f"local, library {home.library}" in home.photos("status")
    loaded = home.run("--number", "1", module="loadtest")
    assert (loaded.returncode, "no place for made-up photos: `make down` first" in loaded.stderr) == (2, True)
    other = home.run("up", "", str(home.library.with_name("other")))
    assert (other.returncode, other.stdout) == (2, "")
    assert f"already, with the library in {home.library}: `make down` before" in other.stderr
    assert not home.library.with_name("other").exists()
    elsewhere = Machine(home.library.with_name("cloud of another"))
    refused = elsewhere.run("up", "", str(home.library))
    assert refused.returncode == 2
    assert "is in use by another local cloud: stop that one first" in refused.stderr
    home.run("down")
    assert home.run("up").returncode == 0
    without = home.run("up", "", str(home.library))
    assert "already, without a library: `make down` before you name a LIBRARY" in without.stderr


def test_given_a_library_that_was_moved_when_started_with_other_parameters_then_it_is_as_it_was(
    home: Home,
) -> None:
    home.up()
    home.photos("import", str(SAMPLES / "cat.jpg"))
    known = home.documents()
    home.run("down")
    home.library = home.library.rename(home.library.with_name("moved"))
    assert f"The library in {home.library} has 1 photo.\n" in home.up("ImageProperties=true")
    assert home.documents() == known
    home.photos("import", str(SAMPLES / "dogs.jpg"))
    assert [key for key, one in home.documents().items() if "ImageProperties" in one] == ["dogs.jpg"]


def test_given_a_full_disk_when_photos_come_then_the_import_says_so_and_nothing_is_lost(home: Home) -> None:
    psutil = pytest.importorskip("psutil")
    if not hasattr(psutil, "RLIMIT_FSIZE"):
        pytest.skip("only Linux sets limits of other processes")
    home.up()
    home.photos("import", str(SAMPLES / "cat.jpg"))
    known = home.documents()
    serving, ministack = home.processes()[:2]
    assert "ministack_server.py" in " ".join(ministack.cmdline())
    ministack.rlimit(psutil.RLIMIT_FSIZE, (1000, 1000))
    assert "1 not uploaded" in home.photos("import", str(SAMPLES / "dogs.jpg"), code=3)
    serving.rlimit(psutil.RLIMIT_FSIZE, (1000, 1000))
    home.photos("purge", "cat.jpg", "--yes")
    stopped = home.run("down")
    assert stopped.returncode == 2
    assert "keeps its photos, but not all that is known of them was saved" in stopped.stderr
    started = home.up()
    assert "has 1 photo. It did not end in order the last time: nothing is missing." in started
    assert home.documents() == known
    assert "1 labelled" in home.photos("import", str(SAMPLES / "dogs.jpg"))
