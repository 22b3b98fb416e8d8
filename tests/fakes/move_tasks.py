"""SQS's own tasks that move dead letters, upon an SQS that has none (moto's, ministack's).

As recorded on AWS (localstack/localstack, tests/aws/services/sqs/test_sqs_move_task.snapshot.json): states, errors and
counts. What is moved is a new message, with an id of its own (developer guide, "Configure a dead-letter queue redrive").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.aws import aws_error, check


@dataclass
class Task:
    """One task; it moves messages while time passes."""

    source: str
    destination: str | None
    to_move: int
    started_ms: int
    status: str = "RUNNING"
    moved: int = 0
    failure: str | None = None

    def shown(self) -> dict[str, Any]:
        facts = {
            "TaskHandle": f"handle-{self.started_ms}" if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source,
            "DestinationArn": self.destination,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": self.started_ms,
        }
        return {name: value for name, value in facts.items() if value is not None}


class MoveTasks:
    """An SQS client with move tasks: `pass_time` has each that runs move `pace` messages."""

    def __init__(self, sqs: Any, pace: int = 10) -> None:
        self._sqs = sqs
        self._pace = pace
        # The oldest first.
        self.tasks: list[Task] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sqs, name)

    def start_message_move_task(self, **asked: Any) -> dict[str, str]:
        check("sqs", "StartMessageMoveTask", asked)
        source = self._url(asked["SourceArn"], "SourceArn")
        if not self._sqs.list_dead_letter_source_queues(QueueUrl=source)["queueUrls"]:
            raise _invalid("Source queue must be configured as a Dead Letter Queue.")
        if "DestinationArn" in asked:
            self._url(asked["DestinationArn"], "DestinationArn")
        if any(
            task.source == asked["SourceArn"] and task.status in {"RUNNING", "CANCELLING"} for task in self.tasks
        ):
            raise _invalid(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
            )
        name = "ApproximateNumberOfMessages"
        waiting = self._sqs.get_queue_attributes(QueueUrl=source, AttributeNames=[name])["Attributes"][name]
        started_ms = 1_795_400_000_000 + len(self.tasks)
        self.tasks.append(Task(asked["SourceArn"], asked.get("DestinationArn"), int(waiting), started_ms))
        return {"TaskHandle": f"handle-{started_ms}"}

    def list_message_move_tasks(self, **asked: Any) -> dict[str, Any]:
        """The newest first, and one unless more are asked for."""
        check("sqs", "ListMessageMoveTasks", asked)
        self._url(asked["SourceArn"], "SourceArn")
        newest_first = [task for task in reversed(self.tasks) if task.source == asked["SourceArn"]]
        return {"Results": [task.shown() for task in newest_first[: asked.get("MaxResults", 1)]]}

    def cancel_message_move_task(self, **asked: Any) -> dict[str, int]:
        check("sqs", "CancelMessageMoveTask", asked)
        for task in self.tasks:
            if task.status == "RUNNING" and task.shown()["TaskHandle"] == asked["TaskHandle"]:
                task.status = "CANCELLING"
                return {"ApproximateNumberOfMessagesMoved": task.moved}
        raise aws_error("ResourceNotFoundException", "Task does not exist.", status=404)

    def pass_time(self, _seconds: float = 0.0) -> None:
        for task in self.tasks:
            if task.status in {"RUNNING", "CANCELLING"}:
                self._move(task)

    def _move(self, task: Task) -> None:
        """A task that is being cancelled moves what it has in hand, and then ends."""
        try:
            source = self._url(task.source, "SourceArn")
            destination = self._url(task.destination, "DestinationArn") if task.destination else None
        except ClientError:
            task.status, task.failure = "FAILED", "AWS.SimpleQueueService.NonExistentQueue"
            return
        for _ in range(self._pace):
            received = self._sqs.receive_message(QueueUrl=source, MessageAttributeNames=["All"]).get(
                "Messages", []
            )
            if not received:
                task.status = "COMPLETED" if task.status == "RUNNING" else "CANCELLED"
                return
            if destination is None:  # nothing here tells where a message came from
                task.status, task.failure = "FAILED", "CouldNotDetermineMessageSource"
                return
            [message] = received
            attributes = message.get("MessageAttributes", {})
            self._sqs.send_message(QueueUrl=destination, MessageBody=message["Body"], MessageAttributes=attributes)
            self._sqs.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
            task.moved += 1
        if task.status == "CANCELLING":
            task.status = "CANCELLED"

    def _url(self, arn: str, parameter: str) -> str:
        try:
            url: str = self._sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        except ClientError as error:
            message = f"The resource that you specified for the {parameter} parameter doesn't exist."
            raise aws_error("ResourceNotFoundException", message, status=404) from error
        return url


def _invalid(message: str) -> ClientError:
    return aws_error("InvalidParameterValue", message)
