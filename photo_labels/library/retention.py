"""How much may wait: SQS deletes a message after its queue's retention, silently.

The queues of bulk work keep messages for 12 days (infra/pipeline.yaml), and serve them roughly in order. So the
tools queue no more than is labelled within 10 at the present rate, of which live photos may take a fifth: at 5
calls a second that is 3.5 million. The alarm at 8 days tells where the rate has fallen since.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from photo_labels.library.status import StatusReader
from photo_labels.library.user_errors import NotAllDoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.budget import BudgetStatus
    from photo_labels.library.target import Target

# Of the queues of what waits (infra/pipeline.yaml), and of what the tools queue.
RETENTION = timedelta(days=12)
LONGEST_WAIT = timedelta(days=10)
# The present rate is what was measured where more waits than is labelled in that time: then it was never idle.
_BUSY_S = 600.0
# What live photos leave of the rate.
_BULK_SHARE = 0.8
# What others queue at the same time is looked for again after so many messages.
_LOOK_AFTER = 100_000
# An emptier queue is worth coming back for.
_WORTH = 0.1


class NoRoomError(NotAllDoneError):
    """What waits already takes as long as may be."""


class QueueRoom:
    """Room for messages in the queues of bulk work; used from many threads."""

    def __init__(self, target: Target, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._target = target
        self._now = now
        self._lock = threading.Lock()
        self._status: StatusReader | None = None
        # None: the pipeline sets no limit to its rate, and nobody knows what there is room for.
        self._left: int | None = 0
        self._rate = 0.0
        # None: there is none.
        self.budget: BudgetStatus | None = None
        self._waiting = 0
        self._until_look = 0

    def take(self, messages: int) -> None:
        """Count messages that are about to be queued; 0: only look. Raises NoRoomError where there is no room."""
        with self._lock:
            if self._until_look <= messages:
                self._look()
            self._until_look -= messages
            if self._left is None:
                return
            if messages > self._left:
                raise NoRoomError(self._why_not())
            self._left -= messages
            self._waiting += messages

    def labelled_in_s(self, more: int = 0) -> float | None:
        """Return how long all that waits takes, and `more` photos; None: nobody knows.

        By the rate from before it was queued.
        """
        with self._lock:
            if self._left is None or not self._rate:
                return None
            return self._takes_s(self._waiting + more)

    def _takes_s(self, photos: int) -> float | None:
        return self.budget.takes_s(photos, self._rate) if self.budget else photos / self._rate

    def _look(self) -> None:
        self._status = self._status or StatusReader(self._target)
        self._until_look = _LOOK_AFTER
        if not self._status.tps:
            self._left = None
            return
        status = self._status.read()
        measured, waiting = status.photos_a_second, status.waiting
        if not self._rate:  # before anything was queued: what is queued now shows in no rate yet
            is_busy = status.is_on and measured > 0 and waiting > _BUSY_S * measured
            self._rate = _BULK_SHARE * (measured if is_busy else status.tps)
        self.budget = status.budget
        self._waiting = waiting
        self._left = max(0, int(self._most()) - waiting)

    def _most(self) -> float:
        """Return how many photos are labelled within the longest wait."""
        if self.budget:
            return self.budget.allowed(LONGEST_WAIT / timedelta(days=1), self._rate)
        return self._most_by_rate()

    def _most_by_rate(self) -> float:
        return self._rate * LONGEST_WAIT.total_seconds()

    def _why_not(self) -> str:
        again = self._now() + _WORTH * LONGEST_WAIT
        brake = f"at {self._rate:.3g} photos a second"
        remedy = "ask Service Quotas for more DetectLabels calls a second"
        if self.budget and self._most() < self._most_by_rate():
            again = max(again, self.budget.spent_until or again)
            brake = "with the budget of Rekognition calls"
            remedy = "raise DailyBudgetPhotos or MonthlyBudgetPhotos"
        return (
            f"What waits takes {LONGEST_WAIT.days} days already {brake}, and SQS deletes what waits for longer "
            f"than {RETENTION.days}. Run the same command again from {again:%B %d} on, or {remedy}."
        )
