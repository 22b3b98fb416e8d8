"""One call of DetectLabels: the checks of its request and of its photo, which is read with the caller's rights."""

from __future__ import annotations

import base64
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.features import LABELS, USUAL, Features, InvalidCombinationError, InvalidValueError
from local.models.vision import ENOUGH
from local.simulation import ERRORS
from photo_labels.records.decoders import by_pillow
from photo_labels.records.decoders.limits import LONGEST_SIDE, SHORTEST_SIDE, UndecodableError
from photo_labels.records.decoders.rendering import rendered
from photo_labels.records.formats import SIGNATURE_BYTES, format_by_content

if TYPE_CHECKING:
    from PIL import Image

_MAX_BYTES, _MAX_OBJECT_BYTES = 5 * 2**20, 15 * 2**20  # developer guide, "Guidelines and quotas"
_OF_REKOGNITION = {
    "ImageTooLargeException",
    "InternalServerError",
    "InvalidImageFormatException",
    "InvalidParameterException",
    "InvalidS3ObjectException",
}


class Refusal(Exception):  # noqa: N818 - an answer of Rekognition's, no failure of ours
    """An error code instead of labels."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.status = 500 if code == "InternalServerError" else 400
        super().__init__(message or ERRORS[code])

    def answer(self) -> dict[str, str]:
        """Return the content of the answer: the layer in front of Rekognition writes it differently."""
        if self.code in _OF_REKOGNITION:
            return {"__type": self.code, "Code": self.code, "Message": str(self)}
        return {"__type": self.code, "message": str(self)}


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request: bytes, or an object's bucket, key and version."""

    data: bytes | None
    bucket: str
    key: str
    version: str
    min_confidence: float
    max_labels: int
    features: Features = USUAL

    @classmethod
    def parse(cls, body: bytes) -> Call:
        """Raises Refusal."""
        try:
            request = json.loads(body)
            data, place = request["Image"].get("Bytes"), request["Image"].get("S3Object", {})
            call = cls(
                data=None if data is None else base64.b64decode(data, validate=True),
                bucket=str(place.get("Bucket", "")),
                key=str(place.get("Name", "")),
                version=str(place.get("Version", "")),
                min_confidence=float(request.get("MinConfidence", 55)),
                max_labels=int(request.get("MaxLabels", 1000)),
                features=Features.parse(request),
            )
        except InvalidValueError as error:
            raise Refusal("ValidationException", f"1 validation error detected: {error}") from error
        except InvalidCombinationError as error:
            raise Refusal("InvalidParameterException") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Refusal("SerializationException", f"This is no request for DetectLabels: {error!r}") from error
        names_object = bool(call.bucket and call.key)
        if not 0 <= call.min_confidence <= 100 or call.max_labels < 0 or names_object == (data is not None):
            raise Refusal("InvalidParameterException")
        if call.data is not None and len(call.data) > _MAX_BYTES:
            message = f"Value at 'image.bytes' must have length less than or equal to {_MAX_BYTES}"
            raise Refusal("ValidationException", message)
        return call

    def response(self, labels: list[dict[str, Any]], properties: dict[str, Any] | None = None) -> dict[str, Any]:
        """Leave out labels below MinConfidence, those that filters leave out, and those beyond MaxLabels."""
        answer = {"LabelModelVersion": "3.0"} | ({"ImageProperties": properties} if properties else {})
        if LABELS not in self.features.names:
            return answer
        wanted = filter(self.features.gives, labels)
        sure = [label for label in wanted if label["Confidence"] >= self.min_confidence]
        for label in sure:
            found = [one for one in label["Instances"] if one["Confidence"] >= self.min_confidence]
            label["Instances"] = [one | {"DominantColors": []} for one in found]
        return answer | {"Labels": sure[: self.max_labels]}


class Credentials(NamedTuple):
    """A caller's."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


class Photos:
    """Reads photos from S3, each with the credentials of the caller who wants it labelled."""

    def __init__(self, s3_endpoint: str) -> None:
        self._s3_endpoint = s3_endpoint
        self._clients: dict[str, Any] = {}

    def admit(self, caller: Credentials) -> None:
        """Register a caller's credentials: a request names only the access key id."""
        self._clients[caller.access_key_id] = boto3.Session(*caller, region_name="us-east-1").client(
            "s3",
            endpoint_url=self._s3_endpoint,
            config=Config(proxies={}, s3={"addressing_style": "path"}, connect_timeout=2, read_timeout=10),
        )

    def read(self, call: Call, access_key_id: str) -> tuple[Image.Image, str]:
        """Read, check and decode a call's photo; gives its version or ETag, too. Raises Refusal."""
        if call.data is not None:
            return decoded(call.data), ""
        if access_key_id not in self._clients:
            raise Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
        version = {"VersionId": call.version} if call.version else {}
        try:
            answer = self._clients[access_key_id].get_object(Bucket=call.bucket, Key=call.key, **version)
            with answer["Body"] as body:
                if answer["ContentLength"] > _MAX_OBJECT_BYTES:
                    raise Refusal("ImageTooLargeException")
                data = body.read()
        except ClientError as error:  # missing, archived, encrypted with another's key, or not to be read
            is_s3s = error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
            raise Refusal("InternalServerError" if is_s3s else "InvalidS3ObjectException") from error
        except BotoCoreError as error:
            raise Refusal("InternalServerError", str(error)) from error
        if not data:
            raise Refusal("InvalidS3ObjectException")
        return decoded(data), call.version or answer["ETag"]


def decoded(data: bytes) -> Image.Image:
    """Check a photo as Rekognition does, its size before decoding. Raises Refusal.

    A side below 80 pixels is InvalidParameterException and one above 10,000 ImageTooLargeException, as seen in
    answers of AWS; the documentation has the limits only.
    """
    found = format_by_content(data[:SIGNATURE_BYTES])
    if not (found and found.is_read_by_rekognition):
        raise Refusal("InvalidImageFormatException")
    file = io.BytesIO(data)
    try:
        size = by_pillow.size_of(file, found.name)
        _check_size(*size)
        longest_side = math.ceil(ENOUGH * max(size) / min(size))
        return rendered(by_pillow.decode(file, found.name, longest_side, is_whole=True), longest_side)
    except UndecodableError as error:
        raise Refusal("InvalidImageFormatException") from error


def _check_size(width: int, height: int) -> None:
    if max(width, height) > LONGEST_SIDE:
        message = (
            f"Input image dimensions {width} x {height} exceed maximum dimension size of {LONGEST_SIDE} pixels"
        )
        raise Refusal("ImageTooLargeException", message)
    if min(width, height) < SHORTEST_SIDE:
        raise Refusal("InvalidParameterException")
