"""The lanes of a function: the queues that feed it, and which of their photos go first.

    live      what S3 has told of a moment ago
    overflow  live photos for which the quota had no slot within a second
    bulk      imports, and what our own tools send

A lane is no more than its queue and how far ahead it may book slots (`handler.rate_limiter`): live photos a
second, those of the overflow one slot, bulk none. So bulk work takes every slot that nobody else wants, and a live
photo waits for one slot of it at most. Where more live photos come than the quota takes, each of the other lanes
has a tenth of it for certain.

While the budget is spent, the live lanes go on, since removals and duplicates cost no call; the mappings of the
others are off (`handler.budget_switch`), and the photos wait there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from handler.settings import Settings

# The longest that a live photo waits for its slot in the function's hands. Bookings lie no further ahead, so that
# a cut of the rate takes effect no later.
MAX_AHEAD_S = 1.0


@dataclass(frozen=True, slots=True)
class Priority:
    """How the photos of a lane take slots."""

    name: str
    # So far ahead slots are booked: seconds, or slots where those are longer.
    ahead_s: float = MAX_AHEAD_S
    ahead_slots: int = 0
    # Of the quota, what the lane gets whatever the others do.
    certain_share: float = 0.0


LIVE = Priority("Live")
# Without the tenth of a second, its environments could not use up a large quota.
OVERFLOW = Priority("Overflow", ahead_s=0.1, ahead_slots=1, certain_share=0.1)
# A fiftieth of a second ahead: above 50 calls a second an update of the limiter's item books several slots.
BULK = Priority("Bulk", ahead_s=0.02, certain_share=0.1)


@dataclass(frozen=True, slots=True)
class Lane:
    """One queue of a function, and where its photos may be sent on to."""

    queue_url: str
    priority: Priority
    # Photos that Rekognition does not read as they are; None: they are rejected, or this lane converts.
    convert_url: str | None = None
    # Photos that get no slot in time. Sent there anew, they use up no receives.
    no_slot_url: str | None = None
    # Those that wait because the budget is spent, where that is another queue: this lane goes on meanwhile.
    spent_url: str | None = None
    # The longest wait for a slot; None: as long as the invocation's time allows.
    max_wait_s: float | None = None
    # Where photos go that their importer has marked as bulk work; None: they stay.
    bulk: Lane | None = None
    # It feeds the function that converts.
    is_converting: bool = False


def labelling_lanes(settings: Settings) -> tuple[Lane, ...]:
    """Return the lanes of the function that labels, live first."""
    convert_url, overflow_url, bulk_url = (
        settings.convert_queue_url,
        settings.overflow_queue_url,
        settings.bulk_queue_url,
    )
    if not overflow_url or not bulk_url:
        return (Lane(settings.queue_url, LIVE, convert_url),)
    bulk = Lane(bulk_url, BULK, settings.bulk_convert_queue_url, no_slot_url=bulk_url)
    return (
        Lane(settings.queue_url, LIVE, convert_url, no_slot_url=overflow_url, max_wait_s=MAX_AHEAD_S, bulk=bulk),
        Lane(overflow_url, OVERFLOW, convert_url, no_slot_url=overflow_url),
        bulk,
    )


def converting_lanes(settings: Settings) -> tuple[Lane, ...]:
    """Return the lanes of the function that converts, live first."""
    bulk_url = settings.bulk_queue_url
    live = Lane(settings.queue_url, LIVE, no_slot_url=settings.queue_url, spent_url=bulk_url, is_converting=True)
    return (live, Lane(bulk_url, BULK, no_slot_url=bulk_url, is_converting=True)) if bulk_url else (live,)


def by_lane(records: Iterable[SQSRecord], lanes: tuple[Lane, ...]) -> Iterator[tuple[Lane, list[SQSRecord]]]:
    """Group records by the queue that they came from; what came from another queue counts as live."""
    names = {lane.queue_url.rpartition("/")[2]: lane for lane in lanes}
    groups: dict[Lane, list[SQSRecord]] = {}
    for record in records:
        queue = str(record.get("eventSourceARN", "")).rpartition(":")[2]
        groups.setdefault(names.get(queue, lanes[0]), []).append(record)
    yield from groups.items()
