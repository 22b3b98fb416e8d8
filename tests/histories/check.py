"""The end of a history: what is in S3 is what the tables say, and nothing is left over."""

from __future__ import annotations

import random
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from photo_labels.records import documents
from tests.fakes.bucket import BUCKET, NULL
from tests.histories.plan import KEYS, TAKEN, history

if TYPE_CHECKING:
    from photo_labels.library.auditing.findings import Problem
    from tests.fakes.bucket import Photo, Version
    from tests.histories.plan import History
    from tests.histories.world import World

# Where S3 does not show a header, the refusal of a small photo stays the reason.
_SMALL = {"TooSmall", "InvalidParameterException"}
_REJECTED = {
    "etag of no photo": {"BrokenPhoto"},
    "etag of empty": {"EmptyObject"},
    "etag of customer's key": {"CustomerKey"},
    "etag of archived": {"ArchivedObject"},
    "etag of too small": _SMALL,
    "etag of too small, and light": _SMALL,
}


# After the last fault; what is left then is left for good.
_REDRIVES = 20


class WrongEndError(AssertionError):
    """A history did not end as it should."""


def run(seed: int) -> History:
    """Play a history to its end. Raises WrongEndError, and whatever else goes wrong in it."""
    commits = random.Random(f"commits {seed}")
    own = SimpleNamespace(token_hex=lambda size: commits.randbytes(size).hex())
    # The order of rows, and so of calls, goes by CommitIDs.
    with mock.patch.object(documents, "secrets", own):
        return _played(seed)


def _played(seed: int) -> History:
    played = history(seed)
    world = played.world
    played.play()
    _bring_back(world)
    if world.is_reconciling_needed:
        world.time.start(lambda: world.repair(is_quiet=True))
        world.time.run()
    if played.found:
        raise WrongEndError(f"while photos flowed, an audit found {played.found}")
    for url, queue in world.queues.items():
        if queue.messages:
            raise WrongEndError(f"left in {url}: {[one.body for one in queue.messages.values()]}")
    for key in KEYS:
        _check(world, key)
    _check_audit(played)
    return played


def _bring_back(world: World) -> None:
    """Redrive what was dead-lettered while things failed."""
    for queue in world.queues.values():
        queue.most_receives = 100
    for _ in range(_REDRIVES):
        if not any(world.queues[url].messages for url in ("dead-letters", "convert-dead-letters")):
            return
        # A tool that was stopped holds messages for five minutes.
        world.time.start(world.redrive, 60.0)
        world.time.run()


def _check(world: World, key: str) -> None:
    version = world.bucket.present(key)
    documents = {item["ImageID"]: item for item in world.tables.plain("ImageLabels")}
    document = documents.get(f"{BUCKET}/{key}")
    found = _found(world, document)
    if version is None or version.photo is None:
        if document and document["Status"] != "REMOVED":
            raise WrongEndError(f"{key} is gone, but {document}")
        if found:
            raise WrongEndError(f"{key} is gone, but found by {found}")
        return
    if _is_purged(world, key, version, document):
        if found:
            raise WrongEndError(f"{key} is purged, but found by {found}")
        return
    if document is None:
        raise WrongEndError(f"{key} has no document: {version}")
    _check_present(key, version, document, found)
    _check_time(world, document, version.photo)


def _check_present(key: str, version: Version, document: dict[str, Any], found: dict[str, float]) -> None:
    photo = version.photo
    assert photo
    named = document.get("ETag"), document.get("VersionId", NULL)
    status = "REJECTED" if photo.etag in _REJECTED else "LABELLED"
    expected = {} if status == "REJECTED" else {n: c for n, c in photo.labels.items() if c >= 80}
    if status == "REJECTED" and document.get("Reason") not in _REJECTED[photo.etag]:
        raise WrongEndError(f"{key} is rejected for {document.get('Reason')}: {version} {document}")
    if photo.etag == "etag of customer's key":
        named = document.get("ETag") or photo.etag, version.id  # S3 shows them to nobody
    if (document["Status"], *named) != (status, photo.etag, version.id):
        raise WrongEndError(f"{key} is {version}, but {document}")
    if {one["Name"]: float(one["Confidence"]) for one in document["Labels"]} != expected:
        raise WrongEndError(f"{key} has the labels of something else: {version} {document}")
    if found != expected:
        raise WrongEndError(f"{key} is found by {found}, not by {expected}")


def _check_time(world: World, document: dict[str, Any], photo: Photo) -> None:
    """What a photo says of its time is that of its bytes, where S3 gave it, and it is found by it once."""
    year = TAKEN.get(photo.etag)
    # What is converted here is no photo, and says nothing.
    is_read = "MetadataRead" in document and "Orientation" not in document
    if is_read and document.get("TakenAt") != (year and f"{year}-07-14T18:03:22"):
        raise WrongEndError(f"{document['Key']} was taken in {year}, but {document}")
    rows = [
        (row["Label"], row["Rank"].split("#")[0])
        for row in world.tables.plain("LabelIndex")
        if row["ImageID"] == document["ImageID"]
        and row.get("CommitID", row["Sequencer"]) == document.get("CommitID", document["Sequencer"])
        and row["Label"].startswith("@")
    ]
    time = document["Timeline"] if document["Status"] == "LABELLED" else None
    if rows != ([(f"@taken/{time[:4]}", time)] if time else []):
        raise WrongEndError(f"{document['Key']} is found by time in {rows}, not in {time}")


def _is_purged(world: World, key: str, version: Version, document: dict[str, Any] | None) -> bool:
    """Tell whether the photo is as a purge left it. Raises where one is that should not be, or the other way round."""
    purged_at = document.get("PurgedAt") if document else None
    changed_at = max(world.bucket.changed_at[key])
    wanted = world.purged_at.get(key)
    if wanted and changed_at <= wanted and not purged_at:
        raise WrongEndError(f"{key} was purged at {wanted} and did not change since {changed_at}, but {document}")
    if not purged_at:
        return False
    # A removal may show an older version again, from before the purge.
    if version.modified > datetime.fromisoformat(purged_at):
        raise WrongEndError(f"{key} is of {version.modified}, later than its purge at {purged_at}: {version}")
    return True


def _found(world: World, document: dict[str, Any] | None) -> dict[str, float]:
    """Labels by which a reader finds the photo: by rows that its document backs."""
    if document is None or document["Status"] != "LABELLED":
        return {}
    labels = {one["Name"]: f"{one['Confidence']:06.2f}" for one in document["Labels"]}
    commit = "CommitID" if "CommitID" in document else "Sequencer"
    return {
        row["Label"]: float(row["Rank"].split("#")[0])
        for row in world.tables.plain("LabelIndex")
        if row["ImageID"] == document["ImageID"]
        and row.get(commit) == document[commit]
        and labels.get(row["Label"]) == row["Rank"].split("#")[0]
    }


def _check_audit(played: History) -> None:
    """The auditor sees nothing wrong, either; but for rows of processes that died or calls that failed."""
    problems: list[Problem] = []
    world = played.world
    world.time.start(lambda: world.audit(problems.append, is_quiet=True))
    world.time.run()
    if wrong := [problem for problem in problems if problem.row is None or not played.has_faults]:
        raise WrongEndError(f"the audit finds {wrong}")
