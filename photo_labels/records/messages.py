"""Messages of the queues: how long they stay hidden, and the one that asks for the present truth about an object.

    {"source": "photo-labels", "action": "reconcile", "bucket": "photos", "key": "a photo.jpg", "force": false}

The key is as it is, not encoded. A message that was forwarded has an `askedAt`, too: SQS tells only when it was
forwarded; and one that was forwarded together with an S3 event has that event's `sequencer` and `eventTime`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# How long a message stays hidden that an invocation took along when it was killed: the VisibilityTimeout of the
# photos' queue in infra/pipeline.yaml, which a test compares.
VISIBILITY_TIMEOUT_S = 120
# The longest time until a failed record comes back, by its receive count.
MAX_BACKOFF_S = 300

# Messages of one call to SQS, and the bytes of all of them together with their attributes; one may have as many.
MAX_BATCH = 10
MAX_BATCH_BYTES = 2**20

SOURCE = "photo-labels"
ACTION = "reconcile"


def reconcile_message(
    bucket: str,
    key: str,
    *,
    force: bool = False,
    keep_labels: bool = False,
    sequencer: str | None = None,
    event_time: str | None = None,
    asked_at: str | None = None,
) -> str:
    """Return the body of a reconcile message.

    `force`: label the photo again, although a document describes it. `keep_labels`: do not, where its document
    describes it, also if that was with other settings: only what it lacks is filled in. `sequencer` and
    `event_time` (ISO 8601) go together: they are written only where both are known. `asked_at` (ISO 8601): when it
    was first sent, where that is not now.
    """
    body: dict[str, object] = {"source": SOURCE, "action": ACTION, "bucket": bucket, "key": key, "force": force}
    if keep_labels:
        body["keepLabels"] = True
    if sequencer and event_time:
        body |= {"sequencer": sequencer, "eventTime": event_time}
    if asked_at:
        body["askedAt"] = asked_at
    return json.dumps(body)


def within_limits(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Cut messages, by their bytes, into batches that SQS takes; yields the places of each batch."""
    places: list[int] = []
    total = 0
    for place, size in enumerate(sizes):
        if places and (len(places) == MAX_BATCH or total + size > MAX_BATCH_BYTES):
            yield places
            places, total = [], 0
        places.append(place)
        total += size
    if places:
        yield places
