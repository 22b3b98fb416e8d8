"""Photos of equal bytes: one of them is labelled, and the others take its labels over.

Which one is a claim in `ContentClaims` (`photo_labels.records.contents`): put on the condition that nobody else's
is there, before the photo is sent to Rekognition. A photo whose content another has claimed takes over that one's
labels as soon as its document is committed. The claim of a photo that has not ended within seconds, was removed,
rejected, replaced or purged is taken over. Claims only save money: where they cannot be read or written, the photo
is labelled for itself.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from handler.model_settings import digest_of
from handler.storage import CLAIM_PATIENCE_S
from handler.timeouts import DYNAMODB
from photo_labels.records.contents import Claim, claimed_content, content_id, content_of, may_claim
from photo_labels.records.documents import Document, is_lasting, iso
from photo_labels.records.errors import AWS_ERRORS, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from handler.deadline import Deadline
    from handler.events import ObjectEvent
    from handler.objects import Objects
    from handler.results import CallStats
    from handler.settings import Settings
    from handler.storage import Storage
    from handler.threads import Threads

# From a claim to the commit, by the owner's clock and ours: what has not ended by then may take days.
_OWNER_TAKES = timedelta(seconds=3)
_LOOK_S = 0.1


class ContentClaimedError(Exception):
    """Another photo of this content is being labelled, or was."""

    def __init__(self, claim: Claim) -> None:
        super().__init__("another photo of equal bytes has the claim")
        self.claim = claim


class ClaimAttempt:
    """One photo's attempt to become the one of its content that is labelled; of one thread."""

    def __init__(self, put: Callable[[], Claim | None], beside: Threads | None, stats: CallStats) -> None:
        """`put` returns another's claim, if there is one; `beside`: where it runs while the photo waits."""
        self._put = put
        self._beside = beside
        self._stats = stats
        self._answer: Callable[[float], Claim | None] | None = None

    def start(self) -> None:
        """Begin to put the claim while the photo waits for its slot, unless that is to come first."""
        if self._beside and not self._answer:
            self._answer = self._beside.start(self._put)

    def confirm(self) -> None:
        """Return where the photo is to be labelled. Raises ContentClaimedError where another one is."""
        answer = self._answer
        self._answer = lambda _: None  # a photo that has its claim keeps it for all attempts of the call
        try:
            others = answer(CLAIM_PATIENCE_S) if answer else self._put()
        except (*AWS_ERRORS, TransientError) as error:
            self._stats.claim_error = error
            return
        if others:
            raise ContentClaimedError(others)


class Copies:
    """Finds the labels of equal photos; used from many threads."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        objects: Objects,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._is_on = settings.content_claims_table is not None
        self._settings = Decimal(str(settings.min_confidence)), settings.max_labels, digest_of(settings)
        self._storage = storage
        self._objects = objects
        self._now = now

    def content_of(self, event: ObjectEvent) -> str | None:
        """Return the content that an event tells of; None: it does not, or nothing is to be claimed."""
        if not self._is_on or not event.etag or not event.size or not may_claim(event.image_id):
            return None
        return content_id(event.etag, event.size, *self._settings)

    def outdated_claims(self, replaced: Document | None, document: Document) -> set[tuple[str, str]]:
        """Return content and ImageID of the claims that a photo no longer has, once `document` is written."""
        if not self._is_on:
            return set()
        contents = {claimed_content(replaced), claimed_content(document)} - {None, content_of(document)}
        return {(content, document.image_id) for content in contents if content}

    def observed(
        self,
        event: ObjectEvent,
        claim: Claim | None,
        ask: Callable[[ClaimAttempt | None], dict[str, Any]],
        deadline: Deadline,
        *,
        stats: CallStats,
        beside: Threads | None,
    ) -> dict[str, Any]:
        """Return what a document says of its photo's content: an equal photo's, else what `ask` returns.

        `claim`: as it was read; None: there was none. `ask` confirms an attempt before it pays, or pays without
        one; its errors are raised. `beside`: None where a claim is put only when the photo has its slot.
        """
        content = self.content_of(event)
        assert content
        while True:
            is_others = claim is not None and claim.image_id not in {"", event.image_id}
            original = self._original(claim, deadline) if claim and is_others else None
            if original:
                return original.observed() | {"copy_of": original.image_id}
            own = Claim(content, event.image_id, iso(self._now()))
            attempt = ClaimAttempt(self._putting(own, claim, deadline), beside, stats)
            try:
                return ask(attempt)
            except ContentClaimedError as error:
                if error.claim == claim:  # which cannot be taken over, as nobody here writes it
                    return ask(None)
                claim = error.claim

    def read(self, content: str, deadline: Deadline, stats: CallStats) -> Claim | None:
        """Return the claim of a content; None: there is none, or it cannot be read."""
        try:
            found = self._storage.read((), [content], deadline)
        except TransientError as error:
            stats.claim_error = error
            return None
        stats.claim_error = found.claim_error
        return found.claims.get(content)

    def release(self, content: str, image: str, deadline: Deadline) -> None:
        """Delete a claim that its photo no longer has; raises where that fails, and does not try for long."""
        self._storage.release(content, image, deadline.briefly(CLAIM_PATIENCE_S))

    def _putting(self, own: Claim, over: Claim | None, deadline: Deadline) -> Callable[[], Claim | None]:
        return lambda: self._storage.claim(own, over, deadline.briefly(CLAIM_PATIENCE_S))

    def _original(self, claim: Claim, deadline: Deadline) -> Document | None:
        """Wait for the document of the photo that has the claim. None: its labels are not to be had."""
        began = self._now()  # a claim may be of a clock that is wrong
        while True:
            document = self._storage.read([claim.image_id], (), deadline).documents.get(claim.image_id)
            if isinstance(document, Document):
                if content_of(document) == claim.content:
                    return document if self._is_seen(document, deadline) else None
                if document.labelled_at >= claim.claimed_at:  # it ended otherwise
                    return None
            now = self._now()
            if iso(now - _OWNER_TAKES) > claim.claimed_at or now - began > _OWNER_TAKES:
                return None
            deadline.pause(_LOOK_S, then_s=DYNAMODB.call_s)

    def _is_seen(self, document: Document, deadline: Deadline) -> bool:
        """Tell whether Rekognition has seen the bytes that a document tells of.

        What can be overwritten may have been, between its event and the look. Its next event puts its own document
        right then, but no copy's: so S3 has to show that nothing has changed since.
        """
        if is_lasting(document.version_id):
            return True
        with suppress(*AWS_ERRORS, PermanentError):
            head = self._objects.head(document.bucket, document.key, None, deadline)
            return head is not None and document.is_of(head.etag, head.last_modified, head.version_id)
        return False
