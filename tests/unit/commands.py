"""`photos`, each of its commands a process of its own with real streams, on moto.

`python -m tests.unit.commands STREAMS` prints what became of each command: its exit code, and what it wrote to
standard error. A process is forked for each, which takes milliseconds instead of the second that moto takes to start.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photo_labels import cli
from photo_labels.commands import backfill, import_
from photo_labels.library import audit, queues
from tests.unit.conftest import deployed_target
from tests.unit.deployed import BUCKET, document, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.target import Target

PHOTOS = 30
COMMANDS = {
    "help": ["--help"],
    "search": ["search", "Cat", "--limit", "1000"],
    "search --json": ["search", "Cat", "--limit", "1000", "--json"],
    "labels": ["labels"],
    "labels --json": ["labels", "--json"],
    "show": ["show", "日本 1.jpg"],
    "show --json": ["show", "日本 1.jpg", "--json"],
    "export": ["export"],
    "export csv": ["export", "--format", "csv"],
    "export xmp": ["export", "--format", "xmp", "{folder}"],
    "audit --list": ["audit", "--list"],
    "failures": ["failures"],
    "backfill": ["backfill", "--dry-run"],
    "import": ["import", "{folder}", "--no-wait"],
    "import --json": ["import", "{folder}", "--no-wait", "--json"],
    "import --dry-run": ["import", "{folder}", "--dry-run"],
    "purge": ["purge", "日本 1.jpg", "--yes"],
}


def closed_pipe() -> int:
    """Make a pipe that nobody reads any more, as after `| head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


STREAMS: dict[str, Callable[[], int]] = {
    "read": lambda: os.open(os.devnull, os.O_WRONLY),
    "unread": closed_pipe,
    "full": lambda: os.open("/dev/full", os.O_WRONLY),
}


def main(streams: str) -> None:
    """Run them all; print a line of JSON for each."""
    with tempfile.TemporaryDirectory() as folder, deployed_target() as target:
        os.environ |= {"XDG_STATE_HOME": f"{folder}/state", "XDG_CACHE_HOME": f"{folder}/cache", "COLUMNS": "80"}
        _fill(target, Path(folder) / "photos")
        vars(cli)["aws_target"] = lambda *_: target
        # Nothing changes here while a command runs: an audit has no second look to wait for, nor a queue a message.
        vars(audit)["_SAME_FOR"] = timedelta()
        vars(queues)["_WAIT_S"] = 0
        # Nothing is known here of a function's quota.
        vars(import_)["QueueRoom"] = vars(backfill)["QueueRoom"] = lambda _: None
        for name, words in COMMANDS.items():
            arguments = [word.format(folder=f"{folder}/photos") for word in words]
            print(json.dumps({"command": name} | _ran(arguments, STREAMS[streams]())), flush=True)


def _fill(target: Target, folder: Path) -> None:
    folder.mkdir()
    s3 = target.client("s3")
    for number in range(PHOTOS):
        key = f"日本 {number}.jpg"
        (folder / key).write_bytes(key.encode())
        etag = s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())["ETag"].strip('"')
        store(target, document(key, {"Cat": 98.5, "犬": 97.0}, etag=etag))
    store(target, document("日本 bad.jpg", {}, status="REJECTED", reason="Bad", detail="それは。"))


def _ran(arguments: list[str], stdout: int) -> dict[str, Any]:
    with tempfile.TemporaryFile() as said:
        if not (child := os.fork()):
            os.dup2(stdout, 1)
            os.dup2(said.fileno(), 2)
            os._exit(_exit_code(arguments))
        os.close(stdout)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "said": said.read().decode(errors="replace")}


def _exit_code(arguments: list[str]) -> int:
    """Run the command, and end as Python itself does."""
    encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
    sys.stdout = open(1, "w", encoding=encoding, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding=encoding, closefd=False, buffering=1)  # noqa: SIM115
    sys.argv = ["photos", *arguments]
    code: Any = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:  # noqa: BLE001 - a test is to see its traceback
        sys.excepthook(*sys.exc_info())
        code = 70
    try:
        sys.stdout.flush()
    except OSError:
        code = 120
    return int(code)


if __name__ == "__main__":
    main(sys.argv[1])
