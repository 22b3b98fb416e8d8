"""Folders as people write them on make's command line."""

from __future__ import annotations

import os
from pathlib import Path


def as_written(text: str) -> Path:
    """Return the folder with `~` replaced: neither sh nor zsh does so the `~` in `make demo PHOTOS=~/Pictures`."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - for Path, `./~` is `~`, and a home that is not there an error
