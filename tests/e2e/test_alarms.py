"""Each alarm rings: what it watches is what is reported when the condition is there, and its subscriber is told.

The metrics of ours are those in the function's own log (EMF). Those of AWS are made here, under the names and
dimensions that AWS documents, from what the local queues and the local Lambda say; CloudWatch is then given them.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.cloud import LocalCloud
from tests.e2e.conftest import Pipeline
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# "Available CloudWatch metrics for Amazon SQS" in the SQS developer guide: every minute, by QueueName.
SQS_METRICS = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
}
STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "Average": lambda values: sum(values) / len(values),
    "Maximum": max,
    "Sum": sum,
}
CROSSES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
}
# What the stack lets its owner set, so low that a test reaches it; and the way of events that has one alarm more.
LOW = {"QueueDepthAlarm": "5", "DailyPhotosAlarm": "5", "Via": "eventbridge"}


@dataclass(frozen=True)
class Sample:
    """One value of a metric, as CloudWatch takes it."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...]
    value: float

    def is_watched_by(self, alarm: dict[str, Any]) -> bool:
        dimensions = tuple((one["Name"], one["Value"]) for one in alarm["Dimensions"])
        return (self.namespace, self.metric, self.dimensions) == (
            alarm["Namespace"],
            alarm["MetricName"],
            dimensions,
        )


class Watched:
    """A pipeline, its alarms, and somebody who has subscribed to them."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        target = pipeline.cloud.target
        self._cloudwatch, self.functions = target.client("cloudwatch"), target.client("lambda")
        # What is to be refused is asked for once: retries take seconds.
        self.functions_once = target.client("lambda", config=Config(retries={"total_max_attempts": 1}))
        self._ear = self._subscribe(target.client("sns"), pipeline.outputs["AlarmTopicArn"])
        self._lines_before = 0

    def _subscribe(self, sns: Any, topic: str) -> str:
        """As anybody subscribes a queue, which has to let the topic send."""
        sqs = self.pipeline.sqs
        url: str = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        may_send = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [may_send]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return url

    def begin(self, name: str) -> dict[str, Any]:
        """Forget what was; returns the alarm."""
        self._lines_before = len(self.pipeline.log_lines("_aws"))
        alarm_name = f"photo-labels-{name}"
        self._cloudwatch.set_alarm_state(AlarmName=alarm_name, StateValue="OK", StateReason="a test begins")
        self.heard()
        [alarm] = self._cloudwatch.describe_alarms(AlarmNames=[alarm_name])["MetricAlarms"]
        return dict(alarm)

    def emitted(self) -> list[Sample]:
        """What the function has reported since."""
        return [
            sample
            for line in self.pipeline.log_lines("_aws")[self._lines_before :]
            for sample in _samples(json.loads(line))
        ]

    def queue(self, output: str) -> list[Sample]:
        """What SQS reports of a queue every minute."""
        url = self.pipeline.outputs[output]
        attributes = self.pipeline.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        name = (("QueueName", attributes["QueueArn"].rpartition(":")[2]),)
        return [
            Sample("AWS/SQS", metric, name, float(attributes[attribute]))
            for metric, attribute in SQS_METRICS.items()
        ]

    def of_function(self, output: str, metric: str) -> list[Sample]:
        """What Lambda reports of a function: "Metrics reference" in its developer guide."""
        return [Sample("AWS/Lambda", metric, (("FunctionName", self.pipeline.outputs[output]),), 1.0)]

    def report(self, samples: list[Sample]) -> None:
        for sample in samples:
            self._cloudwatch.put_metric_data(
                Namespace=sample.namespace,
                MetricData=[
                    {
                        "MetricName": sample.metric,
                        "Dimensions": [{"Name": name, "Value": value} for name, value in sample.dimensions],
                        "Value": sample.value,
                    }
                ],
            )

    def heard(self) -> list[dict[str, Any]]:
        """What the subscriber was told since the last time."""
        told = []
        while messages := self.pipeline.sqs.receive_message(QueueUrl=self._ear, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                told.append(json.loads(json.loads(message["Body"])["Message"]))
                self.pipeline.sqs.delete_message(QueueUrl=self._ear, ReceiptHandle=message["ReceiptHandle"])
        return told

    def pause(self) -> None:
        self._switch(on=False)

    def resume(self) -> None:
        self._switch(on=True)

    def _switch(self, *, on: bool) -> None:
        for mapping in ("MappingId", "ConvertMappingId"):
            uuid = self.pipeline.outputs[mapping]
            self.functions.update_event_source_mapping(UUID=uuid, Enabled=on)


def _samples(emf: dict[str, Any]) -> Iterator[Sample]:
    """The metrics of one line, as CloudWatch reads them (the specification of its embedded metric format)."""
    for directive in emf["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = tuple((name, emf[name]) for name in names)
            for metric in directive["Metrics"]:
                values = emf[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield Sample(directive["Namespace"], metric["Name"], dimensions, float(value))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    simulated = ["--mode", "simulated", "--simulation", json.dumps({"p50_ms": 0, "p99_ms": 0})]
    state = tmp_path_factory.mktemp("alarms") / "state"
    with LocalCloud(state, recogniser=simulated, parameters=LOW) as cloud:
        yield Watched(Pipeline(cloud))


# Conditions. Each gives the samples that are reported while it is there.


def rejected(watched: Watched, count: int) -> list[Sample]:
    watched.pipeline.recogniser("settings", {"errors": {"InvalidParameterException": 1.0}})
    try:
        etags = {
            key: watched.pipeline.upload(key, b"no photo") for key in (f"{count}/{n}.jpg" for n in range(count))
        }
        for key, etag in etags.items():
            watched.pipeline.settled(key, etag)
    finally:
        watched.pipeline.recogniser("settings", {"errors": {}})
    return reported(watched, "ImagesRejected", count)


def labelled(watched: Watched, count: int) -> list[Sample]:
    keys = [f"labelled/{time.monotonic_ns()}.jpg" for _ in range(count)]
    for key in keys:
        watched.pipeline.settled(key, watched.pipeline.upload(key, b"a photo"))
    return reported(watched, "RekognitionCalls", count)


def reported(watched: Watched, metric: str, total: float) -> list[Sample]:
    """Wait until the log has all of a metric."""

    def look() -> list[Sample] | None:
        samples = watched.emitted()
        return samples if sum(one.value for one in samples if one.metric == metric) >= total else None

    return eventually(look)


def old_photo(watched: Watched) -> list[Sample]:
    """An event of 31 minutes ago."""
    then = datetime.now(UTC) - timedelta(minutes=31)
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": then.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {"name": watched.pipeline.bucket},
            "object": {"key": "old.jpg", "size": 1, "eTag": "0" * 32, "sequencer": "0055AED6DCD90281E5"},
        },
    }
    watched.pipeline.send(json.dumps({"Records": [record]}))
    return reported(watched, "OldestPhotoAge", 31 * 60)


def about_nothing(watched: Watched, key: str) -> dict[str, Any]:
    """A message that is done at no cost."""
    return {"source": "photo-labels", "action": "reconcile", "bucket": watched.pipeline.bucket, "key": key}


def deep_queue(watched: Watched, queue: str = "QueueUrl") -> list[Sample]:
    """Nothing is taken, and messages come."""
    watched.pause()
    try:
        # More than the alarm's line: the local CloudWatch averages over the metric's other queues as well.
        for number in range(10):
            watched.pipeline.send(json.dumps(about_nothing(watched, f"deep/{number}.jpg")), queue)

        def look() -> list[Sample] | None:
            samples = watched.queue(queue)
            return samples if samples[0].value >= 10 else None

        return eventually(look)
    finally:
        watched.resume()


def hidden_messages(watched: Watched) -> list[Sample]:
    """More than MaxConcurrency batches of ten are received, and neither deleted nor visible."""
    pipeline, url = watched.pipeline, watched.pipeline.outputs["QueueUrl"]
    watched.pause()
    try:
        for number in range(21):
            pipeline.upload(f"hidden/{number}.jpg", b"a photo")

        def look() -> list[Sample] | None:
            pipeline.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=60)
            samples = watched.queue("QueueUrl")
            return samples if samples[1].value > 20 else None

        return eventually(look)
    finally:
        watched.resume()


def dead_letter(watched: Watched, queue: str = "") -> list[Sample]:
    """A message that nobody understands, in a queue."""
    dead_letters = f"{queue}DeadLetterQueueUrl"
    watched.pipeline.dead_letter(watched.pipeline.send("no JSON", f"{queue}QueueUrl"), dead_letters)
    return watched.queue(dead_letters)


def undelivered_event(watched: Watched) -> list[Sample]:
    """EventBridge could not deliver it; the local one never does that."""
    watched.pipeline.send("an event", "UndeliveredQueueUrl")
    return watched.queue("UndeliveredQueueUrl")


def waiting_photo(watched: Watched, queue: str = "QueueUrl", seconds: float = 900.0) -> list[Sample]:
    """A quarter of an hour is not waited for: the value is made up, the name and the dimension are AWS's."""
    [name] = {one.dimensions for one in watched.queue(queue)}
    return [Sample("AWS/SQS", "ApproximateAgeOfOldestMessage", name, seconds)]


def broken_function(watched: Watched, output: str = "FunctionName") -> list[Sample]:
    """It is given what no queue gives, and fails as a whole."""
    name = watched.pipeline.outputs[output]
    assert "FunctionError" in watched.functions.invoke(FunctionName=name, Payload=b'{"Records": 7}')
    return watched.of_function(output, "Errors")


def no_capacity(watched: Watched, output: str = "FunctionName") -> list[Sample]:
    """Lambda may not start it."""
    functions, name = watched.functions, watched.pipeline.outputs[output]
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        with pytest.raises(ClientError, match="TooManyRequests"):
            watched.functions_once.invoke(FunctionName=name, Payload=b'{"Records": []}')
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    return watched.of_function(output, "Throttles")


CONDITIONS: dict[str, Callable[[Watched], list[Sample]]] = {
    "QueueDepth": deep_queue,
    "MessagesInBackoff": hidden_messages,
    "OldestMessage": waiting_photo,
    "OldestPhoto": old_photo,
    "DeadLetters": dead_letter,
    "UndeliveredEvents": undelivered_event,
    "FunctionErrors": broken_function,
    "FunctionThrottles": no_capacity,
    "RejectedShare": lambda watched: rejected(watched, 1),
    "RejectedCount": lambda watched: rejected(watched, 100),
    "DailyPhotos": lambda watched: labelled(watched, 5),
    "ConvertQueueDepth": lambda watched: deep_queue(watched, "ConvertQueueUrl"),
    "ConvertOldestMessage": lambda watched: waiting_photo(watched, "ConvertQueueUrl"),
    "OverflowAge": lambda watched: waiting_photo(watched, "OverflowQueueUrl", 8 * 86_400),
    "BulkAge": lambda watched: waiting_photo(watched, "BulkQueueUrl", 8 * 86_400),
    "BulkConvertAge": lambda watched: waiting_photo(watched, "BulkConvertQueueUrl", 8 * 86_400),
    "ConvertDeadLetters": lambda watched: dead_letter(watched, "Convert"),
    "ConvertErrors": lambda watched: broken_function(watched, "ConvertFunctionName"),
    "ConvertThrottles": lambda watched: no_capacity(watched, "ConvertFunctionName"),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_given_a_condition_when_it_is_there_then_its_alarm_reaches_the_subscriber(
    watched: Watched, name: str
) -> None:
    alarm = watched.begin(name)
    samples = [sample for sample in CONDITIONS[name](watched) if sample.is_watched_by(alarm)]
    assert samples, f"nothing of {alarm['Namespace']} {alarm['MetricName']} {alarm['Dimensions']}"
    value = STATISTICS[alarm["Statistic"]]([sample.value for sample in samples])
    assert CROSSES[alarm["ComparisonOperator"]](value, alarm["Threshold"]), (value, alarm["Threshold"])

    def told_of_it() -> list[dict[str, Any]]:
        watched.report(samples)  # as AWS does, minute by minute
        return [one for one in watched.heard() if one["AlarmName"] == alarm["AlarmName"]]

    [told] = eventually(told_of_it)
    assert told["NewStateValue"] == "ALARM"
    assert told["AlarmDescription"] == alarm["AlarmDescription"]


def test_given_photos_that_are_labelled_when_reported_then_no_alarm_rings(watched: Watched) -> None:
    watched.begin("RejectedShare")
    samples = labelled(watched, 1)
    cloudwatch = watched.pipeline.cloud.target.client("cloudwatch")
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        values = [sample.value for sample in samples if sample.is_watched_by(dict(alarm))]
        if values:
            value = STATISTICS[alarm["Statistic"]](values)
            assert not CROSSES[alarm["ComparisonOperator"]](value, alarm["Threshold"]), alarm["AlarmName"]


def test_given_the_alarms_of_the_stack_when_listed_then_each_has_a_condition_here(watched: Watched) -> None:
    cloudwatch = watched.pipeline.cloud.target.client("cloudwatch")
    names = {
        alarm["AlarmName"].removeprefix("photo-labels-") for alarm in cloudwatch.describe_alarms()["MetricAlarms"]
    }
    assert names == CONDITIONS.keys()
