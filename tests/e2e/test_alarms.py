"""Each alarm rings: what it watches is what is reported when the condition is there, and its subscriber is told.

The metrics of ours are those in the function's own log (EMF). Those of AWS are made here, under the names and
dimensions that AWS documents, from what the local queues and the local Lambda say. The evaluator of alarms says
whether that rings; the local CloudWatch is then given it, or told so, where it knows no metric math.
"""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from loadtest.alarm_recorder import Recorder, samples_of
from loadtest.alarm_states import Alarm, Metric, Recorded, State
from local.cloud import LocalCloud
from local.ministack import PYTHON
from tests.e2e.conftest import Pipeline
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# "Available CloudWatch metrics for Amazon SQS" in the SQS developer guide: every minute, by QueueName.
SQS_METRICS = {
    "ApproximateNumberOfMessagesVisible": "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
}
# What the stack lets its owner set, so low that a test reaches it; and the way of events that has one alarm more.
LOW = {"QueueDepthAlarm": "5", "DailyPhotosAlarm": "5", "Via": "eventbridge"}


# A metric, and a value of it.
Sample = tuple[Metric, float]


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
            (metric, value)
            for line in self.pipeline.log_lines("_aws")[self._lines_before :]
            for metric, _, value in samples_of(json.loads(line))
        ]

    def queue(self, output: str) -> list[Sample]:
        """What SQS reports of a queue every minute."""
        url = self.pipeline.outputs[output]
        attributes = self.pipeline.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        name = (("QueueName", attributes["QueueArn"].rpartition(":")[2]),)
        return [
            (Metric("AWS/SQS", metric, name), float(attributes[attribute]))
            for metric, attribute in SQS_METRICS.items()
        ]

    def of_function(self, output: str, metric: str) -> list[Sample]:
        """What Lambda reports of a function: "Metrics reference" in its developer guide."""
        return [(Metric("AWS/Lambda", metric, (("FunctionName", self.pipeline.outputs[output]),)), 1.0)]

    def report(self, samples: list[Sample]) -> None:
        for metric, value in samples:
            dimensions: Any = [{"Name": name, "Value": one} for name, one in metric.dimensions]
            datum: Any = {"MetricName": metric.name, "Dimensions": dimensions, "Value": value}
            self._cloudwatch.put_metric_data(Namespace=metric.namespace, MetricData=[datum])

    def ring(self, alarm: dict[str, Any]) -> None:
        """What CloudWatch does itself, but for metric math here."""
        reason = "its metric math says so"
        self._cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason=reason)

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


def state_after(alarm: dict[str, Any], samples: list[Sample]) -> State:
    """The state of an alarm when these are reported in each of its periods, and nothing was before."""
    evaluated, recorded = Alarm(alarm), Recorded(since_s=-7 * 86_400.0)
    [period_s] = {query.period_s for query in evaluated.queries.values()}
    for period in range(alarm["EvaluationPeriods"]):
        for metric, value in samples:
            recorded.add(metric, -period * period_s - 1, value)
    [(_, state)] = evaluated.states(recorded, 0, 0)
    return state


def is_watched(alarm: dict[str, Any], sample: Sample) -> bool:
    return sample[0] in {query.metric for query in Alarm(alarm).queries.values()}


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
        return samples if sum(value for one, value in samples if one.name == metric) >= total else None

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
            return samples if samples[0][1] >= 10 else None

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
            return samples if samples[1][1] > 20 else None

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
    [name] = {one.dimensions for one, _ in watched.queue(queue)}
    return [(Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", name), seconds)]


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
    "NoProgress": deep_queue,
    "ConvertNoProgress": lambda watched: deep_queue(watched, "ConvertQueueUrl"),
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
    samples = [sample for sample in CONDITIONS[name](watched) if is_watched(alarm, sample)]
    assert samples, f"nothing of {Alarm(alarm).queries}"
    assert state_after(alarm, samples) is State.ALARM

    def told_of_it() -> list[dict[str, Any]]:
        if "Metrics" in alarm:
            watched.ring(alarm)
        else:
            watched.report(samples)  # as AWS does, minute by minute
        return [one for one in watched.heard() if one["AlarmName"] == alarm["AlarmName"]]

    [told] = eventually(told_of_it)
    assert told["NewStateValue"] == "ALARM"
    assert told["AlarmDescription"] == alarm["AlarmDescription"]


def test_given_work_that_waits_when_some_of_it_ends_then_it_is_progress(watched: Watched) -> None:
    alarm = watched.begin("NoProgress")
    waiting = deep_queue(watched)
    assert state_after(alarm, [*waiting, *reported(watched, "MessagesEnded", 1)]) is State.OK


def test_given_faults_when_recorded_then_their_alarms_ring_and_no_others(watched: Watched) -> None:
    watched.begin("DeadLetters")
    with Recorder(watched.pipeline.cloud) as recorder:
        dead_letter(watched)
        broken_function(watched)
        labelled(watched, 1)
    rung = {name for name, times in recorder.rung().items() if times}
    # Dead letters of other tests are there, too.
    assert rung - {"ConvertDeadLetters", "UndeliveredEvents"} == {"DeadLetters", "FunctionErrors"}


def test_given_metric_math_in_a_template_when_ministack_is_asked_alone_then_it_still_refuses_it() -> None:
    """Where it does not, local/ministack_server.py has nothing left to do."""
    asked = (
        "from ministack.services.cloudformation.provisioners import _cw_metric_alarm_record as record\n"
        "record('an alarm', {'Metrics': [{'Id': 'e', 'Expression': '1'}]})"
    )
    done = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=False, timeout=60)
    assert "Properties.Metrics (metric math) is not supported" in done.stderr


def test_given_photos_that_are_labelled_when_reported_then_no_alarm_rings(watched: Watched) -> None:
    watched.begin("RejectedShare")
    samples = labelled(watched, 1)
    cloudwatch = watched.pipeline.cloud.target.client("cloudwatch")
    for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
        assert state_after(dict(alarm), samples) is State.OK, alarm["AlarmName"]


def test_given_the_alarms_of_the_stack_when_listed_then_each_has_a_condition_here(watched: Watched) -> None:
    cloudwatch = watched.pipeline.cloud.target.client("cloudwatch")
    names = {
        alarm["AlarmName"].removeprefix("photo-labels-") for alarm in cloudwatch.describe_alarms()["MetricAlarms"]
    }
    assert names == CONDITIONS.keys()
