"""Figures as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def number(value: float | None, digits: int = 0) -> str:
    """A figure with thousands separated; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    """A share of one."""
    return "-" if share is None else f"{share:.0%}"


def load_of(setting: Mapping[str, Any]) -> str:
    """How photos arrived."""
    return f"{setting['rate']:g} a second, {setting['profile']}" if setting["rate"] else "all at once"
