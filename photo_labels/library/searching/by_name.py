"""Photos by a part of their names: there is no index of those, so that the names of all documents are read."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from photo_labels.library.searching.terms import Named, folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from photo_labels.library.table_reader import TableReader

_CLOSE = 3


@dataclass(frozen=True, slots=True)
class Namesakes:
    """ImageIDs of photos, labelled or rejected."""

    # Those that have the part in their names, in the order of their keys.
    matching: list[str]
    # Where there are none: those with names like it, the likeliest first.
    close: list[str]


def find(reader: TableReader, part: str, tell: Callable[[int], None]) -> Namesakes:
    """Find photos by a part of their file names, or, where it has a slash, of their keys, in whatever case.

    In a part of a file name * and ? stand for others, as in searches. `tell` gets the number of documents read.
    """
    images = list(_images(reader, tell))
    wanted = folded(part)
    named = Named(part)
    matching = [
        image for image in images if (wanted in folded(_key(image)) if "/" in part else named.holds(_key(image)))
    ]
    if matching:
        return Namesakes(sorted(matching, key=lambda image: (folded(_key(image)), image)), [])
    names = {form: image for image in images for form in _forms(image)}
    close = [names[one] for one in get_close_matches(wanted.rpartition("/")[2], names, 2 * _CLOSE)]
    return Namesakes([], list(dict.fromkeys(close))[:_CLOSE])


def _images(reader: TableReader, tell: Callable[[int], None]) -> Iterator[str]:
    asked: dict[str, Any] = {
        "ProjectionExpression": "ImageID, #status",
        "ExpressionAttributeNames": {"#status": "Status"},
    }
    read = 0
    while True:
        answer = reader.scan(**asked)
        read += len(answer["Items"])
        tell(read)
        for item in answer["Items"]:
            if item.get("Status") in ({"S": "LABELLED"}, {"S": "REJECTED"}):
                yield item["ImageID"]["S"]
        if "LastEvaluatedKey" not in answer:
            return
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _key(image: str) -> str:
    return image.partition("/")[2]


def _forms(image: str) -> tuple[str, str]:
    """Return a file name as somebody types it: with its ending, and without."""
    name = folded(image.rpartition("/")[2])
    return name, name.rpartition(".")[0] or name
