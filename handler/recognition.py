"""All calls to Rekognition: DetectLabels on the S3 object itself, or on bytes, within the quota."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.copies import ContentClaimedError
from handler.deadline import call
from handler.results import (
    CallStats,
    InvalidParameterError,
    Recognised,
    UnreadableObjectError,
    UnsupportedPhotoError,
)
from handler.timeouts import REKOGNITION
from photo_labels.records.errors import AWS_ERRORS, OutOfTimeError, PermanentError, code_of, is_throttle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_rekognition import RekognitionClient
    from types_boto3_rekognition.type_defs import DetectLabelsResponseTypeDef

    from handler.deadline import Deadline
    from handler.rate_limiter import SlotRequest, SplitRateLimiter
    from handler.results import S3Object

# Of a photo in S3 (developer guide, "Guidelines and quotas in Amazon Rekognition").
MAX_OBJECT_BYTES = 15 * 2**20

# What no second try changes (Rekognition's API reference, DetectLabels, "Errors").
_UNSUPPORTED = {
    "ImageTooLargeException": "The photo is larger than Rekognition takes: 15 MB and 10,000 pixels a side.",
    "InvalidImageFormatException": "The file is no photo that Rekognition can read: it takes JPEG and PNG.",
}


class Recogniser:
    """Asks for labels; called from as many threads as calls may be in flight."""

    def __init__(
        self,
        client: RekognitionClient,
        request: Mapping[str, Any],
        *,
        rate_limiter: SplitRateLimiter | None = None,
    ) -> None:
        """`request`: the arguments of DetectLabels beside the image (`handler.model_settings`).

        `rate_limiter`: whose slots are waited for; None: no limit of ours.
        """
        self._client = client
        self._request = request
        self._rate_limiter = rate_limiter

    def detect(self, photo: S3Object, slot: SlotRequest, deadline: Deadline, stats: CallStats) -> Recognised:
        """Detect the labels of an S3 object.

        Throttling, 5xx and timeouts are waited out until the deadline is near. Raises PermanentError (the
        photo will never do; UnsupportedPhotoError: as it is; InvalidParameterError: perhaps for its size),
        UnreadableObjectError, TransientError (the queue should bring it back; NoSlotError: the quota had no slot
        for it), and ClientError as it is for everything else, say a refused permission.
        """
        version = {"Version": photo.version_id} if photo.version_id else {}
        image = {"S3Object": {"Bucket": photo.bucket, "Name": photo.key} | version}
        return self._detect(image, slot, deadline, stats)

    def detect_in(self, photo: bytes, slot: SlotRequest, deadline: Deadline, stats: CallStats) -> Recognised:
        """Detect the labels of a JPEG or PNG of at most 5 MB; raises what `detect` does."""
        return self._detect({"Bytes": photo}, slot, deadline, stats)

    def _detect(self, image: Any, slot: SlotRequest, deadline: Deadline, stats: CallStats) -> Recognised:
        try:
            answer = call(lambda: self._attempt(image, slot, deadline, stats), deadline, REKOGNITION.call_s)
        except AWS_ERRORS as error:
            raise classify_error(error) from error
        return Recognised(
            answer["Labels"], answer.get("LabelModelVersion"), properties=answer.get("ImageProperties")
        )

    def _attempt(
        self, image: Any, slot: SlotRequest, deadline: Deadline, stats: CallStats
    ) -> DetectLabelsResponseTypeDef:
        self._acquire(slot, deadline, stats)
        stats.calls += 1
        started = time.perf_counter()
        try:
            return self._client.detect_labels(Image=image, **self._request)
        except ClientError as error:
            if is_throttle(error):
                stats.throttles += 1
                if self._rate_limiter:
                    self._rate_limiter.throttled(deadline)
            raise
        finally:
            stats.latencies_ms.append((time.perf_counter() - started) * 1000)

    def _acquire(self, slot: SlotRequest, deadline: Deadline, stats: CallStats) -> None:
        """Wait for a slot, and until the photo may use it."""
        if self._rate_limiter:
            slot.start()
            stats.slot_error = self._rate_limiter.acquire(slot, deadline, then_s=REKOGNITION.call_s)
        try:
            slot.confirm()
            deadline.require(REKOGNITION.call_s)  # which may have taken some of it
        except (ContentClaimedError, OutOfTimeError):
            if self._rate_limiter:
                self._rate_limiter.give_back()
            raise


def classify_error(error: Exception) -> Exception:
    """Turn Rekognition's refusal into what it means for the photo."""
    code = code_of(error)
    if code == "InvalidS3ObjectException":
        return UnreadableObjectError(str(error))
    said = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else ""
    if code in _UNSUPPORTED:
        return UnsupportedPhotoError(code, f"{_UNSUPPORTED[code]} Rekognition says: {said}")
    if code == "InvalidParameterException":
        why = "Rekognition refuses the photo's name or its size: a side needs 80 pixels."
        return InvalidParameterError(code, f"{why} Rekognition says: {said}")
    if code == "ValidationException":
        return PermanentError(code, f"Rekognition refuses the request for this photo. Rekognition says: {said}")
    return error
