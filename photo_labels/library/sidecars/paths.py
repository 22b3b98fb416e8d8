"""Labels as paths in a tree of keywords: each below one of its parents, from the most general down."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from photo_labels.records.documents import Item


def paths_of(labels: Iterable[Item]) -> list[tuple[str, ...]]:
    """Return a path for each of a document's labels, in their order, each name once.

    Rekognition names all ancestors of a label. The one that has the most ancestors of its own has none of the
    others below it, so it is a direct parent. A label may have several (Dog: Canine, Pet), and a tree has room for
    one.
    """
    ancestors: dict[str, Sequence[str]] = {label["Name"]: label["Parents"] for label in labels}
    counts = {name: len(set(above)) for name, above in ancestors.items()}
    parents = {name: _direct_parent(name, above, counts) for name, above in ancestors.items()}
    return [_path(name, parents) for name in ancestors]


def _direct_parent(name: str, ancestors: Sequence[str], counts: Mapping[str, int]) -> str | None:
    """Return None where there is none; what has as many ancestors as the label itself is not above it."""
    higher = [one for one in ancestors if counts.get(one, 0) < counts[name]]
    return max(higher, key=lambda one: counts.get(one, 0), default=None)


def _path(name: str, parents: Mapping[str, str | None]) -> tuple[str, ...]:
    path = [name]
    while (parent := parents.get(path[-1])) is not None:
        path.append(parent)
    return tuple(reversed(path))
