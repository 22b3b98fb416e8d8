"""The progress of a load test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from rich.live import Live
from rich.text import Text

from loadtest.samples import End

if TYPE_CHECKING:
    from rich.console import Console

    from loadtest.run import Runner

_LATELY_S = 5.0


class ProgressDisplay:
    """Shows the progress in one line; silent where there is no terminal."""

    def __init__(self, console: Console) -> None:
        self._live = Live(Text(), console=console, transient=True, refresh_per_second=5)
        self._watched = console.is_terminal

    def __enter__(self) -> Self:
        if self._watched:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def warming(self, runner: Runner) -> None:
        self._show("warming up", runner)

    def running(self, runner: Runner) -> None:
        self._show("running", runner)

    def accounting(self) -> None:
        self._live.update(Text("reading the function's log"))

    def _show(self, what: str, runner: Runner) -> None:
        if not self._watched:
            return
        samples, gauge, now = runner.run.samples, runner.run.gauge, runner.now()
        sent = int(np.count_nonzero(~np.isnan(samples.returned)))
        ended = samples.counted(End.LABELLED) + samples.counted(End.REJECTED)
        lately = samples.latency_s[samples.seen[samples.is_seen] > now - _LATELY_S] * 1000
        facts = [f"{what} {now:.0f} s", f"{sent}/{len(samples)} sent", f"{ended} seen"]
        if len(lately):
            rate = len(lately) / min(now, _LATELY_S)
            facts.append(
                f"{rate:.0f} a second, p50 {np.percentile(lately, 50):.0f} p99 {np.percentile(lately, 99):.0f} ms"
            )
        if gauge.waiting:
            facts.append(f"{gauge.waiting[-1]} waiting, {gauge.in_flight[-1]} in flight")
        if late := samples.counted(End.NOT_SENT):
            facts.append(f"{late} not sent")
        self._live.update(Text(" · ".join(facts)))
