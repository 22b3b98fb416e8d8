"""Promise 9: removals, and versions that are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handler.decisions import SkipReason
from handler.settings import LabelFilters
from tests.fakes.world import BUCKET, SETTINGS, Function, World, failing
from tests.unit.promises.shared import CAT, DOG


def test_given_a_labelled_photo_when_it_is_removed_then_it_is_a_tombstone_and_not_found(world: World) -> None:
    filters = LabelFilters(excluded_labels=("Animal",))
    function = Function(world, settings=replace(SETTINGS, label_filters=filters))
    function.receive(world.message(world.put("a.jpg", CAT)))
    assert "ModelSettings" in (world.document("a.jpg") or {})
    function.receive(world.message(world.remove("a.jpg")))
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"
    assert "ExpiresAt" in document
    assert not document.keys() & {"ETag", "Size", "VersionId", "MinConfidence", "MaxLabels", "ModelSettings"}
    assert world.tables.plain("LabelIndex") == []


@pytest.mark.parametrize("name", ["LifecycleExpiration:Delete", "LifecycleExpiration:DeleteMarkerCreated"])
def test_given_a_lifecycle_expiration_when_received_then_it_is_a_removal(world: World, name: str) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.remove("a.jpg") | {"eventName": name}))
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"


def test_given_a_removal_when_the_object_is_there_again_then_its_own_event_is_waited_for(world: World) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    removal = world.remove("a.jpg")
    world.put("a.jpg", DOG)
    report = function.receive(world.message(removal))
    assert report.outcomes[f"{BUCKET}/a.jpg"].skip_reason is SkipReason.STILL_THERE
    assert (world.found("Cat"), world.recognised) == ({"a.jpg"}, ["a.jpg"])


def test_given_a_removal_when_what_is_there_is_under_its_owners_key_then_that_is_said(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    world.put("a.jpg", replace(CAT, head_error="400"))
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", DOG)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["Status"], document["Reason"]) == ("REJECTED", "CustomerKey")
    assert not document.keys() & {"ETag", "Size", "VersionId"}
    assert world.found("Dog") == set()


def test_given_versioned_photo_deleted_when_marker_is_removed_then_it_is_labelled_again(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.remove("a.jpg")))
    assert world.found("Cat") == set()
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    assert world.found("Cat") == {"a.jpg"}


def test_given_the_newest_version_when_it_is_removed_then_the_one_before_is_labelled(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    function.receive(world.message(world.put("a.jpg", DOG)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    assert (world.found("Cat"), world.found("Dog")) == ({"a.jpg"}, set())
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], document["ETag"]) == ("v1", "etag-1")


def test_given_an_old_version_when_it_is_removed_then_nothing_is_paid(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    for photo in (DOG, CAT):
        function.receive(world.message(world.put("a.jpg", photo)))
    report = function.receive(world.message(world.bucket.delete_version("a.jpg", "v1")))
    assert report.outcomes[f"{BUCKET}/a.jpg"].skip_reason is SkipReason.UP_TO_DATE
    assert (world.found("Cat"), len(world.recognised)) == ({"a.jpg"}, 2)
    document = world.document("a.jpg")
    assert document
    assert (document["Sequencer"], document["VersionId"]) == ("0000000003", "v2")
    assert len(world.tables.plain("LabelIndex")) == 3, "of two labels, and by time"


def test_given_an_older_look_when_a_newer_one_was_written_then_it_is_not_written_over(
    world: World,
) -> None:
    """The photo is deleted and undeleted; whoever heard of the deletion saw it gone, and commits last."""
    world.bucket.set_versioning("Enabled")
    Function(world).receive(world.message(world.put("a.jpg", CAT)))
    removal = world.remove("a.jpg")

    def undelete(operation: str, _parameters: dict[str, Any]) -> None:
        if operation == "PutItem" and world.bucket.present("a.jpg") is None:
            undeletion = world.bucket.delete_version("a.jpg", "v2")
            assert failing(Function(world).receive(world.message(undeletion))) == set()

    assert failing(Function(world, undelete).receive(world.message(removal))) == set()
    assert world.found("Cat") == {"a.jpg"}


def test_given_a_removal_before_its_creation_when_both_came_then_the_version_below_is_labelled(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    creation = world.put("a.jpg", DOG)
    removal = world.bucket.delete_version("a.jpg", "v2")
    for event in (removal, creation):
        assert failing(function.receive(world.message(event))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], world.found("Cat"), world.found("Dog")) == ("v1", {"a.jpg"}, set())


@pytest.mark.parametrize("named", [{}, {"versionId": "null"}])
def test_given_a_photo_from_before_versioning_when_it_is_undeleted_then_it_is_labelled_again(
    world: World, named: dict[str, str]
) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    world.bucket.set_versioning("Enabled")
    function.receive(world.message(world.remove("a.jpg")))
    undeletion = world.bucket.delete_version("a.jpg", "v1")
    assert failing(function.receive(world.message(undeletion))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], world.found("Cat")) == ("null", {"a.jpg"})


def test_given_a_null_version_when_the_newer_version_is_deleted_then_it_has_its_own_labels(
    world: World,
) -> None:
    function = Function(world)
    function.receive(world.message(world.put("a.jpg", CAT)))
    world.bucket.set_versioning("Enabled")
    function.receive(world.message(world.put("a.jpg", DOG)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v1")))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], document["ETag"]) == ("null", "etag-1")
    assert (world.found("Cat"), world.found("Dog")) == ({"a.jpg"}, set())


def test_given_an_event_that_says_null_when_received_then_no_version_of_that_name_is_asked_for(
    world: World,
) -> None:
    world.bucket.set_versioning("Suspended")
    event = world.put("a.jpg", CAT)
    event["s3"]["object"]["versionId"] = "null"
    assert failing(Function(world).receive(world.message(event))) == set()
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], world.found("Cat")) == ("null", {"a.jpg"})


def test_given_equal_bytes_in_two_versions_when_newer_is_removed_then_document_names_older(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    function, photo = Function(world), replace(CAT, etag="the same")
    for _ in range(2):
        function.receive(world.message(world.bucket.put("a.jpg", photo)))
    assert failing(function.receive(world.message(world.bucket.delete_version("a.jpg", "v2")))) == set()
    document = world.document("a.jpg")
    assert document
    assert document["VersionId"] == "v1"


def test_given_a_removal_and_a_reconcile_message_when_the_photo_is_there_then_it_is_forwarded(
    world: World,
) -> None:
    photo = replace(CAT, error="InvalidImageFormatException", decodes=True)
    world.put("a.heic", photo)
    removal = world.remove("a.heic")
    world.put("a.heic", photo)
    reconcile = {"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": "a.heic"}
    Function(world).receive(world.message(removal), world.message(reconcile))
    [body] = world.forwarded
    Function(world, is_converting=True).receive(world.message(body), seconds=60)
    assert world.found("Cat") == {"a.heic"}


def test_given_an_event_older_than_a_day_when_the_object_is_gone_then_it_is_not_resurrected(world: World) -> None:
    event = world.put("a.jpg", CAT)
    world.remove("a.jpg")
    world.clock.now += timedelta(days=2)
    Function(world).receive(world.message(event))
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REMOVED"
    assert world.recognised == []


def test_given_event_older_than_day_when_object_is_there_then_what_is_there_is_labelled(
    world: World,
) -> None:
    world.bucket.set_versioning("Enabled")
    event = world.put("a.jpg", CAT)
    world.put("a.jpg", DOG)
    world.clock.now += timedelta(days=2)
    Function(world).receive(world.message(event))
    document = world.document("a.jpg")
    assert document
    assert (document["VersionId"], document["ETag"], document["Sequencer"]) == ("v2", "etag-2", "0000000001")
    assert world.found("Dog") == {"a.jpg"}
