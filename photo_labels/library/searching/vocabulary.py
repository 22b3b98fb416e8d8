"""The labels, and how many photos have each.

DynamoDB has no list of a table's partition keys, so that only a scan finds them: the whole index is read once, and
what was counted is kept with its date.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from photo_labels.library.state_files import keep_state, kept_state, state_path
from photo_labels.records.documents import iso
from photo_labels.records.timeline import is_label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from photo_labels.library.target import Target

_STATE = "labels.json"
_CLOSE = 3


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The labels that some photo has."""

    # Index rows by label, the most frequent first; rows that no document backs are among them until the audit.
    counts: dict[str, int]
    # When they were counted; None: they never were.
    at: datetime | None = None

    def named(self, text: str) -> str | None:
        """Return the label that is meant by a text in whatever case."""
        if text in self.counts:
            return text
        folded = text.casefold()
        return next((name for name in self.counts if name.casefold() == folded), None)

    def close_to(self, text: str) -> list[str]:
        """Return the labels that may have been meant, the likeliest first."""
        folded = {name.casefold(): name for name in self.counts}
        return [folded[one] for one in get_close_matches(text.casefold(), folded, _CLOSE)]


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


def kept_names(beginning: str, folders: Iterable[Path]) -> Iterator[str]:
    """Return all labels that were counted and begin so, without asking AWS: a shell completes words with them."""
    folded = beginning.casefold()
    for folder in folders:
        for path in sorted(folder.glob(f"*{_STATE}")):
            yield from (name for name in _read(path).counts if name.casefold().startswith(folded))


def _read(path: Path) -> Vocabulary:
    content = kept_state(path)
    try:
        counts = {str(name): int(count) for name, count in content["counts"].items()}
        return Vocabulary(counts, datetime.fromisoformat(content["at"]))
    except (ValueError, KeyError, TypeError, AttributeError):  # there is none, or it is not ours
        return Vocabulary({})
