"""What is to be done about one object of a batch, and what was decided: data only, passed between the modules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from handler.events import ObjectEvent, Work
    from photo_labels.records.contents import Claim
    from photo_labels.records.documents import Document

    # What Rekognition was shown: ImageID, Sequencer (None: without an event), ETag, VersionId, and, where S3 was
    # asked before, Last-Modified. Nothing else ever has the same.
    Version = tuple[str, str | None, str | None, str | None, datetime | None]

# An older event may come from the dead-letter queue: what it says is checked, so that nothing is resurrected.
_TRUSTED_FOR = timedelta(days=1)


class SkipReason(Enum):
    """Why an object is done without writing anything."""

    DUPLICATE = "a document of this version or a newer one is there"
    STILL_THERE = "something was removed, but the object came back, of which its own event tells"
    UP_TO_DATE = "the document already says what is true"
    PURGED = "the photo was purged after that"


@dataclass(frozen=True, slots=True)
class Forward:
    """A photo for another queue: to be converted, as bulk work, or because the quota had no slot for it."""

    queue_url: str
    body: str
    why: str
    # Counted as ImagesHandedOver.
    is_to_be_converted: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One object with what is known about it: what `Labeller.resolve` needs, without the batch."""

    event: ObjectEvent
    known: Document | None
    # The event's, where it is newer than the document's; None: reconcile with what is true now.
    sequencer: str | None
    reconcile: bool
    force: bool
    old: bool
    # When it happened, or was asked for, at the latest.
    moment: datetime | None = None
    # Of the content that the event tells of, as it was read.
    claim: Claim | None = None
    # Labels of other settings are right, too.
    keep_labels: bool = False

    @property
    def image_id(self) -> str:
        return self.event.image_id


@dataclass(frozen=True, slots=True)
class Write:
    """A document to commit, and the one that was there when it was read."""

    document: Document
    known: Document | None
    # It has no event of its own, and is written only where `known` is still there.
    reconciled: bool
    # Somebody asked for the present truth: another document, which may be older, does not answer that.
    requested: bool = False
    # It says what the document says already; only the event is another.
    unchanged: bool = False
    # What Rekognition was shown; None: nothing, or what could not be told from something else later.
    shown: Version | None = None
    # Where the photo was purged after it, this is not written.
    moment: datetime | None = None
    # A rejected photo that its importer has marked: the importer says so, and no alarm.
    is_marked: bool = False

    @property
    def image_id(self) -> str:
        return self.document.image_id


def task_for(work: Work, known: Document | None, now: datetime, claim: Claim | None = None) -> Task | SkipReason:
    """Decide from the document alone whether there is anything to do."""
    event = work.newest
    if known and work.moment and known.was_purged_after(work.moment):
        return SkipReason.PURGED
    sequencer = event.sequencer
    if sequencer and known and known.sequencer >= sequencer:
        if not work.reconcile:
            return SkipReason.DUPLICATE
        sequencer = None
    old = event.time is not None and now - event.time > _TRUSTED_FOR
    return Task(event, known, sequencer, work.reconcile, work.force, old, work.moment, claim, work.keep_labels)
