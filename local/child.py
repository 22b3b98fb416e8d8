"""Child processes that never outlive their parent, however it ends.

A child holds the reading end of a pipe as its stdin; the parent holds the other end and writes nothing. When
the parent is gone, killed included, the pipe closes and the child ends itself.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STOP_S = 5.0


class Child:
    """A running child process."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str],
        *,
        speaks: bool = True,
        inherited: Sequence[int] = (),
    ) -> None:
        """`speaks`: its stdout has one line, when it is ready; otherwise stdout is logged, too.

        `inherited`: file descriptors that it inherits.
        """
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if speaks else output,
                stderr=output,
                env=environment,
                pass_fds=inherited,
                start_new_session=True,  # Ctrl-C is the parent's, who stops its children in order
            )
        self.log = log

    def is_running(self) -> bool:
        return self._process.poll() is None

    def first_line(self) -> str:
        """Wait for the line that a server prints when it is ready; empty when it died first."""
        assert self._process.stdout
        return self._process.stdout.readline().decode()

    def stop(self) -> None:
        """Terminate it; kill it after five seconds."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def exit_with_parent() -> None:
    """In a child: exit as soon as the parent does. Call it once, before anything else."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Timer(_STOP_S, os._exit, (1,)).start()

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":  # python child.py FILE: run a program that knows no parent, and exit with it
    exit_with_parent()
    sys.path[0] = ""  # not this folder, whose modules would hide others
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
