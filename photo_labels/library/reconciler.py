"""Reconcile messages: they ask the function for the present truth about an object, and repeat no work done."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from photo_labels.library.queues import send
from photo_labels.library.user_errors import UserError
from photo_labels.records.messages import MAX_BATCH, reconcile_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from photo_labels.library.retention import QueueRoom
    from photo_labels.library.target import Target

_SENDS = 3


class Reconciler:
    """Sends reconcile messages in batches, as bulk work; all are sent when it is left without an exception."""

    def __init__(self, target: Target, room: QueueRoom | None, connections: int = 1) -> None:
        """`room`: as much is sent at most; None: all. `connections`: threads that call `ask_all` at a time."""
        self._sqs = target.client("sqs", connections=connections)
        self._queue_url = target.outputs.labelling.bulk_queue_url
        self._room = room
        self._lock = threading.Lock()
        self._bodies: list[str] = []
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.flush()

    def ask(self, bucket: str, key: str, *, force: bool = False) -> None:
        """Ask for the truth about an object. `force`: label it again, although a document fits it.

        Raises UserError when SQS does not take messages, and NoRoomError where no more may wait; those of `sent`
        are on their way then.
        """
        self._bodies.append(reconcile_message(bucket, key, force=force))
        if len(self._bodies) == MAX_BATCH:
            self.flush()

    def flush(self) -> None:
        """Send what is waiting. Raises as `ask` does."""
        self._send(self._bodies)
        self._bodies = []

    def ask_all(self, bucket: str, keys: Sequence[str], *, force: bool = False, keep_labels: bool = False) -> None:
        """Ask about many objects at once; may be called from several threads. Raises as `ask` does."""
        self._send([reconcile_message(bucket, key, force=force, keep_labels=keep_labels) for key in keys])

    def _send(self, bodies: Sequence[str]) -> None:
        """Send messages; a partial failure hides inside a 200."""
        if not bodies:
            return
        if self._room:
            self._room.take(len(bodies))
        for _ in range(_SENDS):
            refused = send(self._sqs, self._queue_url, bodies)
            with self._lock:
                self.sent += len(bodies) - len(refused)
            bodies = [bodies[place] for place in refused]
            if not bodies:
                return
        raise UserError(f"SQS does not take messages ({next(iter(refused.values()))}): try again.")
