"""Files in which commands keep their state: with the local cloud, or in the user's state folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from photo_labels.library import target as targets
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.target import Target


def state_path(target: Target, name: str) -> Path:
    """Return the path of a command's state: with the local cloud, or in the user's state folder."""
    if target.is_local:
        return targets.state_folder() / name
    return _users_state() / f"{target.outputs.bucket}.{name}"


def keep_state(path: Path, content: str) -> None:
    """Write a state atomically, readable by its user only. Raises UserError where it cannot be written."""
    keep_state_file(path, lambda file: file.write(content.encode()))


def keep_state_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a state that is more than a text, as `keep_state` does."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with private(new).open("wb") as file:
            write(file)
        new.replace(path)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): set XDG_STATE_HOME to a folder that can."
        ) from error


def kept_state(path: Path) -> Any:
    """Return the JSON of a state; None where there is none, or none that can be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):  # not there, not written whole, or damaged
        return None


def private(path: Path) -> Path:
    """Make a file, where there is none, and have only its user read it. Raises OSError."""
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o600))
    path.chmod(0o600)
    return path


def state_folders() -> tuple[Path, ...]:
    """Return all folders in which `state_path` may be."""
    return targets.state_folder(), _users_state()


def _users_state() -> Path:
    return home_folder("XDG_STATE_HOME", ".local/state") / "photo-labels"


def home_folder(variable: str, usual: str) -> Path:
    """Return a folder of the user's, as the XDG base directory specification has it. Raises UserError."""
    if own := os.environ.get(variable):
        return Path(own)
    try:
        return Path.home() / usual
    except RuntimeError as error:  # a user of whom the system knows nothing, without HOME
        raise UserError(f"There is no home folder: set HOME, or {variable} to a folder of yours.") from error
