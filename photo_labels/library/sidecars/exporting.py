"""Documents exported as sidecars, and what became of each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from photo_labels.library.sidecars.beside import StoredImage, stored_image
from photo_labels.library.sidecars.files import Outcome
from photo_labels.library.sidecars.paths import paths_of
from photo_labels.library.sidecars.regions import has_boxes, regions_of
from photo_labels.library.sidecars.xmp import packet, sealed

if TYPE_CHECKING:
    from photo_labels.library.sidecars.files import SidecarFolder
    from photo_labels.records.documents import Document


# Of each kind so many photos are remembered, to be named.
NAMED = 10


class SidecarExport:
    """Writes the sidecars of photos into a folder, and counts them."""

    def __init__(self, folder: SidecarFolder, *, has_regions: bool = True) -> None:
        """`has_regions`: write boxes, too, where it is known how the photo is turned."""
        self._folder = folder
        self._has_regions = has_regions
        self.counts: Counter[Outcome] = Counter()
        # The keys of the first photos that ended so.
        self.first: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
        # Photos that have no labels because they were rejected.
        self.rejected = 0
        # Sidecars that have labels only, since nobody knows how the photo is turned that the boxes are of.
        self.without_boxes = 0

    @property
    def not_written(self) -> int:
        """How many photos have no sidecar, or one of another photo."""
        return self.counts[Outcome.IMPOSSIBLE] + self.counts[Outcome.OF_ANOTHER]

    def write(self, document: Document) -> None:
        """Write the sidecar of a photo. Raises NotAllDoneError where nothing more can be written."""
        if document.status != "LABELLED":
            self.rejected += 1
            return
        stored = self._stored(document) if self._has_regions and has_boxes(document.labels) else None
        turn = stored.orientation if stored else None
        regions = list(regions_of(document.labels, turn)) if turn else []
        text = packet(paths_of(document.labels), regions, stored.size if stored else None)
        outcome = self._folder.write(document.key, document.image_id, sealed(text, document.image_id))
        self.counts[outcome] += 1
        if len(self.first[outcome]) < NAMED:
            self.first[outcome].append(document.key)
        if stored and not turn and outcome in {Outcome.WRITTEN, Outcome.UNCHANGED}:
            self.without_boxes += 1

    def _stored(self, document: Document) -> StoredImage:
        with self._folder.photo(document.key) as beside:
            return stored_image(document, beside)
