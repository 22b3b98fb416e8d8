"""How long an import waits for the photos that are left, and when it gives them up.

No photo tells that it keeps failing: its message comes back to its queue, and only a log says why. So it goes by
what can be seen from outside, the queues, what ends, and the order in which the photos were uploaded:

- Nothing is in the queues: no message is left that could label the photos (`empty_s`).
- Their turn has come, and they have not ended (`retried_s`). It has once no message in any queue waits for its
  turn, since all have then been received. It also has once photos that were uploaded after them, and waited like
  them, have ended: queues serve roughly in order, also where somebody else's million is behind the import.
- Messages wait for their turn, and nothing at all ends, of anybody's (`standing_s`).
- No message is as old (`retention_s`).

Each counts from the last end of one of the import's own photos. While labelling is paused, or the budget is spent,
the photos wait as they are meant to: but for the last, all counts from the end of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from photo_labels.library.queues import depth
from photo_labels.library.retention import RETENTION
from photo_labels.library.status import StatusReader
from photo_labels.library.user_errors import are_credentials_over
from photo_labels.records.messages import MAX_BACKOFF_S, VISIBILITY_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.budget import BudgetStatus
    from photo_labels.library.importing.journal import Journal
    from photo_labels.library.status import Status
    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

# After that share of `empty_s` without news the queues are looked at, again and again.
_QUIET = 0.1
# As often within `retried_s` the pipeline's status is read, a few calls to CloudWatch: every five minutes.
_STATUSES = 3
# Whether labelling is paused is looked at again after so long, a few calls, and not while photos end.
_HOLD_EVERY_S, _ENDING_S = 15.0, 5.0
# Whoever has taken longer has not found a slot at once, and has stood in a queue.
_HAS_WAITED_S = 60.0
# So many have to have ended that were uploaded later: one alone may have been tried again.
_LATER = 3


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long an import waits without any news of its photos."""

    # Longer than a killed invocation hides its messages.
    empty_s: float = VISIBILITY_TIMEOUT_S + 30.0
    # Pauses between tries grow to MAX_BACKOFF_S: nine tries are made in that time, or three by a function that
    # converts and is killed each time.
    retried_s: float = 3.0 * MAX_BACKOFF_S
    standing_s: float = 3_600.0
    # SQS has deleted every message by then.
    retention_s: float = RETENTION.total_seconds()


PATIENCE = Patience()


class Hold(Enum):
    """Why photos wait as they are meant to."""

    PAUSED = "labelling is paused: photos resume continues"
    OVER_BUDGET = "the budget of Rekognition calls is spent: photos status says until when"


class GivenUp(Enum):
    """Why photos are not waited for any longer."""

    EMPTY = "nothing is in the queues"
    RETRIED = "its turn has come: most likely it fails again and again"
    STANDING = "nothing else is labelled, either, although messages wait"
    TOO_OLD = "SQS keeps no message for longer"


class Watch:
    """Watches the pipeline for an import whose uploads are over."""

    def __init__(self, target: Target, journal: Journal, patience: Patience, clock: Callable[[], float]) -> None:
        self._target = target
        self._queues = target.outputs.queue_urls
        self._sqs = target.client("sqs")
        self._journal = journal
        self._patience = patience
        self._clock = clock
        # Places in line of the last photos that have ended and had waited, ascending.
        self._ended = [-1] * _LATER
        # Of anything this import has done or seen.
        self._news_at = clock()
        # When the turn of all that are left had come; infinite: it has not.
        self._turn_at = math.inf
        # When there was last a message, something ended, and photos waited for a pause or a budget to end.
        self._filled_at = self._moved_at = self._held_at = -math.inf
        # When the queues were last seen, are to be seen again, and the status was last read.
        self.looked_at = self._look_at = self._status_at = -math.inf
        self._total = 0
        # When a photo has last ended, and when to look again whether labelling is paused.
        self._ended_at = self._hold_at = -math.inf
        self._status_reader: StatusReader | None = None
        self._given_up: GivenUp | None = None
        self.hold: Hold | None = None

    @property
    def quiet_s(self) -> float:
        """Return for how long there has been no news."""
        return self._clock() - self._news_at

    @property
    def is_turn_over(self) -> bool:
        """Whether what is left should have ended, as far as can be seen, and has not for a while."""
        return self._is_quiet and self._turn_at < math.inf and not self.hold

    @property
    def _is_quiet(self) -> bool:
        return self.quiet_s >= self._patience.empty_s * _QUIET

    def uploaded(self) -> None:
        """Take note of another photo that waits, whose turn has not come."""
        self._note_news()
        self._turn_at = math.inf

    def look_for_hold(self) -> None:
        """See whether labelling is paused or the budget is spent: at once, and now and then while nothing ends.

        To be called again and again, also while photos are uploaded. Raises as `given_up` does, but for refusals.
        """
        now = self._clock()
        if now < max(self._hold_at, self._ended_at + _ENDING_S):
            return
        self._hold_at = now + _HOLD_EVERY_S
        try:
            reader = self._reader()
            is_on, budget = reader.is_on(), reader.budget()
        except ClientError as error:
            _raise_if_over(error)
        else:
            self._hold(is_on=is_on, budget=budget, now=now)

    def _hold(self, *, is_on: bool, budget: BudgetStatus | None, now: float) -> None:
        self.hold = None
        if not is_on:
            self.hold = Hold.PAUSED
        elif budget and budget.spent_until:
            self.hold = Hold.OVER_BUDGET
        if self.hold:
            self._held_at, self._turn_at = now, math.inf

    def ended(self, place: int, document: Document) -> None:
        """Take note of a photo that has ended, by its place in line."""
        self._note_news()
        self._ended_at, self.hold = self._news_at, None
        if document.event_time and _seconds(document.event_time, document.labelled_at) > _HAS_WAITED_S:
            self._ended = sorted([*self._ended, place])[-_LATER:]

    def _note_news(self) -> None:
        self._news_at, self._given_up = self._clock(), None

    def given_up(self) -> GivenUp | None:
        """Tell whether, and why, not to wait any longer; to be called again and again.

        Raises ClientError where it is not allowed to look at the queues, and BotoCoreError.
        """
        now = self._clock()
        if self._is_quiet and now >= self._look_at:
            self._look(now)
            self.looked_at, self._look_at = now, now + self._patience.empty_s * _QUIET
            self._given_up = self._verdict(now)
            if self._given_up in {GivenUp.RETRIED, GivenUp.STANDING} and self._status_at < now:
                self._look_at_status(now)
                self._given_up = self._verdict(now)
        return self._given_up

    def _look(self, now: float) -> None:
        depths = [depth(self._sqs, queue) for queue in self._queues]
        waiting, total = sum(one for one, _ in depths), sum(map(sum, depths))
        if total:
            self._filled_at = now
        else:
            self.hold = None
        if total < self._total:
            self._moved_at = now
        self._total = total
        if not waiting or self._journal.last_waiting() < self._ended[0]:
            self._turn_at = min(self._turn_at, now)
        if total and now >= self._status_at + self._patience.retried_s / _STATUSES:
            self._look_at_status(now)

    def _look_at_status(self, now: float) -> None:
        is_first = self._status_at == -math.inf
        self._status_at = now
        status = self._status()
        if is_first or (status and status.photos_a_second):
            self._moved_at = now
        self._hold(is_on=status is None or status.is_on, budget=status.budget if status else None, now=now)

    def _status(self) -> Status | None:
        """Read the pipeline's status; None: it does not tell, and the queues have to do."""
        try:
            return self._reader().read()
        except ClientError as error:
            _raise_if_over(error)
            return None

    def _reader(self) -> StatusReader:
        self._status_reader = self._status_reader or StatusReader(self._target)
        return self._status_reader

    def _verdict(self, now: float) -> GivenUp | None:
        patience, since = self._patience, max(self._news_at, self._held_at)
        if now - max(self._news_at, self._filled_at) >= patience.empty_s:
            return GivenUp.EMPTY
        if now - max(since, self._turn_at) >= patience.retried_s:
            return GivenUp.RETRIED
        if self._filled_at == now and now - max(since, self._moved_at) >= patience.standing_s:
            return GivenUp.STANDING
        return GivenUp.TOO_OLD if now - self._news_at >= patience.retention_s else None


def _raise_if_over(error: ClientError) -> None:
    """Take a refusal of AWS for no answer, but for credentials that are over."""
    if are_credentials_over(error):
        raise error


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
