"""Looks into objects, where their first bytes may say what Rekognition does not: the format, and the size."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from handler.results import InvalidParameterError
from handler.timeouts import S3
from photo_labels.records.dimensions import why_too_small_by_header
from photo_labels.records.errors import AWS_ERRORS, PermanentError, TransientError
from photo_labels.records.formats import SIGNATURE_BYTES, TOO_SMALL

if TYPE_CHECKING:
    from handler.deadline import Deadline
    from handler.events import ObjectEvent
    from handler.objects import Objects
    from photo_labels.records.formats import PhotoFormat

# Nearly all photos with a side below 80 pixels are lighter. Read as a whole, so that no metadata hides the size.
_LIGHT_BYTES = 20_000
# Of a photo that Rekognition has refused: what is before its size, with a preview and a profile of colours.
_HEADER_BYTES = 256 * 2**10
# What such a look may take of a photo's time, if S3 is in trouble: it is no condition for its labels.
_LOOK_S = S3.call_s + 2.0


class Look:
    """Looks into the objects in S3; used from many threads."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def inside(
        self, event: ObjectEvent, by_name: PhotoFormat | None, deadline: Deadline, *, is_converting: bool
    ) -> bytes:
        """Return what the object begins with, where that may decide; empty: not, or S3 does not give it."""
        # The function that converts downloads the photo in any case, and its decoder knows the size.
        is_light = event.size is not None and event.size < _LIGHT_BYTES and not is_converting
        most_bytes = _LIGHT_BYTES if is_light else SIGNATURE_BYTES
        if not by_name:
            return self._beginning(event, most_bytes, deadline)
        if is_light and by_name.is_read_by_rekognition:
            return self._briefly(event, most_bytes, deadline)
        return b""

    def explained(self, event: ObjectEvent, error: PermanentError, deadline: Deadline) -> PermanentError:
        """Return Rekognition's refusal; where that leaves open whether it is the photo's size, look."""
        if not isinstance(error, InvalidParameterError):
            return error
        detail = why_too_small_by_header(self._briefly(event, _HEADER_BYTES, deadline))
        return PermanentError(TOO_SMALL, detail) if detail else error

    def _briefly(self, event: ObjectEvent, most_bytes: int, deadline: Deadline) -> bytes:
        """Return what the object begins with; empty: S3 does not give it, or not soon."""
        with suppress(*AWS_ERRORS, TransientError):
            return self._beginning(event, most_bytes, deadline.briefly(_LOOK_S))
        return b""

    def _beginning(self, event: ObjectEvent, most_bytes: int, deadline: Deadline) -> bytes:
        version = event.version_to_request
        return self._objects.beginning(event.bucket, event.key, version, most_bytes, deadline) or b""
