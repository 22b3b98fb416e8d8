"""Service level objectives: `p95<1s,p99<2s,lost=0`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LATENCY = re.compile(r"(p50|p90|p95|p99|p99\.9|max)<(\d+(?:\.\d+)?)(ms|s)")
_LOST = re.compile(r"lost(=|<)(\d+)")


@dataclass(frozen=True, slots=True)
class Objective:
    """One objective, in the words in which it was given."""

    text: str
    # A name of `latency_ms`, or lost.
    figure: str
    # Milliseconds, or a number of photos: the figure has to be less.
    below: float

    def judged(self, latency_ms: Mapping[str, float | None], lost: int) -> dict[str, Any]:
        """Whether it is met; a latency that nothing has, or that has no end, is not, and is none."""
        measured = lost if self.figure == "lost" else latency_ms[self.figure]
        if measured is not None and math.isinf(measured):
            measured = None
        is_met = measured is not None and measured < self.below
        limits = {"figure": self.figure, "below": self.below}
        return {"objective": self.text, **limits, "measured": measured, "met": is_met}


def objectives(text: str) -> list[Objective]:
    """Read objectives. Raises UserError with what can be said."""
    return [_read(part.strip()) for part in text.split(",") if part.strip()]


def _read(text: str) -> Objective:
    if found := _LATENCY.fullmatch(text):
        figure = found[1].replace(".", "_")
        return Objective(text, figure, float(found[2]) * (1000 if found[3] == "s" else 1))
    if found := _LOST.fullmatch(text):
        return Objective(text, "lost", int(found[2]) + (1 if found[1] == "=" else 0))
    raise UserError(
        f"there is no objective {text!r}: say p50, p90, p95, p99, p99.9 or max, like p95<1s or p99<800ms, "
        "or lost=0."
    )
