"""Which of the photos that wait to look at, and when, so that reads follow the rate at which photos end.

The photos stand in line, in the order in which they were uploaded, and end roughly in this order. Where few wait,
each is looked at every now and then. Where many do, most of them sleep, and one in a hundred, a sentinel, is
looked at for its stretch of the line. When a sentinel has ended, and so has one near it, then what lies between
the two has most likely ended, too, and is looked at. That holds for each part of the line by itself, also where a
folder of photos that have to be converted is slower than what comes after it, or where some messages were lost.

How often a photo is looked at that has not ended:

- At the latest after 20 s and a twelfth of the time for which it has waited. So the number of looks at one photo
  grows with the logarithm of that time, and what has ended is found soon, measured by how long it took.
- Sooner than that only for reads that were saved: there are 2,000 at first, and each photo that has ended adds
  some. The fewer are left, the longer the pauses.

So reads a second follow the rate at which photos end. tests/unit/importing/test_waiting.py plays that.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from photo_labels.library.importing.journal import Journal, Waiting

AT_A_TIME = 300
# So many are looked at in any case, the first in line.
_LEAST_WATCHED = 300
_STRETCH = 100
# Sentinels that are so near to each other count as neighbours: the one between them may be waited for in vain.
_NEAR = 3
# The shortest pause: a pipeline that is idle labels a photo in about that time.
_SOON_S = 0.05
# As a share of the time that a photo has waited: as long as there are savings, and at the latest.
_EAGER, _PATIENT = 1 / 4, 1 / 12
_PATIENT_S = 20.0
_MOST_SAVED = 2_000.0
_SAVED_BY_ONE = 2.5


class Line:
    """The photos of one import that wait, from the first that was uploaded to the last."""

    def __init__(self, journal: Journal, clock: Callable[[], float]) -> None:
        self._journal = journal
        self._clock = clock
        self._saved = _MOST_SAVED
        # Places of sentinels in ascending order, whether each has ended, and how many came after the last.
        self._sentinels = array("q")
        self._are_over = bytearray()
        self._after_last = _STRETCH
        self._last = -1

    def due(self) -> list[Waiting]:
        """Return the photos to look at now."""
        now = self._clock()
        self._appoint(now)
        self._journal.wake_first(_LEAST_WATCHED, now, self._soon_s)
        return self._journal.to_look_for(now, AT_A_TIME)

    def looked(self, some: int, ended: Sequence[Waiting]) -> None:
        """Take note of which have ended of some that were looked at."""
        self._saved = max(1.0, min(self._saved - some + len(ended) * _SAVED_BY_ONE, _MOST_SAVED))
        for one in ended:
            at = bisect_left(self._sentinels, one.place)
            if at < len(self._sentinels) and self._sentinels[at] == one.place:
                self._are_over[at] = True
                self._wake_around(at)

    def again_at(self, one: Waiting) -> float:
        """Return when to look again at a photo that has not ended."""
        now = self._clock()
        waited_s = now - one.since
        eager_s = max(_SOON_S, waited_s * _EAGER) * _MOST_SAVED / self._saved
        return now + min(eager_s, _PATIENT_S + waited_s * _PATIENT)

    @property
    def _soon_s(self) -> float:
        return min(_SOON_S * _MOST_SAVED / self._saved, _PATIENT_S)

    def _appoint(self, now: float) -> None:
        """Make every hundredth of those a sentinel that came since the last time."""
        while places := self._journal.sleeping(self._last):
            for place in places:
                if self._after_last == _STRETCH:
                    self._sentinels.append(place)
                    self._are_over.append(False)
                    self._journal.wake(place, place, now, self._soon_s)
                    self._after_last = 0
                self._after_last += 1
            self._last = places[-1]

    def _wake_around(self, at: int) -> None:
        """Wake those between a sentinel that has ended and others near it that have, and all behind the last."""
        first = next((near for near in range(max(at - _NEAR, 0), at) if self._are_over[near]), at)
        count = len(self._are_over)
        last = next((near for near in range(min(at + _NEAR, count - 1), at, -1) if self._are_over[near]), at)
        end = self._last if last == count - 1 else self._sentinels[last]
        self._journal.wake(self._sentinels[first], end, self._clock(), self._soon_s)
