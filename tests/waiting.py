"""Waiting for a condition, with a deadline; never for a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, within_s: float = 30.0) -> T:
    """Look again and again until something is seen; gives it."""
    end = time.monotonic() + within_s
    while not (seen := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s} s: {look}")
        time.sleep(0.02)
    return seen
