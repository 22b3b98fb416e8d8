"""Labels that Rekognition has returned and DynamoDB has not accepted: kept for the next try.

Rekognition is nearly all of what a photo costs. Where DynamoDB refuses what the function writes (a permission
that is gone, a table at its limit), each of a photo's hundred tries would pay for it again. So labels are kept in
the environment until they are written, and after a write that failed a circuit breaker lets only one photo every
ten seconds through, which finds out whether DynamoDB writes again: 360 calls for an outage of an hour in one
environment, however many photos wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING

from photo_labels.records.errors import ChangedMeanwhileError, TransientError
from photo_labels.records.messages import MAX_BACKOFF_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from handler.decisions import Version
    from photo_labels.records.documents import Document

# Documents, of about 60 KB in memory with fifty labels.
_MAX_KEPT = 100
# A message that has not come back by then went to another environment.
_KEPT_FOR = timedelta(seconds=2 * MAX_BACKOFF_S)
_PROBE_EVERY = timedelta(seconds=10)


class UnwrittenLabels:
    """Documents that one environment could not write; used from many threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[Version, tuple[datetime, Document]] = OrderedDict()

    def document(self, version: Version) -> Document | None:
        """Return the document of this version of a photo that could not be written; None: there is none."""
        with self._lock:
            if version not in self._kept:
                return None
            kept_at, document = self._kept[version]
            return document if self._now() - kept_at < _KEPT_FOR else None

    def record(self, version: Version, document: Document, error: Exception | None) -> None:
        """Keep a document whose write failed; forget one that was written."""
        with self._lock:
            self._kept.pop(version, None)
            if error and document.status == "LABELLED":
                self._kept[version] = (self._now(), document)
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)


class WriteCircuitBreaker:
    """Stops calls to Rekognition while DynamoDB does not take what they return; used from many threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        # When the next photo may go through; None: the breaker is closed, and all may.
        self._probe_at: datetime | None = None

    def require_closed(self) -> None:
        """Raise TransientError while the last writes have failed, unless this photo is to try again."""
        with self._lock:
            if self._probe_at is None:
                return
            if self._now() < self._probe_at:
                raise TransientError("WritesFail", "the last labels could not be written: none are paid for now")
            self._probe_at = self._now() + _PROBE_EVERY

    def record(self, writes: Iterable[tuple[Document, Exception | None]]) -> None:
        """Open the breaker where writes failed and none of them was answered; close it where one was."""
        is_failing, is_answered = False, False
        for document, error in writes:
            if error and not isinstance(error, ChangedMeanwhileError):
                is_failing = True
            elif document.status == "LABELLED":  # others have no rows, and were not paid for
                is_answered = True
        with self._lock:
            if is_answered:
                self._probe_at = None
            elif is_failing and self._probe_at is None:
                self._probe_at = self._now() + _PROBE_EVERY
