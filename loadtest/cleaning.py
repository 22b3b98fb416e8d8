"""Removes what a load test has sent: photos, index rows, documents.

The rows go with the photos: their removal makes the function delete them. What it leaves are tombstones, without
which an event that comes late would bring a photo's document back; so they are deleted only where the photo's own
event was seen to be done.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from loadtest.samples import End
from loadtest.system_under_test import MAX_LOOKED_AT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from loadtest.run import Run
    from loadtest.system_under_test import DeployedPipeline

# Without any progress.
_PATIENCE_S = 60.0


def clean(system: DeployedPipeline, runs: Sequence[Run], prefix: str, console: Console) -> None:
    """Remove all that was sent, and report what stays, also after an interruption."""
    done, under_way, lost, refused = (
        [key for run in runs for key in _keys(run, ends)]
        for ends in (
            (End.LABELLED, End.REJECTED),
            (End.UNDER_WAY,),
            (End.DEAD_LETTERED, End.MISSING),
            (End.NOT_SENT,),
        )
    )
    left, whole = [*done, *under_way, *lost], False
    stay: dict[str, str] = {}
    try:
        with console.status(f"waiting for {len(under_way)} photos that are under way") as status:
            never = _until_none(under_way, lambda keys: _not_done(system, keys))
            status.update(f"removing {len(left)} photos")
            stay = system.remove_objects([*left, *refused])
            late = {*never, *lost, *stay}
            left = [*_until_none([key for key in left if key not in late], system.remove_tombstones), *late]
        whole = not left
    finally:
        if not whole:
            console.print(
                f"{len(left)} photos below {prefix} are not wholly removed{_because(stay)}. Delete what is left "
                "of them in S3; the function makes tombstones of their documents, which expire after 60 days.",
                style="yellow",
                markup=False,
            )


def _because(stay: dict[str, str]) -> str:
    """Return why S3 does not delete some objects, where it says so."""
    return f" (S3: {', '.join(sorted(set(stay.values())))})" if stay else ""


def _keys(run: Run, ends: Sequence[End]) -> list[str]:
    """Keys of photos that ended so, and may have been sent."""
    began = ~np.isnan(run.samples.began)
    return [run.plan.key(int(photo)) for photo in np.flatnonzero(np.isin(run.samples.end, ends) & began)]


def _not_done(system: DeployedPipeline, keys: Sequence[str]) -> list[str]:
    left = []
    for start in range(0, len(keys), MAX_LOOKED_AT):
        some = keys[start : start + MAX_LOOKED_AT]
        found = system.look(some)
        left += [key for key in some if not found.get(key)]
    return left


def _until_none(keys: Sequence[str], step: Callable[[Sequence[str]], list[str]]) -> list[str]:
    """Repeat a step until nothing is left or nothing changes; return what is left."""
    left, moved_at = list(keys), time.monotonic()
    while left and time.monotonic() - moved_at < _PATIENCE_S:
        before, left = len(left), step(left)
        if len(left) < before:
            moved_at = time.monotonic()
        if left:
            time.sleep(1 + len(left) / 2000)
    return left
