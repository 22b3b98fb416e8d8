"""How the pipeline is at this moment: queues, dead letters, rates, quota, alarms.

Counts and rates are the functions' own metrics: on AWS from CloudWatch, a minute or two late; locally, where
nobody collects them, from the log lines that they are written in (EMF).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from photo_labels.library.budget import read_budget
from photo_labels.library.logs import events
from photo_labels.library.mapping import Mappings
from photo_labels.library.queues import depth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from photo_labels.library.budget import BudgetStatus
    from photo_labels.library.target import Target

# What is counted is of so many whole minutes; CloudWatch has no finer sums.
MINUTES = 5
COUNTED = (
    "ImagesLabelled",
    "ImagesRejected",
    "BulkImagesRejected",
    "SmallPhotos",
    "ImagesRemoved",
    "ImagesHandedOver",
    "ImagesForwarded",
    "RecordsFailed",
    "RekognitionCalls",
    "RekognitionThrottles",
)
OLDEST = "OldestPhotoAge"
_NAMESPACE = "PhotoLabels"


@dataclass(frozen=True, slots=True)
class Queue:
    """Messages of one queue, about as many as SQS says."""

    waiting: int
    # With the function, or waiting for another try.
    in_hand: int
    # Of all lanes of the function; the other lanes have none.
    dead: int

    @property
    def total(self) -> int:
        return self.waiting + self.in_hand


@dataclass(frozen=True, slots=True)
class Status:
    """The pipeline's status."""

    # Live ones, those that exceeded the quota, and bulk work.
    photos: Queue
    overflow: Queue
    bulk: Queue
    converting: Queue
    bulk_converting: Queue
    # Somebody works on the queues; else they are paused.
    is_on: bool
    # The metrics of COUNTED, summed over the last MINUTES.
    counts: Mapping[str, float]
    # Age of the oldest photo that was received in that time; None: none was.
    oldest_s: float | None
    # Rekognition calls a second that the pipeline allows itself; 0: no limit.
    tps: float
    # Those that ring, with their descriptions.
    alarms: Mapping[str, str]
    # None: there is none.
    budget: BudgetStatus | None = None

    @property
    def waiting(self) -> int:
        """Return about how many photos are in the queues."""
        queues = (self.photos, self.overflow, self.bulk, self.converting, self.bulk_converting)
        return sum(queue.total for queue in queues)

    @property
    def photos_a_second(self) -> float:
        """Return the photos that ended, a second."""
        ended = ("ImagesLabelled", "ImagesRejected", "BulkImagesRejected", "SmallPhotos", "ImagesRemoved")
        return sum(self.counts[name] for name in ended) / (MINUTES * 60)

    @property
    def rejected(self) -> float:
        """Return the photos that were rejected, live ones and bulk work, but for those that are too small."""
        return self.counts["ImagesRejected"] + self.counts["BulkImagesRejected"]

    @property
    def calls_a_second(self) -> float:
        return self.counts["RekognitionCalls"] / (MINUTES * 60)

    @property
    def gone_in_s(self) -> float | None:
        """Until the backlog is gone, at the rate of the last minutes, or at the quota where there was none yet.

        None: nobody knows.
        """
        if not self.waiting:
            return 0.0
        if not self.is_on:
            return None
        if self.budget:
            return self.budget.takes_s(self.waiting, self.tps)
        return self.waiting / self.photos_a_second if self.photos_a_second else self.gone_at_quota_s

    @property
    def gone_at_quota_s(self) -> float | None:
        """Until the backlog is gone, at the quota; None: it is not known, or labelling is paused.

        What was only now queued shows in no rate of the last minutes, which may have been idle.
        """
        return self.waiting / self.tps if self.tps and self.is_on else None

    def lost_after(self, days: float) -> int:
        """Return about how many of those that wait are not labelled within so many days, because of the budget."""
        return max(0, self.waiting - int(self.budget.allowed(days, self.tps))) if self.budget else 0


class StatusReader:
    """Asks AWS for a pipeline's status, again and again."""

    def __init__(self, target: Target, clock: Callable[[], float] = time.time) -> None:
        self._target = target
        self._outputs = target.outputs
        self._sqs = target.client("sqs")
        self._cloudwatch = target.client("cloudwatch")
        self._logs = target.client("logs")
        self._is_local = target.is_local
        self._mappings = Mappings(target)
        self._clock = clock
        configuration = target.client("lambda").get_function_configuration(
            FunctionName=target.outputs.labelling.name
        )
        variables = configuration["Environment"]["Variables"]
        # Rekognition calls a second that the pipeline allows itself; 0: no limit.
        self.tps = float(variables.get("REKOGNITION_TPS") or 0)
        self._stack = variables["POWERTOOLS_SERVICE_NAME"]
        self._variables = variables

    def read(self) -> Status:
        """Look once. Raises ClientError where AWS refuses a call."""
        counts, oldest_s = self._counted_in_logs() if self._is_local else self._counted_by_cloudwatch()
        return Status(
            **self._queues(),
            is_on=self.is_on(),
            counts={name: counts.get(name, 0.0) for name in COUNTED},
            oldest_s=oldest_s,
            tps=self.tps,
            alarms=self._alarms(),
            budget=self.budget(),
        )

    def is_on(self) -> bool:
        """Look once whether the queues are worked on. Raises ClientError where AWS refuses a call."""
        return self._mappings.are_on()

    def budget(self) -> BudgetStatus | None:
        """Look once what is left; None: there is no budget. Raises ClientError where AWS refuses the call."""
        return read_budget(self._target, self._variables)

    def _queues(self) -> dict[str, Queue]:
        """Return the lanes; a stack of before there were lanes has the live ones only."""
        queues = dict.fromkeys(("overflow", "bulk", "bulk_converting"), Queue(0, 0, 0))
        for function, names in (
            (self._outputs.labelling, ("photos", "overflow", "bulk")),
            (self._outputs.converting, ("converting", "bulk_converting")),
        ):
            dead = sum(sum(depth(self._sqs, queue)) for queue in function.dead_letter_queue_urls)
            for name, lane in zip(names, function.lanes, strict=False):
                queues[name] = Queue(*depth(self._sqs, lane.queue_url), dead if lane is function.lanes[0] else 0)
        return queues

    def _alarms(self) -> dict[str, str]:
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"{self._stack}-", StateValue="ALARM"
        )
        ringing = {
            one["AlarmName"].removeprefix(f"{self._stack}-"): one.get("AlarmDescription", "")
            for page in pages
            for one in page["MetricAlarms"]
        }
        # A stack "photos-test" has alarms that begin like those of "photos"; ours have no hyphen in their names.
        return {name: description for name, description in ringing.items() if "-" not in name}

    def _counted_by_cloudwatch(self) -> tuple[dict[str, float], float | None]:
        end = datetime.fromtimestamp(self._clock(), UTC).replace(second=0, microsecond=0)
        statistics = dict.fromkeys(COUNTED, "Sum") | {OLDEST: "Maximum"}
        queries: Any = [
            {
                "Id": name.lower(),
                "MetricStat": {
                    "Metric": {
                        "Namespace": _NAMESPACE,
                        "MetricName": name,
                        "Dimensions": [{"Name": "service", "Value": self._stack}],
                    },
                    "Period": 60,
                    "Stat": statistic,
                },
            }
            for name, statistic in statistics.items()
        ]
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=end - timedelta(minutes=MINUTES), EndTime=end
        )
        values = {one["Id"]: one["Values"] for page in pages for one in page["MetricDataResults"] if one["Values"]}
        counts = {name: sum(values.get(name.lower(), ())) for name in COUNTED}
        return counts, max(values.get(OLDEST.lower(), ()), default=None)

    def _counted_in_logs(self) -> tuple[dict[str, float], float | None]:
        since_ms = int((self._clock() - MINUTES * 60) * 1000)
        counts: dict[str, float] = dict.fromkeys(COUNTED, 0.0)
        ages: list[float] = []
        for function in self._outputs.functions:
            for event in events(self._logs, function.log_group, since_ms):
                if '"_aws"' not in event["message"]:
                    continue
                line = json.loads(event["message"])
                for name in COUNTED:
                    counts[name] += sum(_values(line, name))
                ages += _values(line, OLDEST)
        return counts, max(ages, default=None)


def _values(line: dict[str, Any], name: str) -> list[float]:
    """What a line in EMF says of a metric: one value, or several, or none."""
    value = line.get(name, [])
    return value if isinstance(value, list) else [value]
