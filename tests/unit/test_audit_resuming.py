"""An audit of hostile photos in small and empty pages, stopped anywhere: resumed, it finds what one in one go finds."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photo_labels.library.audit import Auditor
from photo_labels.library.auditing.checkpoint import Checkpoint
from photo_labels.library.auditing.cursors import AT_ONCE, Cursor, Listed, Listing, ranges
from photo_labels.library.auditing.findings import Finding, Problem
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.user_errors import are_credentials_over
from photo_labels.records.attributes import to_attributes
from photo_labels.records.formats import NameSays, name_says
from tests.fakes.aws import aws_error
from tests.fakes.bucket import BUCKET, S3, Bucket, Photo
from tests.fakes.dynamodb import DynamoDB, Tables
from tests.fakes.in_turn import InTurnExecutor
from tests.fakes.stack import outputs_of_stack
from tests.fakes.world import START
from tests.unit.deployed import document

if TYPE_CHECKING:
    from pathlib import Path

    from botocore.exceptions import ClientError

    from tests.fakes.bucket import Versioning

LABELS = {"Cat": 98.5, "Ünï#\n😀": 97.0}
HOSTILE = [
    "a b+c%.jpg", "ünï/日本.PNG", "line\nbreak.jpg", "[bold]x[/bold].jpg", "😀.jpg", "\uffee.jpg", "é.jpg", "e\u0301.jpg",
    "a#b#c", "/", "\x7f", "a" * 1024,
]  # fmt: skip
STATES = [
    "right", "rejected", "removed", "never", "called removed", "outdated", "outdated, row missing", "no ETag",
    "same bytes later", "gone", "row missing", "rows of all kinds", "row of an older commit", "row of its commit", "both", "somebody else's", "of another bucket",
]  # fmt: skip
FOUND = {
    "never": (Finding.NEVER_LABELLED,),
    "called removed": (Finding.CALLED_REMOVED,),
    "outdated": (Finding.OUTDATED,),
    "outdated, row missing": (Finding.OUTDATED,),
    "same bytes later": (Finding.OUTDATED,),
    "gone": (Finding.GONE,),
    "row missing": (Finding.ROWS_MISSING,),
    "row of an older commit": (Finding.STRAY_ROW,),
    "row of its commit": (Finding.STRAY_ROW,),
    "both": (
        Finding.ROWS_MISSING,
        Finding.STRAY_ROW,
    ),
    "somebody else's": (Finding.NEVER_LABELLED,),
    "rows of all kinds": (Finding.ROWS_MISSING, Finding.STRAY_ROW, Finding.STRAY_ROW),
    "no ETag": (Finding.OUTDATED,),
}
NO_OBJECT = {"gone", "removed", "of another bucket"}
REMOVED = {"status": "REMOVED", "etag": None, "version_id": None, "event_time": None}
# Of its document, from what it should be.
CHANGES: dict[str, dict[str, Any]] = {
    "rejected": {"status": "REJECTED", "reason": "EmptyObject"},
    "no ETag": {"status": "REJECTED", "reason": "EmptyObject", "etag": None},
    "removed": REMOVED,
    "called removed": REMOVED,
    "outdated": {"etag": "of another photo"},
    "outdated, row missing": {"etag": "of another photo"},
    "same bytes later": {"event_time": "2020-01-01T06:00:00.000Z", "version_id": None},
    "of another bucket": {"bucket": "other"},
}
# Long after all that is in the world happened.
LATER = START + timedelta(days=3)
CALL_S = 10.0


class StopError(Exception):
    """Somebody pulls the plug."""


class Hollow(DynamoDB):
    """Gives an empty page before each page of a scan."""

    def __init__(self, tables: Tables, hook: Any, page: int) -> None:
        super().__init__(tables, hook, page=page)
        self._begun: set[str] = set()

    def scan(self, **parameters: Any) -> dict[str, Any]:
        asked = json.dumps(parameters, sort_keys=True)
        if asked in self._begun:
            return super().scan(**parameters)
        self._begun.add(asked)
        names = {"ImageLabels": ["ImageID"], "LabelIndex": ["Label", "Rank"]}[parameters["TableName"]]
        first = {name: {"S": "\x01"} for name in names}
        if "ExclusiveStartKey" not in parameters:
            self._begun.add(json.dumps(parameters | {"ExclusiveStartKey": first}, sort_keys=True))
        return {"Items": [], "LastEvaluatedKey": parameters.get("ExclusiveStartKey", first)}


class HollowListing(S3):
    """Gives an empty page before each page of a listing."""

    def list_objects_v2(self, **parameters: Any) -> dict[str, Any]:
        if "ContinuationToken" in parameters:
            return super().list_objects_v2(**parameters)
        return {"NextContinuationToken": parameters.get("StartAfter", "\x00")}


@dataclass
class Deployed:
    """A pipeline in which each call takes ten seconds, and may be the last."""

    versioning: Versioning = "Off"
    page: int = 2
    now: datetime = LATER
    calls: Counter[str] = field(default_factory=Counter)
    # Calls that are made yet; and what is raised then.
    left: int | None = None
    error: Exception = field(default_factory=StopError)

    def __post_init__(self) -> None:
        self.tables = Tables()
        self.bucket = Bucket(lambda: START, lambda: "01", self.versioning)
        self.dynamodb = Hollow(self.tables, self._called, self.page)
        self.s3 = HollowListing(self.bucket, self._called, self.page)

    def _called(self, operation: str, _: dict[str, Any]) -> None:
        self.now += timedelta(seconds=CALL_S)
        self.calls[operation] += 1
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise self.error

    def put(self, key: str, state: str) -> None:
        """Have a photo of a kind."""
        if state not in NO_OBJECT:
            self.bucket.put(key, Photo(etag=key.encode().hex()))
        if state == "somebody else's":
            self._store("ImageLabels", {"ImageID": f"{BUCKET}/{key}", "Status": "mine"})
        elif state != "never":
            self._put_document(key, state)

    def _put_document(self, key: str, state: str) -> None:
        version = self.bucket.present(key) if self.versioning == "Enabled" else None
        fields = {"commit": "c1", "etag": key.encode().hex(), "event_time": "2026-11-23T06:00:00.000Z"}
        fields |= {"version_id": version and version.id} | CHANGES.get(state, {})
        one = document(key, {} if fields.get("status") else LABELS, **fields)
        self._store("ImageLabels", one.to_item())
        rows = list(one.rows())
        if state in {"row missing", "outdated, row missing", "both", "rows of all kinds"}:
            rows.pop()
        if state in {"row of its commit", "both", "rows of all kinds"}:
            rows += document(key, {"Dog": 90.0}, **fields).rows()
        if state in {"row of an older commit", "rows of all kinds"}:
            rows += document(key, {"Dog": 90.0}, **fields | {"commit": "c0"}).rows()
        for row in rows:
            self._store("LabelIndex", row.to_item())

    def _store(self, table: str, item: dict[str, Any]) -> None:
        DynamoDB(self.tables).put_item(TableName=table, Item=to_attributes(item))

    def auditor(self, checkpoint: Checkpoint | None = None) -> Auditor:
        clients = {"s3": self.s3, "dynamodb": self.dynamodb}
        target: Any = SimpleNamespace(
            client=lambda name, **_: clients[name],
            outputs=outputs_of_stack(
                {
                    "Bucket": BUCKET,
                    "KeyPrefix": "",
                    "ImageLabelsTable": "ImageLabels",
                    "LabelIndexTable": "LabelIndex",
                }
            ),
        )
        return Auditor(
            target,
            checkpoint=checkpoint,
            now=lambda: self.now,
            pause=self._pause,
            executor=lambda _: InTurnExecutor(),
        )

    def _pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def deployed(photos: dict[str, str], **options: Any) -> Deployed:
    made = Deployed(**options)
    for key, state in photos.items():
        made.put(key, state)
    made.calls.clear()
    return made


def in_one_go(photos: dict[str, str], **options: Any) -> tuple[Counter[Problem], Any, Counter[str]]:
    world = deployed(photos, **options)
    found: list[Problem] = []
    audit = world.auditor().run(found.append)
    return Counter(found), audit, world.calls


def expected(photos: dict[str, str]) -> Counter[tuple[Finding, str]]:
    return Counter((finding, key) for key, state in photos.items() for finding in FOUND.get(state, ()))


photos_of = st.dictionaries(
    (
        st.sampled_from(HOSTILE)
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=5)
    ).filter(lambda key: name_says(key) is not NameSays.NO_PHOTO),
    st.sampled_from(STATES),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(photos_of, st.sampled_from(["Off", "Enabled"]), st.integers(1, 4), st.sampled_from([1, 4096]))
def test_given_hostile_photos_when_audited_then_what_is_wrong_is_found_once(
    photos: dict[str, str], versioning: Versioning, page: int, one_key_in: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("photo_labels.library.audit._ONE_KEY_IN", one_key_in)
        found, audit, _ = in_one_go(photos, versioning=versioning, page=page)
    assert Counter((one.finding, one.key) for one in found.elements()) == expected(photos)
    assert audit.objects == sum(state not in NO_OBJECT for state in photos.values())
    assert sum(audit.found.values()) == found.total()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(photos_of, st.sampled_from(["Off", "Enabled"]), st.lists(st.integers(0, 60), max_size=4))
def test_given_interruptions_anywhere_when_resumed_then_the_same_is_found_as_in_one_go(
    tmp_path: Path, photos: dict[str, str], versioning: Versioning, stops: list[int]
) -> None:
    photos = photos | {"film.mov": "never", "film.MOV": "never", "x/.DS_Store": "never"}
    found, audit, _ = in_one_go(photos, versioning=versioning)
    assert audit.skipped.total() == 3
    world = deployed(photos, versioning=versioning)
    again, counts = audited_with(world, Checkpoint(tmp_path / "audit.state", {}), stops)
    assert set(again) == set(found)
    assert counts == audit


def audited_with(world: Deployed, checkpoint: Checkpoint, stops: list[int]) -> tuple[list[Problem], Any]:
    """Audit, stopped after so many calls each time, and then to the end."""
    found: list[Problem] = []
    for stop in stops:
        world.left = stop
        auditor = world.auditor(checkpoint)
        auditor.resume()
        try:
            return found, auditor.run(found.append)
        except StopError:
            pass
    world.left = None
    auditor = world.auditor(checkpoint)
    auditor.resume()
    return found, auditor.run(found.append)


ALL = {f"日本\n{state}": state for state in STATES}


def test_given_a_stop_at_every_call_when_resumed_then_the_same_is_found_and_few_calls_are_made_again(
    tmp_path: Path,
) -> None:
    found, audit, calls = in_one_go(ALL)
    assert Counter((one.finding, one.key) for one in found.elements()) == expected(ALL)
    for stop in range(calls.total()):
        world = deployed(ALL)
        again, counts = audited_with(world, Checkpoint(tmp_path / "audit.state", {}), [stop])
        assert set(again) == set(found), stop
        assert counts == audit, stop
        # What was read ahead and not taken into account yet: the last pages of one step, the first of the next.
        assert world.calls["Scan"] <= calls["Scan"] + 2 * AT_ONCE, stop
    assert not list(tmp_path.iterdir())


def test_given_credentials_that_expire_when_audited_then_nothing_is_found_by_it_and_it_resumes(
    tmp_path: Path,
) -> None:
    found, audit, calls = in_one_go(ALL)
    for stop in range(1, calls.total(), 7):
        world = deployed(ALL)
        checkpoint, again = Checkpoint(tmp_path / "audit.state", {}), list[Problem]()
        world.left, world.error = stop, expired()
        with pytest.raises(type(world.error)) as ended:
            world.auditor(checkpoint).run(again.append)
        assert are_credentials_over(ended.value)
        world.left = None
        auditor = world.auditor(checkpoint)
        auditor.resume()
        assert auditor.run(again.append) == audit
        assert set(again) == set(found)


def expired() -> ClientError:
    return aws_error("ExpiredTokenException", "The security token included in the request is expired")


def test_given_answers_to_head_that_only_say_400_when_credentials_expired_then_it_is_no_finding() -> None:
    world = deployed({"gone.jpg": "gone"})

    def expire(**_: Any) -> None:
        world.left, world.error = 0, expired()
        raise aws_error("400", status=400)

    vars(world.s3)["head_object"] = expire
    found: list[Problem] = []
    with pytest.raises(type(expired())) as ended:
        world.auditor().run(found.append)
    assert are_credentials_over(ended.value)
    assert found == []


def test_given_all_right_when_audited_then_no_call_is_made_for_a_photo() -> None:
    photos = {f"{number}.jpg": "right" for number in range(50)}
    for versioning, listing in (("Off", "ListObjectsV2"), ("Enabled", "ListObjectVersions")):
        _, audit, calls = in_one_go(photos, versioning=versioning, page=100)
        # An object is looked at where no document names a version: it shows whether there are any.
        assert calls["HeadObject"] == (versioning == "Off")
        assert set(calls) - {"HeadObject"} == {"Scan", listing}
        assert (audit.objects, audit.documents.total(), audit.rows) == (50, 50, 100)


def test_given_a_document_without_version_when_another_version_with_its_bytes_is_there_then_it_is_outdated() -> (
    None
):
    world = deployed({"a.jpg": "right"})
    world.bucket.set_versioning("Enabled")
    world.bucket.put("a.jpg", Photo(etag=b"a.jpg".hex()))
    found: list[Problem] = []
    world.auditor().run(found.append)
    assert found == [Problem(Finding.OUTDATED, BUCKET, "a.jpg")]


def test_given_a_photo_that_is_labelled_while_audited_when_its_rows_come_then_they_are_backed() -> None:
    world = deployed({"a.jpg": "right"})
    listing = world.s3.list_objects_v2

    def labelled_meanwhile(**parameters: Any) -> Any:
        if "new.jpg" not in world.bucket.stacks:
            world.put("new.jpg", "right")
        return listing(**parameters)

    vars(world.s3)["list_objects_v2"] = labelled_meanwhile
    found: list[Problem] = []
    audit = world.auditor().run(found.append)
    assert (found, audit.objects, audit.rows) == ([], 2, 4)


# What is saved


def saved(tmp_path: Path, **scope: Any) -> Checkpoint:
    return Checkpoint(tmp_path / "audit.state", scope)


def interrupted(tmp_path: Path) -> Deployed:
    """Return a world whose audit was interrupted; all segments of the documents are read."""
    world = deployed(ALL)
    world.left = 40
    with pytest.raises(StopError):
        world.auditor(saved(tmp_path)).run(lambda _: None)
    world.left = None
    return world


def test_given_an_interrupted_audit_when_resumed_then_it_is_told_when_it_was_saved(tmp_path: Path) -> None:
    world = interrupted(tmp_path)
    auditor = world.auditor(saved(tmp_path))
    at = auditor.resume()
    assert at
    assert LATER < at <= world.now
    assert auditor.audit.documents.total() == len(ALL) - 2


def test_given_a_state_of_a_day_ago_when_resumed_then_it_begins_anew(tmp_path: Path) -> None:
    world = interrupted(tmp_path)
    world.now += timedelta(days=1, seconds=1)
    assert world.auditor(saved(tmp_path)).resume() is None


def test_given_the_state_of_another_audit_when_resumed_then_it_begins_anew(tmp_path: Path) -> None:
    world = interrupted(tmp_path)
    assert world.auditor(saved(tmp_path, repaired=True)).resume() is None


def test_given_a_state_that_is_cut_off_anywhere_when_resumed_then_it_begins_anew(tmp_path: Path) -> None:
    world = interrupted(tmp_path)
    path = tmp_path / "audit.state"
    whole = path.read_bytes()
    found, audit, _ = in_one_go(ALL)
    for length in [0, 1, *range(2, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert world.auditor(saved(tmp_path)).resume() is None
    for content in (
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"format": 1}\n',
        re.sub(rb'"Segment": \d', b'"Segment": []', whole),
    ):
        path.write_bytes(content)
        auditor = world.auditor(saved(tmp_path))
        if auditor.resume() is None:
            again: list[Problem] = []
            assert auditor.run(again.append) == audit
            assert set(again) == set(found)


def test_given_state_that_cannot_be_written_when_audited_then_it_is_done_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found, audit, _ = in_one_go(ALL)
    auditor = deployed(ALL).auditor(Checkpoint(tmp_path / "file" / "audit.state", {}))
    again: list[Problem] = []
    assert auditor.run(again.append) == audit
    assert Counter(again) == found
    assert "set XDG_STATE_HOME" in str(auditor.unsaved)


# Listing in parts

listed_keys = st.sets(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=3),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(
    listed_keys,
    listed_keys,
    st.sampled_from(["Off", "Enabled"]),
    st.integers(1, 3),
    st.builds(KeyFilter, st.sampled_from(["", "a", "日"]), st.sampled_from([(), ("a", "é")])),
)
def test_given_any_division_when_a_bucket_is_listed_then_each_object_comes_once(
    keys: set[str],
    others: set[str],
    versioning: Versioning,
    page: int,
    of_photos: KeyFilter,
) -> None:
    bucket = Bucket(lambda: START, lambda: "01", versioning)
    for key in [*keys, *sorted(keys)[::2]]:  # some twice: two versions
        bucket.put(key, Photo(etag=key))
    for key in sorted(keys)[::3]:
        bucket.delete(key)
    listing = Listing(HollowListing(bucket, page=page), BUCKET, of_photos)
    is_versioned = versioning == "Enabled"
    read = listing.versions if is_versioned else listing.objects
    found: list[Listed] = []
    for cursor in ranges([*keys, *others], "KeyMarker" if is_versioned else "StartAfter"):
        while cursor.position is not None:
            some, cursor.position = read(cursor)
            found += some
    there = [key for key in sorted(keys) if bucket.present(key) and of_photos.takes(key)]
    assert sorted(one.key for one in found) == there
    assert {one.version_id for one in found} == {
        bucket.stacks[key][-1].id if is_versioned else None for key in there
    }


@pytest.mark.parametrize("versioning", ["Off", "Enabled"])
def test_given_a_division_when_a_bucket_is_listed_then_nothing_is_read_twice(versioning: Versioning) -> None:
    bucket, calls = Bucket(lambda: START, lambda: "01", versioning), Counter[str]()
    keys = [f"{number:04d}" for number in range(1000)]
    for key in keys:
        bucket.put(key, Photo())
    listing = Listing(S3(bucket, lambda operation, _: calls.update([operation]), page=10), BUCKET, KeyFilter())
    is_versioned = versioning == "Enabled"
    for cursor in ranges(keys, "KeyMarker" if is_versioned else "StartAfter"):
        while cursor.position is not None:
            _, cursor.position = (listing.versions if is_versioned else listing.objects)(cursor)
    assert calls.total() <= 1000 / 10 + AT_ONCE


def test_given_many_keys_when_divided_then_the_parts_are_of_about_one_size() -> None:
    keys = [f"{number:04d}" for number in range(1000)]
    cursors = ranges(keys, "StartAfter")
    assert len(cursors) == AT_ONCE
    ends = [cursor.part.get("last", keys[-1]) for cursor in cursors]
    sizes = [keys.index(end) for end in ends]
    assert max(b - a for a, b in zip([0, *sizes], sizes, strict=False)) <= len(keys) // AT_ONCE + 1
    assert ranges([], "StartAfter") == [Cursor({}, {})]
