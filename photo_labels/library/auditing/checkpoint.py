"""Where an audit is, on disk: what it has read, found and remembers; so that it resumes wherever it was stopped.

A line of JSON, and after it the memory of the documents as it is.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

from photo_labels.library.auditing.cursors import Cursor
from photo_labels.library.auditing.findings import Audit, Finding, Problem
from photo_labels.library.auditing.memory import Memory
from photo_labels.library.skipped import Skipped
from photo_labels.library.state_files import keep_state_file
from photo_labels.records.index import Row

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Of another form than this it is not read.
_FORMAT = 2
# What is older says little about what is there now.
_MAX_AGE = timedelta(days=1)


@dataclass(slots=True)
class AuditState:
    """All that an audit knows while it runs."""

    audit: Audit = field(default_factory=Audit)
    memory: Memory = field(default_factory=Memory)
    # What is being read, and where that is; "": it has not begun.
    step: str = ""
    cursors: list[Cursor] = field(default_factory=list)
    # What seemed wrong, and is looked at once more.
    suspects: list[Problem] = field(default_factory=list)
    # Some keys of the bucket, spread evenly.
    keys: list[str] = field(default_factory=list)
    # Objects may have versions, which documents name.
    has_versions: bool = False


class Checkpoint:
    """The file of an audit's state; it is gone when the audit has ended."""

    def __init__(self, path: Path, scope: Mapping[str, Any]) -> None:
        """`scope`: what is audited, and how; what was saved of another is not read."""
        self._path = path
        self._scope = dict(scope)

    def save(self, state: AuditState, now: datetime) -> None:
        """Save, in the place of what was saved before. Raises UserError where it cannot be written."""
        header = {
            "format": _FORMAT,
            "scope": self._scope,
            "at": now.isoformat(),
            "state": _plain(state),
            "lengths": state.memory.lengths(),
        }

        def write(file: IO[bytes]) -> None:
            file.write(json.dumps(header).encode() + b"\n")
            state.memory.write(file)

        keep_state_file(self._path, write)

    def read(self, now: datetime) -> tuple[AuditState, datetime] | None:
        """Return what was saved, and when; None: nothing, or of another audit, too old, or damaged."""
        damaged = (OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError, EOFError)
        with suppress(*damaged), self._path.open("rb") as file:
            header = json.loads(file.readline())
            at = datetime.fromisoformat(header["at"])
            is_ours = header["format"] == _FORMAT and header["scope"] == self._scope
            if not is_ours or not timedelta() <= now - at <= _MAX_AGE:
                return None
            state = _state(header["state"])
            state.memory.read(file, header["lengths"])
            return state, at
        return None

    def remove(self) -> None:
        """Forget what was saved, if anything could be."""
        with suppress(OSError):
            self._path.unlink()


def _plain(state: AuditState) -> dict[str, Any]:
    """Return what JSON takes of a state: all but the memory."""
    audit = state.audit
    return {
        "counts": [audit.objects, dict(audit.documents), audit.rows, audit.under_way],
        "skipped": list(audit.skipped.items()),
        "found": {finding.name: count for finding, count in audit.found.items()},
        "step": state.step,
        "cursors": [asdict(cursor) for cursor in state.cursors],
        "suspects": [
            [one.finding.name, one.bucket, one.key, one.row and asdict(one.row)] for one in state.suspects
        ],
        "keys": state.keys,
        "has_versions": state.has_versions,
    }


def _state(plain: dict[str, Any]) -> AuditState:
    objects, documents, rows, under_way = plain["counts"]
    skipped = Counter({Skipped(*one): count for one, count in plain["skipped"]})
    found = Counter({Finding[name]: count for name, count in plain["found"].items()})
    return AuditState(
        Audit(objects, skipped, Counter(documents), rows, under_way, found),
        Memory(),
        plain["step"],
        [Cursor(**one) for one in plain["cursors"]],
        [Problem(Finding[name], bucket, key, row and Row(**row)) for name, bucket, key, row in plain["suspects"]],
        plain["keys"],
        plain["has_versions"],
    )
