"""What the benchmarks are told on their command lines."""

from __future__ import annotations

import sys

from photo_labels.library.user_errors import UserError


def whole_number(default: int) -> int:
    """Return the whole number above 0 that a benchmark was given, or the default. Raises UserError."""
    text = sys.argv[1] if len(sys.argv) > 1 else str(default)
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise UserError(f"N= and MINUTES= take a whole number from 1 on, not {text!r}.")
    return number
