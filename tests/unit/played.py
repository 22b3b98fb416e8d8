"""A thread of the test's that plays the pipeline, on moto's S3 and DynamoDB."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from photo_labels.library.table_reader import TableReader
from photo_labels.records.documents import image_id
from tests.unit.deployed import BUCKET, document, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from photo_labels.library.target import Target


PLAYING = "played pipeline"


class PlayedPipeline(threading.Thread):
    """Writes a document for every object: rejected if "bad" or "tiny" is in its name, none at all if "lost" is."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True, name=PLAYING)
        self._target = target
        self.stop = threading.Event()

    def run(self) -> None:
        s3, reader = self._target.client("s3"), TableReader(self._target)
        while not self.stop.wait(0.01):
            etags = {
                one["Key"]: one["ETag"].strip('"') for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
            }
            documents = reader.documents([image_id(BUCKET, key) for key in etags])
            for key, etag in etags.items():
                known = documents.get(image_id(BUCKET, key))
                if "lost" in key or (known and known.etag == etag and known.status != "REMOVED"):
                    continue
                if "bad" in key or "tiny" in key:
                    reason = "Bad" if "bad" in key else "TooSmall"
                    rejected = document(key, {}, etag=etag, status="REJECTED", reason=reason, detail="It is.")
                    store(self._target, rejected)
                else:
                    store(self._target, document(key, {"Cat": 98.5}, etag=etag))


@contextmanager
def played(target: Target) -> Iterator[None]:
    pipeline = PlayedPipeline(target)
    pipeline.start()
    try:
        yield
    finally:
        pipeline.stop.set()
        pipeline.join()
