"""What the baselines share: which photos a message is about, and the items that are written for one.

Those are ours, made by `photo_labels.records.documents`, so that all write the same; what is measured is how.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from photo_labels.records.documents import Document, iso, labels_from, new_commit
from photo_labels.records.timeline import timeline_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

WITH_ROWS = os.environ.get("ROWS") == "1"
IMAGE_LABELS, LABEL_INDEX = os.environ["IMAGE_LABELS_TABLE"], os.environ["LABEL_INDEX_TABLE"]
# The settings' defaults, as ours has them.
MIN_CONFIDENCE, MAX_LABELS = 80, 50


@dataclass(frozen=True, slots=True)
class Photo:
    """One S3 record."""

    content: dict[str, Any]

    @property
    def request(self) -> Any:
        """Return the parameters of DetectLabels."""
        place = {"Bucket": self._bucket, "Name": self._key}
        return {"Image": {"S3Object": place}, "MinConfidence": MIN_CONFIDENCE, "MaxLabels": MAX_LABELS}

    def document(self, answer: Mapping[str, Any]) -> Document:
        """Return what is written, from DetectLabels' answer."""
        s3_object = self.content["s3"]["object"]
        event_time = iso(datetime.fromisoformat(self.content["eventTime"]))
        return Document(
            bucket=self._bucket,
            key=self._key,
            sequencer=s3_object["sequencer"].rstrip("0"),
            status="LABELLED",
            labelled_at=iso(datetime.now(UTC)),
            labels=labels_from(answer["Labels"]),
            event_time=event_time,
            etag=s3_object["eTag"],
            size=s3_object["size"],
            label_model_version=answer["LabelModelVersion"],
            min_confidence=Decimal(MIN_CONFIDENCE),
            max_labels=MAX_LABELS,
            commit=new_commit(),
            timeline=timeline_of(None, event_time),
        )

    @property
    def _bucket(self) -> str:
        bucket: str = self.content["s3"]["bucket"]["name"]
        return bucket

    @property
    def _key(self) -> str:
        return unquote_plus(self.content["s3"]["object"]["key"])


def photos_in(body: str) -> Iterator[Photo]:
    """Return the photos of an SQS message's body, an S3 notification."""
    return map(Photo, json.loads(body)["Records"])
