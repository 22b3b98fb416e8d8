"""Where a file has its metadata, before anything of it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photo_labels.records.metadata.excerpts import Window


@dataclass(slots=True)
class Pieces:
    """The windows of a file that begin with EXIF, a directory of GPS, and XMP."""

    exif: tuple[Window, ...] = ()
    gps: Window | None = None
    xmp: Window | None = None
