"""Where a file has its metadata, before anything of it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from photo_labels.records.metadata.excerpts import Window


class Pieces:
    """The windows of a file that begin with EXIF, a directory of GPS, and XMP.

    Not made by `dataclass`, which takes half a millisecond of each cold start.
    """

    __slots__ = ("exif", "gps", "xmp")

    def __init__(self, exif: tuple[Window, ...] = ()) -> None:
        self.exif = exif
        self.gps: Window | None = None
        self.xmp: Window | None = None
