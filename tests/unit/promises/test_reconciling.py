"""Promise 12: reconciliation; and items of others, and bugs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handler.decisions import SkipReason
from handler.events import Kind, read_message
from handler.settings import LabelFilters
from tests.fakes.world import BUCKET, SETTINGS, Function, World, failing

if TYPE_CHECKING:
    from collections.abc import Callable

from tests.unit.promises.shared import CAT, COMMITS, DOG, HOSTILE_KEY, Refuse, reconcile


def test_given_object_without_document_when_reconciled_then_it_is_labelled_with_sequencer_0(
    world: World,
) -> None:
    world.put(HOSTILE_KEY, CAT)
    Function(world).receive(reconcile(world, HOSTILE_KEY))
    document = world.document(HOSTILE_KEY)
    assert document
    assert (document["Status"], document["Sequencer"], document["ETag"]) == ("LABELLED", "0", "etag-1")
    assert world.found("Cat") == {HOSTILE_KEY}


def test_given_an_object_when_reconciled_then_its_document_has_what_s3_says_of_it(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    world.put("a.jpg", replace(CAT, size=4711))
    uploaded = world.clock.now
    world.clock.now += timedelta(hours=1)
    Function(world).receive(reconcile(world, "a.jpg"))
    document = world.document("a.jpg")
    assert document
    assert (document["ETag"], document["Size"], document["VersionId"]) == ("etag-1", 4711, "v1")
    assert document["EventTime"] == uploaded.isoformat(timespec="milliseconds")[:23] + "Z"


def test_given_a_message_without_force_when_reconciled_then_it_is_not_forced(world: World) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    body = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "a.jpg"}
    Function(world).receive(world.message(body))
    assert world.recognised == ["a.jpg"]


def test_given_reconciliations_at_one_moment_when_committed_then_only_rows_of_last_are_there(
    world: World,
) -> None:
    world.put("a.jpg", CAT)
    commits = []
    for _ in range(3):
        Function(world).receive(reconcile(world, "a.jpg", force=True))
        document = world.document("a.jpg")
        assert document
        commits.append(document["CommitID"])
    assert len(set(commits)) == 3
    assert {row["CommitID"] for row in world.tables.plain("LabelIndex")} == {commits[-1]}


def test_given_an_object_under_its_owners_key_when_reconciled_then_it_is_rejected(world: World) -> None:
    world.put("a.jpg", replace(CAT, head_error="400"))
    assert failing(Function(world).receive(reconcile(world, "a.jpg"))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", "CustomerKey")


def test_given_a_document_that_is_up_to_date_when_reconciled_then_nothing_is_paid(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(reconcile(world, "a.jpg"))
    assert world.recognised == ["a.jpg"]


def test_given_force_when_reconciled_then_it_is_labelled_again_and_keeps_its_sequencer(world: World) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    function = Function(world, settings=replace(SETTINGS, min_confidence=99.0))
    function.receive(reconcile(world, "a.jpg", force=True))
    document = world.document("a.jpg")
    assert document
    assert document["Sequencer"] == "0000000001"
    assert [row["Label"] for row in world.tables.plain("LabelIndex")] == ["Animal", "@taken/2026"]


@pytest.mark.parametrize(
    "setting",
    [
        {"min_confidence": 40.0},
        {"max_labels": 1},
        {"label_filters": LabelFilters(excluded_labels=("Animal",))},
        {"image_properties": True},
    ],
)
def test_given_other_model_settings_when_reconciled_then_it_is_labelled_again(
    world: World, setting: dict[str, Any]
) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    Function(world, settings=replace(SETTINGS, **setting)).receive(reconcile(world, "a.jpg"))
    assert world.recognised == ["a.jpg", "a.jpg"]


def test_given_filters_when_reconciled_again_then_their_document_is_up_to_date_until_they_are_gone(
    world: World,
) -> None:
    filtered = Function(world, settings=replace(SETTINGS, label_filters=LabelFilters(excluded_labels=("Animal",))))
    filtered.receive(world.message(world.put("a.jpg", CAT)))
    assert world.found("Animal") == set()
    filtered.receive(reconcile(world, "a.jpg"))
    assert world.recognised == ["a.jpg"]
    Function(world).receive(reconcile(world, "a.jpg"))
    assert world.found("Animal") == {"a.jpg"}
    assert "ModelSettings" not in (world.document("a.jpg") or {})


def test_given_an_object_that_is_gone_when_reconciled_then_it_is_a_tombstone(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    world.remove("a.jpg")
    function.receive(reconcile(world, "a.jpg"))
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Sequencer"]) == ("REMOVED", "0000000001")
    assert world.tables.plain("LabelIndex") == []


class Meanwhile:
    """A hook that lets something happen before the first commit."""

    def __init__(self, happen: Callable[[], object]) -> None:
        self.happen: Callable[[], object] | None = happen

    def __call__(self, operation: str, _parameters: dict[str, Any]) -> None:
        if operation in COMMITS and self.happen:
            happen, self.happen = self.happen, None
            happen()


def test_given_document_written_meanwhile_when_reconciled_then_it_stays_and_is_looked_at_again(
    world: World,
) -> None:
    world.put("a.jpg", CAT)
    function = Function(world, Meanwhile(lambda: Function(world).receive(world.message(world.put("a.jpg", DOG)))))
    assert failing(function.receive(reconcile(world, "a.jpg"))) != set()
    assert (world.found("Dog"), world.found("Cat")) == ({"a.jpg"}, set())
    assert [row["Label"] for row in world.tables.plain("LabelIndex")] == ["Dog", "@taken/2026"]
    assert failing(function.receive(reconcile(world, "a.jpg"))) == set()
    assert world.recognised == ["a.jpg"] * 2


@pytest.mark.parametrize("is_with_event", [False, True])
def test_given_a_late_event_when_a_reconciliation_loses_to_it_then_the_truth_is_still_told(
    world: World, is_with_event: bool
) -> None:
    """The object is gone, of which no event tells; a late one of its upload commits before the reconciliation."""
    older, late = world.put("a.jpg", CAT), world.put("a.jpg", DOG)
    function = Function(world, Meanwhile(lambda: late_event(world, late)))
    world.remove("a.jpg")
    messages = [reconcile(world, "a.jpg"), *([world.message(older)] if is_with_event else [])]
    assert failing(function.receive(*messages)) == {message.message_id for message in messages}
    assert world.found("Dog") == {"a.jpg"}
    assert failing(function.receive(*messages)) == set()
    assert (world.found("Dog"), world.found("Cat")) == (set(), set())
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"


def late_event(world: World, event: dict[str, Any]) -> None:
    """Rekognition saw the object while it was there."""
    world.put("a.jpg", DOG)
    Function(world).receive(world.message(event))
    world.remove("a.jpg")


def test_given_purged_document_when_a_forced_reconciliation_runs_then_it_ends_with_its_rows(
    world: World,
) -> None:
    Function(world).receive(world.message(world.put("a.jpg", CAT)))

    def purge() -> None:
        for table in ("LabelIndex", "ImageLabels"):
            world.tables.items[table].clear()

    function = Function(world, Meanwhile(purge))
    assert failing(function.receive(reconcile(world, "a.jpg", force=True))) != set()
    assert world.tables.plain("LabelIndex") == []
    assert failing(function.receive(reconcile(world, "a.jpg", force=True))) == set()
    assert world.found("Cat") == {"a.jpg"}


def test_given_two_deliveries_of_one_event_when_both_were_paid_then_the_loser_deletes_its_rows(
    world: World,
) -> None:
    event = world.put("a.jpg", CAT)
    function = Function(world, Meanwhile(lambda: Function(world).receive(world.message(event))))
    report = function.receive(world.message(event))
    assert report.outcomes[f"{BUCKET}/a.jpg"].skip_reason is SkipReason.DUPLICATE
    assert world.found("Cat") == {"a.jpg"}
    assert len(world.tables.plain("LabelIndex")) == 3, "of two labels, and by time"


def test_given_an_event_and_a_reconciliation_when_forwarded_together_then_they_stay_together(
    world: World,
) -> None:
    event = world.put("a.heic", replace(CAT, error="InvalidImageFormatException", decodes=True))
    Function(world).receive(world.message(event), reconcile(world, "a.heic", force=True))
    [body] = world.forwarded
    [forwarded] = read_message(world.message(body)).events
    assert (forwarded.kind, forwarded.sequencer, forwarded.force) == (Kind.RECONCILE, "0000000001", True)
    Function(world, is_converting=True).receive(world.message(body), seconds=60)
    document = world.document("a.heic")
    assert document
    assert (document["Sequencer"], world.found("Cat")) == ("0000000001", {"a.heic"})


def test_given_equal_bytes_that_changed_in_between_when_reconciled_then_labelled_again(
    world: World,
) -> None:
    """Rekognition saw the dog; of its upload and the cat's second no event tells, and the cat's ETag is as before."""
    cat = replace(CAT, etag="cat")
    event = world.bucket.put("a.jpg", cat)
    world.clock.pause(60)
    world.put("a.jpg", DOG)
    Function(world).receive(world.message(event))
    world.clock.pause(60)
    world.bucket.put("a.jpg", cat)
    assert failing(Function(world).receive(reconcile(world, "a.jpg"))) == set()
    assert (world.found("Cat"), world.found("Dog")) == ({"a.jpg"}, set())


@pytest.mark.parametrize("item", [{}, {"Status": "LABELLED", "Sequencer": "zz"}, {"Labels": "none"}])
def test_given_an_item_of_somebody_elses_when_photos_are_read_with_it_then_only_its_own_waits(
    world: World, item: dict[str, str]
) -> None:
    name = f"{BUCKET}/occupied.jpg"
    foreign = {"ImageID": {"S": name}} | {attribute: {"S": text} for attribute, text in item.items()}
    world.tables.items["ImageLabels"][name,] = foreign
    events = [world.message(world.put(f"{key}.jpg", CAT), name=key) for key in ("occupied", "free")]
    assert failing(Function(world).receive(*events)) == {"occupied"}
    assert (world.found("Cat"), world.recognised) == ({"free.jpg"}, ["free.jpg"])
    assert world.tables.items["ImageLabels"][name,] == foreign
    del world.tables.items["ImageLabels"][name,]
    assert failing(Function(world).receive(*events)) == set()
    assert world.found("Cat") == {"free.jpg", "occupied.jpg"}


def test_given_a_sequencer_that_no_sort_key_could_hold_when_received_then_it_is_reconciled(world: World) -> None:
    event = world.put("a.jpg", CAT)
    event["s3"]["object"]["sequencer"] = "A" * 1000
    others = [world.put(f"{number}.jpg", CAT) for number in range(5)]
    assert failing(Function(world).receive(*map(world.message, [event, *others]))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Sequencer"] == "0"


def test_given_an_s3_record_without_a_sequencer_when_received_then_it_is_reconciled(world: World) -> None:
    record = world.put("a.jpg", CAT)
    del record["s3"]["object"]["sequencer"]
    [event] = read_message(world.message(record)).events
    assert event.kind is Kind.RECONCILE
    Function(world).receive(world.message(record))
    assert world.found("Cat") == {"a.jpg"}


def test_given_an_event_and_a_reconciliation_in_one_batch_when_received_then_it_is_paid_once(world: World) -> None:
    event = world.put("a.jpg", CAT)
    report = Function(world).receive(reconcile(world, "a.jpg"), world.message(event))
    assert failing(report) == set()
    document = world.document("a.jpg")
    assert document
    assert document["Sequencer"] == "0000000001"
    assert world.recognised == ["a.jpg"]


def test_given_a_bug_in_one_photo_when_received_then_only_its_record_fails(world: World) -> None:
    refuse = Refuse("DetectLabels", ZeroDivisionError("a bug"))
    settings = replace(SETTINGS, rekognition_concurrency=1)
    records = [world.message(world.put(f"{number}.jpg", CAT), name=f"m{number}") for number in range(3)]
    report = Function(world, refuse, settings=settings).receive(*records)
    assert failing(report) == {"m0"}
    assert isinstance(report.outcomes[f"{BUCKET}/0.jpg"].error, ZeroDivisionError)
    assert world.found("Cat") == {"1.jpg", "2.jpg"}
