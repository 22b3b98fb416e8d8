"""`make up`, `make down` and `make demo`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.cloud import LocalCloud
from local.demo import demonstrate
from local.lock import is_locked, locked
from photos.errors import UserError
from photos.target import LOCAL_STATE, STATE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = LOCAL_STATE.with_suffix(".log")
_STOP_S = 30.0


def up() -> int:
    """Start the local cloud in the background, unless it runs already."""
    if not is_locked():
        _LOG.parent.mkdir(parents=True, exist_ok=True)
        (LOCAL_STATE / STATE_FILE).unlink(missing_ok=True)  # a crash left it
        with _LOG.open("wb") as log:
            serving = subprocess.Popen(
                [sys.executable, "-m", "local", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not (state := _state()) and serving.poll() is None:
            time.sleep(0.05)
        if not state:
            raise UserError(f"The local cloud did not start: {_last_line(_LOG)}")
        print("The local cloud is up.", end=" ")
    else:
        state = _state()
        print("The local cloud is running already.", end=" ")
    print(f"Process {state.get('pid')}, AWS at {state.get('endpoint_url')}.")
    print("Use it with `photos --local` (.venv/bin/photos); `make down` stops it and forgets its photos.")
    return 0


def down() -> int:
    """Stop the local cloud that `up` started."""
    if not is_locked():
        print("The local cloud is not running.")
        return 0
    if not (state := _state()):
        raise UserError("The local cloud is just starting: try again in a few seconds.")
    os.kill(state["pid"], signal.SIGTERM)
    end = time.monotonic() + _STOP_S
    while is_locked():
        if time.monotonic() > end:
            raise UserError(f"The local cloud (process {state['pid']}) does not stop: {_LOG} may say why.")
        time.sleep(0.05)
    print("The local cloud has stopped.")
    return 0


def serve() -> int:
    """Be the local cloud, until SIGTERM or the end of one of its processes."""
    with locked(), LocalCloud(LOCAL_STATE) as cloud:
        while cloud.is_running():
            time.sleep(0.5)
        raise UserError(f"A process of the local cloud has ended: the logs in {LOCAL_STATE} say why.")


def demo(folder: str) -> int:
    """Run the pipeline on a folder of photos, in a local cloud that ends with it."""
    if not Path(folder).is_dir():
        raise UserError(f"There is no folder {folder}: name one with `make demo PHOTOS=folder`.")
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as state:
        started = time.monotonic()
        with LocalCloud(Path(state)) as cloud:
            return demonstrate(cloud.target, Path(folder), time.monotonic() - started)


def _state() -> dict[str, Any]:
    """What the running cloud says of itself; empty while it says nothing."""
    try:
        state: dict[str, Any] = json.loads((LOCAL_STATE / STATE_FILE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return state


def _last_line(log: Path) -> str:
    return (log.read_text().strip().splitlines() or ["it said nothing."])[-1]


def main(command: str, *arguments: str) -> int:
    """Run a command; what is a person's to mend is said in a sentence."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a script starts in the background ignores it
    commands: dict[str, Callable[..., int]] = {"up": up, "down": down, "serve": serve, "demo": demo}
    try:
        return commands[command](*arguments)
    except UserError as error:
        print(f"photo-labels: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # make demo | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
