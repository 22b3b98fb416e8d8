"""Photos of equal bytes: Rekognition is asked once for all of them, and each is labelled as if it were alone."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from handler.settings import LabelFilters
from tests.fakes.aws import aws_error
from tests.fakes.bucket import NULL
from tests.fakes.world import BUCKET, SETTINGS, START, Function, Photo, World, failing
from tests.unit.promises.shared import CAT, DOG, Refuse, reconcile

WITH_LANES = replace(
    SETTINGS, overflow_queue_url="overflow", bulk_queue_url="bulk", bulk_convert_queue_url="bulk-convert",
    rekognition_tps=5.0,
)  # fmt: skip
_A_WHILE_S = 60.0


def labelled(world: World, record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Receive an event, which has to succeed, some time later; returns the document of its photo."""
    world.clock.pause(_A_WHILE_S)
    assert failing(Function(world, **changes).receive(world.message(record))) == set()
    document = world.document(record["s3"]["object"]["key"])
    assert document
    return document


def claims(world: World) -> dict[str, str]:
    """Keys of the photos that have claims, by content."""
    return {
        one["Content"]: one["ImageID"].removeprefix(f"{BUCKET}/") for one in world.tables.plain("ContentClaims")
    }


def test_given_a_copy_when_received_then_it_takes_over_the_labels_and_says_whose(world: World) -> None:
    first = labelled(world, world.put("a.jpg", CAT))
    second = labelled(world, world.put_copy("a.jpg", "b.jpg"))
    assert world.recognised == ["a.jpg"]
    assert (second["Labels"], second["LabelModelVersion"]) == (first["Labels"], first["LabelModelVersion"])
    assert (first.get("CopyOf"), second["CopyOf"]) == (None, f"{BUCKET}/a.jpg")
    assert world.found("Cat") == {"a.jpg", "b.jpg"}
    third = labelled(world, world.put_copy("b.jpg", "c.jpg"))
    assert third["CopyOf"] == f"{BUCKET}/a.jpg"


def test_given_copies_in_one_batch_when_received_then_one_of_them_is_recognised(world: World) -> None:
    records = [world.put("0.jpg", CAT), *(world.put_copy("0.jpg", f"{number}.jpg") for number in range(1, 10))]
    report = Function(world).receive(*map(world.message, records))
    assert failing(report) == set()
    assert len(world.recognised) == 1
    assert world.found("Cat") == {f"{number}.jpg" for number in range(10)}


def test_given_copies_in_two_environments_at_once_when_received_then_one_is_recognised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [world.put("a.jpg", CAT), world.put_copy("a.jpg", "b.jpg")]
    both_have_read = threading.Barrier(2, timeout=20)

    def hook(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "PutItem" and parameters["TableName"] == "ContentClaims":
            both_have_read.wait()

    passes = world.clock.pause

    def really_wait(seconds: float) -> None:
        time.sleep(seconds)
        passes(seconds)

    monkeypatch.setattr(world.clock, "pause", really_wait)
    ends: list[set[str]] = []
    threads = [
        threading.Thread(target=lambda one=one: ends.append(failing(Function(world, hook).receive(one))))
        for one in map(world.message, records)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [set(), set()]
    assert len(world.recognised) == 1
    assert world.found("Cat") == {"a.jpg", "b.jpg"}


def test_given_another_size_or_etag_when_received_then_it_is_no_copy(world: World) -> None:
    labelled(world, world.put("a.jpg", CAT))
    version = world.bucket.present("a.jpg")
    assert version
    assert version.photo
    other = replace(version.photo, labels={"Dog": 99.0}, size=version.photo.size + 1)
    assert "CopyOf" not in labelled(world, world.bucket.put("b.jpg", other))
    assert world.found("Dog") == {"b.jpg"}


@pytest.mark.parametrize(
    "setting",
    [
        {"min_confidence": 42.0},
        {"max_labels": 1},
        {"label_filters": LabelFilters(excluded_labels=("Dog",))},
        {"image_properties": True},
    ],
)
def test_given_other_model_settings_when_received_then_it_is_no_copy(
    world: World, setting: dict[str, Any]
) -> None:
    labelled(world, world.put("a.jpg", CAT))
    changed = replace(SETTINGS, **setting)
    assert "CopyOf" not in labelled(world, world.put_copy("a.jpg", "b.jpg"), settings=changed)
    assert len(world.recognised) == 2


def test_given_image_properties_when_a_copy_is_received_then_it_takes_them_over_too(world: World) -> None:
    asked = replace(SETTINGS, image_properties=True)
    first = labelled(world, world.put("a.jpg", CAT), settings=asked)
    second = labelled(world, world.put_copy("a.jpg", "b.jpg"), settings=asked)
    assert world.recognised == ["a.jpg"]
    assert first["ImageProperties"] == {"Sharpness": Decimal("81.02"), "Brightness": Decimal("59.9")}
    assert second["CopyOf"] == f"{BUCKET}/a.jpg"
    for name in ("ImageProperties", "ModelSettings"):
        assert second[name] == first[name]


def test_given_no_reuse_of_labels_when_received_then_each_is_recognised_and_nothing_is_claimed(
    world: World,
) -> None:
    alone = replace(SETTINGS, content_claims_table=None)
    labelled(world, world.put("a.jpg", CAT), settings=alone)
    assert "CopyOf" not in labelled(world, world.put_copy("a.jpg", "b.jpg"), settings=alone)
    assert not claims(world)


def test_given_a_copy_when_it_is_forced_then_it_is_recognised_itself(world: World) -> None:
    labelled(world, world.put("a.jpg", CAT))
    labelled(world, world.put_copy("a.jpg", "b.jpg"))
    Function(world).receive(reconcile(world, "b.jpg", force=True))
    document = world.document("b.jpg")
    assert document
    assert "CopyOf" not in document
    assert world.recognised == ["a.jpg", "b.jpg"]


def test_given_copies_without_events_when_reconciled_then_one_is_recognised(world: World) -> None:
    world.put("a.jpg", CAT)
    world.put_copy("a.jpg", "b.jpg")
    world.clock.pause(_A_WHILE_S)
    for key in ("a.jpg", "b.jpg"):
        assert failing(Function(world).receive(reconcile(world, key))) == set()
    assert world.recognised == ["a.jpg"]
    assert world.found("Cat") == {"a.jpg", "b.jpg"}


@pytest.mark.parametrize("end", ["removed", "rejected", "replaced", "purged"])
def test_given_an_original_that_is_gone_when_a_copy_comes_then_it_takes_the_claim_over(
    world: World, end: str
) -> None:
    labelled(world, world.put("a.jpg", CAT))
    copy = world.put_copy("a.jpg", "b.jpg")
    if end == "removed":
        labelled(world, world.remove("a.jpg"))
    if end == "rejected":
        labelled(world, world.put("a.jpg", Photo(error="ImageTooLargeException")), is_converting=True)
    if end == "replaced":
        labelled(world, world.put("a.jpg", DOG))
    if end == "purged":
        world.tables.items["ImageLabels"].clear()
    assert "CopyOf" not in labelled(world, copy)
    assert world.recognised.count("b.jpg") == 1
    assert "b.jpg" in claims(world).values()
    assert labelled(world, world.put_copy("b.jpg", "c.jpg"))["CopyOf"] == f"{BUCKET}/b.jpg"


@pytest.mark.parametrize("end", ["removed", "replaced"])
def test_given_an_original_when_it_goes_then_no_claim_keeps_its_name(world: World, end: str) -> None:
    labelled(world, world.put("a.jpg", CAT))
    record = world.remove("a.jpg") if end == "removed" else world.put("a.jpg", Photo(error="AccessDenied"), size=0)
    assert set(claims(world).values()) == {"a.jpg"}
    labelled(world, record if end == "removed" else world.put("a.jpg", Photo(size=0)))
    assert not claims(world)


def test_given_a_copy_when_it_goes_then_the_claim_of_its_original_stays(world: World) -> None:
    labelled(world, world.put("a.jpg", CAT))
    labelled(world, world.put_copy("a.jpg", "b.jpg"))
    labelled(world, world.remove("b.jpg"))
    assert set(claims(world).values()) == {"a.jpg"}


def test_given_an_owner_that_died_when_a_copy_comes_then_it_waits_for_seconds_and_takes_over(
    world: World,
) -> None:
    record = world.put("a.jpg", CAT)
    Function(world, Refuse("DetectLabels", aws_error("AccessDeniedException"), times=9)).receive(
        world.message(record)
    )
    assert set(claims(world).values()) == {"a.jpg"}
    before = world.clock.now
    assert failing(Function(world).receive(world.message(world.put_copy("a.jpg", "b.jpg")))) == set()
    assert timedelta(seconds=2) < world.clock.now - before < timedelta(seconds=5)
    assert world.recognised == ["b.jpg"]
    assert labelled(world, record)["CopyOf"] == f"{BUCKET}/b.jpg"


def test_given_an_owner_that_waits_in_a_queue_when_a_copy_comes_then_nothing_is_waited_for(world: World) -> None:
    Function(world, Refuse("DetectLabels", aws_error("AccessDeniedException"), times=9)).receive(
        world.message(world.put("a.jpg", CAT))
    )
    world.clock.pause(_A_WHILE_S)
    before = world.clock.now
    assert failing(Function(world).receive(world.message(world.put_copy("a.jpg", "b.jpg")))) == set()
    assert world.clock.now == before


@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_given_a_table_of_claims_that_fails_when_received_then_photos_are_labelled_all_the_same(
    world: World, operation: str, code: str
) -> None:
    labelled(world, world.put("a.jpg", DOG))
    refuse = Refuse(operation, aws_error(code), times=99, table="ContentClaims")
    labelled(world, world.put("a.jpg", CAT), hook=refuse)
    assert refuse.left < 99
    assert world.found("Cat") == {"a.jpg"}
    assert world.clock.now - START < timedelta(seconds=2 * _A_WHILE_S + 5)


def test_given_an_original_overwritten_before_it_was_seen_when_copied_then_no_wrong_label_is_taken_over(
    world: World,
) -> None:
    first = world.put("a.jpg", CAT)
    copy = world.put_copy("a.jpg", "b.jpg")
    world.clock.pause(5.0)
    world.put("a.jpg", DOG)
    assert labelled(world, first)["ETag"] == first["s3"]["object"]["eTag"], "whose bytes nobody has seen"
    assert world.found("Dog") == {"a.jpg"}
    labelled(world, copy)
    assert world.found("Cat") == {"b.jpg"}
    assert world.found("Dog") == {"a.jpg"}


@pytest.mark.parametrize("error", ["403", "400", "500"])
def test_given_an_original_that_s3_does_not_show_when_copied_then_the_copy_is_recognised_itself(
    world: World, error: str
) -> None:
    labelled(world, world.put("a.jpg", CAT))
    copy = world.put_copy("a.jpg", "b.jpg")
    version = world.bucket.present("a.jpg")
    assert version
    assert version.photo
    if error != "500":
        world.bucket.stacks["a.jpg"] = [replace(version, photo=replace(version.photo, head_error=error))]
    refuse = Refuse("HeadObject" if error == "500" else "nothing", aws_error("503", status=503), times=99)
    world.clock.pause(_A_WHILE_S)
    report = Function(world, refuse).receive(world.message(copy))
    if error == "500":  # S3 is in trouble, and so the photo comes back
        assert failing(report)
        report = Function(world).receive(world.message(copy))
    assert failing(report) == set()
    assert world.found("Cat") == {"a.jpg", "b.jpg"}


def test_given_a_version_when_copied_then_its_labels_are_taken_over_without_a_look_at_s3(world: World) -> None:
    world.bucket.set_versioning("Enabled")
    labelled(world, world.put("a.jpg", CAT))
    calls = Refuse("nothing", RuntimeError())
    assert "CopyOf" in labelled(world, world.put_copy("a.jpg", "b.jpg"), hook=calls)
    assert "HeadObject" not in calls.calls
    assert NULL not in {world.document(key)["VersionId"] for key in ("a.jpg", "b.jpg")}  # type: ignore[index]


def test_given_a_copy_when_it_cannot_be_written_then_its_next_attempt_pays_nothing(world: World) -> None:
    labelled(world, world.put("a.jpg", CAT))
    copy = world.put_copy("a.jpg", "b.jpg")
    world.clock.pause(_A_WHILE_S)
    function = Function(world, Refuse("BatchExecuteStatement", aws_error("AccessDeniedException")))
    assert failing(function.receive(world.message(copy)))
    assert failing(function.receive(world.message(copy))) == set()
    document = world.document("b.jpg")
    assert document
    assert document["CopyOf"] == f"{BUCKET}/a.jpg"
    assert world.recognised == ["a.jpg"]


@pytest.mark.parametrize("lane", ["Live", "Overflow", "Bulk"])
def test_given_a_slot_when_its_photo_turns_out_to_be_a_copy_then_the_next_photo_has_it(
    world: World, lane: str
) -> None:
    first = world.put("a.jpg", CAT)
    copy = world.put_copy("a.jpg", "b.jpg")

    def another_comes_first(operation: str, parameters: dict[str, Any]) -> None:
        is_claim = operation == "PutItem" and parameters["TableName"] == "ContentClaims"
        if is_claim and "b.jpg" in parameters["Item"]["ImageID"]["S"] and not claims(world):
            assert failing(Function(world).receive(world.message(first))) == set()

    world.clock.pause(_A_WHILE_S)
    function = Function(world, another_comes_first, settings=WITH_LANES)
    assert failing(function.receive(world.message(copy), lane=lane)) == set()
    assert world.recognised == ["a.jpg"]
    [booked] = world.tables.plain("LabelQuota")
    assert failing(function.receive(world.message(world.put("c.jpg", DOG)), lane=lane)) == set()
    assert world.tables.plain("LabelQuota") == [booked], "a slot that was given back takes no booking"


def test_given_a_name_too_long_for_a_claim_when_received_then_it_is_labelled_without_one(world: World) -> None:
    labelled(world, world.put("n" * 1000 + ".jpg", CAT))
    assert not claims(world)


def test_given_copies_to_be_converted_when_received_then_one_is_recognised(world: World) -> None:
    heic = Photo({"Cat": 98.0}, error="InvalidImageFormatException", decodes=True)
    first = labelled(world, world.put("a.heic", heic), is_converting=True)
    second = labelled(world, world.put_copy("a.heic", "b.heic"), is_converting=True)
    assert second["CopyOf"] == f"{BUCKET}/a.heic"
    assert second["Orientation"] == first["Orientation"] == 6
    assert world.recognised == ["a.heic"]


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "ThrottlingException"])
@pytest.mark.parametrize("is_asked_for", [False, True])
def test_given_claims_that_cannot_be_read_when_received_then_photos_are_labelled_all_the_same(
    world: World, code: str, is_asked_for: bool
) -> None:
    def hook(operation: str, parameters: dict[str, Any]) -> None:
        if operation == "BatchGetItem" and "ContentClaims" in parameters["RequestItems"]:
            raise aws_error(code)

    event = world.put("a.jpg", CAT)
    world.clock.pause(_A_WHILE_S)
    message = reconcile(world, "a.jpg") if is_asked_for else world.message(event)
    before = world.clock.now
    assert failing(Function(world, hook).receive(message)) == set()
    assert world.found("Cat") == {"a.jpg"}
    assert world.clock.now - before < timedelta(seconds=5)


def test_given_claims_that_stay_unprocessed_when_received_then_photos_are_labelled_all_the_same(
    world: World,
) -> None:
    event = world.message(world.put("a.jpg", CAT))
    assert failing(Function(world, unprocessed=lambda entries: entries - 1).receive(event)) == set()
    assert world.found("Cat") == {"a.jpg"}


@pytest.mark.parametrize(
    "claim",
    [
        {"ImageID": {"S": "photos/x.jpg"}, "ClaimedAt": {"S": "zzz"}},
        {"ImageID": {"S": "photos/x.jpg"}, "ClaimedAt": {"S": "2099-01-01T00:00:00.000Z"}},
        {"ImageID": {"S": "photos/x.jpg"}, "ClaimedAt": {"N": "7"}},
        {"ImageID": {"S": "photos/x.jpg"}},
        {"ClaimedAt": {"S": "2020-01-01T00:00:00.000Z"}},
        {"ImageID": {"N": "7"}, "Other": {"BOOL": True}},
    ],
)
def test_given_a_claim_that_others_changed_when_received_then_the_photo_is_labelled(
    world: World, claim: dict[str, Any]
) -> None:
    event = world.put("a.jpg", CAT)
    Function(world).receive(world.message(event))
    [content] = claims(world)
    world.tables.items["ImageLabels"].clear()
    world.tables.items["ContentClaims"][content,] = {"Content": {"S": content}} | claim
    world.clock.pause(_A_WHILE_S)
    before = world.clock.now
    assert failing(Function(world).receive(world.message(event))) == set()
    assert world.found("Cat") == {"a.jpg"}
    assert world.clock.now - before < timedelta(seconds=5)


def test_given_a_photo_that_rekognition_refuses_when_it_had_a_claim_then_that_is_gone(world: World) -> None:
    broken = Photo(error="ImageTooLargeException")
    Function(world, is_converting=True).receive(world.message(world.put("a.jpg", broken)))
    document = world.document("a.jpg")
    assert document
    assert document["Status"] == "REJECTED"
    assert not claims(world)


@pytest.mark.parametrize("lane", ["Live", "Overflow", "Bulk"])
def test_given_copies_in_one_batch_when_the_first_is_labelled_then_the_others_take_no_slot(
    world: World, lane: str
) -> None:
    records = [world.put("0.jpg", CAT), *(world.put_copy("0.jpg", f"{number}.jpg") for number in range(1, 10))]
    world.clock.pause(_A_WHILE_S)
    report = Function(world, settings=WITH_LANES).receive(*map(world.message, records), lane=lane)
    assert failing(report) == set()
    [quota] = world.tables.plain("LabelQuota")
    assert (len(world.recognised), quota["CallsOfDay"]) == (1, 1)
