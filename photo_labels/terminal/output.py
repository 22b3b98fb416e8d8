"""Standard output and standard error, whatever they are: a terminal, a broken pipe, or closed.

Whoever reads may stop (`photos search … | head -1`). That is no failure: what is written after that goes nowhere,
and the command ends with the exit code that it would have had.
"""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Any, cast

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Stream:
    """A text stream that outlives its reader."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.is_read = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write out what is buffered. Raises UserError where that cannot be done, say on a full disk."""
        self._attempt(self._stream.flush)

    def _attempt(self, to_write: Callable[[], object]) -> None:
        try:
            to_write()
        except BrokenPipeError:
            self._discard()
        except OSError as error:
            self._discard()
            raise UserError(f"The output could not be written ({error.strerror}).") from error

    def _discard(self) -> None:
        """Send all that is written, and what is buffered still, nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        self.is_read = False


def prepare() -> None:
    """Make the standard streams take every text; to be called once, at the start of a program."""
    # A stream that the caller has closed (>&-) is None in Python.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115 - open as long as the program runs
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: PTH123, SIM115 - as above
        # Names of photos have letters that a terminal of Latin-1 has not.
        stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, cast("IO[str]", Stream(stream)))


def is_read() -> bool:
    """Tell whether anybody still reads what is written to standard output."""
    return getattr(sys.stdout, "is_read", True)
