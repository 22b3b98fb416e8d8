"""The table at the end of `make chaos`: a line for each fault."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Column, Table

from chaos.faults import every_fault
from chaos.traffic import AFTER, CALM
from chaos.verdict import ENDS, Row

if TYPE_CHECKING:
    from collections import Counter

    from rich.console import Console

    from chaos.verdict import Verdict

_COLUMNS = ("hits", "retried", "labelled", "rejected", "removed", "dead", "lost", "twice", "slow", "last")
_LEGEND = """
hits: how often the fault was injected; retried: photos with a message that was
received again; dead: in the dead-letter queue; twice: paid for twice; slow:
until how many seconds after the fault photos were sent that took more than one
second; last: seconds until the last photo of those here was searchable
"""


def show(verdict: Verdict, hits: Counter[str], slow_for: dict[str, float], console: Console) -> None:
    """Print what became of the photos, by the fault that was on when they were last changed."""
    rows = dict(verdict.rows)
    total = sum(rows.values(), Row())
    console.print(_table(show_header=True))
    for place, faults in groupby(every_fault(), key=lambda fault: fault.place):
        table = _table()
        for fault in faults:
            if row := rows.pop(fault.name, None):
                table.add_row(*_line(fault.kind, f"{hits[fault.name]}", row, slow_for[fault.name]))
        if table.row_count:
            console.print(place, style="bold")
            console.print(table)
    between = sum((rows.pop(name) for name in list(rows) if name.startswith(AFTER) or name == CALM), Row())
    console.print("all", style="bold")
    table = _table()
    table.add_row(*_line("none", "", between, 0))
    if rows:
        slow_s = max(slow_for[name] for name in rows)
        table.add_row(*_line("several", "", sum(rows.values(), Row()), slow_s))
    table.add_row(*_line("sum", f"{hits.total()}", total, max(slow_for.values(), default=0)))
    console.print(table)
    console.print(_LEGEND, style="dim")


def _table(*, show_header: bool = False) -> Table:
    columns = [Column(name, justify="right", width=max(len(name), 4)) for name in _COLUMNS]
    return Table(Column("fault", width=14), *columns, box=None, show_header=show_header, padding=(0, 1, 0, 0))


def _line(name: str, hits: str, row: Row, slow_s: float) -> list[str]:
    counts = [row.retried, *(row.ends[end] for end in ENDS), row.paid_twice, round(slow_s), round(row.longest_s)]
    return [f" {name}", hits, *(str(count) if count else "·" for count in counts)]
