"""Progress is one line that fits the terminal, and what matters most is never cut."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from photo_labels.library.importing.ends import End
from photo_labels.library.importing.importer import ImportProgress
from photo_labels.library.importing.journal import ImportCounts
from photo_labels.library.importing.patience import Hold
from photo_labels.terminal.import_display import ImportDisplay
from photo_labels.terminal.status_line import Rate, StatusLine, fitted

HOSTILE = "[bold]holiday[/bold]/line\nbreak \x1b[31m %s 日本の写真/" + "very long name " * 20 + ".jpg"
WIDTHS = (60, 80, 120)
MILLIONS = 12_345_678
ENDS = Counter(dict.fromkeys(End, MILLIONS // 10))


def shown(line: StatusLine, width: int) -> str:
    """Return what is on a terminal of that width."""
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(line, end="")
    return captured.get().removesuffix("\n")


def progress(**changed: Any) -> ImportProgress:
    counts = ImportCounts(MILLIONS, ENDS, MILLIONS, 0, 0, MILLIONS // 2)
    known: dict[str, Any] = {
        "counts": counts,
        "at_a_time": 64,
        "offline_s": 0.0,
        "quiet_s": 0.0,
        "waits_for": HOSTILE,
        "hold": None,
    }
    return ImportProgress(**(known | changed))


def import_line(width: int, **changed: Any) -> str:
    display = ImportDisplay(Console(file=io.StringIO(), width=width, force_terminal=True))
    display.show(progress(**changed))
    return shown(display._line, width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ({}, "rejected"),
        ({"hold": Hold.PAUSED}, "paused"),
        ({"hold": Hold.OVER_BUDGET}, "budget spent"),
        ({"offline_s": 100.0}, "no connection"),
        ({"quiet_s": 7_200.0}, "rejected"),
    ],
)
def test_given_millions_and_hostile_names_when_imported_then_one_line_has_what_matters(
    width: int, changed: dict[str, Any], matters: str
) -> None:
    line = import_line(width, **changed)
    assert "\n" not in line
    assert "\x1b" not in line
    assert cell_len(line) <= width
    assert f"importing {ENDS.total():,}/{MILLIONS:,}" in line
    assert matters in line


@pytest.mark.parametrize("width", WIDTHS)
def test_given_one_that_is_waited_for_when_nothing_ends_then_its_name_is_cut_and_not_the_sums(width: int) -> None:
    counts = ImportCounts(8, Counter({End.LABELLED: 7}), 8, 0, 0, 1)
    line = import_line(width, counts=counts, quiet_s=3.0)
    assert "importing 7/8" in line
    assert "waiting for [bold]holiday" in line
    assert line.rstrip().endswith("…")
    assert cell_len(line) <= width


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"done": 0}, "looking 0 photos"),
        ({"done": 1}, "looking 1 photo"),
        ({"done": 1_234}, "looking 1,234 photos"),
        ({"done": 3, "total": 10}, "looking 3/10"),
    ],
)
def test_given_a_count_when_told_then_of_how_many_where_that_is_known(told: dict[str, int], expected: str) -> None:
    line = StatusLine(Console(file=io.StringIO()), "looking", "photo")
    line.tell(told["done"], total=told.get("total"))
    assert expected in shown(line, 80)


def test_given_an_estimate_when_more_come_than_expected_then_it_is_no_longer_said() -> None:
    line = StatusLine(Console(file=io.StringIO()), "writing", "sidecar", about=10)
    line.tell(4)
    assert "writing 4 of about 10 sidecars" in shown(line, 80)
    line.tell(11)
    assert "writing 11 sidecars" in shown(line, 80)


def test_given_a_rate_when_told_then_what_is_left_takes_so_long_and_nothing_when_held() -> None:
    now = [0.0]
    line = StatusLine(Console(file=io.StringIO()), "importing", clock=lambda: now[0])
    for second in range(11):
        now[0] = float(second)
        line.tell(second * 5, total=1_250)
    assert "5.0/s  4 min left" in shown(line, 80)
    line.tell(50, "paused", total=1_250, is_held=True)
    said = shown(line, 80)
    assert ("paused" in said, "/s" in said) == (True, False)


def test_given_a_minute_without_any_when_told_then_there_is_no_rate() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    for moment, done in ((0.0, 0), (10.0, 100), (100.0, 100), (101.0, 100)):
        now[0] = moment
        rate.note(done)
    assert rate.a_second == 0.0


def test_given_no_terminal_when_told_then_nothing_is_written() -> None:
    file = io.StringIO()
    with StatusLine(Console(file=file), "looking", "photo") as line:
        line.tell(5, "more", total=10)
    assert file.getvalue() == ""


PARTS = st.lists(
    st.one_of(st.text(max_size=200).map(lambda text: [text]), st.just(["paused: continue", "paused"]))
)


@given(st.text(max_size=40), PARTS, st.integers(1, 200), st.one_of(st.none(), st.floats(0, 1)))
def test_given_any_texts_when_fitted_then_the_line_is_no_wider_than_the_terminal(
    head: str, parts: list[list[str]], width: int, share: float | None
) -> None:
    line = fitted(head, parts, width, share)
    assert line.cell_len <= width
    assert line.plain.isprintable()
