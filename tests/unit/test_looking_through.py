"""Looking through large dead-letter queues, in virtual time: it ends, each is looked at once, none stays hidden."""

from __future__ import annotations

import heapq
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from photo_labels.library.queues import DeadLetterLook
from tests.fakes.in_turn import InTurnExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
# SQS shows nothing more of a queue while so many messages are hidden (developer guide, "Quotas").
MAX_IN_FLIGHT = 120_000


class LargeQueue:
    """SQS with one queue, whose calls take time: messages in any order, hidden for their visibility timeout."""

    def __init__(self, messages: int, call_s: float = 0.02, *, twice: float = 0.0) -> None:
        """`twice`: how likely a message can be received by somebody else at the same time."""
        self.dice = random.Random(1)
        self.now_s = 0.0
        self.visible = [f"message-{number}" for number in range(messages)]
        self.dice.shuffle(self.visible)
        self.hidden: dict[str, float] = {}
        self.receives: dict[str, int] = {}
        self.newer: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self._call_s = call_s
        self._twice = twice

    @property
    def messages(self) -> set[str]:
        return {*self.visible, *self.hidden}

    def send(self, name: str) -> None:
        self.newer.add(name)
        self.visible.append(name)

    def get_queue_attributes(self, **_: Any) -> Any:
        waiting, hidden = str(len(self.visible)), str(len(self.hidden))
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return {"Attributes": dict(zip(names, (waiting, hidden), strict=True))}

    def receive_message(self, **asked: Any) -> Any:
        self._pass()
        messages: list[dict[str, Any]] = []
        while self.visible and len(messages) < asked["MaxNumberOfMessages"] and len(self.hidden) < MAX_IN_FLIGHT:
            at = self.dice.randrange(len(self.visible))
            name = self.visible[at]
            if self.dice.random() >= self._twice:
                self.visible[at] = self.visible[-1]
                self.visible.pop()
                self._hide(name, asked["VisibilityTimeout"])
            self.receives[name] = self.receives.get(name, 0) + 1
            sent_at = BEGIN + timedelta(hours=1 if name in self.newer else -1)
            messages.append(
                {
                    "MessageId": name,
                    "ReceiptHandle": f"{name} {self.receives[name]}",
                    "Body": "{}",
                    "Attributes": {"SentTimestamp": str(int(sent_at.timestamp() * 1000))},
                }
            )
        return {"Messages": messages} if messages else {}

    def change_message_visibility_batch(self, **asked: Any) -> Any:
        self._pass()
        assert 0 < len(asked["Entries"]) <= 10
        for entry in asked["Entries"]:
            name, _, number = entry["ReceiptHandle"].partition(" ")
            if name in self.hidden and self.receives[name] == int(number):
                del self.hidden[name]
                self.visible.append(name)
        return {}

    def delete_message_batch(self, **asked: Any) -> Any:
        self._pass()
        assert 0 < len(asked["Entries"]) <= 10
        for entry in asked["Entries"]:
            name = entry["ReceiptHandle"].partition(" ")[0]
            if self.hidden.pop(name, None) is None and name in self.visible:
                self.visible.remove(name)
        return {}

    def _hide(self, name: str, seconds: float) -> None:
        self.hidden[name] = self.now_s + seconds
        heapq.heappush(self._due, (self.now_s + seconds, name))

    def _pass(self) -> None:
        self.now_s += self._call_s
        while self._due and self._due[0][0] <= self.now_s:
            due_s, name = heapq.heappop(self._due)
            if self.hidden.get(name) == due_s:
                del self.hidden[name]
                self.visible.append(name)


def look_through(queue: LargeQueue) -> DeadLetterLook:
    return DeadLetterLook(
        queue, "dead-letters", BEGIN, clock=lambda: queue.now_s, executor=lambda _: InTurnExecutor()
    )


def names(pages: Iterator[list[Any]]) -> list[str]:
    return [message["MessageId"] for page in pages for message in page]


@pytest.mark.parametrize("messages", [0, 1, 15, 2_500])
def test_given_a_queue_when_looked_through_then_each_is_seen_once_and_can_be_seen_by_others(messages: int) -> None:
    queue = LargeQueue(messages, twice=0.05)
    look = look_through(queue)
    assert sorted(names(look.one_round())) == sorted(queue.messages)
    assert (look.looked_at, look.left, queue.hidden) == (messages, 0, {})


def test_given_more_than_a_round_reaches_when_looked_at_once_then_it_ends_in_time_and_says_how_many_are_left() -> (
    None
):
    queue = LargeQueue(80_000, call_s=0.1)
    look = look_through(queue)
    seen = names(look.one_round())
    assert len(seen) == len(set(seen)) == look.looked_at
    assert look.left == 80_000 - look.looked_at > 0
    assert set(queue.receives.values()) == {1}, "none was visible again before the end"


def test_given_a_million_messages_when_looked_at_once_then_no_more_are_hidden_than_sqs_allows() -> None:
    queue = LargeQueue(1_000_000, call_s=0.002)
    look = look_through(queue)
    most = 0
    for _ in look.one_round():
        most = max(most, len(queue.hidden))
    assert most < MAX_IN_FLIGHT
    assert (look.looked_at + look.left, queue.hidden) == (1_000_000, {})


def test_given_rounds_when_some_are_taken_out_then_all_of_the_beginning_are_looked_at_once() -> None:
    """A tenth is sent back, and fails again while the others are looked at."""
    queue = LargeQueue(20_000, call_s=0.2)
    look = look_through(queue)
    seen: list[str] = []
    for page in look.pages():
        seen += [message["MessageId"] for message in page]
        taken = [message for message in page if message["MessageId"].endswith("7")]
        if taken:
            assert look.delete(taken) == {}
            for message in taken:
                queue.send(f"again {message['MessageId']}".replace(" ", "-"))
    assert len(seen) == len(set(seen)) == look.looked_at
    assert not any(name.startswith("again") for name in seen)
    # A round may happen to show nothing new although a few are left; then it says so.
    assert look.left == 20_000 - look.looked_at < 20
    assert queue.hidden == {}
    assert len(queue.messages) == 20_000


def test_given_more_than_can_be_hidden_when_gone_through_in_rounds_then_it_ends_and_says_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("photo_labels.library.queues._MAX_HELD", 500)
    queue = LargeQueue(3_000)
    look = look_through(queue)
    seen = names(look.pages())
    assert len(seen) == len(set(seen))
    assert look.looked_at + look.left == 3_000
    assert look.looked_at > 1_000, "round by round"
    assert queue.hidden == {}


def test_given_messages_that_come_in_all_the_time_when_looked_through_then_they_are_not_waited_for() -> None:
    queue = LargeQueue(30)
    look, number = look_through(queue), 0

    receive = queue.receive_message

    def and_more(**asked: Any) -> Any:
        nonlocal number
        for _ in range(10):
            number += 1
            queue.send(f"new-{number}")
        return receive(**asked)

    queue.receive_message = and_more  # type: ignore[method-assign]
    assert len(names(look.one_round())) == 30
    assert look.left == 0
    assert queue.hidden == {}


def test_given_messages_that_others_hide_when_looked_through_then_they_are_not_taken_for_gone() -> None:
    queue = LargeQueue(25)
    queue.receive_message(MaxNumberOfMessages=10, VisibilityTimeout=300)
    look = look_through(queue)
    assert len(names(look.one_round())) == 15
    assert look.left == 10


def test_given_a_reader_who_stops_when_looked_through_then_all_can_be_seen_again() -> None:
    queue = LargeQueue(2_500)
    for _ in look_through(queue).one_round():
        break
    assert queue.hidden == {}
    assert len(queue.messages) == 2_500
