"""S3's clock, which the times of its events are from: no clock of a user's machine is compared with them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_S = 0.1


def last_millisecond(s3: Any, bucket: str, pause: Callable[[float], None] = time.sleep) -> datetime:
    """Wait until a second of S3's clock is over, at most a second; return the last millisecond of it.

    S3 tells the time in whole seconds. What happened by that millisecond has happened when this returns; all that
    happens from then on is later, also by S3's Last-Modified, which is in whole seconds, too.
    """
    begun_at = _now(s3, bucket)
    while (now := _now(s3, bucket)) <= begun_at:
        pause(_LOOK_S)
    return now - timedelta(milliseconds=1)


def _now(s3: Any, bucket: str) -> datetime:
    """Ask by the smallest of lists: it takes no permission that a listing does not take."""
    answer = s3.list_objects_v2(Bucket=bucket, MaxKeys=1)
    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).astimezone(UTC)
