"""What the benchmarks are told on their command lines."""

from __future__ import annotations

import sys

from photo_labels.library.user_errors import UserError


def whole_number(default: int, variable: str = "N", *, place: int = 1, least: int = 1) -> int:
    """Return the whole number that a make variable gave, the `place`th word, or the default. Raises UserError."""
    text = sys.argv[place] if len(sys.argv) > place else str(default)
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise UserError(f"{variable}={text}: say a whole number from {least} on.")
    return number
