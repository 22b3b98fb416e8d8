"""`make up`, `make down` and `make demo`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from infra.pairs import pairs
from local.cloud import LocalCloud
from local.demo import demonstrate
from local.folders import as_written
from local.library import Library
from local.ministack import REPOSITORY
from local.state import InUseError, State
from photo_labels.library.target import LOCAL_STATE
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.state import Running

_STATE = State(LOCAL_STATE)
_STOP_S = 30.0


def up(parameters: str = "", folder: str | None = None) -> int:
    """Start the local cloud in the background, unless it runs already.

    `parameters`: of its stack, as for `make deploy`; `folder`: of a library, which it keeps. Raises UserError.
    """
    library = None if folder is None else _library(folder)
    _read(parameters)
    how = "is running already" if _STATE.is_held() else "is up"
    if parameters and _STATE.is_held():
        raise UserError("The local cloud is running already: `make down` before you give it other PARAMETERS.")
    running = _awaited(parameters, library)
    if library and running.library != str(library.folder):
        what = f"with the library in {running.library}" if running.library else "without a library"
        raise UserError(f"The local cloud is running already, {what}: `make down` before you name a LIBRARY.")
    print(f"The local cloud {how}. Process {running.pid}, AWS at {running.endpoint_url}.")
    if running.library:
        print(safe(running.opening if how == "is up" else f"Its library is in {running.library}."))
    print("Use it with `.venv/bin/photos --local`, or set PHOTOS_TARGET=local.")
    kept = "; its library keeps the photos" if running.library else " and forgets its photos"
    print(f"`make down` stops it{kept}.")
    return 0


def down() -> int:
    """Stop the local cloud that `up` started: it ends when what it has published is gone. Nothing is killed."""
    if not _STATE.is_held():
        print("The local cloud is not running.")
        return 0
    kept = _open_library()
    end = time.monotonic() + _STOP_S
    while _STATE.is_held():
        _STATE.withdraw()  # again: it may be starting, and publish that in a moment
        if time.monotonic() > end:
            raise UserError(f"The local cloud does not stop: {_STATE.log} may say why.")
        time.sleep(0.05)
    print("The local cloud has stopped.")
    if kept:
        if not kept.documents.was_closed():
            raise UserError(
                f"The library in {kept.folder} keeps its photos, but not all that is known of them was saved: "
                f"{_STATE.log} says why. What is missing is labelled again when you `make up` with it."
            )
        print(safe(f"The library in {kept.folder} keeps its photos; `make up` with this LIBRARY opens it again."))
    return 0


def serve(parameters: str = "", folder: str = "") -> int:
    """Run the local cloud until `down`, SIGTERM, or the end of one of its processes."""
    library = Library(Path(folder)) if folder else None
    with LocalCloud(LOCAL_STATE, parameters=_read(parameters), library=library) as cloud:
        while cloud.state.is_published():
            if not cloud.is_running():
                raise UserError(f"A process of the local cloud has ended: the logs in {LOCAL_STATE} say why.")
            time.sleep(0.1)
    return 0


def demo(folder: str) -> int:
    """Run the pipeline on a folder of photos, in a local cloud that ends with it."""
    if not folder:
        raise UserError("PHOTOS=: name a folder, or leave it out.")
    photos = as_written(folder)
    if not photos.is_dir():
        raise UserError(f"PHOTOS={folder}: there is no such folder.")
    if not os.access(photos, os.R_OK | os.X_OK):
        raise UserError(f"PHOTOS={folder}: the folder cannot be read; name another.")
    with tempfile.TemporaryDirectory(prefix="photo-labels-") as state:
        started = time.monotonic()
        with LocalCloud(Path(state)) as cloud:
            return demonstrate(cloud.target, folder, time.monotonic() - started)


def _read(parameters: str) -> dict[str, str]:
    """Read parameters of the stack. Raises UserError."""
    try:
        return pairs(parameters)
    except ValueError as error:
        raise UserError(f"PARAMETERS={parameters}: {error}.") from error


def _library(folder: str) -> Library:
    """Return the library that is meant. Raises UserError where there can be none; makes and touches nothing."""
    if not folder:
        raise UserError("LIBRARY=: name a folder, or leave it out.")
    try:
        written = as_written(folder)
        library = Library(written.resolve())
        _refuse_emptied(library.folder)
        _refuse_emptied(Path(os.path.abspath(written)))  # noqa: PTH100 - .local may be a link to another disk
        library.check()
    except (OSError, RuntimeError) as error:  # a link to itself
        raise UserError(f"LIBRARY={folder}: it leads to no folder; name another.") from error
    except UserError as error:
        raise UserError(f"LIBRARY={folder}: {error}") from error
    return library


def _refuse_emptied(path: Path) -> None:
    for emptied in (REPOSITORY, LOCAL_STATE):
        if path.is_relative_to(emptied.resolve()):
            raise UserError(
                f"{path} is in {emptied.resolve()}, of which parts are emptied at times: name a folder elsewhere."
            )


def _open_library() -> Library | None:
    """Return the library of the cloud that runs, if any."""
    with suppress(UserError):  # what it has published is damaged: it is to stop all the same
        if (running := _STATE.running()) and running.library:
            return Library(Path(running.library))
    return None


def _awaited(parameters: str, library: Library | None) -> Running:
    """Return what the cloud that holds the folder publishes; start one where there is none."""
    while _STATE.is_held():
        if running := _STATE.running():
            return running
        time.sleep(0.05)
    return _start(parameters, library)


def _start(parameters: str, library: Library | None) -> Running:
    """Start a cloud; it is stopped again when this is interrupted. Raises UserError."""
    with suppress(InUseError), _STATE.held():
        pass  # it is ours, and empty; or another is quicker
    with ExitStack() as waiting:
        with _STATE.open_log() as log:
            serving = subprocess.Popen(
                [sys.executable, "-m", "local", "serve", parameters, *([library.folder] if library else [])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        waiting.callback(serving.wait)
        waiting.callback(serving.terminate)
        what = "opening the library" if library else "starting the local cloud"
        with Console(stderr=True).status(what):
            while not (running := _STATE.running()):
                if serving.poll() is not None and not _STATE.is_held():
                    raise UserError(f"The local cloud did not start: {_STATE.last_line()}")
                time.sleep(0.05)
        waiting.pop_all()
    return running


def main() -> int:
    """Run the command that the command line names; returns its exit code."""
    os.umask(0o077)  # photos, documents and logs are readable by their user only
    commands: dict[str, Callable[..., int]] = {"up": up, "down": down, "serve": serve, "demo": demo}
    command, *arguments = sys.argv[1:]
    return commands[command](*arguments)
