"""What makes each alarm ring, and what just does not, as CloudWatch evaluates it: one row of CONDITIONS each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING

import pytest

from loadtest.alarm_states import MINUTE_S, Alarm, Metric, Recorded, rings
from tests.infra.pipeline.shared import Template, alarms_of, with_all_alarms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    # By metric, minute by minute: one sample, several, or none at all.
    Record = Mapping[Metric, Iterable[float | list[float] | None]]

DAY_S = 86_400


def visible(queue: str) -> Metric:
    return Metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", (("QueueName", f"<{queue}.QueueName>"),))


def taken(queue: str) -> Metric:
    return Metric("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", (("QueueName", f"<{queue}.QueueName>"),))


def age(queue: str) -> Metric:
    return Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", (("QueueName", f"<{queue}.QueueName>"),))


def ours(name: str) -> Metric:
    return Metric("PhotoLabels", name, (("service", "photo-labels"),))


def of_function(function: str, name: str) -> Metric:
    return Metric("AWS/Lambda", name, (("FunctionName", f"<{function}>"),))


@dataclass(frozen=True)
class Condition:
    """What rings an alarm, in whole minutes, and what just does not."""

    rings: Record
    after_minutes: int
    below: Record


CONDITIONS = {
    "NoProgress": Condition(
        {visible("BulkQueue"): [7] * 10},
        10,
        {visible("BulkQueue"): [7] * 19, ours("MessagesEnded"): [*[None] * 9, 1]},
    ),
    "ConvertNoProgress": Condition(
        {visible("ConvertQueue"): [1] * 10},
        10,
        {visible("ConvertQueue"): [*[1] * 9, 0, *[1] * 9]},
    ),
    "QueueDepth": Condition({visible("Queue"): [3000] * 5}, 5, {visible("Queue"): [2999] * 9}),
    # Some photos end meanwhile; else NoProgress would ring, too.
    "MessagesInBackoff": Condition(
        {taken("Queue"): [*[0] * 15, *[51] * 15], ours("MessagesEnded"): [1] * 30},
        30,
        {taken("Queue"): [50] * 30, ours("MessagesEnded"): [1] * 30},
    ),
    "OldestMessage": Condition({age("Queue"): [900] * 3}, 3, {age("Queue"): [899] * 9}),
    "OldestPhoto": Condition({ours("OldestPhotoAge"): [[1, 1800]]}, 1, {ours("OldestPhotoAge"): [1799] * 9}),
    "DeadLetters": Condition({visible("DeadLetterQueue"): [1]}, 1, {visible("DeadLetterQueue"): [0] * 9}),
    "FunctionErrors": Condition(
        {of_function("Function", "Errors"): [1]}, 1, {of_function("Function", "Errors"): [0]}
    ),
    # In each of three times five minutes in a row; what is over within six minutes never is.
    "FunctionThrottles": Condition(
        {of_function("Function", "Throttles"): [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]},
        11,
        {of_function("Function", "Throttles"): [*[1] * 6, *[0] * 20]},
    ),
    "RejectedShare": Condition(
        {ours("ImagesRejected"): [[*[1] * 6, *[0] * 94]]}, 1, {ours("ImagesRejected"): [[*[1] * 5, *[0] * 95]]}
    ),
    "RejectedCount": Condition(
        {ours("ImagesRejected"): [*[[*[1.0] * 50, *[0.0] * 4000]] * 2, *[0.0] * 40]},
        2,
        {ours("ImagesRejected"): [[*[1] * 50, *[0] * 4000], [*[1] * 49, *[0] * 4000]]},
    ),
    "DailyPhotos": Condition(
        {ours("RekognitionCalls"): [25_000] * 4}, 4, {ours("RekognitionCalls"): [*[25_000] * 3, 24_999]}
    ),
    "BudgetSpent": Condition({ours("BudgetSpent"): [1]}, 1, {ours("BudgetSpent"): [0] * 9}),
    "ConvertQueueDepth": Condition(
        {visible("ConvertQueue"): [3000] * 5}, 5, {visible("ConvertQueue"): [2999] * 9}
    ),
    "ConvertOldestMessage": Condition({age("ConvertQueue"): [900] * 3}, 3, {age("ConvertQueue"): [899] * 9}),
    "ConvertDeadLetters": Condition(
        {visible("ConvertDeadLetterQueue"): [1]}, 1, {visible("ConvertDeadLetterQueue"): [0] * 9}
    ),
    "ConvertErrors": Condition(
        {of_function("ConvertFunction", "Errors"): [1]}, 1, {of_function("ConvertFunction", "Errors"): [0] * 9}
    ),
    "ConvertThrottles": Condition(
        {of_function("ConvertFunction", "Throttles"): [1] * 11},
        11,
        {of_function("ConvertFunction", "Throttles"): [*[1] * 6, *[0] * 20]},
    ),
    **{
        f"{lane}Age": Condition(
            {age(f"{lane}Queue"): [8 * DAY_S] * 11}, 11, {age(f"{lane}Queue"): [8 * DAY_S - 1] * 30}
        )
        for lane in ("Overflow", "Bulk", "BulkConvert")
    },
}


def recorded(record: Record) -> Recorded:
    """Samples from second 0 on, as each minute begins; the day before had none."""
    found = Recorded(since_s=-DAY_S)
    for metric, minutes in record.items():
        for minute, samples in enumerate(minutes):
            for sample in [] if samples is None else samples if isinstance(samples, list) else [samples]:
                found.add(metric, minute * MINUTE_S, sample)
    return found


def rung(template: Template, record: Record, minutes: int = 40) -> dict[str, list[float]]:
    """When which alarms begin to ring, in minutes."""
    found, alarms = recorded(record), map(Alarm, alarms_of(with_all_alarms(template)).values())
    began = {one.name.removeprefix("photo-labels-"): rings(one, found, 0, minutes * MINUTE_S) for one in alarms}
    return {name: [at_s / MINUTE_S for at_s in times] for name, times in began.items() if times}


@pytest.mark.parametrize("name", CONDITIONS)
def test_given_a_condition_when_it_is_there_then_its_alarm_rings_and_no_other(
    template: Template, name: str
) -> None:
    condition = CONDITIONS[name]
    assert rung(template, condition.rings) == {name: [condition.after_minutes]}


@pytest.mark.parametrize("name", CONDITIONS)
def test_given_what_is_just_below_a_line_when_it_is_there_then_no_alarm_rings(
    template: Template, name: str
) -> None:
    assert rung(template, CONDITIONS[name].below) == {}


def test_given_the_alarms_when_compared_with_the_table_then_each_has_its_row(template: Template) -> None:
    assert alarms_of(with_all_alarms(template)).keys() == CONDITIONS.keys()


@pytest.mark.parametrize("queue", ["Queue", "OverflowQueue", "BulkQueue", "ConvertQueue", "BulkConvertQueue"])
@pytest.mark.parametrize("count", [visible, taken])
def test_given_any_queue_in_which_work_waits_when_nothing_ends_then_its_functions_alarm_rings(
    template: Template, queue: str, count: Callable[[str], Metric]
) -> None:
    name = "ConvertNoProgress" if "Convert" in queue else "NoProgress"
    assert rung(template, {count(queue): [3] * 30}) == {name: [10.0]}


def test_given_photos_that_are_only_sent_on_when_nothing_ends_then_it_is_no_progress(template: Template) -> None:
    record: Record = {
        visible("BulkQueue"): [7] * 20,
        ours("ImagesForwarded"): [100] * 20,
        ours("RecordsFailed"): [100] * 20,
        ours("MessagesEnded"): [0] * 20,
    }
    assert rung(template, record) == {"NoProgress": [10.0]}


def test_given_one_function_that_works_when_the_other_is_stuck_then_that_rings(template: Template) -> None:
    record: Record = {
        visible("BulkQueue"): [7] * 20,
        visible("BulkConvertQueue"): [7] * 20,
        ours("MessagesEnded"): [300] * 20,
    }
    assert rung(template, record) == {"ConvertNoProgress": [10.0]}


def test_given_a_spent_budget_when_bulk_work_waits_for_days_then_only_that_is_said(template: Template) -> None:
    # As the schedule looks at it: every 5 minutes, and one of them fails.
    spent = [1 if minute % 5 == 4 and minute != 24 else None for minute in range(60)]
    record: Record = {
        visible("OverflowQueue"): [50] * 60,
        visible("BulkQueue"): [5000] * 60,
        visible("BulkConvertQueue"): [5000] * 60,
        ours("BudgetSpent"): spent,
    }
    assert set(rung(template, record, minutes=58)) == {"BudgetSpent"}


def test_given_sqs_that_reports_late_when_nothing_ends_then_it_rings_all_the_same(template: Template) -> None:
    # The newest minutes are not there yet, however often CloudWatch looks.
    alarm = Alarm(alarms_of(with_all_alarms(template))["NoProgress"])
    names = [name for name in alarm.queries if name not in {"ended", "spent"}]
    for missing in (0, 1, 2):
        found = Recorded(since_s=-DAY_S)
        for name in names:
            for minute in range(20 - missing):
                found.add(alarm.queries[name].metric, minute * MINUTE_S, 1.0)
        [*_, (_, state)] = alarm.states(found, 0, 20 * MINUTE_S)
        assert state == "ALARM", missing


def test_given_an_idle_pipeline_when_nothing_is_reported_for_hours_then_nothing_rings(template: Template) -> None:
    zeros = {count(queue): [0] * 360 for queue in ("Queue", "BulkQueue") for count in (visible, taken)}
    assert rung(template, zeros, minutes=500) == {}
    assert rung(template, {}, minutes=60) == {}


@pytest.mark.parametrize(("tps", "heic_share"), [(5, 0.0), (5, 0.5), (50, 0.0), (50, 1.0)])
def test_given_an_import_of_a_hundred_thousand_photos_when_it_is_labelled_then_nothing_rings(
    template: Template, tps: int, heic_share: float
) -> None:
    """What its queues and functions report while 80 photos a second are uploaded, and until the last hour."""
    minutes = min(600, 100_000 // (60 * tps))
    waiting = [max(0, min(80 * 60 * minute, 99_000) - tps * 60 * minute) for minute in range(minutes)]
    record: Record = {
        visible("Queue"): [400] * minutes,
        taken("Queue"): [50] * minutes,
        age("Queue"): [20] * minutes,
        ours("OldestPhotoAge"): [20] * minutes,
        visible("BulkQueue"): [number * (1 - heic_share) for number in waiting],
        visible("BulkConvertQueue"): [number * heic_share for number in waiting],
        taken("BulkQueue"): [20] * minutes,
        age("BulkQueue"): [60 * minute for minute in range(minutes)],
        age("BulkConvertQueue"): [60 * minute for minute in range(minutes)],
        # Some are broken: the importer says so. Half of them are too small, which nobody has to be told.
        ours("BulkImagesRejected"): [tps] * minutes,
        ours("SmallPhotos"): [tps * 30] * minutes,
        ours("ImagesForwarded"): [80 * 60] * minutes,
        # Of HEICs alone, what the first function is done with are those that it hands over.
        ours("MessagesEnded"): [tps * 60 * (1 - heic_share) or 80 * 60] * minutes,
        ours("ConvertMessagesEnded"): list(repeat(tps * 60 * heic_share or None, minutes)),
        of_function("Function", "Errors"): [0] * minutes,
        of_function("Function", "Throttles"): [0] * minutes,
        # A little below DailyPhotosAlarm: a day's spending is told of, whatever it was for.
        ours("RekognitionCalls"): [99_999 / minutes] * minutes,
    }
    assert rung(template, record, minutes) == {}
