"""`make figures`: run the commands whose output the docs show, one after another (two hours, by hand).

What they print goes to the terminal and to a file in `.local/figures`, with date and machine, so that the pages
can be brought up to date in one go. Nothing else should run on the machine at the same time.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import psutil

from local.ministack import REPOSITORY
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "make demo",
    "make loadtest",
    "make bench ROUNDS=8",
    "make bench-image",
    "make bench-import",
    "make bench-convert",
    "make bench-browse",
    "make bench-audit",
    "make bench-backfill",
    "make bench-memory",
    "make bench-quota",
    "make bench-live",
    "make bench-slots",
    "make bench-limits N=5000",
    "make bench-endurance",
    "make histories",
    "make chaos N=6000 SEED=3",
)


def measure(commands: Sequence[str], folder: Path) -> int:
    """Run all commands, also after one that fails; return 1 where one did."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.txt"
    failed = []
    with path.open("w") as file:
        _write(file, f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_machine()}\n")
        for command in commands:
            _write(file, f"\n$ {command}\n")
            if _is_failing(command, file):
                failed.append(command)
        if failed:
            _write(file, f"\nfailed: {', '.join(failed)}\n")
    print(f"\nwritten to {path}")
    return 1 if failed else 0


def _is_failing(command: str, file: TextIO) -> bool:
    with subprocess.Popen(
        command.split(), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            _write(file, line)
    return process.returncode != 0


def _machine() -> str:
    memory_gib = psutil.virtual_memory().total / 2**30
    return f"{_cpu()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown CPU")


def _write(file: TextIO, text: str) -> None:
    print(text, end="", flush=True)
    file.write(text)
    file.flush()


if __name__ == "__main__":
    run(lambda: measure(sys.argv[1:] or COMMANDS, REPOSITORY / ".local" / "figures"), "figures")
