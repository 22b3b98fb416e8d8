"""What became of a batch: for the answer, the log and the metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from handler.decisions import Forward, SkipReason, Write
    from handler.events import Message
    from handler.lanes import Lane
    from handler.results import CallStats


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one object ended in this batch: written, skipped, forwarded, or failed."""

    write: Write | None = None
    skip_reason: SkipReason | None = None
    forwarded: Forward | None = None
    error: Exception | None = None
    # A newer document was there first: ours was not written, and need not be.
    superseded: bool = False
    committed_at: datetime | None = None


@dataclass(slots=True)
class Report:
    """What became of a batch."""

    messages: list[Message]
    received_at: datetime
    # The lane that it came from.
    lane: Lane
    # By ImageID: every object of the batch is among them in the end.
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failed: list[Message] = field(default_factory=list)
    # By messageId: malformed messages that the dead-letter queue did not take.
    dead_letter_failures: dict[str, Exception] = field(default_factory=dict)
    # Error codes by messageId: failed records whose visibility timeout stays as it is.
    not_backed_off: dict[str, str] = field(default_factory=dict)
    # ImageIDs whose outdated rows could not be deleted; readers leave these rows out, nothing is wrong.
    rows_left: list[tuple[str, Exception]] = field(default_factory=list)
    # Why claims of contents could not be read.
    claim_error: Exception | None = None
    # Content and ImageID of claims that nobody needs any more.
    outdated_claims: set[tuple[str, str]] = field(default_factory=set)
    # By ImageID, of the objects that there was something to do for.
    call_stats: dict[str, CallStats] = field(default_factory=dict)
