"""Folders as people write them on make's command line."""

from __future__ import annotations

from pathlib import Path


def as_written(text: str) -> Path:
    """Give the folder that is meant: neither sh nor zsh replaces the `~` in `make demo PHOTOS=~/Pictures`."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # there is nobody of that name, or no home folder
        return path
