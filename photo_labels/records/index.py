"""The rows of `LabelIndex` and their keys: written by the function, read by searches, audits and purges.

One label of one image is a row: partition key `Label`, sort key `Rank`, which is

    {confidence:06.2f}#{first 20 hex digits of sha256(ImageID)}#{CommitID}

so that one query, read backwards, returns the photos of a label, the surest first, from any confidence up.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decimal import Decimal

# Above the rank of every row.
MAX_RANK = "101"


def rank(confidence: Decimal, image: str, commit: str) -> str:
    """Return the sort key of a row, which no two commits share.

    So whoever deletes the rows of a commit never deletes another's. `commit`: the CommitID; of documents written
    before there were any, the Sequencer.
    """
    return f"{_padded(confidence)}#{digest(image)}#{commit}"


def min_rank(min_confidence: float) -> str:
    """Return what is not above the rank of any row with at least this confidence."""
    return _padded(min_confidence)


def confidence_of(row_rank: str) -> float:
    """Return the confidence of a row, in per cent."""
    return float(row_rank.partition("#")[0])


def row_key(label: str, row_rank: str) -> dict[str, Any]:
    """Return the key of a row as DynamoDB takes it."""
    return {"Label": {"S": label}, "Rank": {"S": row_rank}}


def digest(image: str) -> str:
    """Return 20 hex digits that stand for an ImageID, which may be 1,088 bytes long."""
    return hashlib.sha256(image.encode()).hexdigest()[:20]


def _padded(confidence: Decimal | float) -> str:
    return f"{confidence:06.2f}"


@dataclass(frozen=True, slots=True)
class Row:
    """One label of one image, as one commit has it."""

    label: str
    rank: str
    image_id: str
    sequencer: str
    labelled_at: str
    commit: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.label, self.rank

    def to_item(self) -> dict[str, Any]:
        """Return the item as `LabelIndex` holds it."""
        item = {
            "Label": self.label,
            "Rank": self.rank,
            "ImageID": self.image_id,
            "Sequencer": self.sequencer,
            "LabelledAt": self.labelled_at,
        }
        return item | ({"CommitID": self.commit} if self.commit else {})
