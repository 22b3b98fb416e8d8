"""What reading all of a table costs: said before it is done, and asked where it is more than a cent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photo_labels.library.costs import PRICES, scan_of
from photo_labels.terminal.ending import agree
from photo_labels.terminal.text import counted

if TYPE_CHECKING:
    from rich.console import Console

    from photo_labels.library.costs import Scan
    from photo_labels.library.target import Target


# For reading a whole table.
_ASK_ABOVE_USD = 0.01


def confirm_scan(target: Target, table: str, items: str, shown: Console, *, is_sure: bool) -> int:
    """Print what reading all of a table costs, and ask where that is more than a cent.

    Return about how many items it has.
    """
    scan = scan_of(target, table)
    _show_scan(shown, scan, items, is_local=target.is_local)
    if scan.usd > _ASK_ABOVE_USD and not (is_sure or target.is_local):
        agree("Go on?")
    return scan.items


def _show_scan(console: Console, scan: Scan, items: str, *, is_local: bool) -> None:
    """Print what reading all of a table takes."""
    cost = "" if is_local else f": {scan.units:,.0f} read units, about {scan.usd:,.4f} USD ({PRICES})"
    # DynamoDB counts a table's items every six hours: none yet is no news.
    what = f"about {counted(scan.items, items)}" if scan.items else f"all {items}s"
    console.print(f"reading {what}{cost}", highlight=False)
