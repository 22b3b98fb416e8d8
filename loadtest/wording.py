"""Figures as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from loadtest.results import LATE_S

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


def copied_of(setting: Mapping[str, Any]) -> str:
    """Say how many of the photos were to be copies; nothing where none was."""
    return f", {percent(setting['duplicates'])} of them copies" if setting["duplicates"] else ""


def copies_words(copies: Mapping[str, int]) -> str:
    """Say how many photos were sent as copies, and how many were taken for such."""
    return (
        f"copies: {copies['sent']} photos were sent with the bytes of an earlier one, "
        f"{copies['taken_over']} took over another's labels"
    )


def late_words(generator: Mapping[str, Any]) -> str:
    """Say that photos were not sent in time, and whether that was the limit; nothing where they were."""
    if not generator["late"]:
        return ""
    said = (
        f"{generator['late']} photos were not sent in time (more than {LATE_S * 1000:.0f} ms later than intended, "
        f"{number(generator['lag_ms']['max'])} ms at most); their latency counts from the intended time."
    )
    return f"The generator was the bottleneck: {said}" if generator["was_bottleneck"] else said


def measured_words(verdict: Mapping[str, Any]) -> str:
    """Say what an objective was measured at."""
    return "some never ended" if verdict["measured"] is None else f"measured {number(verdict['measured'])}"
