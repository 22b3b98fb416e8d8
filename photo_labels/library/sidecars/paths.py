"""Labels as paths in a tree of keywords: each below one of its parents, from the most general down."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from photo_labels.records.documents import Item


def paths_of(labels: Iterable[Item]) -> list[tuple[str, ...]]:
    """Return a path for each of a document's labels, in their order, each name once."""
    parents: dict[str, Sequence[str]] = {label["Name"]: label["Parents"] for label in labels}
    return [_path(name, parents) for name in parents]


def _path(name: str, parents: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the names from the top down to a label, each one a parent of the next.

    Rekognition names all ancestors of a label, in no order that it promises. The one that has the most ancestors
    of its own has none of the others below it, so it is a direct parent. A label may have several (Dog: Canine,
    Pet); a tree has room for one.
    """
    path = [name]
    while above := [one for one in parents.get(path[0], ()) if one not in path]:
        path.insert(0, max(above, key=lambda one: len(parents.get(one, ()))))
    return tuple(path)
