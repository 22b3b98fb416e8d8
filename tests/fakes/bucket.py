"""A bucket as S3's user guide has it: versions, delete markers, "null", and the notifications of all that."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote_plus

from botocore.response import StreamingBody

from tests.fakes.aws import Client, aws_error

if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[str, dict[str, Any]], None]

BUCKET = "photos"
# The version that objects have which were put while versioning was not enabled.
NULL = "null"
Versioning = Literal["Off", "Enabled", "Suspended"]


@dataclass(frozen=True)
class Photo:
    """An object in S3 and what Rekognition would say to it: labels with confidences, or an error code."""

    labels: dict[str, float] = field(default_factory=dict)
    error: str | None = None
    # A decoder makes a photo of it that Rekognition reads, whatever it says to the object itself.
    decodes: bool = False
    # What the object begins with.
    beginning: bytes = b"\xff\xd8\xff\xe0".ljust(64, b"\0")
    size: int = 100_000
    etag: str = "e"
    storage_class: str | None = None
    head_error: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object; a delete marker has no photo."""

    id: str
    photo: Photo | None
    modified: datetime


class Bucket:
    """What is in a bucket. Each change gives the S3 record that tells of it."""

    def __init__(
        self, now: Callable[[], datetime], sequencer: Callable[[], str], versioning: Versioning = "Off"
    ) -> None:
        self._now = now
        self._sequencer = sequencer
        self.versioning = versioning
        self.is_or_was_versioned = versioning != "Off"
        # By key: the versions, the newest last.
        self.stacks: dict[str, list[Version]] = {}
        # By key: the times of all events.
        self.changed_at: dict[str, list[str]] = {}
        self._named = 0

    def date(self) -> str:
        """S3's clock as its answers have it: an HTTP date, in whole seconds."""
        return format_datetime(self._now().astimezone(UTC), usegmt=True)

    def set_versioning(self, versioning: Versioning) -> None:
        assert versioning != "Off", "S3: once enabled, versioning can only be suspended"
        self.versioning, self.is_or_was_versioned = versioning, True

    def put(self, key: str, photo: Photo) -> dict[str, Any]:
        version = self._push(key, photo)
        content = {"size": photo.size, "eTag": photo.etag}
        return self._record("ObjectCreated:Put", key, content | self._version_in_event(version))

    def delete(self, key: str) -> dict[str, Any]:
        """DeleteObject without a version: removes the object, or puts a delete marker on top of its versions."""
        if self.versioning == "Off":
            self.stacks.pop(key, None)
            return self._record("ObjectRemoved:Delete", key, {})
        version = self._push(key, None)
        return self._record(
            "ObjectRemoved:DeleteMarkerCreated", key, {"eTag": "m"} | self._version_in_event(version)
        )

    def delete_version(self, key: str, version_id: str) -> dict[str, Any]:
        """Delete a version, or a delete marker, for good."""
        self.stacks[key] = [one for one in self.stacks.get(key, []) if one.id != version_id]
        return self._record("ObjectRemoved:Delete", key, {"versionId": version_id})

    def present(self, key: str) -> Version | None:
        """The version that is there for who names none; None: a delete marker, or nothing."""
        stack = self.stacks.get(key)
        return stack[-1] if stack and stack[-1].photo else None

    def version(self, key: str, version_id: str | None) -> Version | None:
        """The version of that name, also if it is a delete marker; the present one, where none is named."""
        if version_id is None:
            return self.present(key)
        return next((one for one in self.stacks.get(key, []) if one.id == version_id), None)

    def _push(self, key: str, photo: Photo | None) -> Version:
        stack = self.stacks.setdefault(key, [])
        version_id = NULL
        if self.versioning == "Enabled":
            self._named += 1
            version_id = f"v{self._named}"
        else:
            stack[:] = [one for one in stack if one.id != NULL]
        # Last-Modified is an HTTP date: whole seconds.
        version = Version(version_id, photo, self._now().replace(microsecond=0))
        stack.append(version)
        return version

    def _version_in_event(self, version: Version) -> dict[str, str]:
        return {} if version.id == NULL else {"versionId": version.id}

    def _record(self, name: str, key: str, content: dict[str, Any]) -> dict[str, Any]:
        time = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.changed_at.setdefault(key, []).append(time)
        return {
            "eventVersion": "2.6",
            "eventSource": "aws:s3",
            "eventName": name,
            "eventTime": time,
            "s3": {
                "bucket": {"name": BUCKET},
                "object": {"key": quote_plus(key), "sequencer": self._sequencer()} | content,
            },
        }


class S3(Client):
    """One caller's S3."""

    service = "s3"

    def __init__(self, bucket: Bucket, hook: Hook | None = None, page: int = 1000) -> None:
        """`page`: objects or versions of one answer to a list request."""
        super().__init__(hook)
        self._bucket = bucket
        self._page = page

    def head_object(self, **parameters: Any) -> dict[str, Any]:
        self._called("HeadObject", parameters)
        version = self._version(parameters, "404")
        photo = _photo_of(version)
        if photo.head_error:  # an answer to HEAD has no body, and so no code
            raise aws_error(photo.head_error, status=int(photo.head_error))
        answer = {
            "ETag": f'"{photo.etag}"',
            "ContentLength": photo.size,
            "LastModified": version.modified,
            "StorageClass": photo.storage_class,
            "VersionId": version.id if self._bucket.is_or_was_versioned else None,
            "Metadata": photo.metadata,
        }
        return {name: value for name, value in answer.items() if value is not None}

    def get_object(self, **parameters: Any) -> dict[str, Any]:
        self._called("GetObject", parameters)
        named = parameters.get("VersionId")
        photo = _photo_of(self._version(parameters, "NoSuchVersion" if named else "NoSuchKey"))
        if photo.head_error == "400":
            raise aws_error("InvalidRequest", "The object was stored using a form of Server Side Encryption.")
        if photo.head_error:
            raise aws_error("AccessDenied", status=int(photo.head_error))
        if photo.storage_class == "GLACIER":
            raise aws_error("InvalidObjectState", status=403)
        if parameters.get("IfMatch", photo.etag) != photo.etag:
            raise aws_error("PreconditionFailed", status=412)
        content = as_decoded(parameters["Key"], photo) if photo.size else b""
        if asked := parameters.get("Range"):
            content = _range(asked, photo.beginning[: photo.size])
        return {"Body": StreamingBody(io.BytesIO(content), len(content)), "ContentLength": len(content)}

    def list_objects_v2(self, **parameters: Any) -> dict[str, Any]:
        self._called("ListObjectsV2", parameters)
        start = parameters.get("ContinuationToken") or parameters.get("StartAfter", "")
        found = [
            (key, version)
            for key in sorted(self._bucket.stacks)
            if key.startswith(parameters.get("Prefix", "")) and key > start
            and (version := self._bucket.present(key))
        ]  # fmt: skip
        page = found[: min(self._page, parameters.get("MaxKeys", self._page))]
        contents = [
            {
                "Key": key,
                "ETag": f'"{_photo_of(one).etag}"',
                "Size": _photo_of(one).size,
                "LastModified": one.modified,
            }
            for key, one in page
        ]
        answer: dict[str, Any] = {"ResponseMetadata": {"HTTPHeaders": {"date": self._bucket.date()}}}
        if contents:
            answer["Contents"] = contents
        return answer | ({"NextContinuationToken": page[-1][0]} if len(found) > len(page) else {})

    def list_object_versions(self, **parameters: Any) -> dict[str, Any]:
        self._called("ListObjectVersions", parameters)
        marker = parameters.get("KeyMarker", ""), parameters.get("VersionIdMarker")
        found = [
            (key, one)
            for key in sorted(self._bucket.stacks)
            if key.startswith(parameters.get("Prefix", "")) and key >= marker[0]
            for one in _after(marker, key, self._bucket.stacks[key][::-1])
        ]
        answer: dict[str, Any] = {}
        for key, one in found[: self._page]:
            shown = {
                "Key": key,
                "VersionId": one.id,
                "IsLatest": one is self._bucket.stacks[key][-1],
                "LastModified": one.modified,
            }
            content = {"ETag": f'"{one.photo.etag}"', "Size": one.photo.size} if one.photo else {}
            answer.setdefault("Versions" if one.photo else "DeleteMarkers", []).append(shown | content)
        if len(found) > self._page:
            key, one = found[self._page - 1]
            answer |= {"NextKeyMarker": key, "NextVersionIdMarker": one.id}
        return answer

    def _version(self, parameters: dict[str, Any], missing: str) -> Version:
        assert parameters["Bucket"] == BUCKET
        named = parameters.get("VersionId")
        version = self._bucket.version(parameters["Key"], named)
        if version is None:
            raise aws_error(missing, "Not Found", status=404)
        if version.photo is None:
            raise aws_error("405", "Method Not Allowed", status=405)
        return version


def _after(marker: tuple[str, str | None], key: str, versions: list[Version]) -> list[Version]:
    """Return the versions of a key, the newest first, that come after a marker; all, where it names a key before."""
    if key != marker[0]:
        return versions
    names = [one.id for one in versions]
    # Of a key without a version, its versions do not come again.
    return versions[names.index(marker[1]) + 1 :] if marker[1] in names else []


def _photo_of(version: Version) -> Photo:
    assert version.photo
    return version.photo


def _range(asked: str, content: bytes) -> bytes:
    """The part of an object that a Range names, of which there is none in an empty one."""
    found = re.fullmatch(r"bytes=(\d+)-(\d+)", asked)
    assert found, "nothing else is asked for"
    first, last = int(found[1]), int(found[2])
    if first >= len(content):
        raise aws_error("InvalidRange", "The requested range is not satisfiable", status=416)
    return content[first : last + 1]


def as_decoded(key: str, photo: Photo) -> bytes:
    """What the decoder makes of a photo."""
    if photo.error and not photo.decodes:
        reason = "TooSmall" if photo.error == "InvalidParameterException" else "BrokenPhoto"
        return json.dumps({"reason": reason, "detail": "No photo comes out of it."}).encode() + b"\n"
    facts = {"format": "HEIF", "width": 4032, "height": 3024, "orientation": 6, "is_truncated": False}
    return json.dumps(facts).encode() + b"\n" + json.dumps([key, photo.labels]).encode()


class Rekognition(Client):
    """One caller's Rekognition, which reads the objects of a bucket."""

    service = "rekognition"

    def __init__(self, bucket: Bucket, on_recognised: Callable[[str], None], hook: Hook | None = None) -> None:
        """`on_recognised`: gets the key of each photo that is billed."""
        super().__init__(hook)
        self._bucket = bucket
        self._on_recognised = on_recognised

    def detect_labels(self, **parameters: Any) -> dict[str, Any]:
        self._called("DetectLabels", parameters)
        image = parameters["Image"]
        if "Bytes" in image:
            key, given = json.loads(image["Bytes"])
            photo: Photo | None = Photo(given)
        else:
            reference = image["S3Object"]
            assert reference.get("Version") != NULL, "nobody has seen whether Rekognition takes this for a version"
            key, version = reference["Name"], self._bucket.version(reference["Name"], reference.get("Version"))
            photo = version.photo if version else None
        if photo is None or photo.size == 0 or photo.storage_class == "GLACIER" or photo.head_error:
            raise aws_error("InvalidS3ObjectException", "Unable to get object metadata from S3.")
        if photo.error:
            raise aws_error(photo.error)
        self._on_recognised(key)
        filters = parameters.get("Settings", {}).get("GeneralLabels", {})
        included, excluded = filters.get("LabelInclusionFilters"), filters.get("LabelExclusionFilters", ())
        wanted = [
            (name, value)
            for name, value in photo.labels.items()
            if value >= parameters["MinConfidence"] and name in (included or photo.labels) and name not in excluded
        ]
        labels = [
            {"Name": name, "Confidence": value, "Parents": [], "Aliases": [], "Categories": [], "Instances": []}
            for name, value in sorted(wanted, key=lambda one: -one[1])[: parameters["MaxLabels"]]
        ]
        answer: dict[str, Any] = {"Labels": labels, "LabelModelVersion": "3.0"}
        if "IMAGE_PROPERTIES" in parameters.get("Features", ()):
            answer["ImageProperties"] = {"Quality": {"Sharpness": 81.02310943603516, "Brightness": 59.9}}
        return answer
