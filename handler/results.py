"""What recognising one photo ends with: its labels, or why there are none, and the calls that it took."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from photo_labels.records.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from types_boto3_rekognition.type_defs import DetectLabelsImagePropertiesTypeDef, LabelTypeDef

    from photo_labels.records.metadata.reading import Metadata


class UnsupportedPhotoError(PermanentError):
    """Rekognition does not read photos of this format or size; converted it may."""


class InvalidParameterError(PermanentError):
    """InvalidParameterException: the photo's size, its name, or the settings. Its message does not tell which."""


class UnreadableObjectError(Exception):
    """InvalidS3ObjectException: missing, empty, archived, encrypted, or no permission. HeadObject tells which."""


@dataclass(frozen=True, slots=True)
class S3Object:
    """What is to be recognised."""

    bucket: str
    key: str
    # None: the present one.
    version_id: str | None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the decoder found a photo to be."""

    format: str
    width: int
    height: int
    orientation: int
    # The file lacks its end; what is there of the photo counts.
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class Recognised:
    """What Rekognition recognised in one photo."""

    labels: Sequence[LabelTypeDef]
    model_version: str | None
    # EXIF's, 1 to 8, that was applied to the photo before Rekognition saw it; None: none was.
    orientation: int | None = None
    # Only a part of the photo was there to be seen.
    is_truncated: bool = False
    # Of a photo that was downloaded; None: it was not.
    metadata: Metadata | None = None
    # Its quality and colours; None: they were not asked for.
    properties: DetectLabelsImagePropertiesTypeDef | None = None


@dataclass(slots=True)
class CallStats:
    """The calls that one photo took. Filled in by the thread that recognises it, read when that is done."""

    calls: int = 0
    throttles: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    # Why no slot could be booked in the rate limiter's table.
    slot_error: Exception | None = None
    # Why its content could not be claimed, or others' claims not be read.
    claim_error: Exception | None = None
    # Set where the photo had to be converted.
    decoded: Decoded | None = None
