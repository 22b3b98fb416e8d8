"""All calls to Rekognition: DetectLabels on the S3 object itself, within the quota."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handler.deadline import call
from handler.errors import AWS_ERRORS, PermanentError, code_of, is_throttle

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_rekognition import RekognitionClient
    from types_boto3_rekognition.type_defs import DetectLabelsResponseTypeDef

    from handler.deadline import Deadline

CONNECT_TIMEOUT_S = 1.0
READ_TIMEOUT_S = 5.0
CALL_S = CONNECT_TIMEOUT_S + READ_TIMEOUT_S

# What no second try changes (Rekognition's API reference, DetectLabels, "Errors").
_PERMANENT = {
    "ImageTooLargeException": "The photo is larger than Rekognition takes: 15 MB and 10,000 pixels a side.",
    "InvalidImageFormatException": "The file is no photo that Rekognition can read: it takes JPEG and PNG.",
    "InvalidParameterException": "Rekognition refuses the photo's name or its size: a side needs 80 pixels.",
    "ValidationException": "Rekognition refuses the request for this photo.",
}


class UnreadableObjectError(Exception):
    """InvalidS3ObjectException: missing, empty, archived, encrypted, or no permission. HeadObject tells which."""


@dataclass(slots=True)
class Tally:
    """What one photo cost. Filled in by the thread that recognises, read when it is done."""

    calls: int = 0
    throttles: int = 0
    latencies_ms: list[float] = field(default_factory=list)


class TokenBucket:
    """At most `rate` calls a second after a first one at once, over all threads of an environment."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`rate` is above 0."""
        self._interval_s = 1 / rate
        self._clock = clock
        self._lock = threading.Lock()
        self._next = clock()

    def take(self, deadline: Deadline, then_s: float) -> None:
        """Wait for a turn. Raises OutOfTimeError, taking none, where the turn would come too late."""
        with self._lock:
            now = self._clock()
            turn = max(self._next, now)
            deadline.require(turn - now + then_s)
            self._next = turn + self._interval_s
        deadline.pause(turn - now, then_s=then_s)


class Recogniser:
    """Asks for labels; called from as many threads as calls may be in flight."""

    def __init__(
        self,
        client: RekognitionClient,
        *,
        min_confidence: float,
        max_labels: int,
        bucket: TokenBucket | None = None,
    ) -> None:
        """`bucket`: what keeps to this environment's share of the quota; None: no limit of ours."""
        self._client = client
        self._settings = {"MinConfidence": min_confidence, "MaxLabels": max_labels}
        self._bucket = bucket

    def detect(
        self, bucket: str, key: str, version_id: str | None, deadline: Deadline, tally: Tally
    ) -> DetectLabelsResponseTypeDef:
        """Detect the labels of an S3 object.

        Throttling, 5xx and timeouts are waited out until the deadline is near. Raises PermanentError (the
        photo will never do), UnreadableObjectError, TransientError (the queue should bring it back), and
        ClientError as it is for everything else, say a refused permission.
        """
        version = {"Version": version_id} if version_id else {}
        image: Any = {"S3Object": {"Bucket": bucket, "Name": key} | version}
        try:
            return call(lambda: self._attempt(image, deadline, tally), deadline, CALL_S)
        except AWS_ERRORS as error:
            raise _fate(error) from error

    def _attempt(self, image: Any, deadline: Deadline, tally: Tally) -> DetectLabelsResponseTypeDef:
        if self._bucket:
            self._bucket.take(deadline, then_s=CALL_S)
        tally.calls += 1
        started = time.perf_counter()
        try:
            return self._client.detect_labels(Image=image, **self._settings)  # type: ignore[arg-type]
        except ClientError as error:
            tally.throttles += is_throttle(error)
            raise
        finally:
            tally.latencies_ms.append((time.perf_counter() - started) * 1000)


def _fate(error: Exception) -> Exception:
    """Turn Rekognition's refusal into what it means for the photo."""
    code = code_of(error)
    if code == "InvalidS3ObjectException":
        return UnreadableObjectError(str(error))
    if code in _PERMANENT:
        said = error.response["Error"].get("Message", "") if isinstance(error, ClientError) else ""
        return PermanentError(code, f"{_PERMANENT[code]} Rekognition says: {said}")
    return error
