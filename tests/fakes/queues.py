"""SQS's standard queues: visibility timeouts, receive counts, dead-letter queues, limits, and now and then twice."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes.aws import Client, aws_error

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    Hook = Callable[[str, dict[str, Any]], None]

# Of a message with its attributes, and of all messages of one call.
MAX_BYTES = 2**20


@dataclass(slots=True)
class Stored:
    """A message in a queue."""

    id: str
    body: str
    attributes: dict[str, Any]
    sent_s: float
    visible_s: float
    receives: int = 0
    receipt: str = ""


@dataclass
class Queue:
    """One queue; times are in seconds, and as its `clock` has them."""

    clock: Callable[[], float]
    dice: random.Random
    # Called with the moment from which a message can be received.
    on_visible: Callable[[float], None] = lambda _: None
    dead_letters: Queue | None = None
    most_receives: int = 100
    # How likely a message that is received can be received by somebody else at the same time.
    twice: float = 0.0
    messages: dict[str, Stored] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def send(self, body: str, attributes: dict[str, Any] | None = None, in_s: float = 0.0) -> str:
        """Put a message in; it can be received in `in_s` seconds."""
        name = f"message-{next(self._numbers)}"
        visible_s = self.clock() + in_s
        self.messages[name] = Stored(name, body, attributes or {}, visible_s, visible_s)
        self.on_visible(visible_s)
        return name

    def receive(self, most: int, hidden_s: float) -> list[Stored]:
        """Take messages that can be seen, in no order; those that were received too often go to the DLQ."""
        now_s = self.clock()
        visible = [one for one in self.messages.values() if one.visible_s <= now_s]
        self.dice.shuffle(visible)
        received = []
        for one in visible[:most]:
            if self.dead_letters and one.receives >= self.most_receives:
                del self.messages[one.id]
                # As SQS does: it keeps its id, its age and its count.
                one.visible_s = now_s
                self.dead_letters.messages[f"moved {one.id}"] = one
                one.id = f"moved {one.id}"
                continue
            one.receives += 1
            one.receipt = f"{one.id} {one.receives}"
            if self.dice.random() >= self.twice:
                self._hide(one, hidden_s)
            received.append(Stored(one.id, one.body, one.attributes, one.sent_s, 0.0, one.receives, one.receipt))
        return received

    def delete(self, receipt: str) -> None:
        """Delete a message by a receipt, also one of an earlier receive."""
        self.messages.pop(receipt.rpartition(" ")[0], None)

    def change_visibility(self, receipt: str, seconds: float) -> bool:
        """Let a message be seen again in so long; only by the receipt of its last receive."""
        one = self.messages.get(receipt.rpartition(" ")[0])
        if one is None or one.receipt != receipt:
            return False
        self._hide(one, seconds)
        return True

    def _hide(self, one: Stored, seconds: float) -> None:
        one.visible_s = self.clock() + seconds
        self.on_visible(one.visible_s)


class SQS(Client):
    """One caller's SQS, with queues by their URLs."""

    service = "sqs"

    def __init__(self, queues: dict[str, Queue], hook: Hook | None = None) -> None:
        super().__init__(hook)
        self._queues = queues

    def send_message(self, **parameters: Any) -> dict[str, Any]:
        self._called("SendMessage", parameters)
        check_message(parameters)
        attributes = parameters.get("MessageAttributes", {})
        return {"MessageId": self._queues[parameters["QueueUrl"]].send(parameters["MessageBody"], attributes)}

    def send_message_batch(self, **parameters: Any) -> dict[str, Any]:
        self._called("SendMessageBatch", parameters)
        entries = parameters["Entries"]
        check_batch(entries)
        for entry in entries:
            attributes = entry.get("MessageAttributes", {})
            self._queues[parameters["QueueUrl"]].send(entry["MessageBody"], attributes)
        return {"Successful": [{"Id": entry["Id"]} for entry in entries]}

    def receive_message(self, **parameters: Any) -> dict[str, Any]:
        self._called("ReceiveMessage", parameters)
        queue = self._queues[parameters["QueueUrl"]]
        received = queue.receive(parameters["MaxNumberOfMessages"], parameters["VisibilityTimeout"])
        messages = [
            {
                "MessageId": one.id,
                "ReceiptHandle": one.receipt,
                "Body": one.body,
                "MessageAttributes": one.attributes,
                "Attributes": {
                    # Whole milliseconds since the epoch, as SQS counts.
                    "SentTimestamp": str(int(one.sent_s * 1000)),
                    "ApproximateReceiveCount": str(one.receives),
                },
            }
            for one in received
        ]
        return {"Messages": messages} if messages else {}

    def delete_message(self, **parameters: Any) -> dict[str, Any]:
        self._called("DeleteMessage", parameters)
        self._queues[parameters["QueueUrl"]].delete(parameters["ReceiptHandle"])
        return {}

    def delete_message_batch(self, **parameters: Any) -> dict[str, Any]:
        self._called("DeleteMessageBatch", parameters)
        _check_entries(parameters["Entries"])
        for entry in parameters["Entries"]:
            self._queues[parameters["QueueUrl"]].delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in parameters["Entries"]]}

    def change_message_visibility_batch(self, **parameters: Any) -> dict[str, Any]:
        self._called("ChangeMessageVisibilityBatch", parameters)
        entries = parameters["Entries"]
        _check_entries(entries)
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in entries:
            assert 0 <= entry["VisibilityTimeout"] <= 43_200
            queue = self._queues[parameters["QueueUrl"]]
            if queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"]):
                answer["Successful"].append({"Id": entry["Id"]})
            else:
                answer["Failed"].append({"Id": entry["Id"], "Code": "InvalidParameterValue", "SenderFault": True})
        return answer

    def get_queue_attributes(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetQueueAttributes", parameters)
        queue = self._queues[parameters["QueueUrl"]]
        waiting = sum(one.visible_s <= queue.clock() for one in queue.messages.values())
        counts = {
            "QueueArn": f"arn:{parameters['QueueUrl']}",
            "ApproximateNumberOfMessages": str(waiting),
            "ApproximateNumberOfMessagesNotVisible": str(len(queue.messages) - waiting),
        }
        return {"Attributes": {name: counts[name] for name in parameters["AttributeNames"]}}

    def start_message_move_task(self, **parameters: Any) -> dict[str, Any]:
        self._called("StartMessageMoveTask", parameters)
        raise aws_error("AWS.SimpleQueueService.UnsupportedOperation")

    def list_message_move_tasks(self, **parameters: Any) -> dict[str, Any]:
        self._called("ListMessageMoveTasks", parameters)
        return {"Results": []}


def check_message(message: dict[str, Any]) -> None:
    """Refuse what SQS refuses, of a message with its attributes."""
    if not message["MessageBody"]:
        raise aws_error("MissingParameter", "The request must contain the parameter MessageBody.")
    if any(not one["StringValue"] for one in message.get("MessageAttributes", {}).values()):
        raise aws_error("InvalidParameterValue", "Message attribute values must not be empty.")
    if message_bytes(message) > MAX_BYTES:
        raise aws_error(
            "InvalidParameterValue", "One or more parameters are invalid. Reason: Message is too long."
        )


def message_bytes(message: dict[str, Any]) -> int:
    """Size of a message as SQS counts: its body, and names, types and values of its attributes."""
    attributes = message.get("MessageAttributes", {}).items()
    texts = [text for name, one in attributes for text in (name, one["DataType"], one["StringValue"])]
    return sum(len(text.encode()) for text in (message["MessageBody"], *texts))


def check_batch(entries: Sequence[Any]) -> None:
    """Refuse what SQS refuses, of the messages of one call."""
    _check_entries(entries)
    if sum(map(message_bytes, entries)) > MAX_BYTES:
        raise aws_error("AWS.SimpleQueueService.BatchRequestTooLong")
    for entry in entries:
        check_message(entry)


def _check_entries(entries: Sequence[Any]) -> None:
    if not 0 < len(entries) <= 10:
        raise aws_error("AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
    if len({entry["Id"] for entry in entries}) < len(entries):
        raise aws_error("AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
