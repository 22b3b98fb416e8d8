"""Records on the local cloud what CloudWatch has on AWS, so that the stack's alarms can be evaluated.

SQS's metrics from ministack's queues, Lambda's from ministack, our own from the functions' log lines (EMF), all
with the times at which they were true.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

from loadtest.alarm_states import MINUTE_S, Alarm, Metric, Recorded, rings
from local.ministack import messages
from photo_labels.library.logs import events
from photo_labels.library.queues import depth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud import LocalCloud

_LOOK_S = 5.0
# SQS reports an age once a minute, and the local one has to list all messages for it.
_AGE_S = 60.0
# SQS's age leaves out what was received so often.
_RECEIVED_OFTEN = 3
_OF_LAMBDA = ("Errors", "Throttles")


class Recorder:
    """Records while it is entered; afterwards it tells which alarms rang."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._endpoint_url = cloud.endpoint_url
        self._outputs = cloud.target.outputs
        self._sqs = cloud.target.client("sqs")
        self._logs = cloud.target.client("logs")
        self._cloudwatch = cloud.target.client("cloudwatch")
        self._is_over = Event()
        self._watcher = Thread(target=self._watch)
        self._ages_due_s = 0.0
        self.recorded = Recorded(since_s=time.time())

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._watcher.join()

    def rung(self) -> dict[str, list[float]]:
        """Return when each alarm of the stack began to ring, in seconds since the beginning; often never.

        Call it once, at the end. The minute that is under way then is evaluated as it is.
        """
        self._read_functions()
        described = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=f"{self._outputs.stack}-"
        )
        since_s, end_s = self.recorded.since_s, time.time() + MINUTE_S
        alarms = [Alarm(one) for page in described for one in page["MetricAlarms"]]
        return {
            alarm.name.removeprefix(f"{self._outputs.stack}-"): [
                at_s - since_s for at_s in rings(alarm, self.recorded, since_s, end_s)
            ]
            for alarm in alarms
        }

    def _watch(self) -> None:
        while True:
            is_last = self._is_over.wait(_LOOK_S)
            self._look()
            if is_last:
                return

    def _look(self) -> None:
        now_s = time.time()
        is_age_due = now_s >= self._ages_due_s
        for url in (*self._outputs.queue_urls, *self._outputs.dead_letter_queue_urls):
            waiting, taken = depth(self._sqs, url)
            self._add_of_queue("ApproximateNumberOfMessagesVisible", url, now_s, waiting)
            self._add_of_queue("ApproximateNumberOfMessagesNotVisible", url, now_s, taken)
            if is_age_due and waiting + taken:
                self._add_age(url, now_s)
        if is_age_due:
            self._ages_due_s = now_s + _AGE_S

    def _add_age(self, url: str, now_s: float) -> None:
        sent_s = [
            message["SentTimestamp"]
            for message in messages(self._endpoint_url, url)
            if message["ReceiveCount"] < _RECEIVED_OFTEN
        ]
        if sent_s:
            self._add_of_queue("ApproximateAgeOfOldestMessage", url, now_s, max(0.0, now_s - min(sent_s)))

    def _add_of_queue(self, name: str, url: str, now_s: float, value: float) -> None:
        self.recorded.add(Metric("AWS/SQS", name, (("QueueName", url.rpartition("/")[2]),)), now_s, value)

    def _read_functions(self) -> None:
        since_s = self.recorded.since_s
        for function in self._outputs.functions:
            for name in _OF_LAMBDA:
                self._read_lambda(function.name, name)
            for event in events(self._logs, function.log_group, int(since_s * 1000)):
                if '"_aws"' in event["message"]:
                    for metric, at_s, value in samples_of(json.loads(event["message"])):
                        self.recorded.add(metric, at_s, value)

    def _read_lambda(self, function: str, name: str) -> None:
        answer = self._cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=name,
            Dimensions=[{"Name": "FunctionName", "Value": function}],
            StartTime=datetime.fromtimestamp(self.recorded.since_s, UTC),
            EndTime=datetime.now(UTC) + timedelta(seconds=MINUTE_S),
            Period=MINUTE_S,
            Statistics=["Sum"],
        )
        for point in answer["Datapoints"]:
            metric = Metric("AWS/Lambda", name, (("FunctionName", function),))
            self.recorded.add(metric, max(point["Timestamp"].timestamp(), self.recorded.since_s), point["Sum"])


def samples_of(line: dict[str, Any]) -> Iterator[tuple[Metric, float, float]]:
    """Return the samples of a log line as CloudWatch reads them: metric, epoch seconds, value.

    By the specification of the embedded metric format.
    """
    at_s = line["_aws"]["Timestamp"] / 1000
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple(sorted((name, line[name]) for name in names))
            for described in directive["Metrics"]:
                values = line[described["Name"]]
                metric = Metric(directive["Namespace"], described["Name"], dimensions)
                for value in values if isinstance(values, list) else [values]:
                    yield metric, at_s, float(value)
