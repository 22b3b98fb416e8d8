"""Bulk work that goes on beside a load test: photos that are imported, or backfilled."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Self

from loadtest.mix import distinct
from photo_labels.library.queues import depth
from photo_labels.library.reconciler import Reconciler
from photo_labels.records.heads import BULK, LANE_METADATA

if TYPE_CHECKING:
    from photo_labels.library.target import Target

_SENDERS = 8
_LOOK_S = 0.5


class BulkWork:
    """Photos below a prefix of their own, no two of equal bytes.

    Use it as a context, so that nothing is sent when that is left.
    """

    def __init__(self, target: Target, prefix: str, photo: bytes, suffix: str = ".jpg") -> None:
        self._target = target
        self._prefix = prefix
        self._photo = photo
        self._suffix = suffix
        self._s3 = target.client("s3", connections=_SENDERS)
        self._sqs = target.client("sqs")
        self._pool = ThreadPoolExecutor(_SENDERS)
        self._is_over, self._is_hurrying = Event(), Event()
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._is_hurrying.set()
        self._pool.shutdown()

    def start_import(self, count: int, rate: float) -> None:
        """Upload photos as `photos import` marks them, so many a second (0: as fast as S3 takes them)."""
        began, first = time.monotonic(), self.sent
        self.sent += count
        for sender in range(_SENDERS):
            numbers = range(first + sender, first + count, _SENDERS)
            self._pool.submit(self._upload, numbers, began, rate)

    def hurry(self) -> None:
        """Upload the rest as fast as S3 takes it."""
        self._is_hurrying.set()

    def wait_until_forwarded(self) -> None:
        """Wait until all is uploaded, and no event of it is left in the queues of live photos."""
        self._pool.shutdown()
        self._pool = ThreadPoolExecutor(_SENDERS)
        queues = [function.queue_url for function in self._target.outputs.functions]
        while any(sum(depth(self._sqs, queue)) for queue in queues):
            time.sleep(_LOOK_S)

    def backfill(self) -> None:
        """Queue all of them anew, as `photos backfill` does, in place of the events that wait."""
        for function in self._target.outputs.functions:
            self._sqs.purge_queue(QueueUrl=function.bulk_queue_url)
        with Reconciler(self._target, None) as reconciler:
            for number in range(self.sent):
                reconciler.ask(self._target.outputs.bucket, self._key(number))

    def waiting(self) -> int:
        """Return about how many wait."""
        return sum(sum(depth(self._sqs, one.bulk_queue_url)) for one in self._target.outputs.functions)

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number:06d}{self._suffix}"

    def _upload(self, numbers: range, began: float, rate: float) -> None:
        for number in numbers:
            early_s = began + (number - numbers.start) / rate - time.monotonic() if rate else 0.0
            if early_s > 0:
                self._is_hurrying.wait(early_s)
            if self._is_over.is_set():
                return
            self._s3.put_object(
                Bucket=self._target.outputs.bucket,
                Key=self._key(number),
                Body=distinct(self._photo, self._key(number)),
                Metadata={LANE_METADATA: BULK},
            )
