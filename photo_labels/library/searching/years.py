"""Of which years and months there are photos: DynamoDB has no list of partitions, so each is looked at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from typing import TYPE_CHECKING, Any

from photo_labels.library.searching.times import TimeRange
from photo_labels.records.timeline import year_partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from photo_labels.library.table_reader import TableReader

# Looks at a time. Each is half a read unit: about 100 units for all years since the first photograph.
LOOKS_AT_A_TIME = 16


def years_with_photos(
    reader: TableReader, years: Sequence[str], on_answer: Callable[[Any], None] = lambda _: None
) -> Iterator[str]:
    """Return those of some years that have rows, and look at no more of them than is asked for.

    `on_answer` gets each answer.
    """
    for start in range(0, len(years), LOOKS_AT_A_TIME):
        yield from _with_rows(reader, years[start : start + LOOKS_AT_A_TIME], on_answer)


def months_with_photos(reader: TableReader, year: str) -> list[str]:
    """Return the months of a year that have rows, as 2019-07, the latest first."""
    return _with_rows(reader, [f"{year}-{month:02d}" for month in range(12, 0, -1)], lambda _: None)


def _with_rows(reader: TableReader, points: Sequence[str], on_answer: Callable[[Any], None]) -> list[str]:
    with ThreadPoolExecutor(LOOKS_AT_A_TIME) as pool:
        answers = list(pool.map(lambda point: _looked_at(reader, point), points))
    for answer in answers:
        on_answer(answer)
    return list(compress(points, (answer["Count"] for answer in answers)))


def _looked_at(reader: TableReader, point: str) -> Any:
    least, last = TimeRange(point, point).bounds
    return reader.query(
        KeyConditionExpression="Label = :label AND #rank BETWEEN :least AND :last",
        ExpressionAttributeNames={"#rank": "Rank"},
        ExpressionAttributeValues={
            ":label": {"S": year_partition(point[:4])},
            ":least": {"S": least},
            ":last": {"S": last},
        },
        Select="COUNT",
        Limit=1,
    )
