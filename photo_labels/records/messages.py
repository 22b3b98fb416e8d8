"""The message that asks for the present truth about one object; functions and tools write and read it here.

    {"source": "photo-labels", "action": "reconcile", "bucket": "photos", "key": "a photo.jpg", "force": false}

The key is as it is, not encoded. A message that was forwarded together with an S3 event has that event's
`sequencer` and `eventTime`, too.
"""

from __future__ import annotations

import json

SOURCE = "photo-labels"
ACTION = "reconcile"


def reconcile_message(
    bucket: str,
    key: str,
    *,
    force: bool = False,
    sequencer: str | None = None,
    event_time: str | None = None,
) -> str:
    """Return the body of a reconcile message.

    `force`: label the photo again, although a document describes it. `sequencer` and `event_time` (ISO 8601) go
    together: they are written only where both are known.
    """
    body: dict[str, object] = {"source": SOURCE, "action": ACTION, "bucket": bucket, "key": key, "force": force}
    if sequencer and event_time:
        body |= {"sequencer": sequencer, "eventTime": event_time}
    return json.dumps(body)
