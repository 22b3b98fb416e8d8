"""How many execution environments event source mappings may keep busy, by Rekognition's and Lambda's quotas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Calls a second that one execution environment makes with ease: a batch of 10 within two seconds.
_CALLS_OF_ONE_ENVIRONMENT = 5
# With 2, a photo waits half a minute beside 100 imported ones a second; with 5, none does (`make bench-live`).
_LIVE = 5
# Lambda's own, of MaximumConcurrency.
_LEAST, _MOST = 2, 1000


@dataclass(frozen=True, slots=True)
class Concurrency:
    """MaximumConcurrency of the lanes' mappings, each the parameter of its name."""

    live: int
    # Of bulk work, and once more of the overflow.
    bulk: int
    # Of the converting function's live lane, and once more of its bulk lane.
    converting: int

    @property
    def together(self) -> int:
        """What all five mappings may keep busy at a time."""
        return self.live + 2 * self.bulk + 2 * self.converting

    @property
    def executions_needed(self) -> int:
        """The account's concurrent executions with which all mappings have room."""
        return math.ceil(self.together * 10 / 9)

    def fits(self, executions: int) -> bool:
        """Tell whether an account has room for all mappings."""
        return self.executions_needed <= executions

    def parameters(self) -> dict[str, str]:
        return {
            "MaxConcurrency": str(self.live),
            "BulkConcurrency": str(self.bulk),
            "ConvertConcurrency": str(self.converting),
        }

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Concurrency | None:
        """Return that of a stack with these parameters; None: one is no number, which CloudFormation refuses."""
        try:
            return cls(*(int(parameters[name]) for name in cls(0, 0, 0).parameters()))
        except ValueError:
            return None


def concurrency_for(tps: float, executions: int | None = None) -> Concurrency:
    """Return what uses up a quota of `tps` calls a second, as far as the account has room for it.

    Bulk work takes a fifth of the quota, and no more, since messages in flight wait for it. Live photos follow
    what arrives, imports' events among it. A converting environment makes about one call a second, for one photo.

    `executions`: of the account at a time; None: not known. A tenth of them is left to other functions. Where they
    are too few, what live photos need comes first, and all that is above the least is made smaller by one factor.
    With fewer than 12 it does not fit, since each mapping has 2.
    """
    bulk = _within(tps / _CALLS_OF_ONE_ENVIRONMENT)
    wanted = Concurrency(max(_LIVE, bulk), bulk, _within(tps))
    if executions is None or wanted.fits(executions):
        return wanted
    room = executions * 9 // 10
    least = Concurrency(min(_LIVE, max(_LEAST, room - 4 * _LEAST)), _LEAST, _LEAST)
    factor = max(0, room - least.together) / (wanted.together - least.together)
    return Concurrency(
        least.live + int((wanted.live - least.live) * factor),
        least.bulk + int((wanted.bulk - least.bulk) * factor),
        least.converting + int((wanted.converting - least.converting) * factor),
    )


def _within(environments: float) -> int:
    return min(_MOST, max(_LEAST, math.ceil(environments)))
