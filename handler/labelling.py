"""What becomes of one photo: the decision, and the document that records it. Runs in a thread of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from handler.documents import NO_SEQUENCER, TOMBSTONE_LIFE, Document, fitted, iso, labels_from
from handler.errors import PermanentError, TransientError
from handler.events import Kind, ObjectEvent, Work, body_of
from handler.paid import Paid
from handler.recognition import LARGEST_OBJECT_BYTES, UnreadableObjectError, UnsupportedPhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    from handler.deadline import Deadline
    from handler.objects import Head, Objects
    from handler.paid import Version
    from handler.recognition import Recognised, Tally
    from handler.settings import Settings

    class Detector(Protocol):
        """Gives the labels of an S3 object: `recognition.Recogniser`, or `conversion.Converter`."""

        def detect(
            self, bucket: str, key: str, version_id: str | None, deadline: Deadline, tally: Tally
        ) -> Recognised: ...


_TRUSTED_FOR = timedelta(days=1)
"""An event older than this may come from the DLQ: what it says is checked, so that nothing is resurrected."""

_UNSUPPORTED_SUFFIXES = (".heic", ".heif", ".avif", ".webp", ".tif", ".tiff", ".gif", ".bmp")


class Nothing(Enum):
    """Ways to be done without writing anything."""

    DUPLICATE = "a document of this version or a newer one is there"
    STILL_THERE = "something was removed, but the object is still there"
    UP_TO_DATE = "the document already says what is true"


@dataclass(frozen=True, slots=True)
class Write:
    """A document to commit, and what is there already as far as we know."""

    document: Document
    known: Document | None
    reconciled: bool
    """It has no event of its own, and is written only where `known` is still what is there."""

    @property
    def image_id(self) -> str:
        return self.document.image_id

    @property
    def version(self) -> Version:
        return _version_of(self.document, None if self.reconciled else self.document.sequencer)


@dataclass(frozen=True, slots=True)
class HandOver:
    """A photo that Rekognition does not read as it is: it is for the other function, with this message."""

    body: str
    why: str


@dataclass(frozen=True, slots=True)
class Task:
    """One object with what is known about it: what `Labeller.resolve` needs, free of the batch."""

    event: ObjectEvent
    known: Document | None
    sequencer: str | None
    """The event's, where it is newer than the document's; None: reconcile with what is true now."""
    reconcile: bool
    force: bool
    old: bool

    @property
    def image_id(self) -> str:
        return self.event.image_id


def task_for(work: Work, known: Document | None, now: datetime) -> Task | Nothing:
    """Decide from the document alone whether there is anything to do."""
    event = work.newest
    sequencer = event.sequencer
    if sequencer and known and known.sequencer >= sequencer:
        if not work.reconcile:
            return Nothing.DUPLICATE
        sequencer = None
    old = event.time is not None and now - event.time > _TRUSTED_FOR
    return Task(event, known, sequencer, work.reconcile, work.force, old)


class Labeller:
    """Turns tasks into documents; writes nothing, so that what a late thread finds out harms nobody."""

    def __init__(
        self,
        settings: Settings,
        recogniser: Detector,
        objects: Objects,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._is_handing_over = settings.convert_queue_url is not None
        self._min_confidence = Decimal(str(settings.min_confidence))
        self._max_labels = settings.max_labels
        self._recogniser = recogniser
        self._objects = objects
        self._now = now
        self._paid = Paid(now)

    def note(self, ends: Iterable[tuple[Write, Exception | None]]) -> None:
        """Take note of what became of documents that were written together, so that none is paid for again."""
        self._paid.note((write.version, write.document, error) for write, error in ends)

    def resolve(self, task: Task, deadline: Deadline, tally: Tally) -> Write | Nothing | HandOver:
        """Find out what is to be written for one object. Raises what is transient."""
        if task.reconcile or task.old or task.event.kind is Kind.REMOVED:
            return self._verified(task, deadline, tally)
        return self._labelled(task, deadline, tally)

    def _verified(self, task: Task, deadline: Deadline, tally: Tally) -> Write | Nothing | HandOver:
        """Let S3 tell what is true now, whatever the event says."""
        removal = task.event.kind is Kind.REMOVED and not task.reconcile
        try:
            head = self._objects.head(task.event.bucket, task.event.key, None, deadline)
        except PermanentError as error:
            return Nothing.STILL_THERE if removal else self._rejected(task, error)
        if head is None:
            return self._removed(task)
        if removal and _is_told_of(task.known, head):
            return Nothing.STILL_THERE
        if task.sequencer is None and not task.force and self._is_up_to_date(task.known, head):
            return Nothing.UP_TO_DATE
        return self._labelled(replace(task, event=_as_it_is(task.event, head)), deadline, tally)

    def _labelled(self, task: Task, deadline: Deadline, tally: Tally) -> Write | Nothing | HandOver:
        event = task.event
        if self._is_handing_over and (why := _surely_unsupported(event)):
            return _handed_over(task, why)
        if kept := self._paid.document(_version_of(event, task.sequencer)):
            return self._write(
                task,
                status="LABELLED",
                labels=kept.labels,
                label_model_version=kept.label_model_version,
                orientation=kept.orientation,
            )
        self._paid.require_writing()
        try:
            found = self._recogniser.detect(event.bucket, event.key, event.version_id, deadline, tally)
        except UnreadableObjectError as error:
            return self._unreadable(task, str(error), deadline)
        except UnsupportedPhotoError as error:
            return _handed_over(task, error.reason) if self._is_handing_over else self._rejected(task, error)
        except PermanentError as error:
            return self._rejected(task, error)
        return self._write(
            task,
            status="LABELLED",
            labels=labels_from(found.labels),
            label_model_version=found.model_version,
            orientation=found.orientation,
        )

    def _unreadable(self, task: Task, said: str, deadline: Deadline) -> Write | Nothing:
        """Ask S3 why Rekognition could not get the object."""
        event = task.event
        try:
            head = self._objects.head(event.bucket, event.key, event.version_id, deadline)
        except PermanentError as error:
            return self._rejected(task, error)
        if head is None:
            return self._removed(task)
        if head.size == 0:
            return self._rejected(task, PermanentError("EmptyObject", "The file is empty (0 bytes)."))
        if head.archived:
            return self._rejected(
                task,
                PermanentError("ArchivedObject", "The photo is archived: restore it from S3 Glacier first."),
            )
        raise TransientError("InvalidS3ObjectException", said)

    def _removed(self, task: Task) -> Write | Nothing:
        if task.sequencer is None and task.known and task.known.status == "REMOVED":
            return Nothing.UP_TO_DATE
        return self._write(
            task,
            status="REMOVED",
            expires_at=int((self._now() + TOMBSTONE_LIFE).timestamp()),
            **dict.fromkeys(("etag", "size", "version_id", "min_confidence", "max_labels")),
        )

    def _rejected(self, task: Task, error: PermanentError) -> Write:
        return self._write(task, status="REJECTED", reason=error.reason, detail=error.detail)

    def _write(self, task: Task, **outcome: Any) -> Write:
        event, known = task.event, task.known
        fields: dict[str, Any] = {
            "bucket": event.bucket,
            "key": event.key,
            "sequencer": task.sequencer or (known.sequencer if known else NO_SEQUENCER),
            "labelled_at": self._after(known),
            "event_time": iso(event.time) if event.time else None,
            "etag": event.etag,
            "size": event.size,
            "version_id": event.version_id,
            "min_confidence": self._min_confidence,
            "max_labels": self._max_labels,
        }
        document = Document(**(fields | outcome))
        return Write(fitted(document), known, reconciled=task.sequencer is None)

    def _after(self, known: Document | None) -> str:
        """LabelledAt, always later than the document's before it: the two of them name a commit."""
        now = iso(self._now())
        if known is None or known.labelled_at < now:
            return now
        return iso(datetime.fromisoformat(known.labelled_at) + timedelta(milliseconds=1))

    def _is_up_to_date(self, known: Document | None, head: Head) -> bool:
        return (
            known is not None
            and known.status != "REMOVED"
            and known.etag == head.etag
            and (known.min_confidence, known.max_labels) == (self._min_confidence, self._max_labels)
        )


def _version_of(of: ObjectEvent | Document, sequencer: str | None) -> Version:
    return of.image_id, sequencer, of.etag, of.version_id


def _surely_unsupported(event: ObjectEvent) -> str | None:
    """Tell why Rekognition need not be asked: its refusal would take a turn from the quota.

    A name may lie. The other function goes by what is in the file, so that nothing but its time is at stake.
    """
    if event.size is not None and event.size > LARGEST_OBJECT_BYTES:
        return "Size"
    return "Name" if event.key.lower().endswith(_UNSUPPORTED_SUFFIXES) else None


def _is_told_of(known: Document | None, head: Head) -> bool:
    """Tell whether an object that is there, although something was removed, has or gets a document otherwise.

    Without versions it came back, and its own event comes. With them, an older version or a deleted photo may be
    the present one again, and nothing but the removal (of the newer version, of the delete marker) tells of it.
    """
    return head.version_id is None or (known is not None and known.status != "REMOVED" and known.etag == head.etag)


def _handed_over(task: Task, why: str) -> HandOver:
    # Whatever the event was, what is handed over is there, and to be labelled.
    event = replace(task.event, kind=Kind.CREATED, sequencer=task.sequencer, force=task.force)
    return HandOver(body_of(event), why)


def _as_it_is(event: ObjectEvent, head: Head) -> ObjectEvent:
    """The object as HeadObject shows it; its time is the event's where there is one."""
    return replace(
        event,
        etag=head.etag,
        size=head.size,
        version_id=head.version_id,
        time=event.time or head.last_modified,
    )
