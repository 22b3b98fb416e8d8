"""Rekognition's quota as the rate limit of the whole pipeline: one item in DynamoDB, in which slots are booked.

    Operation  "DetectLabels"
    NextTurn   epoch seconds: the next free slot, when a call may begin
    CutTo      calls a second that were allowed after the last cut; none: there was none yet
    CutAt      epoch seconds

Slots are `1 / rate` apart. An environment books some by moving NextTurn on by as many, which two cannot do at
once: so one environment alone has all of the quota, and many together have no more. Where others use the quota,
too, a throttle cuts the rate for all environments. It then grows with the square of time: slowly at first, and
within seconds to all of the quota when that is free again.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.deadline import call
from handler.timeouts import DYNAMODB
from photo_labels.records.errors import AWS_ERRORS, TransientError, code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient

    from handler.deadline import Deadline

# So far ahead slots are booked: a cut takes effect no later.
_AHEAD_S = 1.0
_JITTER_S = 0.2
_CUT = 0.8
# At most: calls that were in flight during a cut say nothing new.
_CUT_EVERY_S = 1.0
# Of the quota, times seconds squared: half of it takes seven.
_GROWTH = 0.01
# Of the quota: what cuts leave.
_LEAST = 0.02
_TRIES = 3
# For one update, with the attempts that follow a throttle: photos are not to wait for this table.
_PATIENCE_S = DYNAMODB.call_s + 0.5
_KEY = {"Operation": {"S": "DetectLabels"}}


@dataclass(frozen=True, slots=True)
class _Item:
    """The item as it was last seen."""

    next_slot: float = 0.0
    cut_to: float = math.inf
    cut_at: float = 0.0


class RateLimiter:
    """Slots for calls to DetectLabels, shared by all environments; used from many threads."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        tps: float,
        environments: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`tps`: calls a second of the whole pipeline, above 0; `environments`: as many as there can be."""
        self._client = client
        self._table = table
        self._tps = tps
        self._environments = environments
        self._clock = clock
        self._item = _Item()
        self._lock = threading.Lock()
        self._waiting: deque[None] = deque()
        self._slots: list[float] = []

    def acquire(self, deadline: Deadline, then_s: float) -> Exception | None:
        """Wait for a slot. Raises OutOfTimeError where none comes in time for the `then_s` that follow.

        Returns the error where the table failed: then the environment kept to an equal share of the quota.
        """
        self._waiting.append(None)
        try:
            with self._lock:
                slot, failed = self._slot(deadline, then_s)
        finally:
            self._waiting.pop()
        deadline.pause(max(0.0, slot - self._clock()), then_s=then_s)
        return failed

    def throttled(self, deadline: Deadline) -> None:
        """Cut the rate for all environments, unless that was done a moment ago; best effort."""
        now = self._clock()
        if now - self._item.cut_at < _CUT_EVERY_S:
            return
        rate = max(self._tps * _LEAST, self._rate(now) * _CUT)
        with suppress(*AWS_ERRORS, TransientError):
            self._update(
                "SET CutTo = :rate, CutAt = :now",
                "attribute_not_exists(CutAt) OR CutAt = :seen",
                {"rate": rate, "now": now, "seen": self._item.cut_at},
                deadline,
            )

    def _rate(self, now: float) -> float:
        grown = self._tps * _GROWTH * (now - self._item.cut_at) ** 2
        return min(self._tps, self._item.cut_to + grown)

    def _slot(self, deadline: Deadline, then_s: float) -> tuple[float, Exception | None]:
        """Return a slot that was booked already, or book some for all threads that wait."""
        # Older slots were booked before the environment was frozen.
        self._slots = [slot for slot in self._slots if slot > self._clock() - _AHEAD_S]
        while not self._slots:
            deadline.require(then_s)
            try:
                self._slots = self._book(deadline)
            except (*AWS_ERRORS, TransientError) as error:
                # Without the table, each environment keeps to an equal share.
                deadline.pause(self._environments / self._tps, then_s=then_s)
                return self._clock(), error
            if not self._slots:
                too_far_s = max(0.0, self._item.next_slot - _AHEAD_S - self._clock())
                deadline.pause(too_far_s + random.random() * _JITTER_S, then_s=then_s)
        return self._slots.pop(0), None

    def _book(self, deadline: Deadline) -> list[float]:
        """Book as many slots as threads wait for and lie near enough; none: look again later."""
        for _ in range(_TRIES):
            now = self._clock()
            span = 1 / self._rate(now)
            begin = max(now, self._item.next_slot)
            near = int((now + _AHEAD_S - begin) / span) + 1 if begin <= now + _AHEAD_S else 0
            count = min(len(self._waiting), near)
            if not count:
                break
            if begin == now:
                booked = self._update(
                    "SET NextTurn = :end",
                    "attribute_not_exists(NextTurn) OR NextTurn <= :now",
                    {"end": now + count * span, "now": now},
                    deadline,
                )
            else:
                booked = self._update(
                    "SET NextTurn = NextTurn + :taken",
                    "NextTurn BETWEEN :now AND :near",
                    {"taken": count * span, "now": now, "near": now + _AHEAD_S - (count - 1) * span},
                    deadline,
                )
            if booked:
                first = self._item.next_slot - count * span
                return [first + number * span for number in range(count)]
        return []

    def _update(self, update: str, condition: str, values: dict[str, float], deadline: Deadline) -> bool:
        """Update the item on condition; afterwards `_item` is the present one in either case."""
        numbers: Any = {f":{name}": {"N": f"{value:.6f}"} for name, value in values.items()}

        def attempt() -> Any:
            return self._client.update_item(
                TableName=self._table,
                Key=_KEY,
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=numbers,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )

        patience = deadline.earlier(max(0.0, deadline.remaining_s() - _PATIENCE_S))
        try:
            self._item = _read(call(attempt, patience, DYNAMODB.call_s)["Attributes"])
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            present: Any = error.response.get("Item")
            self._item = _read(present or {})
            return False
        return True


def _read(item: dict[str, Any]) -> _Item:
    numbers = {name: float(value["N"]) for name, value in item.items() if "N" in value}
    return _Item(numbers.get("NextTurn", 0.0), numbers.get("CutTo", math.inf), numbers.get("CutAt", 0.0))
