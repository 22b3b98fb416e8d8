"""What commands say about none, one, two and many: all sentences in one place, and the rules that they keep."""

from __future__ import annotations

import io
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from photo_labels.commands.audit import show_audit, show_repaired
from photo_labels.commands.backfill import queued_text, show_backfill
from photo_labels.commands.failures import show_counted, show_none_of, show_reasons, show_seen
from photo_labels.commands.import_ import resume_text, show_plan
from photo_labels.commands.purge import show_removed, show_there
from photo_labels.commands.redrive import show_redriven
from photo_labels.commands.status import status_table, watched_table
from photo_labels.library.auditing.findings import Audit, Finding
from photo_labels.library.backfilling.backfill import BackfillCounts, BackfillScope
from photo_labels.library.budget import BudgetStatus
from photo_labels.library.costs import Scan
from photo_labels.library.failures import DeadLettersSeen, Redriven
from photo_labels.library.importing.ends import CANNOT_BE_LABELLED, PENDING, UNFINISHED, End
from photo_labels.library.importing.finder import FoundFile, PhotoFinder
from photo_labels.library.importing.importer import _nothing_in
from photo_labels.library.importing.journal import Journal
from photo_labels.library.purge import Purged
from photo_labels.library.sidecars.exporting import NAMED
from photo_labels.library.sidecars.files import Outcome
from photo_labels.library.skipped import Skipped
from photo_labels.library.status import COUNTED, Queue, Status
from photo_labels.records.budget import Budget, Counted
from photo_labels.records.formats import NOT_A_PHOTO, TOO_SMALL
from photo_labels.terminal.budget_text import budget_line
from photo_labels.terminal.import_display import show_summary
from photo_labels.terminal.scan_cost import _show_scan
from photo_labels.terminal.sidecars_text import show_sidecars
from photo_labels.terminal.skipped_text import show_skipped
from photo_labels.terminal.text import cost_text, duration, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Shown = Callable[[Console, int], object]

MANY = 1_234
NUMBERS = (0, 1, 2, MANY)
WIDTH, MOST_LINES = 80, 18
SENTENCES = Path(__file__).with_name("sentences.txt")


def lines(name: str, number: int) -> list[str]:
    """Return what is printed; of many lines that say the same the first."""
    file = io.StringIO()
    SHOWN[name](Console(file=file, width=WIDTH), number)
    said = [line.rstrip() for line in file.getvalue().splitlines()]
    return said if len(said) <= MOST_LINES else [*said[:3], f"... ({len(said):,} lines)"]


def told(name: str) -> str:
    """Return what is said of NUMBERS, as in the file of sentences."""
    texts = (f"{number:>5,} | {line}" for number in NUMBERS for line in lines(name, number) or ["(nothing)"])
    return "\n".join((f"# {name}", *texts, ""))


def summary(end: End) -> Shown:
    def show(console: Console, number: int) -> None:
        with Journal(None) as journal:
            journal.begin()
            journal.add(FoundFile(Path(f"/p/{one}.jpg"), "", end=end, why="Bad: It is.") for one in range(number))
            if number:
                show_summary(console, journal, PhotoFinder(""))

    return show


def found(number: int) -> PhotoFinder:
    finder = PhotoFinder("")
    if number:
        finder.left_alone["by name no photo"] = number
        finder.skipped[Skipped(".mov", "a video")] = number
    return finder


def tally(number: int) -> Counter[Skipped]:
    return Counter({Skipped("@eaDir", "thumbnails"): number} if number else {})


def audited(finding: Finding) -> Shown:
    def show(console: Console, number: int) -> None:
        statuses = Counter({"LABELLED": number} if number else {})
        show_audit(console, Audit(number, Counter(), statuses, number, number, Counter({finding: number})))

    return show


def exported(outcome: Outcome) -> Shown:
    return lambda console, number: show_sidecars(console, export(outcome, number))


def export(outcome: Outcome, number: int) -> Any:
    first = {one: [f"{place}.jpg" for place in range(min(number, NAMED))] for one in Outcome}
    return SimpleNamespace(counts=Counter({outcome: number}), first=first, without_boxes=number, rejected=number)


def status(number: int) -> Status:
    none = Queue(0, 0, 0)
    counts = dict.fromkeys(COUNTED, float(number))
    return Status(Queue(number, number, number), none, none, none, none, True, counts, None, 5.0, {})


def budget(used: int) -> BudgetStatus:
    return BudgetStatus(
        Budget(daily=5_000, monthly=None), Counted(20261126, used, used), datetime(2026, 11, 26, tzinfo=UTC)
    )


PLACE = BackfillScope("photos", "", False, False, ())

# What is said of so many things; the texts below are what it is for NUMBERS.
SHOWN: dict[str, Shown] = {
    "import plan": lambda console, n: show_plan(console, max(n, 1), f"{n:,}", n * 400_000, n * 0.001),
    "import nothing": lambda console, n: console.print(_nothing_in([Path("/p")], found(n)), soft_wrap=True),
    **{f"import {end.value}": summary(end) for end in End},
    "import not waited for": lambda console, n: console.print(resume_text(max(n, 1))),
    "skipped": lambda console, n: show_skipped(console, "folder", tally(n)),
    "backfill": lambda console, n: show_backfill(
        console, PLACE, BackfillCounts(2 * n, Counter({Finding.NEVER_LABELLED: n}), 0, 0, Counter(), n), n * 0.5
    ),
    "backfill dates": lambda console, n: show_backfill(
        console, PLACE, BackfillCounts(2 * n, Counter(), n, n, Counter(), n), 0.0
    ),
    "backfill end": lambda console, n: console.print(
        queued_text(n, "labelled in about 3 min", "photos audit"), soft_wrap=True
    ),
    "purge": lambda console, n: show_there(
        console, Purged(n, 2 * n, n, n, n, n, n * 1_500, n, [f"{one}.jpg" for one in range(min(n, 3))])
    ),
    "purged": lambda console, n: show_removed(console, Purged(documents=n, rows=n)),
    **{f"audit {finding.name}": audited(finding) for finding in Finding},
    "audit repair": lambda console, n: show_repaired(console, n, 2 * n),
    "failures": lambda console, n: show_reasons(console, Counter({("rejected", "Bad"): n}) if n else Counter()),
    "failures counted": lambda console, n: show_counted(console, Counter({NOT_A_PHOTO: n, TOO_SMALL: n})),
    "failures of no such reason": lambda console, n: show_none_of(
        console, "broken", Counter({f"Bad{one}": n for one in range(min(n, 2))})
    ),
    "failures seen": lambda console, n: show_seen(console, DeadLettersSeen(n, n)),
    "redrive": lambda console, n: show_redriven(
        console, Redriven(n, n, False, Counter({"Bad": n}), Counter(), n), None
    ),
    "redrive of no such reason": lambda console, n: show_redriven(
        console, Redriven(left_photos=Counter({"Bad": n} if n else {})), "broken"
    ),
    **{f"sidecars {outcome.name}": exported(outcome) for outcome in Outcome},
    "scan": lambda console, n: _show_scan(console, Scan(n, 0.0), "index row", is_local=True),
    "budget": lambda console, n: console.print(budget_line(budget(n))),
    "status": lambda console, n: console.print(status_table(status(n))),
}

# Where figures stand in a table, or add up, none is a figure like others.
WITH_ZEROS = {"budget", "status"}
ONE = re.compile(
    r"(?<![\d,.])1 \w+ (are|were|have|wait)\b"
    r"|(?<![\d,.])1 (\w+ )?(photo|file|document|row|letter|sidecar|other|object|folder|time)s\b"
)
ZERO = re.compile(r"(?<![\d,.:])0 (?!rejected|labelled)\w+")
SEVERAL = re.compile(
    r"(?<![\d.])(?:[2-9]|\d[\d,]*\d) (?:other |rejected |index )?"
    r"(photo|file|document|row|dead letter|sidecar|other(?! object)|object|folder|time)\b(?! \d)"
)


def test_given_none_one_and_many_when_told_then_the_sentences_are_those_of_the_file() -> None:
    """`python -m tests.unit.test_sentences` writes the file: read what has changed in it."""
    assert "\n".join(map(told, SHOWN)).splitlines() == SENTENCES.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", SHOWN)
def test_given_any_number_when_told_then_nouns_and_verbs_are_of_that_number(name: str) -> None:
    for line in (line for number in NUMBERS for line in lines(name, number)):
        assert not ONE.search(line), line
        assert not SEVERAL.search(line), line
        assert name in WITH_ZEROS or not ZERO.search(line), line
        assert name in WITH_ZEROS or "│" in line or "┃" in line or "  " not in line.strip(), line


def test_given_a_status_that_is_watched_when_ctrl_c_is_typed_then_there_is_room_for_its_echo() -> None:
    for width in (40, 80, 120):
        console = Console(file=io.StringIO(), width=width)
        shown = console.render_lines(watched_table(console, status(MANY)), pad=False)
        assert max(sum(part.cell_length for part in line) for line in shown) <= width - len("^C")


def test_given_an_end_when_imported_then_it_is_of_one_kind_or_none() -> None:
    kinds = (UNFINISHED, CANNOT_BE_LABELLED, PENDING)
    assert sum(map(len, kinds)) == len(frozenset().union(*kinds))
    assert set(End) - frozenset().union(*kinds) == {End.LABELLED, End.EMPTY, End.LEFT_OUT}


def test_given_sizes_and_times_when_told_then_a_person_grasps_them() -> None:
    assert [size_text(size) for size in (0, 1, 999, 1_000, 1_234_567, 5e9)] == [
        "0 bytes", "1 byte", "999 bytes", "1.0 KB", "1.2 MB", "5.0 GB",
    ]  # fmt: skip
    assert [duration(seconds) for seconds in (0, 119, 120, 7_199, 7_200, 86_400 * 3)] == [
        "0 s", "119 s", "2 min", "120 min", "2.0 h", "3.0 days",
    ]  # fmt: skip
    assert [cost_text(usd) for usd in (0.001, 0.01, 1_234.5)] == [
        "less than 0.01 USD", "about 0.01 USD", "about 1,234.50 USD",
    ]  # fmt: skip


if __name__ == "__main__":
    SENTENCES.write_text("\n".join(map(told, SHOWN)), encoding="utf-8")
