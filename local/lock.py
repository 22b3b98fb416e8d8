"""Whether `make up` has left a local cloud running.

It holds a lock on a file as long as it lives: whoever finds it locked knows that there is one, and nobody is
fooled by what a crash left behind.
"""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from photos.errors import UserError
from photos.target import LOCAL_STATE

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = LOCAL_STATE.with_suffix(".lock")


@contextmanager
def locked() -> Iterator[None]:
    """Be the one that runs. Raises UserError when there is another."""
    _LOCK.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError("The local cloud is running already.") from None
        yield


def is_locked() -> bool:
    """Whether there is one."""
    try:
        with locked():
            return False
    except UserError:
        return True
