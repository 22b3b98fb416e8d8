"""The project's own decoder, asked about one file, as the converting function asks it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.ministack import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

# More than the 30 seconds of CPU that it gives itself, on a busy machine.
_MAX_S = 90.0
# As the function has them.
CRASHED, TOO_SLOW, BLANK = "DecoderCrashed", "DecoderTooSlow", "BlankPhoto"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing can be shown to Rekognition, as a rejection has it."""

    reason: str
    detail: str


def refusal(path: Path) -> Refusal | None:
    """Decode a file in a process of its own; None: there is a picture. That it crashes is an answer, too."""
    with path.open("rb") as photo:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "photo_labels.records.decoder"],
                stdin=photo,
                capture_output=True,
                cwd=REPOSITORY,
                env={"MALLOC_ARENA_MAX": "1"},
                timeout=_MAX_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Refusal(TOO_SLOW, f"The decoder takes more than {_MAX_S:.0f} s.")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        return Refusal(CRASHED, f"The decoder ended without an answer: {why}.")
    facts = json.loads(done.stdout.partition(b"\n")[0])
    return Refusal(facts["reason"], facts["detail"]) if "reason" in facts else None
