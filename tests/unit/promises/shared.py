"""What these tests share."""

from __future__ import annotations

from typing import Any

from tests.fakes.world import BUCKET, Photo, World

CAT = Photo(labels={"Cat": 98.5, "Animal": 99.0, "Dog": 42.0})


DOG = Photo(labels={"Dog": 99.0})


# Of documents: those of images that had none, and all others.
COMMITS = ["BatchExecuteStatement", "PutItem"]


HOSTILE_KEY = "space plus+file 100% ünï/../<b>{0}%s\n.jpg"


class Refuse:
    """A hook that answers the first `times` calls of an operation (on one table) with an error."""

    def __init__(self, operation: str, error: Exception, times: int = 1, table: str | None = None) -> None:
        self.operation, self.error, self.left, self.table = operation, error, times, table
        self.calls: list[str] = []

    def __call__(self, operation: str, parameters: dict[str, Any]) -> None:
        self.calls.append(operation)
        is_meant = operation == self.operation and self.table in {None, parameters.get("TableName")}
        if is_meant and self.left:
            self.left -= 1
            raise self.error


def documents(world: World) -> list[dict[str, Any]]:
    return world.tables.plain("ImageLabels")


def reconcile(world: World, key: str, *, force: bool = False) -> Any:
    body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": key, "force": force}
    return world.message(body)
