"""Rekognition's quota as the rate limit of the whole pipeline: an item in DynamoDB, in which slots are booked.

    Operation     "DetectLabels" ("DetectLabels 2" and so on, where there are several)
    NextTurn      epoch seconds: the next free slot, when a call may begin
    CutTo         calls a second that were allowed after the last cut; none: there was none yet
    CutAt         epoch seconds
    OverflowTurn  epoch seconds: from when on this lane may book a second ahead, as live photos do
    BulkTurn      the same
    CountedOn …   calls of the day and of the month (`photo_labels.records.budget`)

Slots are `1 / rate` apart. An environment books some by moving NextTurn on by as many, which two cannot do at
once: so one environment alone has all of the quota, and many together have no more. How far ahead it may book is
its lane's priority (`handler.lanes`); a slot that nobody has booked in time keeps its place for a tenth of a
second, so that nothing of the quota is lost to those who are about to take it.

DynamoDB takes 1,000 writes a second of one item. So above 250 calls a second there are several, each with its part
of the quota (`SplitRateLimiter`).

Where others use the quota, too, a throttle cuts the rate for all environments. It then grows with the square of
time: slowly at first, and within seconds to all of the quota when that is free again.

The update that books slots counts them as well, on condition that the budget has as many left. Where there are
several items, all are counted in the first: in memory each environment has some that it has counted beforehand.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.counting import Update, counted_in
from handler.deadline import call
from handler.lanes import MAX_AHEAD_S
from handler.timeouts import DYNAMODB
from photo_labels.records.budget import OPERATION, Budget, Counted
from photo_labels.records.errors import AWS_ERRORS, OutOfTimeError, TransientError, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from types_boto3_dynamodb import DynamoDBClient

    from handler.deadline import Deadline
    from handler.lanes import Priority

# So long a slot keeps its place that nobody has taken.
_LATE_S = 0.1
# Those who wait look again after a random part of this, for each environment: 50 looks a second by all of them.
_LOOK_S = 0.04
_MIN_LOOK_S, _MAX_LOOK_S = 0.05, 2.0
_CUT = 0.8
# At most: calls that were in flight during a cut say nothing new.
_CUT_EVERY_S = 1.0
# Of the quota, times seconds squared: half of it takes seven.
_GROWTH = 0.01
# Of the quota: what cuts leave.
_LEAST = 0.02
_TRIES = 2
# For one update, with the attempts that follow a throttle: photos are not to wait for this table.
_PATIENCE_S = DYNAMODB.call_s + 0.5
# Calls a second of one item: it takes some 400 writes a second then, bookings and those that came too late
# (`make bench-slots`).
_MAX_TPS = 250
# So long an environment keeps to one of several items, so that its threads book together.
_SAME_ITEM_S = 1.0
# Of the environments' clocks, from one another.
_CLOCK_SKEW_S = 1.0
# So long a budget that is spent is not looked at again: somebody may have changed the item by hand.
_SPENT_S = 10.0
# Calls that an environment counts beforehand, where their slots are in another item than the count.
_GRANT = 25
_BEFORE_END_S = 0.2


@dataclass(frozen=True, slots=True)
class SlotRequest:
    """How a photo takes its slot."""

    priority: Priority
    # The longest that it may lie ahead; None: as far as the deadline allows.
    max_wait_s: float | None = None
    # Called when the photo begins to wait, and when it has its slot; an error of the latter gives the slot back.
    start: Callable[[], None] = lambda: None
    confirm: Callable[[], None] = lambda: None


class NoSlotError(TransientError):
    """There is no slot in the time that a photo may wait for it."""

    def __init__(self) -> None:
        super().__init__("NoSlot", "the quota has no slot in time")


class BudgetSpentError(NoSlotError):
    """No more calls may be made until the next day, or month; the photo waits."""

    def __init__(self, until: datetime) -> None:
        said = f"the budget of calls is spent until {until:%Y-%m-%d %H:%M} UTC"
        super(NoSlotError, self).__init__("BudgetSpent", said)


@dataclass(frozen=True, slots=True)
class _Item:
    """The item as it was last seen."""

    next_slot: float = 0.0
    cut_to: float = math.inf
    cut_at: float = 0.0
    # From when on a lane may book as far ahead as live photos, by its attribute.
    turns: Mapping[str, float] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)


@dataclass(frozen=True, slots=True)
class _Booking:
    """Slots that are to be booked, times in epoch seconds."""

    now: float
    begin: float
    span_s: float
    count: int
    # The latest that the first may lie.
    near: float
    # Nobody has booked for long: they begin now, whatever NextTurn is.
    is_anew: bool
    # Out of the lane's certain share.
    is_certain: bool
    # NextTurn, where it lies so far ahead that somebody's clock was wrong: labelling does not wait until then.
    absurd: float | None

    @property
    def length_s(self) -> float:
        return self.count * self.span_s


class RateLimiter:
    """Slots for calls to DetectLabels, shared by all environments; used from many threads."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        *,
        tps: float,
        environments: int,
        waiting_environments: int = 2,
        budget: Budget | None = Budget(),  # noqa: B008 - it is frozen
        item: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`tps`: calls a second of the whole pipeline, above 0; `environments`: as many as there can be.

        `waiting_environments`: as many as can be of a lane that waits for slots instead of booking them. `budget`:
        None where calls are counted in another item. `item`: its number, from 1 on.
        """
        self._client = client
        self._table = table
        self._key: Any = {"Operation": {"S": OPERATION if item == 1 else f"{OPERATION} {item}"}}
        self._tps = tps
        self._environments = environments
        self._look_s = min(_MAX_LOOK_S, max(_MIN_LOOK_S, waiting_environments * _LOOK_S))
        self._budget = budget
        self._clock = clock
        self._item = _Item()
        self._seen_at = -math.inf
        self._lock = threading.Lock()
        self._waiting: deque[None] = deque()
        self._slots: list[float] = []
        # Those that were given back; without the lock, which is held by who waits.
        self._returned: deque[float] = deque()

    def acquire(self, request: SlotRequest, deadline: Deadline, then_s: float) -> Exception | None:
        """Wait for a slot. Raises NoSlotError where none comes in time for the photo.

        That is the request's time, and the deadline less the `then_s` that follow; BudgetSpentError where no call
        may be made at all. Returns the error where the table failed: then the environment kept to an equal share
        of the quota. Raises TransientError there, if a budget is set: nobody knows what is left of it.
        """
        deadline.require(then_s)
        self._waiting.append(None)
        try:
            with self._lock:
                slot, failed = self._slot(request, deadline, then_s)
        finally:
            self._waiting.pop()
        _wait(deadline, slot - self._clock(), then_s)
        return failed

    def give_back(self) -> None:
        """Leave a slot that is not used to the environment's next photo, also to one that waits for a slot now."""
        self._returned.append(self._clock())

    def throttled(self, deadline: Deadline) -> None:
        """Cut the rate for all environments, unless that was done a moment ago; best effort."""
        now = self._clock()
        if now - self._item.cut_at < _CUT_EVERY_S:
            return
        rate = max(self._tps * _LEAST, self._rate(now) * _CUT)
        unless_cut = ("attribute_not_exists(CutAt)", "CutAt = :seen")
        cut = Update(conditions=unless_cut, values=(("seen", self._item.cut_at),))
        with suppress(*AWS_ERRORS, TransientError):
            self._update(cut.also(("CutTo = :rate", "CutAt = :now"), "", rate=rate, now=now), deadline)

    def count(self, calls: int, deadline: Deadline) -> int:
        """Count calls whose slots are in another item; returns how many may be made.

        Raises BudgetSpentError where none may be, and what AWS says where the table fails.
        """
        assert self._budget is not None
        with self._lock:
            for _ in range(_TRIES):
                granted = int(min(calls, self._may_count()))
                if self._update(self._counted(Update(), granted), deadline):
                    return granted
            raise self._spent() or NoSlotError()

    def _rate(self, now: float) -> float:
        grown = self._tps * _GROWTH * (now - self._item.cut_at) ** 2
        return min(self._tps, self._item.cut_to + grown)

    def _slot(self, request: SlotRequest, deadline: Deadline, then_s: float) -> tuple[float, Exception | None]:
        """Return a slot that was booked already, or book some for all threads that wait."""
        # Older slots were booked before the environment was frozen.
        self._slots = [slot for slot in self._slots if slot > self._clock() - MAX_AHEAD_S]
        while not self._has_slots():
            try:
                self._slots = self._book(request, deadline)
            except (*AWS_ERRORS, TransientError) as error:
                if self.has_budget:
                    raise _unknown_budget(error) from error
                # Without the table, each environment keeps to an equal share.
                _wait(deadline, self._environments / self._tps, then_s)
                return self._clock(), error
            if self._slots:
                break
            if spent := self._spent():
                raise spent
            if request.max_wait_s is not None:
                raise NoSlotError
            near_s = max(0.0, self._bookable_at(request.priority) - self._clock())
            _wait(deadline, near_s + random.random() * self._look_s, then_s)
        return self._slots.pop(0), None

    def _has_slots(self) -> bool:
        """Tell whether there is a slot that was booked, or given back a moment ago."""
        while self._returned:
            slot = self._returned.popleft()
            if slot > self._clock() - MAX_AHEAD_S:
                self._slots.insert(0, slot)
        return bool(self._slots)

    def _ahead_s(self, priority: Priority) -> float:
        return max(priority.ahead_s, priority.ahead_slots / self._rate(self._clock()))

    def _bookable_at(self, priority: Priority) -> float:
        """Return when a lane may book again, as far as that is known."""
        at = self._item.next_slot - self._ahead_s(priority)
        if not priority.certain_share:
            return at
        return min(at, max(self._item.turns.get(_turn(priority), 0.0), self._item.next_slot - MAX_AHEAD_S))

    def _book(self, request: SlotRequest, deadline: Deadline) -> list[float]:
        """Book as many slots as threads wait for and the lane may have now; none: look again later."""
        for _ in range(_TRIES):
            if self._clock() < self._seen_at + _SPENT_S and self._spent():
                break
            booking = self._plan(request)
            if booking is None:
                break
            if self._commit(booking, request.priority, deadline):
                first = self._item.next_slot - booking.length_s
                return [first + number * booking.span_s for number in range(booking.count)]
        return []

    def _plan(self, request: SlotRequest) -> _Booking | None:
        """Plan a booking by the item as it was last seen; None: no slot is near enough."""
        now, priority = self._clock(), request.priority
        span_s, seen, least_s = 1 / self._rate(now), self._item.next_slot, 1 / (self._tps * _LEAST)
        is_absurd = seen > now + MAX_AHEAD_S + least_s + _CLOCK_SKEW_S
        is_anew = is_absurd or seen < now - _LATE_S
        begin = now if is_anew else seen
        ahead_s = self._ahead_s(priority) if request.max_wait_s is None else request.max_wait_s
        near = math.floor((now + ahead_s - begin) / span_s) + 1
        # Live photos may have booked all that lies a second ahead: a lane's certain share comes right after it.
        furthest_s = MAX_AHEAD_S + span_s
        is_certain = near < 1 and self._has_less_than_certain(priority, now) and begin <= now + furthest_s
        if is_certain:  # no more than a moment's: live photos wait behind these
            near, ahead_s = max(1, math.floor(priority.ahead_s / span_s)), furthest_s
        count = int(min(len(self._waiting), near, self._may_count()))
        if count < 1:
            return None
        return _Booking(
            now,
            begin,
            span_s,
            count,
            near=now + ahead_s - (count - 1) * span_s,
            is_anew=is_anew,
            is_certain=is_certain,
            absurd=seen if is_absurd else None,
        )

    def _has_less_than_certain(self, priority: Priority, now: float) -> bool:
        return priority.certain_share > 0 and self._item.turns.get(_turn(priority), 0.0) <= now

    def _commit(self, booking: _Booking, priority: Priority, deadline: Deadline) -> bool:
        """Move NextTurn on by what is booked, unless somebody else has moved it out of reach."""
        end = booking.begin + booking.length_s
        late = booking.now - _LATE_S
        if booking.absurd is not None:
            update = Update().also(("NextTurn = :end",), "NextTurn = :seen", end=end, seen=booking.absurd)
        elif booking.is_anew:
            idle = Update(conditions=("attribute_not_exists(NextTurn)", "NextTurn < :late"))
            update = idle.also(("NextTurn = :end",), "", end=end, late=late)
        else:
            update = Update().also(
                ("NextTurn = NextTurn + :taken",),
                "NextTurn BETWEEN :late AND :near",
                taken=booking.length_s,
                late=late,
                near=booking.near,
            )
        if priority.certain_share:
            turn = _turn(priority)
            next_turn = booking.now + booking.length_s / priority.certain_share
            if booking.is_certain:
                update = update.where_any((f"attribute_not_exists({turn})", f"{turn} <= :now"), now=booking.now)
            update = update.also((f"{turn} = :turn",), "", turn=next_turn)
        if self._budget is not None:
            update = self._counted(update, booking.count)
        return self._update(update, deadline)

    def _may_count(self) -> float:
        """Return how many calls the budget has left as it was last seen; 1 at least, so that it is seen again."""
        left = math.inf if self._budget is None else self._budget.left(self._item.counted.on(self.today()))
        return max(1, left)

    def _counted(self, update: Update, calls: int) -> Update:
        assert self._budget is not None
        return counted_in(update, calls, self._budget, self._item.counted, self.today())

    def _spent(self) -> BudgetSpentError | None:
        """Return the error to raise where nothing is left of the budget, as it was last seen."""
        if self._budget is None:
            return None
        until = self._budget.spent_until(self._item.counted, datetime.fromtimestamp(self._clock(), UTC))
        return BudgetSpentError(until) if until else None

    @property
    def has_budget(self) -> bool:
        return self._budget is not None and self._budget.is_set

    def today(self) -> date:
        """Return the present day in UTC."""
        return datetime.fromtimestamp(self._clock(), UTC).date()

    def _update(self, update: Update, deadline: Deadline) -> bool:
        """Update the item on condition; afterwards `_item` is the present one in either case."""
        numbers: Any = {f":{name}": {"N": f"{value:.6f}"} for name, value in update.values}

        def attempt() -> Any:
            return self._client.update_item(
                TableName=self._table,
                Key=self._key,
                UpdateExpression=update.expression,
                ConditionExpression=update.condition,
                ExpressionAttributeValues=numbers,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )

        try:
            self._item = _read(call(attempt, deadline.briefly(_PATIENCE_S), DYNAMODB.call_s)["Attributes"])
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            present: Any = error.response.get("Item")
            self._item = _read(present or {})
            return False
        finally:
            self._seen_at = self._clock()
        return True


class SplitRateLimiter:
    """A quota on as many items as it takes: one of them cannot share out a large one."""

    def __init__(self, parts: Sequence[RateLimiter], clock: Callable[[], float] = time.time) -> None:
        """`parts`: one for each item, each with its part of the quota."""
        self._parts = parts
        self._clock = clock
        self._turn = random.randrange(len(parts))
        self._lock = threading.Lock()
        # Calls of a day that are counted already, for parts that do not count their own.
        self._granted = 0
        self._granted_on: date | None = None

    def acquire(self, request: SlotRequest, deadline: Deadline, then_s: float) -> Exception | None:
        """Wait for a slot; as `RateLimiter.acquire`.

        Where the budget is spent, a photo that may wait is held until its deadline: what is sent back to its queue
        at once would come again at once, until its mapping is switched off.
        """
        part = self._part()
        is_granted = part is not self._parts[0]
        try:
            if is_granted:
                self._take_granted(deadline)
            return part.acquire(request, deadline, then_s)
        except NoSlotError as error:
            if is_granted and not isinstance(error, BudgetSpentError):
                self._give_back_granted()
            if isinstance(error, BudgetSpentError) and request.max_wait_s is None:
                with suppress(NoSlotError):
                    _wait(deadline, deadline.remaining_s() - then_s - _BEFORE_END_S, then_s)
            raise

    def give_back(self) -> None:
        """Leave a slot that is not used to the environment's next photo; none that is counted is lost."""
        part = self._part()
        part.give_back()
        if part is not self._parts[0]:
            self._give_back_granted()

    def throttled(self, deadline: Deadline) -> None:
        """Cut the rate of one item, most likely of that which the call came from; best effort."""
        self._part().throttled(deadline)

    def _take_granted(self, deadline: Deadline) -> None:
        """Take one of the calls that are counted already, or count some more."""
        counter = self._parts[0]
        with self._lock:
            today = counter.today()
            if not self._granted or self._granted_on != today:
                try:
                    self._granted, self._granted_on = counter.count(_GRANT, deadline), today
                except BudgetSpentError:
                    raise
                except (*AWS_ERRORS, TransientError) as error:
                    if counter.has_budget:
                        raise _unknown_budget(error) from error
                    return
            self._granted -= 1

    def _give_back_granted(self) -> None:
        with self._lock:
            self._granted += 1

    def _part(self) -> RateLimiter:
        return self._parts[(self._turn + int(self._clock() / _SAME_ITEM_S)) % len(self._parts)]


def limiter_of(
    client: DynamoDBClient,
    table: str,
    *,
    tps: float,
    environments: int,
    waiting_environments: int,
    budget: Budget = Budget(),  # noqa: B008 - it is frozen
    clock: Callable[[], float] = time.time,
) -> SplitRateLimiter:
    """Return the limiter of a quota, which keeps to a budget."""
    items = math.ceil(tps / _MAX_TPS)
    parts = [
        RateLimiter(
            client,
            table,
            tps=tps / items,
            # Each of them works on every item, a part of its time.
            environments=math.ceil(environments / items),
            waiting_environments=math.ceil(waiting_environments / items),
            budget=budget if number == 1 else None,
            item=number,
            clock=clock,
        )
        for number in range(1, items + 1)
    ]
    return SplitRateLimiter(parts, clock)


def _read(item: dict[str, Any]) -> _Item:
    numbers = {name: float(value["N"]) for name, value in item.items() if "N" in value}
    return _Item(
        numbers.get("NextTurn", 0.0),
        numbers.get("CutTo", math.inf),
        numbers.get("CutAt", 0.0),
        turns=numbers,
        counted=Counted.from_item(item),
    )


def _unknown_budget(error: Exception) -> TransientError:
    """Return what to raise instead of making a call that could exceed the budget."""
    return TransientError("BudgetUnknown", f"what is left of the budget cannot be read: {error}")


def _turn(priority: Priority) -> str:
    return f"{priority.name}Turn"


def _wait(deadline: Deadline, seconds: float, then_s: float) -> None:
    """Wait for a slot. Raises NoSlotError where the deadline comes first."""
    try:
        deadline.pause(max(0.0, seconds), then_s=then_s)
    except OutOfTimeError:
        raise NoSlotError from None
