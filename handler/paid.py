"""Labels that were paid for and not written: kept for the next try; and no more are paid for meanwhile.

Rekognition is nearly all of what a photo costs. Where DynamoDB refuses what the function writes (a permission
that is gone, a table at its limit), each of a photo's hundred tries would pay for it again. So labels are kept in
the environment until they are written, and after a write that failed nothing new is paid for but one photo every
ten seconds, which finds out whether DynamoDB writes again: 360 calls for an outage of an hour in one environment,
however many photos wait.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING

from photo_labels.records.errors import ChangedMeanwhileError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from photo_labels.records.documents import Document

    Version = tuple[str, str | None, str | None, str | None, datetime | None]
    """What was shown to Rekognition: ImageID, Sequencer (None: without an event), ETag, VersionId, and, where it
    was looked at before, Last-Modified. Nothing else ever has the same."""

_MAX_KEPT = 100
"""Documents, of about 60 KB in memory with fifty labels."""
_KEPT_FOR = timedelta(minutes=10)
"""Twice the longest backoff: a message that has not come back by then went to another environment."""
_PROBE_EVERY = timedelta(seconds=10)


class Paid:
    """What one environment has paid for; used from many threads."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[Version, tuple[datetime, Document]] = OrderedDict()
        self._probe_at: datetime | None = None
        """When the next photo may be paid for; None: writing works."""

    def document(self, version: Version) -> Document | None:
        """Return the document of this version of a photo that could not be written."""
        with self._lock:
            if version not in self._kept:
                return None
            kept_at, document = self._kept[version]
            return document if self._now() - kept_at < _KEPT_FOR else None

    def require_writing(self) -> None:
        """Raise TransientError where labels that were paid for now could not be written, most likely."""
        with self._lock:
            if self._probe_at is None:
                return
            if self._now() < self._probe_at:
                raise TransientError("WritesFail", "the last labels could not be written: none are paid for now")
            self._probe_at = self._now() + _PROBE_EVERY

    def note(self, ends: Iterable[tuple[Version | None, Document, Exception | None]]) -> None:
        """Take note of what became of documents that were written together: an error, or none."""
        with self._lock:
            is_failing, is_answered = False, False
            for version, document, error in ends:
                if version:
                    self._kept.pop(version, None)
                    if error and document.status == "LABELLED":
                        self._kept[version] = (self._now(), document)
                if error and not isinstance(error, ChangedMeanwhileError):
                    is_failing = True
                elif document.status == "LABELLED":  # others have no rows, and were not paid for
                    is_answered = True
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
            if is_answered:
                self._probe_at = None
            elif is_failing and self._probe_at is None:
                self._probe_at = self._now() + _PROBE_EVERY
