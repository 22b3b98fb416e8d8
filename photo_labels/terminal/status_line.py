"""How far a command is, in one line that fits the terminal: what matters first, and the rest as far as it fits."""

from __future__ import annotations

import io
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from photo_labels.terminal.text import counted, duration, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import ConsoleOptions, RenderResult

_RATE_OF_S = 60.0
_LEAST_RATE = 0.05
_GAP = 2
_BAR, _LEAST_BAR = 20, 8
# A text that has less room than that is left out, and not cut.
_LEAST_CUT = 12


class StatusLine:
    """Shows how far a command is; silent where there is no terminal."""

    def __init__(
        self,
        console: Console,
        doing: str,
        noun: str = "",
        *,
        about: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`noun`: what is counted, in the singular; `about`: how many there are, as far as is known."""
        self._console = console
        self._doing, self._noun, self._about = doing, noun, about
        self._rate = Rate(clock)
        self._spinner = Spinner("dots")
        self._head = doing
        self._share: float | None = None
        self._parts: list[Sequence[str]] = []
        # Neither stream is redirected: what goes to a file is not for this console.
        self._live = Live(self, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(
        self,
        done: int,
        *parts: str | Sequence[str],
        total: int | None = None,
        doing: str | None = None,
        is_held: bool = False,
    ) -> None:
        """Show how many are done, and what else there is to say, what matters most first.

        A part may be given in several lengths, the longest first: the longest that fits is shown. `total`: None
        where nobody knows. `is_held`: nothing goes on, and no rate is worth saying.
        """
        doing = doing or self._doing
        self._rate.note(done)
        self._share = min(1.0, done / total) if total else None
        if total is not None:
            self._head = f"{doing} {done:,}/{total:,}"
        elif self._about and done <= self._about:
            self._head = f"{doing} {done:,} of about {counted(self._about, self._noun)}"
        else:
            self._head = f"{doing} {counted(done, self._noun) if self._noun else f'{done:,}'}"
        given = [[part] if isinstance(part, str) else part for part in parts if part]
        self._parts = given if is_held else [*self._speed(done, total), *given]

    def _speed(self, done: int, total: int | None) -> Iterable[Sequence[str]]:
        rate = self._rate.a_second
        if rate < _LEAST_RATE:
            return
        yield [f"{rate:,.1f}/s"]
        if total is not None and done < total:
            yield [f"{duration((total - done) / rate)} left"]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        frame = self._spinner.render(console.get_time())
        yield fitted(
            self._head if self._share is not None else f"{frame} {self._head}",
            self._parts,
            options.max_width,
            self._share,
            bar="#-" if options.ascii_only else "━─",
        )


def beside_output(console: Console) -> Console:
    """Return where to show progress while standard output is written to: nowhere where that is a terminal."""
    return Console(file=io.StringIO()) if sys.stdout.isatty() else console


def fitted(
    head: str, parts: Iterable[Sequence[str]], width: int, share: float | None = None, bar: str = "━─"
) -> Text:
    """Return a line of that width at most: its head, a bar, and those of its parts that fit, in their order.

    Of a part that is given in several lengths the longest that fits is taken. What has one length only is cut
    where some of it fits. `bar`: a letter for what is done, and one for the rest.
    """
    head, texts = safe(head).plain, [[safe(one).plain for one in lengths] for lengths in parts]
    left, taken = width - cell_len(head), []
    for lengths in texts:
        room = left - _GAP
        text = next((one for one in lengths if cell_len(one) <= room), "")
        if not text and room >= _LEAST_CUT:
            text = set_cell_size(lengths[-1], room - 1).rstrip() + "…"
        if text:
            taken.append(text)
            left = room - cell_len(text)
    line = Text(head, no_wrap=True, overflow="ellipsis")
    if share is not None and left >= _GAP + _LEAST_BAR:
        length = min(_BAR, left - _GAP)
        done = round(share * length)
        line.append(" " * _GAP)
        line.append(bar[0] * done, "bar.complete").append(bar[1] * (length - done), "bar.back")
    for text in taken:
        line.append(" " * _GAP + text)
    line.truncate(width, overflow="ellipsis")
    return line


class Rate:
    """How many are done a second, over the last minute."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int) -> None:
        """Take note of how many are done by now; fewer than before is another beginning."""
        now = self._clock()
        if self._seen and done < self._seen[-1][1]:
            self._seen.clear()
        while len(self._seen) > 1 and now - self._seen[0][0] > _RATE_OF_S:
            self._seen.popleft()
        self._seen.append((now, done))

    @property
    def a_second(self) -> float:
        """Return the rate; 0: it is not known yet, or nothing is done."""
        if not self._seen:
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if ended - began >= 1.0 else 0.0
