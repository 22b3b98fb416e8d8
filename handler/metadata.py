"""When, where and by which camera a photo was taken, read from its first bytes while Rekognition works.

It is no condition for the labels: what S3 does not give, or not soon, is left for `photos backfill --all`.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from handler.timeouts import S3
from photo_labels.records.documents import TIME, TIME_AND_LOCATION
from photo_labels.records.errors import AWS_ERRORS, TransientError
from photo_labels.records.metadata.reading import metadata_by
from photo_labels.records.timeline import timeline_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from handler.deadline import Deadline
    from handler.events import ObjectEvent
    from handler.objects import Objects
    from handler.settings import Settings
    from handler.threads import Threads
    from photo_labels.records.documents import Document
    from photo_labels.records.metadata.reading import Metadata

# What a look may take of a photo's time, if S3 is in trouble.
_PATIENCE_S = S3.call_s + 0.5
# What is left of a photo's time, at least, when metadata are waited for no longer.
_TO_WRITE_S = 0.3


class Reading:
    """Reads the metadata of one photo beside other work, once; of one thread."""

    def __init__(self, start: Callable[[], Callable[[float], dict[str, Any]]], deadline: Deadline) -> None:
        self._start = start
        self._deadline = deadline
        self._answer: Callable[[float], dict[str, Any]] | None = None

    def start(self) -> None:
        """Begin, unless that was done."""
        self._answer = self._answer or self._start()

    def fields(self) -> dict[str, Any]:
        """Return what `MetadataReader.read` does; nothing where that does not come, or was never started.

        The labels are paid for by now, and have to be written before the deadline.
        """
        if not self._answer:
            return {}
        with suppress(TransientError):
            return self._answer(max(0.0, min(_PATIENCE_S, self._deadline.remaining_s() - _TO_WRITE_S)))
        return {}


class MetadataReader:
    """Reads what is wanted of photos' metadata; used from many threads."""

    def __init__(self, settings: Settings, objects: Objects) -> None:
        self._wanted = settings.photo_metadata
        self._objects = objects

    def is_lacking(self, metadata_read: str | None) -> bool:
        """Tell whether less was looked for than is wanted."""
        return self._wanted is not None and metadata_read not in {self._wanted, TIME_AND_LOCATION}

    def of_equal(self, facts: Mapping[str, Any], event: ObjectEvent, deadline: Deadline) -> dict[str, Any]:
        """Return the fields that an equal photo's document has, with what is wanted of its metadata."""
        read = facts["metadata_read"]
        if self.is_lacking(read):
            return {**facts, **self.read(event, deadline)}
        if self._wanted is None:
            return {**facts, **dict.fromkeys(("taken_at", "camera", "location", "metadata_read"))}
        if read == TIME_AND_LOCATION != self._wanted:
            return {**facts, "location": None, "metadata_read": TIME}
        return dict(facts)

    def changes(self, known: Document, event: ObjectEvent, deadline: Deadline) -> dict[str, Any]:
        """Return the fields that a document of this very object lacks, or should not have; empty: none.

        Other settings, or an older version, have written it. Where nothing is to be read any more, what was read
        stays.
        """
        if known.status != "LABELLED":
            return {}
        read = known.metadata_read
        is_too_much = self._wanted == TIME and read == TIME_AND_LOCATION
        facts = {"location": None, "metadata_read": TIME} if is_too_much else {}
        if self.is_lacking(read):
            facts |= self.read(event, deadline)
        if not facts and known.timeline:
            return {}
        taken_at = facts.get("taken_at", known.taken_at)
        return facts | {"timeline": timeline_of(taken_at, known.event_time or known.labelled_at)}

    def reading(self, event: ObjectEvent, deadline: Deadline, beside: Threads) -> Reading:
        """Return what reads the metadata of one photo beside other work, once it is started."""
        return Reading(lambda: beside.start(lambda: self.read(event, deadline)), deadline)

    def read(self, event: ObjectEvent, deadline: Deadline) -> dict[str, Any]:
        """Return what a photo's document says of its metadata, by field; empty: S3 did not give them."""
        if not self._wanted:
            return {}
        briefly = deadline.briefly(_PATIENCE_S)
        with suppress(*AWS_ERRORS, TransientError):
            found = metadata_by(lambda start, length: self._part(event, start, length, briefly), event.size)
            return self.fields(found) if found else {}
        return {}

    def fields(self, found: Metadata) -> dict[str, Any]:
        """Return the fields of a document; what was looked for and is not there is None."""
        if not self._wanted:
            return {}
        place = found.location if self._wanted == TIME_AND_LOCATION else None
        return {
            "taken_at": found.taken_at,
            "camera": found.camera,
            "location": dict(zip(("Latitude", "Longitude"), place, strict=True)) if place else None,
            "metadata_read": self._wanted,
        }

    def _part(self, event: ObjectEvent, start: int, length: int, deadline: Deadline) -> bytes | None:
        """Return some bytes of the very object that an event tells of; None: S3 does not give them."""
        which: dict[str, str] = {}
        if event.version_to_request:
            which["VersionId"] = event.version_to_request
        elif event.etag:
            which["IfMatch"] = event.etag
        return self._objects.part(event.bucket, event.key, which, range(start, start + length), deadline)
