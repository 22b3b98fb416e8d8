"""TIFF as scanners write it: which of its pages is the photo, and colours that Pillow takes for black."""

from __future__ import annotations

from typing import Any

_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _COLOUR_MAP = 254, 255, 320
# Bits of NewSubfileType: a smaller version of another page, a mask of one. The older tag's number of the former.
_SMALLER_OR_MASK, _OLD_SMALLER = 0b101, 2
_MAX_PAGES = 50
# A first page of at most that share of the pixels of a page of the same shape is its thumbnail.
_THUMBNAIL, _SAME_SHAPE = 0.25, 0.05


def show_photo(image: Any) -> None:
    """Go to the page of an opened TIFF that is the photo: the first that is not a smaller version of another."""
    pages = []
    for number in range(_MAX_PAGES):
        try:
            image.seek(number)
        except (EOFError, OSError, SyntaxError, ValueError):  # there are no more, or none that can be read
            break
        tags = image.tag_v2
        is_other = tags.get(_SUBFILE_TYPE, 0) & _SMALLER_OR_MASK or tags.get(_OLD_SUBFILE_TYPE, 0) == _OLD_SMALLER
        pages.append((number, image.size, bool(is_other)))
    image.seek(_photo_of(pages))


def _photo_of(pages: list[tuple[int, tuple[int, int], bool]]) -> int:
    full = [(number, size) for number, size, is_other in pages if not is_other]
    if not full:
        return max(pages, key=lambda page: page[1][0] * page[1][1], default=(0,))[0]
    first, size = full[0]
    larger = [number for number, other in full[1:] if _is_thumbnail(size, other)]
    return larger[0] if larger else first


def _is_thumbnail(size: tuple[int, int], other: tuple[int, int]) -> bool:
    shape, others = size[0] / max(size[1], 1), other[0] / max(other[1], 1)
    is_same = abs(shape - others) <= _SAME_SHAPE * others
    return is_same and size[0] * size[1] <= _THUMBNAIL * other[0] * other[1]


def mend(image: Any) -> None:
    """Read a colour map of 8 bits as such: some scanners write it into the fields of 16 bits as it is."""
    colours = image.tag_v2.get(_COLOUR_MAP)
    if image.mode == "P" and colours and max(colours) < 256:
        third = len(colours) // 3
        by_colour = zip(colours[:third], colours[third : 2 * third], colours[2 * third :], strict=True)
        image.putpalette(bytes(value for colour in by_colour for value in colour))
