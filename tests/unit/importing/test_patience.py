"""How long an import waits for what is left: played in virtual time, with queues and a status of the test's."""

from __future__ import annotations

import io
import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from photo_labels.library.budget import BudgetStatus
from photo_labels.library.importing.ends import End
from photo_labels.library.importing.importer import Importer, ImportProgress
from photo_labels.library.importing.journal import File, ImportCounts, Journal
from photo_labels.library.importing.patience import PATIENCE, GivenUp, Hold, Patience, Watch
from photo_labels.library.status import COUNTED, Queue, Status
from photo_labels.records.budget import Budget, Counted
from photo_labels.terminal.import_display import ImportDisplay
from tests.fakes.stack import outputs_of_stack
from tests.unit.deployed import document
from tests.unit.importing.shared import Time, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.unit.disk import Disk

STEP_S = 15.0
BEGIN = datetime(2026, 11, 26, tzinfo=UTC)
NEVER = math.inf
HOUR_S, DAY_S = 3_600.0, 86_400.0
MINUTES_15 = PATIENCE.retried_s


class Cloud:
    """The pipeline of an import whose uploads are over, each photo with the time of its end, by clock `now`."""

    def __init__(self, ends: Sequence[float]) -> None:
        self.ends = list(ends)
        self.now = 0.0
        # By time: messages that wait for their turn, and those in hand or waiting for another try.
        self.waiting: Callable[[float], int] = lambda _: 0
        self.in_hand: Callable[[float], int] = lambda now: sum(end > now for end in self.ends)
        # By time: photos of anybody's that end, a second.
        self.rate: Callable[[float], float] = lambda _: 0.0
        self.is_paused: Callable[[float], bool] = lambda _: False
        self.budget: Callable[[float], BudgetStatus | None] = lambda _: None
        self.refused: ClientError | None = None
        self.holds: set[Hold] = set()
        self.outputs = outputs_of_stack({"BulkQueueUrl": "bulk", "OverflowQueueUrl": "overflow"})

    def client(self, _: str) -> Any:
        return self

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803 - boto3's
        is_bulk = QueueUrl == "bulk"
        counts = [self.waiting(self.now), self.in_hand(self.now)] if is_bulk else [0, 0]
        return {"Attributes": dict(zip(AttributeNames, map(str, counts), strict=True))}

    def read(self) -> Status:
        """Tell the status, in the place of StatusReader."""
        if self.refused:
            raise self.refused
        counts = dict.fromkeys(COUNTED, 0.0) | {"ImagesLabelled": self.rate(self.now) * 300}
        none, is_on = Queue(0, 0, 0), not self.is_paused(self.now)
        return Status(none, none, none, none, none, is_on, counts, None, 5.0, {}, self.budget(self.now))

    def wait(self, until_s: float = 3 * DAY_S) -> tuple[GivenUp | None, float]:
        """Wait for all photos; return why and when it is given up, or None and when all had ended."""
        target: Any = self
        with Journal(None) as journal:
            for place in range(len(self.ends)):
                journal.uploaded(File(Path(f"/{place}"), str(place), 1, ""), bytes([place]), "e", 0.0, is_new=True)
            watch = Watch(target, journal, PATIENCE, lambda: self.now)
            while self.now < until_s:
                self._end(journal, watch)
                if not journal.is_waiting():
                    return None, self.now
                if why := watch.given_up():
                    return why, self.now
                self.holds |= {watch.hold} if watch.hold else set()
                self.now += STEP_S
        return None, NEVER

    def _end(self, journal: Journal, watch: Watch) -> None:
        for one in journal.to_look_for(NEVER, len(self.ends)):
            end = self.ends[int(one.key)]
            if end <= self.now:
                times = (str(BEGIN + timedelta(seconds=moment)) for moment in (0.0, end))
                event_time, labelled_at = times
                journal.ended(one, End.LABELLED, "", None)
                watch.ended(
                    one.place, document(one.key, {"Cat": 99}, event_time=event_time, labelled_at=labelled_at)
                )


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photo_labels.library.importing.patience.StatusReader", lambda cloud: cloud)


def budget_of(left: int) -> BudgetStatus:
    return BudgetStatus(Budget(daily=100, monthly=0), Counted(20261126, 100 - left, 100 - left), BEGIN)


def test_given_one_that_never_ends_when_others_have_then_it_is_given_up_after_nine_tries() -> None:
    cloud = Cloud([10.0, NEVER, 20.0, 30.0])
    why, at = cloud.wait()
    assert why is GivenUp.RETRIED
    assert 30 + MINUTES_15 <= at <= 30 + MINUTES_15 + 2 * STEP_S


def test_given_empty_queues_when_waited_for_then_it_is_given_up_once_no_message_can_be_hidden() -> None:
    cloud = Cloud([10.0, NEVER])
    cloud.in_hand = lambda now: int(now < HOUR_S / 10)
    why, at = cloud.wait()
    assert why is GivenUp.EMPTY
    assert HOUR_S / 10 + PATIENCE.empty_s - STEP_S <= at <= HOUR_S / 10 + PATIENCE.empty_s + 2 * STEP_S


@pytest.mark.parametrize("is_refused", [False, True])
def test_given_a_long_queue_that_moves_when_waited_for_then_its_end_is_waited_for(is_refused: bool) -> None:
    cloud = Cloud([DAY_S, DAY_S + 1])
    cloud.waiting = lambda now: max(0, round((DAY_S - now) * 5))
    cloud.rate = lambda _: 5.0
    cloud.refused = refusal("AccessDenied") if is_refused else None
    why, at = cloud.wait()
    assert why is None
    assert at <= DAY_S + STEP_S


def test_given_a_queue_of_others_that_never_falls_when_photos_end_then_it_is_waited_for() -> None:
    cloud = Cloud([DAY_S])
    cloud.waiting = lambda _: 1_000
    cloud.rate = lambda _: 5.0
    assert cloud.wait()[0] is None


def test_given_messages_that_end_without_labels_when_the_queue_falls_then_it_is_waited_for() -> None:
    cloud = Cloud([DAY_S])
    cloud.waiting = lambda now: max(0, round((DAY_S - now) * 50))
    assert cloud.wait()[0] is None


def test_given_a_paused_pipeline_when_it_goes_on_after_days_then_it_was_waited_for() -> None:
    cloud = Cloud([2 * DAY_S + 60.0])
    cloud.waiting = lambda now: int(now < 2 * DAY_S)
    cloud.is_paused = lambda now: now < 2 * DAY_S
    assert cloud.wait()[0] is None
    assert cloud.holds == {Hold.PAUSED}


def test_given_a_spent_budget_when_the_next_day_has_begun_then_it_was_waited_for() -> None:
    cloud = Cloud([DAY_S + 900.0])
    cloud.waiting = lambda now: int(now < DAY_S + 600)
    cloud.budget = lambda now: budget_of(0 if now < DAY_S else 100)
    assert cloud.wait()[0] is None
    assert cloud.holds == {Hold.OVER_BUDGET}


def test_given_a_pause_that_ends_when_a_photo_fails_then_its_tries_count_from_then() -> None:
    cloud = Cloud([10.0, NEVER])
    cloud.is_paused = lambda now: now < HOUR_S
    why, at = cloud.wait()
    assert why is GivenUp.RETRIED
    assert HOUR_S + MINUTES_15 - 300 <= at <= HOUR_S + MINUTES_15 + 300


def test_given_a_million_of_others_behind_when_one_of_ours_never_ends_then_it_is_given_up() -> None:
    cloud = Cloud([700.0, NEVER, 710.0, 720.0, 730.0])
    cloud.waiting = lambda now: 1_000_000 - round(5 * now)
    cloud.rate = lambda _: 5.0
    why, at = cloud.wait()
    assert why is GivenUp.RETRIED
    assert at <= 730 + MINUTES_15 + 2 * STEP_S


def test_given_a_million_before_when_some_of_ours_found_free_slots_then_the_rest_is_waited_for() -> None:
    cloud = Cloud([DAY_S, 0.3, DAY_S, 0.4, 0.5, 0.3, 0.6])
    cloud.waiting = lambda now: max(0, round((DAY_S - now) * 5))
    cloud.rate = lambda _: 5.0
    assert cloud.wait()[0] is None


def test_given_messages_and_nothing_that_ends_when_an_hour_is_over_then_it_is_given_up() -> None:
    cloud = Cloud([NEVER] * 5)
    cloud.waiting = lambda _: 100
    why, at = cloud.wait()
    assert why is GivenUp.STANDING
    assert HOUR_S <= at <= HOUR_S + 3 * STEP_S


def test_given_others_before_when_waited_for_longer_than_sqs_keeps_messages_then_it_ends() -> None:
    cloud = Cloud([NEVER])
    cloud.waiting = lambda _: 1_000
    cloud.rate = lambda _: 5.0
    why, at = cloud.wait(20 * DAY_S)
    assert (why, round(at / DAY_S)) == (GivenUp.TOO_OLD, 12)


def test_given_credentials_that_are_over_when_the_status_is_read_then_it_is_no_refusal() -> None:
    cloud = Cloud([NEVER])
    cloud.refused = refusal("ExpiredToken")
    with pytest.raises(ClientError):
        cloud.wait()


# The import itself


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    importer = partial(Importer, patience=Patience(empty_s=1.0, retried_s=2.0), **Time().options())
    monkeypatch.setattr("photo_labels.commands.import_.Importer", importer)
    # It tells nothing: queues have to do.
    monkeypatch.setattr("photo_labels.library.importing.patience.StatusReader", refused)


def refused(_target: Any) -> Any:
    raise refusal("AccessDenied")


@pytest.mark.usefixtures("impatient")
def test_given_a_photo_that_comes_back_for_ever_when_imported_or_resumed_then_it_is_named(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    queue, sqs = disk.target.outputs.labelling.bulk_queue_url, disk.target.client("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    assert sqs.receive_message(QueueUrl=queue, VisibilityTimeout=3_600)["Messages"]
    disk.write("a.jpg", "b.jpg", "lost\n.jpg")
    for arguments, sums in (
        ([disk.folder], "3 photos = 2 labelled + 0 rejected + 1 unaccounted for"),
        (["--resume"], "1 photo = 0 labelled + 0 rejected + 1 unaccounted for"),
    ):
        ended = runner(*arguments)
        told = " ".join(ended.output.split())
        assert (ended.exit_code, sums in told) == (3, True), told
        assert "its turn has come" in told
        assert "lost\\n.jpg" in told
        assert "photos import --resume waits for it again" in told


def progress(waiting: int, *, quiet_s: float, hold: Hold | None = None) -> ImportProgress:
    counts = ImportCounts(waiting + 1, Counter({End.LABELLED: 1}), waiting + 1, 0, 0, waiting)
    return ImportProgress(counts, 0, 0.0, quiet_s, "[b]IMG\x1b_1.jpg", hold)


def told(*shown: ImportProgress) -> list[str]:
    file = io.StringIO()
    with ImportDisplay(Console(file=file, width=200)) as display:
        for one in shown:
            display.show(one)
    return file.getvalue().splitlines()


def test_given_no_terminal_when_little_is_left_and_nothing_ends_then_it_is_named_once() -> None:
    lines = told(
        progress(3, quiet_s=59.0),
        progress(3, quiet_s=180.0),
        progress(2, quiet_s=240.0),
        progress(40, quiet_s=0.0, hold=Hold.PAUSED),
        progress(40, quiet_s=300.0, hold=Hold.PAUSED),
    )
    assert lines == [
        "waiting for [b]IMG\\x1b_1.jpg and 2 others for 3 min",
        "labelling is paused: photos resume continues",
    ]


def test_given_a_terminal_when_one_is_left_and_nothing_ends_then_the_bar_names_it() -> None:
    file = io.StringIO()
    with ImportDisplay(Console(file=file, width=200, force_terminal=True)) as display:
        display.show(progress(1, quiet_s=180.0))
    assert "waiting for [b]IMG\\x1b_1.jpg for 3 min" in file.getvalue()


def test_given_a_pause_when_nothing_ends_then_it_is_known_at_once_and_looked_at_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[float] = []
    cloud: Any = Cloud([NEVER])

    def is_on() -> bool:
        looks.append(cloud.now)
        return bool(cloud.now >= 100.0)

    status = SimpleNamespace(is_on=is_on, budget=lambda: None)
    monkeypatch.setattr("photo_labels.library.importing.patience.StatusReader", lambda _: status)
    with Journal(None) as journal:
        watch = Watch(cloud, journal, PATIENCE, lambda: cloud.now)
        holds = []
        for second in range(120):
            cloud.now = float(second)
            watch.uploaded()
            watch.look_for_hold()
            holds.append(watch.hold)
    assert holds[0] is Hold.PAUSED
    assert looks == [15.0 * number for number in range(8)]
    assert (holds[104], holds[105]) == (Hold.PAUSED, None)


def test_given_photos_that_end_when_uploading_then_nobody_looks_for_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud: Any = Cloud([NEVER])
    monkeypatch.setattr("photo_labels.library.importing.patience.StatusReader", refused)
    with Journal(None) as journal:
        watch = Watch(cloud, journal, PATIENCE, lambda: cloud.now)
        watch.ended(0, document("a.jpg", {"Cat": 99}))
        watch.look_for_hold()
        assert watch.looked_at == NEVER * -1
        cloud.now = 5.0
        watch.look_for_hold()  # refused: nobody knows
    assert watch.hold is None
