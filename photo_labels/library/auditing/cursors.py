"""Reading a table or a bucket in several places at once, each a page at a time, from wherever it was stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from photo_labels.library.key_filter import KeyFilter

# Parts of a table or bucket that are read at the same time. Eight are no faster in `make bench-audit`, for they
# wait for this process and not for AWS; and they take 100 MiB more.
AT_ONCE = 4

Position = dict[str, Any]


@dataclass(slots=True)
class Cursor:
    """Reads one part of a table or bucket, from its position on."""

    # Which part it is: Segment and TotalSegments of a table; of a bucket, the `last` of its keys, if it has one.
    part: dict[str, Any]
    # What the next request says of where it begins; None: all was read.
    position: Position | None = field(default_factory=dict)


def segments() -> list[Cursor]:
    """Return the cursors of a table."""
    return [Cursor({"Segment": number, "TotalSegments": AT_ONCE}) for number in range(AT_ONCE)]


def scan(client: Any, table: str, cursor: Cursor) -> tuple[list[Any], Position | None]:
    """Return a page of items, and where the next begins; one without items need not be the last."""
    page = client.scan(TableName=table, ConsistentRead=True, **cursor.part, **(cursor.position or {}))
    last = page.get("LastEvaluatedKey")
    return page["Items"], {"ExclusiveStartKey": last} if last else None


class Listed(NamedTuple):
    """An object as a listing shows it."""

    key: str
    etag: str
    last_modified: datetime
    # None: the listing shows none.
    version_id: str | None


class Listing:
    """Lists what a pipeline labels of its bucket: the objects, or their present versions.

    Other permissions are needed for versions.
    """

    def __init__(self, client: Any, bucket: str, keys: KeyFilter) -> None:
        self._client = client
        self._place = {"Bucket": bucket, "Prefix": keys.prefix}
        self._keys = keys

    def objects(self, cursor: Cursor) -> tuple[list[Listed], Position | None]:
        """Return a page of objects, and where the next begins."""
        page = self._client.list_objects_v2(**self._place, **(cursor.position or {}))
        found = [_listed(one, None) for one in page.get("Contents", [])]
        following: Position | None = None
        if "NextContinuationToken" in page:
            # Nothing says how long a token is valid; a key always is.
            token = page["NextContinuationToken"]
            following = {"StartAfter": found[-1].key} if found else {"ContinuationToken": token}
        return self._within(cursor, found, following)

    def versions(self, cursor: Cursor) -> tuple[list[Listed], Position | None]:
        """Return the present versions of a page, and where the next begins."""
        page = self._client.list_object_versions(**self._place, **(cursor.position or {}))
        found = [_listed(one, one["VersionId"]) for one in page.get("Versions", []) if one["IsLatest"]]
        following: Position | None = None
        if "NextKeyMarker" in page:
            following = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
        return self._within(cursor, found, following)

    def _within(
        self, cursor: Cursor, found: list[Listed], following: Position | None
    ) -> tuple[list[Listed], Position | None]:
        """Leave out what is in the part of another cursor, and what has none of the suffixes."""
        last = cursor.part.get("last")
        listed = [one for one in found if self._keys.takes(one.key) and (last is None or one.key <= last)]
        if last is None or following is None:
            return listed, following
        reached = following.get("StartAfter") or following.get("KeyMarker") or ""
        return listed, None if reached >= last else following


def ranges(keys: Sequence[str], after: str) -> list[Cursor]:
    """Return the cursors of a bucket.

    `keys`: some of its keys, which divide it into parts of about one size; `after`: what a request calls the key
    that it begins after.
    """
    ordered = sorted(set(keys))
    divisions = range(1, AT_ONCE) if len(ordered) >= AT_ONCE else ()
    lasts = [ordered[len(ordered) * part // AT_ONCE] for part in divisions]
    firsts: list[Position] = [{}, *({after: last} for last in lasts)]
    parts: list[dict[str, Any]] = [*({"last": last} for last in lasts), {}]
    return [Cursor(part, first) for part, first in zip(parts, firsts, strict=True)]


def _listed(one: Any, version_id: str | None) -> Listed:
    return Listed(one["Key"], one["ETag"].strip('"'), one["LastModified"], version_id)
