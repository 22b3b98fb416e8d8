"""What becomes of one photo: the decision, and the document that records it. Runs in a thread of its own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from handler.decisions import Forward, SkipReason, Task, Write
from handler.events import Kind, ObjectEvent, body_of
from handler.looking import Look
from handler.metadata import MetadataReader
from handler.model_settings import digest_of
from handler.rate_limiter import BudgetSpentError, NoSlotError, SlotRequest
from handler.recognition import MAX_OBJECT_BYTES
from handler.results import S3Object, UnreadableObjectError, UnsupportedPhotoError
from handler.unwritten import UnwrittenLabels, WriteCircuitBreaker
from photo_labels.records.dimensions import why_too_small_by_header
from photo_labels.records.documents import (
    NO_SEQUENCER,
    NULL_VERSION,
    TOMBSTONE_LIFE,
    Document,
    fitted,
    is_lasting,
    iso,
    labels_from,
    new_commit,
)
from photo_labels.records.errors import AWS_ERRORS, PermanentError, TransientError
from photo_labels.records.formats import (
    NOT_A_PHOTO,
    PHOTO_FORMATS,
    REASONS_WITHOUT_ALARM,
    TOO_SMALL,
    NameSays,
    format_by_content,
    format_by_name,
    name_says,
    why_no_photo,
)
from photo_labels.records.image_properties import image_properties_from
from photo_labels.records.timeline import timeline_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from handler.copies import ClaimAttempt, Copies
    from handler.deadline import Deadline
    from handler.decisions import Version
    from handler.lanes import Lane
    from handler.objects import Objects
    from handler.results import CallStats, Recognised
    from handler.settings import Settings
    from handler.threads import Threads
    from photo_labels.records.heads import Head

    class Detector(Protocol):
        """Returns the labels of an S3 object: `recognition.Recogniser`, or `conversion.Converter`."""

        def detect(
            self, photo: S3Object, slot: SlotRequest, deadline: Deadline, stats: CallStats
        ) -> Recognised: ...


# Last-Modified is in whole seconds, and clocks differ: what changed more recently may have changed once more, and
# look the same.
_SETTLED_AFTER = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Photo:
    """One object that is to be resolved."""

    task: Task
    lane: Lane
    deadline: Deadline
    stats: CallStats
    beside: Threads
    # What S3 has shown of it, where it was looked at.
    head: Head | None = None


class _ForwardedError(Exception):
    """The photo is for another queue."""

    def __init__(self, photo: _Photo, queue_url: str, why: str, *, is_to_be_converted: bool = False) -> None:
        super().__init__(why)
        # Whatever the event was, a photo that is forwarded is there, and has to be labelled.
        task = photo.task
        kind = Kind.RECONCILE if task.reconcile else Kind.CREATED
        event = replace(task.event, kind=kind, sequencer=task.sequencer, force=task.force, asked_at=task.moment)
        self.forward = Forward(queue_url, body_of(event), why, is_to_be_converted)


class _VersionGoneError(TransientError):
    """The version that was to be labelled is gone, which says nothing about other versions."""

    def __init__(self) -> None:
        super().__init__("VersionGone", "the version is gone: what is there now is looked at next")


class Labeller:
    """Turns tasks into documents; writes nothing, so that the result of a late thread does no harm."""

    def __init__(
        self,
        settings: Settings,
        recogniser: Detector,
        objects: Objects,
        copies: Copies,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._min_confidence = Decimal(str(settings.min_confidence))
        self._max_labels = settings.max_labels
        self._model_settings = digest_of(settings)
        self._recogniser = recogniser
        self._objects = objects
        self._copies = copies
        self._look = Look(objects)
        self._metadata = MetadataReader(settings, objects)
        self._now = now
        self._unwritten = UnwrittenLabels(now)
        self._breaker = WriteCircuitBreaker(now)

    def record_writes(self, writes: Sequence[tuple[Write, Exception | None]]) -> None:
        """Record how documents that were written together ended, so that none is paid for again."""
        for write, error in writes:
            if write.shown:
                self._unwritten.record(write.shown, write.document, error)
        self._breaker.record((write.document, error) for write, error in writes)

    def resolve(
        self, task: Task, lane: Lane, deadline: Deadline, stats: CallStats, beside: Threads
    ) -> Write | SkipReason | Forward:
        """Find out what is to be written for one object, or where else it goes. Raises what is transient.

        `beside`: runs what does not have to wait for one another.
        """
        photo = _Photo(task, lane, deadline, stats, beside)
        try:
            decided = self._resolve(photo)
        except _ForwardedError as error:
            return error.forward
        if (
            isinstance(decided, Write)
            and decided.document.status == "REJECTED"
            and decided.document.reason not in REASONS_WITHOUT_ALARM
        ):
            return replace(decided, is_marked=self._was_imported(photo))
        return decided

    def _resolve(self, photo: _Photo) -> Write | SkipReason:
        task = photo.task
        if task.reconcile or task.old or task.event.kind is Kind.REMOVED:
            return self._resolve_from_s3(photo)
        try:
            return self._label(photo)
        except _VersionGoneError:
            return self._resolve_from_s3(photo)

    def _resolve_from_s3(self, photo: _Photo) -> Write | SkipReason:
        """Let S3 tell what is true now, whatever the event says.

        Whatever that is, the document gets the event's sequencer, so that no event of before, whose look at S3 is
        older than this one, is written over it. Only an object without versions has always an event of its own.
        """
        task = photo.task
        is_removal = task.event.kind is Kind.REMOVED and not task.reconcile
        try:
            head = self._objects.head(task.event.bucket, task.event.key, None, photo.deadline)
        except PermanentError as error:
            return self._reject(_without_version(task), error)
        if head is None:
            return self._remove(task)
        if not task.reconcile and (reason := _reason_to_leave(task, head)):
            return reason
        may_stay = task.sequencer is None or is_lasting(head.version_id)
        known = task.known if may_stay and not task.force else None
        any_settings = is_removal or (task.reconcile and task.keep_labels)
        if known and self._is_up_to_date(known, head, any_settings=any_settings):
            changes = self._metadata.changes(known, _with_head(task.event, head), photo.deadline)
            if task.sequencer is None and not changes:
                return SkipReason.UP_TO_DATE
            return _rewrite(task, replace(known, **changes), self._now())
        return self._label(replace(photo, task=replace(task, event=_with_head(task.event, head)), head=head))

    def _label(self, photo: _Photo) -> Write | SkipReason:
        """Label a photo that is there. Raises _ForwardedError where that is for another queue."""
        task = photo.task
        shown = self._version_shown(task)
        if shown and (kept := self._unwritten.document(shown)):
            return self._build_write(task, status="LABELLED", copy_of=kept.copy_of, **kept.observed())
        if decided := self._decide_unasked(photo):
            return decided
        self._breaker.require_closed()
        try:
            observed = self._observe(photo)
        except UnreadableObjectError as error:
            return self._explain_unreadable(task, str(error), photo.deadline)
        except UnsupportedPhotoError as error:
            if photo.lane.convert_url:
                raise self._to_converter(photo, error.reason) from error
            return self._reject(task, error)
        except PermanentError as error:
            return self._reject(task, self._look.explained(task.event, error, photo.deadline))
        return self._build_write(task, status="LABELLED", **observed)

    def _observe(self, photo: _Photo) -> dict[str, Any]:
        """Return what the photo's document says of its bytes: what that of an equal photo says, or Rekognition."""
        task, copies = photo.task, self._copies
        content = None if task.force else copies.content_of(task.event)
        if content is None:
            return self._ask(photo, None)
        claim = copies.read(content, photo.deadline, photo.stats) if photo.head else task.claim
        observed = copies.observed(
            task.event,
            claim,
            lambda attempt: self._ask(photo, attempt),
            photo.deadline,
            stats=photo.stats,
            # What may wait for long would have its claim taken over meanwhile.
            beside=photo.beside if photo.lane.max_wait_s is not None else None,
        )
        is_copy = "copy_of" in observed
        return self._metadata.of_equal(observed, task.event, photo.deadline) if is_copy else observed

    def _ask(self, photo: _Photo, attempt: ClaimAttempt | None) -> dict[str, Any]:
        """Return what Rekognition says of a photo, and what it says of itself, which is read meanwhile."""
        reading = self._metadata.reading(photo.task.event, photo.deadline, photo.beside)

        def confirm() -> None:
            if attempt:
                attempt.confirm()
            if not photo.lane.is_converting:  # which downloads the photo in any case
                reading.start()

        slot = SlotRequest(photo.lane.priority, confirm=confirm)
        if attempt:
            slot = replace(slot, start=attempt.start)
        found = self._detect(photo, slot)
        metadata = self._metadata.fields(found.metadata) if found.metadata else reading.fields()
        return _observed(found) | metadata

    def _detect(self, photo: _Photo, slot: SlotRequest) -> Recognised:
        """Ask for labels; a photo that would have to wait for its slot is looked at first: it may be bulk work.

        Before the slot is booked, since one that is returned helps only this environment's other photos.
        """
        lane = photo.lane
        if lane.bulk:
            with suppress(NoSlotError):
                return self._detect_within(photo, slot, 0.0)
            if self._is_marked(photo):
                raise _ForwardedError(photo, lane.bulk.queue_url, "Bulk")
        try:
            return self._detect_within(photo, slot, lane.max_wait_s)
        except NoSlotError as error:
            if lane.no_slot_url is None:
                raise
            is_spent = isinstance(error, BudgetSpentError)
            url = (lane.spent_url if is_spent else None) or lane.no_slot_url
            raise _ForwardedError(photo, url, error.reason) from None

    def _detect_within(self, photo: _Photo, slot: SlotRequest, max_wait_s: float | None) -> Recognised:
        event = photo.task.event
        shown = S3Object(event.bucket, event.key, event.version_to_request)
        return self._recogniser.detect(shown, replace(slot, max_wait_s=max_wait_s), photo.deadline, photo.stats)

    def _is_marked(self, photo: _Photo) -> bool:
        """Tell whether whoever put the object into the bucket has marked it as bulk work."""
        event = photo.task.event
        if photo.head:
            return photo.head.is_bulk
        try:
            head = self._objects.head(event.bucket, event.key, event.version_to_request, photo.deadline)
        except PermanentError:  # Rekognition's refusal explains that
            return False
        return head is not None and head.is_bulk

    def _was_imported(self, photo: _Photo) -> bool:
        """Tell whether a photo that Rekognition has refused is marked; where S3 does not say so, it is not.

        What is rejected without a call to Rekognition takes none to S3 either.
        """
        if not photo.lane.bulk or not photo.stats.calls:
            return False
        with suppress(*AWS_ERRORS, TransientError):
            return self._is_marked(photo)
        return False

    def _to_converter(self, photo: _Photo, why: str) -> _ForwardedError:
        lane = photo.lane
        if lane.bulk and self._is_marked(photo):
            lane = lane.bulk
        assert lane.convert_url
        return _ForwardedError(photo, lane.convert_url, why, is_to_be_converted=True)

    def _decide_unasked(self, photo: _Photo) -> Write | None:
        """Return what name, size or first bytes decide, without Rekognition; None: nothing.

        Only what a name says nothing about is looked into, and light JPEGs and PNGs, which may be too small. Where
        S3 does not give that, the path of all photos finds out why. Raises _ForwardedError for what has to be
        converted.
        """
        task, event, said = photo.task, photo.task.event, name_says(photo.task.event.key)
        if said is NameSays.NO_PHOTO:
            return self._reject(task, PermanentError(NOT_A_PHOTO, why_no_photo(event.key)))
        if event.size == 0:
            return self._reject(task, _empty())
        by_name = format_by_name(event.key)
        beginning = self._look.inside(event, by_name, photo.deadline, is_converting=photo.lane.is_converting)
        found, why = (by_name, "Name") if by_name else (format_by_content(beginning), "Content")
        if beginning and not found:
            return self._reject(task, _no_photo_inside())
        if detail := why_too_small_by_header(beginning):
            return self._reject(task, PermanentError(TOO_SMALL, detail))
        if photo.lane.convert_url is None:
            return None
        if event.size is not None and event.size > MAX_OBJECT_BYTES:
            raise self._to_converter(photo, "Size")
        if found and not found.is_read_by_rekognition:
            raise self._to_converter(photo, why)
        return None

    def _explain_unreadable(self, task: Task, said: str, deadline: Deadline) -> Write | SkipReason:
        """Ask S3 why Rekognition could not get the object. Raises _VersionGoneError where a named one is gone."""
        event = task.event
        try:
            head = self._objects.head(event.bucket, event.key, event.version_to_request, deadline)
        except PermanentError as error:
            return self._reject(task if event.version_to_request else _without_version(task), error)
        if head is None:
            if event.version_to_request:
                raise _VersionGoneError
            return self._remove(task)
        if head.size == 0:
            return self._reject(task, _empty())
        if head.archived:
            return self._reject(
                task,
                PermanentError("ArchivedObject", "The photo is archived: restore it from S3 Glacier first."),
            )
        raise TransientError("InvalidS3ObjectException", said)

    def _remove(self, task: Task) -> Write | SkipReason:
        if task.sequencer is None and task.known and task.known.status == "REMOVED":
            return SkipReason.UP_TO_DATE
        return self._build_write(
            task,
            status="REMOVED",
            expires_at=int((self._now() + TOMBSTONE_LIFE).timestamp()),
            **dict.fromkeys(("etag", "size", "version_id", "min_confidence", "max_labels", "model_settings")),
        )

    def _reject(self, task: Task, error: PermanentError) -> Write:
        return self._build_write(task, status="REJECTED", reason=error.reason, detail=error.detail)

    def _build_write(self, task: Task, **outcome: Any) -> Write:
        event, known = task.event, task.known
        fields: dict[str, Any] = {
            "bucket": event.bucket,
            "key": event.key,
            "sequencer": task.sequencer or (known.sequencer if known else NO_SEQUENCER),
            "labelled_at": iso(self._now()),
            "commit": new_commit(),
            "event_time": iso(event.time) if event.time else None,
            "etag": event.etag,
            "size": event.size,
            "version_id": event.version_id,
            "min_confidence": self._min_confidence,
            "max_labels": self._max_labels,
            "model_settings": self._model_settings,
        }
        document = Document(**(fields | outcome))
        if document.status == "LABELLED":
            timeline = timeline_of(document.taken_at, document.event_time or document.labelled_at)
            document = replace(document, timeline=timeline)
        return Write(
            fitted(document),
            known,
            reconciled=task.sequencer is None,
            requested=task.reconcile,
            shown=self._version_shown(task),
            moment=task.moment,
        )

    def _is_up_to_date(self, known: Document, head: Head, *, any_settings: bool) -> bool:
        return (
            known.status != "REMOVED"
            and known.is_of(head.etag, head.last_modified, head.version_id)
            and (
                any_settings
                or (known.min_confidence, known.max_labels, known.model_settings)
                == (self._min_confidence, self._max_labels, self._model_settings)
            )
        )

    def _version_shown(self, task: Task) -> Version | None:
        """Identify what Rekognition is shown; None where that cannot be told from something else."""
        event = task.event
        since = None if is_lasting(event.version_id) else event.last_modified
        if since and self._now() - since < _SETTLED_AFTER:
            return None
        return event.image_id, task.sequencer, event.etag, event.version_id, event.last_modified


def _observed(found: Recognised) -> dict[str, Any]:
    """Return what a document says of what Rekognition has recognised, by field."""
    return {
        "labels": labels_from(found.labels),
        "label_model_version": found.model_version,
        "orientation": found.orientation,
        "truncated": found.is_truncated or None,
        "image_properties": image_properties_from(found.properties),
    }


def _reason_to_leave(task: Task, head: Head) -> SkipReason | None:
    """Return why an event is of nothing that is to be looked at, though an object is there; None: it may be."""
    is_removal = task.event.kind is Kind.REMOVED
    if is_removal and head.version_id is None:
        return SkipReason.STILL_THERE
    is_another = (head.version_id or NULL_VERSION) != (task.event.version_id or NULL_VERSION)
    is_purged = task.known is not None and task.known.was_purged_after(head.last_modified)
    # The removal of an old version, say, changes nothing about the present one.
    return SkipReason.PURGED if is_purged and (is_removal or is_another) else None


def _rewrite(task: Task, document: Document, now: datetime) -> Write:
    """Write a document again: what it says of the photo is still true, so Rekognition is not asked."""
    sequencer = task.sequencer or document.sequencer
    document = replace(document, sequencer=sequencer, commit=new_commit(), labelled_at=iso(now))
    return Write(
        fitted(document),
        task.known,
        reconciled=task.sequencer is None,
        requested=task.reconcile,
        unchanged=True,
        moment=task.moment,
    )


def _without_version(task: Task) -> Task:
    """Remove version, ETag and size: S3 does not tell them of an object that it does not show."""
    return replace(task, event=replace(task.event, etag=None, size=None, version_id=None))


def _empty() -> PermanentError:
    return PermanentError("EmptyObject", "The file is empty (0 bytes).")


def _no_photo_inside() -> PermanentError:
    formats = ", ".join(one.name for one in PHOTO_FORMATS)
    return PermanentError(
        NOT_A_PHOTO, f"Its name does not say what it is, and it does not begin like a photo ({formats})."
    )


def _with_head(event: ObjectEvent, head: Head) -> ObjectEvent:
    """Return the event with what HeadObject shows; its time is that of the last known change."""
    return replace(
        event,
        etag=head.etag,
        size=head.size,
        version_id=head.version_id,
        time=max(event.time or head.last_modified, head.last_modified),
        last_modified=head.last_modified,
    )
