"""Reconcile messages: they ask the function for the present truth about an object, and repeat no work done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from photo_labels.library.queues import AT_A_TIME, send
from photo_labels.library.user_errors import UserError
from photo_labels.records.messages import reconcile_message

if TYPE_CHECKING:
    from photo_labels.library.target import Target

_SENDS = 3


class Reconciler:
    """Sends reconcile messages in batches, as bulk work; all are sent when it is left without an exception."""

    def __init__(self, target: Target) -> None:
        self._sqs = target.client("sqs")
        self._queue_url = target.outputs.labelling.bulk_queue_url
        self._bodies: list[str] = []
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.flush()

    def ask(self, bucket: str, key: str, *, force: bool = False) -> None:
        """Ask for the truth about an object. `force`: label it again, although a document fits it.

        Raises UserError when SQS does not take messages; those of `sent` are on their way then.
        """
        self._bodies.append(reconcile_message(bucket, key, force=force))
        if len(self._bodies) == AT_A_TIME:
            self.flush()

    def flush(self) -> None:
        """Send what is waiting; a partial failure hides inside a 200. Raises UserError as `ask` does."""
        for _ in range(_SENDS):
            if not self._bodies:
                return
            refused = send(self._sqs, self._queue_url, self._bodies)
            self.sent += len(self._bodies) - len(refused)
            self._bodies = [self._bodies[place] for place in refused]
        if self._bodies:
            raise UserError(f"SQS does not take messages ({next(iter(refused.values()))}): try again.")
