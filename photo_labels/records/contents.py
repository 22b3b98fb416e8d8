"""Equal bytes, and who has labelled them: the claims of the table `ContentClaims`.

    Content    what photos share whose labels are the same: ETag, size, and the model settings
    ImageID    the photo of that content that is labelled, or was
    ClaimedAt  when that photo came to be labelled: ISO 8601, UTC

Equal ETags and sizes are equal bytes, those of multipart uploads, too: an ETag is an MD5 of the bytes, or of the
MD5s of the parts and their number. Where S3 encrypts with a key of KMS or of the owner's, it is another for each
object: those are never taken for copies. What is thought of MD5 is in docs/security.md.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from photo_labels.records.documents import Document

# A claim takes one write unit, 1 KB. Photos with longer names are labelled without one.
_MAX_IMAGE_ID_BYTES = 900


@dataclass(frozen=True, slots=True)
class Claim:
    """A photo's claim to be the one of its content that is labelled."""

    content: str
    image_id: str
    claimed_at: str

    def to_item(self) -> dict[str, Any]:
        """Return the item as DynamoDB takes it."""
        return {
            "Content": {"S": self.content},
            "ImageID": {"S": self.image_id},
            "ClaimedAt": {"S": self.claimed_at},
        }

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Claim:
        """Read an item as DynamoDB returns it; what others changed about it counts as a claim long ago."""
        image, claimed_at = (item.get(name, {}).get("S", "") for name in ("ImageID", "ClaimedAt"))
        return cls(item["Content"]["S"], image, claimed_at)


def content_key(content: str) -> dict[str, Any]:
    """Return the key of a claim as DynamoDB takes it."""
    return {"Content": {"S": content}}


def may_claim(image: str) -> bool:
    """Tell whether a claim with this ImageID is short enough."""
    return len(image.encode()) <= _MAX_IMAGE_ID_BYTES


def content_id(etag: str, size: int, min_confidence: Decimal, max_labels: int, model_settings: str | None) -> str:
    """Return what is the same for all photos of these bytes, labelled with these model settings."""
    facts = f"{etag} {size} {min_confidence.normalize():f} {max_labels} {model_settings or ''}".rstrip()
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


def content_of(document: Document) -> str | None:
    """Return the content whose labels a document has; None: it has none, or does not say of which."""
    return _content_in(document) if document.status == "LABELLED" else None


def _content_in(document: Document) -> str | None:
    if document.etag is None or document.size is None:
        return None
    if document.min_confidence is None or document.max_labels is None:
        return None
    return content_id(
        document.etag, document.size, document.min_confidence, document.max_labels, document.model_settings
    )


def claimed_content(document: Document | None) -> str | None:
    """Return the content that a document's photo may have claimed, also where it was rejected then; None: none."""
    return _content_in(document) if document and document.copy_of is None else None
