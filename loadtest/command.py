"""What the benchmarks are told on their command lines."""

from __future__ import annotations

import sys

from photos.errors import UserError


def whole_number(default: int) -> int:
    """Return the whole number above 0 that a benchmark was given, or the default. Raises UserError."""
    text = sys.argv[1] if len(sys.argv) > 1 else str(default)
    if not text.isdecimal() or not int(text):
        raise UserError(f"N= and MINUTES= take a whole number from 1 on, not {text!r}.")
    return int(text)
