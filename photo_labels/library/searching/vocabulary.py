"""The labels, and how many photos have each.

DynamoDB has no list of a table's partition keys, so that only a scan finds them: the whole index is read once, and
what was counted is kept with its date.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from photo_labels.library.state_files import keep_state, kept_state, state_path
from photo_labels.records.documents import iso
from photo_labels.records.timeline import is_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from photo_labels.library.target import Target

_STATE = "labels.json"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The labels that some photo has."""

    # Index rows by label, the most frequent first; rows that no document backs are among them until the audit.
    counts: dict[str, int]
    # When they were counted; None: they never were.
    at: datetime | None = None


def count(target: Target, tell: Callable[[int], None]) -> Vocabulary:
    """Read the whole index; `tell` gets the number of rows read so far."""
    counts: Counter[str] = Counter()
    rows = 0
    pages = (
        target.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=target.outputs.label_index_table, ProjectionExpression="Label")
    )
    for page in pages:
        rows += len(page["Items"])
        counts.update(item["Label"]["S"] for item in page["Items"] if is_label(item["Label"]["S"]))
        tell(rows)
    return Vocabulary(dict(counts.most_common()), datetime.now(UTC))


def keep(target: Target, vocabulary: Vocabulary) -> None:
    """Keep what was counted for the next time. Raises UserError where it cannot be written."""
    content = {"at": vocabulary.at and iso(vocabulary.at), "counts": vocabulary.counts}
    keep_state(state_path(target, _STATE), json.dumps(content))


def kept(target: Target) -> Vocabulary:
    """Return the last counts; empty where there are none."""
    return _read(state_path(target, _STATE))


def kept_labels(folders: Iterable[Path]) -> list[str]:
    """Return all labels that were counted, without asking AWS: a shell completes words with them."""
    paths = (path for folder in folders for path in sorted(folder.glob(f"*{_STATE}")))
    return [name for path in paths for name in _read(path).counts]


def _read(path: Path) -> Vocabulary:
    content = kept_state(path)
    try:
        counts = {str(name): int(count) for name, count in content["counts"].items()}
        return Vocabulary(counts, datetime.fromisoformat(content["at"]))
    except (ValueError, KeyError, TypeError, AttributeError):  # there is none, or it is not ours
        return Vocabulary({})
