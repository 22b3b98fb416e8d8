"""Rows by time in `LabelIndex`: when a photo was taken, under the same commit rule as its labels.

One photo has one row of the year it was taken in: partition key `@taken/2019`, sort key

    {local time, 2019-07-14T18:03:22}#{first 20 hex digits of sha256(ImageID)}#{CommitID}

so that one query, read backwards, returns the photos of a year, a month or a day, the newest first. No label of
Rekognition's begins with `@`. DynamoDB has no list of partitions: by years, those that there are are found by few
looks, from the first photograph ever taken to the present.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from photo_labels.records.index import digest

# Of the oldest photograph that there is.
FIRST_YEAR = 1826
# Above every time of a rank of a year, in that year's partition.
MAX_TIME = "~"
_TAKEN = "@taken/"
# What the offset of a local time may amount to, and a camera's clock is wrong by.
_AHEAD = timedelta(days=1)


def year_partition(year: str) -> str:
    """Return the partition key of a year, which has four digits."""
    return _TAKEN + year


def partition_of(time: str) -> str:
    """Return the partition key of what `local_time` returns."""
    return year_partition(time[:4])


def time_rank(time: str, image: str, commit: str) -> str:
    """Return the sort key of a row by time, which no two commits share; `time`: what `local_time` returns."""
    return f"{time}#{digest(image)}#{commit}"


def time_of(row_rank: str) -> str:
    """Return the local time in the sort key of a row by time."""
    return row_rank.partition("#")[0]


def is_label(partition: str) -> bool:
    """Tell whether a partition key of the index is a label, and no year."""
    return not partition.startswith(_TAKEN)


def local_time(time: datetime) -> str:
    """Write a time as its own clock showed it: ISO 8601, whole seconds, without an offset."""
    return time.replace(tzinfo=None, microsecond=0).isoformat()


def timeline_of(taken_at: str | None, uploaded_at: str) -> str:
    """Return the local time of a photo's row by time: when it was taken, else when it was uploaded (UTC).

    No photo is taken after it was uploaded, or before there were any: a clock was wrong, then. Both are ISO 8601.
    """
    uploaded = datetime.fromisoformat(uploaded_at).replace(tzinfo=None)
    taken = datetime.fromisoformat(taken_at).replace(tzinfo=None) if taken_at else None
    is_plausible = taken is not None and taken.year >= FIRST_YEAR and taken - uploaded <= _AHEAD
    return local_time(taken if taken and is_plausible else uploaded)
