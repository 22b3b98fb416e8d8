"""The project's own decoder, asked about one file, as the converting function asks it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from local.ministack import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

# More than the 30 seconds of CPU that it gives itself, on a busy machine.
_MAX_S = 90.0


@dataclass(frozen=True, slots=True)
class Decoded:
    """What Rekognition would be shown; or why nothing, as a rejection has it."""

    picture: Image.Image | None = None
    reason: str = ""
    detail: str = ""


def decoded(path: Path) -> Decoded:
    """Decode a file in a process of its own. A decoder that crashes is an answer, too."""
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
            return Decoded(reason="DecoderTooSlow", detail=f"The decoder takes more than {_MAX_S:.0f} s.")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit code {done.returncode}"
        return Decoded(reason="DecoderCrashed", detail=f"The decoder ended without an answer: {why}.")
    head, _, jpeg = done.stdout.partition(b"\n")
    facts = json.loads(head)
    if "reason" in facts:
        return Decoded(reason=facts["reason"], detail=facts["detail"])
    return Decoded(Image.open(io.BytesIO(jpeg)).convert("RGB"))
