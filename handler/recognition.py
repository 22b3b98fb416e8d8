"""All calls to Rekognition: DetectLabels on the S3 object itself, or on bytes, within the quota."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.deadline import call
from photo_labels.records.errors import AWS_ERRORS, PermanentError, code_of, is_throttle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_rekognition import RekognitionClient
    from types_boto3_rekognition.type_defs import DetectLabelsResponseTypeDef, LabelTypeDef

    from handler.conversion import Decoded
    from handler.deadline import Deadline
    from handler.quota import Quota

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 5.0
CALL_S = CONNECT_TIMEOUT_S + READ_TIMEOUT_S

MAX_OBJECT_BYTES = 15 * 2**20
MAX_IMAGE_BYTES = 5 * 2**20
"""Of bytes in a request (developer guide, "Guidelines and quotas in Amazon Rekognition")."""

# What no second try changes (Rekognition's API reference, DetectLabels, "Errors").
_UNSUPPORTED = {
    "ImageTooLargeException": "The photo is larger than Rekognition takes: 15 MB and 10,000 pixels a side.",
    "InvalidImageFormatException": "The file is no photo that Rekognition can read: it takes JPEG and PNG.",
}
_PERMANENT = {
    "InvalidParameterException": "Rekognition refuses the photo's name or its size: a side needs 80 pixels.",
    "ValidationException": "Rekognition refuses the request for this photo.",
}


class UnsupportedPhotoError(PermanentError):
    """Rekognition does not read photos of this format or size; converted it may."""


class UnreadableObjectError(Exception):
    """InvalidS3ObjectException: missing, empty, archived, encrypted, or no permission. HeadObject tells which."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was recognised in one photo."""

    labels: Sequence[LabelTypeDef]
    model_version: str | None
    orientation: int | None = None
    """EXIF's, 1 to 8, that was applied to the photo before it was shown to Rekognition; None: none was."""


@dataclass(slots=True)
class CallStats:
    """What one photo cost. Filled in by the thread that recognises, read when it is done."""

    calls: int = 0
    throttles: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    slot_error: Exception | None = None
    """Why no turn could be taken from the table of the quota."""
    decoded: Decoded | None = None
    """What a photo was that had to be converted."""


class Recogniser:
    """Asks for labels; called from as many threads as calls may be in flight."""

    def __init__(
        self,
        client: RekognitionClient,
        *,
        min_confidence: float,
        max_labels: int,
        quota: Quota | None = None,
    ) -> None:
        """`quota`: whose turns are waited for; None: no limit of ours."""
        self._client = client
        self._settings = {"MinConfidence": min_confidence, "MaxLabels": max_labels}
        self._quota = quota

    def detect(
        self, bucket: str, key: str, version_id: str | None, deadline: Deadline, stats: CallStats
    ) -> Recognised:
        """Detect the labels of an S3 object.

        Throttling, 5xx and timeouts are waited out until the deadline is near. Raises PermanentError (the
        photo will never do; UnsupportedPhotoError: as it is), UnreadableObjectError, TransientError (the queue
        should bring it back), and ClientError as it is for everything else, say a refused permission.
        """
        version = {"Version": version_id} if version_id else {}
        return self._detect({"S3Object": {"Bucket": bucket, "Name": key} | version}, deadline, stats)

    def detect_in(self, photo: bytes, deadline: Deadline, stats: CallStats) -> Recognised:
        """Detect the labels of a JPEG or PNG of at most 5 MB; raises what `detect` does."""
        return self._detect({"Bytes": photo}, deadline, stats)

    def _detect(self, image: Any, deadline: Deadline, stats: CallStats) -> Recognised:
        try:
            answer = call(lambda: self._attempt(image, deadline, stats), deadline, CALL_S)
        except AWS_ERRORS as error:
            raise classify_error(error) from error
        return Recognised(answer["Labels"], answer.get("LabelModelVersion"))

    def _attempt(self, image: Any, deadline: Deadline, stats: CallStats) -> DetectLabelsResponseTypeDef:
        if self._quota:
            stats.slot_error = self._quota.take(deadline, then_s=CALL_S)
        stats.calls += 1
        started = time.perf_counter()
        try:
            return self._client.detect_labels(Image=image, **self._settings)  # type: ignore[arg-type]
        except ClientError as error:
            if is_throttle(error):
                stats.throttles += 1
                if self._quota:
                    self._quota.throttled(deadline)
            raise
        finally:
            stats.latencies_ms.append((time.perf_counter() - started) * 1000)


def classify_error(error: Exception) -> Exception:
    """Turn Rekognition's refusal into what it means for the photo."""
    code = code_of(error)
    if code == "InvalidS3ObjectException":
        return UnreadableObjectError(str(error))
    said = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else ""
    if code in _UNSUPPORTED:
        return UnsupportedPhotoError(code, f"{_UNSUPPORTED[code]} Rekognition says: {said}")
    if code in _PERMANENT:
        return PermanentError(code, f"{_PERMANENT[code]} Rekognition says: {said}")
    return error
