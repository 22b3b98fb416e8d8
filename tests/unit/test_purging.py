"""`photos purge` on moto: only marks are left of the photos that were chosen, and everything of the others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from photo_labels import cli
from photo_labels.library.purge import Chosen, Purged, Purger, beginning_with, named
from photo_labels.records.contents import Claim, content_of
from photo_labels.records.documents import TOMBSTONE_LIFE, Document
from tests.fakes.stack import queue_of
from tests.unit.deployed import BUCKET, document, put, store

if TYPE_CHECKING:
    from photo_labels.library.target import Target

QUEUES = ("QueueUrl", "ConvertQueueUrl")
DEAD_LETTER_QUEUES = ("DeadLetterQueueUrl", "ConvertDeadLetterQueueUrl")
# What happens after every purge of these tests.
LATER = "2999-01-01T00:00:00.000Z"


def notification(*keys: str) -> str:
    records = [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": key.replace(" ", "+")}}} for key in keys]
    return json.dumps({"Records": records}, separators=(",", ":"))  # as S3 writes it


def reconcile(key: str) -> str:
    return json.dumps({"source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": key})


def labelled(target: Target, *keys: str) -> None:
    for key in keys:
        target.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"photo")
        store(target, document(key, {"Cat": 98.5, "Animal": 97.0}))


def send(target: Target, queue: str, body: str) -> None:
    target.client("sqs").send_message(QueueUrl=queue_of(target, queue), MessageBody=body)


def bodies(target: Target, queue: str) -> list[str]:
    """Those that anybody can see."""
    sqs, url, found = target.client("sqs"), queue_of(target, queue), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
    return sorted(found)


def left(target: Target) -> tuple[set[str], set[str], set[str]]:
    """Keys of documents that are no marks, of rows, and of objects."""
    dynamodb = target.client("dynamodb")
    documents, rows = (
        {
            item["ImageID"]["S"].removeprefix(f"{BUCKET}/")
            for item in dynamodb.scan(TableName=table)["Items"]
            if "PurgedAt" not in item
        }
        for table in ("ImageLabels", "LabelIndex")
    )
    objects = target.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])
    return documents, rows, {one["Key"] for one in objects}


def marks(target: Target) -> dict[str, dict[str, Any]]:
    """What purges left, by key: attributes that have a value."""
    items = target.client("dynamodb").scan(TableName="ImageLabels")["Items"]
    return {item["Key"]["S"]: item for item in items if "PurgedAt" in item}


def purge(target: Target, chosen: Chosen, objects: Literal["known", "all"] | None = None) -> Purged:
    return Purger(target, chosen, objects).run(lambda _: None)


def test_given_photos_when_purged_then_documents_and_rows_are_gone_and_objects_stay(target: Target) -> None:
    labelled(target, "a b.jpg", "c.jpg", "d.jpg")
    chosen = named(target, ["a b.jpg", f"s3://{BUCKET}/c.jpg", "unknown.jpg"])
    assert Purger(target, chosen).count() == Purged(documents=2, rows=4)
    assert purge(target, chosen) == Purged(documents=2, rows=4)
    assert left(target) == ({"d.jpg"}, {"d.jpg"}, {"a b.jpg", "c.jpg", "d.jpg"})
    assert marks(target).keys() == {"a b.jpg", "c.jpg"}
    assert purge(target, chosen) == Purged(unlabelled=2)


def test_given_a_photo_when_purged_then_its_mark_says_nothing_of_what_was_known(target: Target) -> None:
    labelled(target, "a.jpg")
    purge(target, named(target, ["a.jpg"]))
    mark = marks(target)["a.jpg"]
    assert mark.keys() == {
        "ImageID", "Bucket", "Key", "Status", "Sequencer", "Labels", "LabelledAt", "PurgedAt", "CommitID", "ExpiresAt",
    }  # fmt: skip
    assert (mark["Status"], mark["Labels"], mark["Sequencer"]) == ({"S": "REMOVED"}, {"L": []}, {"S": "01"})
    kept = int(mark["ExpiresAt"]["N"]) - datetime.fromisoformat(mark["PurgedAt"]["S"]).timestamp()
    assert kept == pytest.approx(TOMBSTONE_LIFE.total_seconds(), abs=1)


def claim(target: Target, photo: Document, owner: str) -> str:
    """Put the claim of a photo's content, as the function does; returns the content."""
    content = content_of(photo)
    assert content
    item = Claim(content, f"{BUCKET}/{owner}", photo.labelled_at).to_item()
    target.client("dynamodb").put_item(TableName="ContentClaims", Item=item)
    return content


def claims(target: Target) -> set[str]:
    """Return the contents that have a claim."""
    return {one["Content"]["S"] for one in target.client("dynamodb").scan(TableName="ContentClaims")["Items"]}


def test_given_photos_with_claims_when_purged_then_their_claims_go_and_those_of_others_stay(
    target: Target,
) -> None:
    facts = {"size": 1, "max_labels": 50}
    own, others, copy = (document(key, {"Cat": 98.5}, etag=key, **facts) for key in ("own.jpg", "b.jpg", "c.jpg"))
    copy = replace(copy, copy_of=f"{BUCKET}/x.jpg")
    for one in (own, others, copy):
        store(target, one)
    claim(target, own, "own.jpg")
    stay = {claim(target, others, "somebody-else.jpg"), claim(target, replace(copy, copy_of=None), "x.jpg")}
    purge(target, beginning_with(target, ""))
    assert claims(target) == stay


def test_given_a_stack_of_before_there_were_claims_when_purged_then_photos_go_as_ever(target: Target) -> None:
    store(target, document("a.jpg", {"Cat": 98.5}, size=1, max_labels=50))
    older = SimpleNamespace(
        client=target.client, outputs=replace(target.outputs, content_claims_table=None), is_local=False
    )
    purge(older, named(target, ["a.jpg"]))  # type: ignore[arg-type]
    assert left(target)[0] == set()


@pytest.mark.parametrize("is_by_prefix", [False, True])
def test_given_photos_that_wait_when_purged_then_each_has_a_mark_and_others_have_none(
    target: Target, is_by_prefix: bool
) -> None:
    keys = {f"2019/ü {number}.jpg" for number in range(120)}
    for key in (*keys, "2019", "2020/a.jpg"):
        target.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"photo")
    chosen = beginning_with(target, "2019/") if is_by_prefix else named(target, [*keys, "2019/ü"])
    assert Purger(target, chosen).count() == Purged(unlabelled=120)
    assert purge(target, chosen) == Purged(unlabelled=120)
    assert marks(target).keys() == keys
    assert {mark["Sequencer"]["S"] for mark in marks(target).values()} == {"0"}


def test_given_a_prefix_when_purged_with_objects_then_all_below_it_is_gone(target: Target) -> None:
    s3 = target.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    labelled(target, "2019/a.jpg", "2019/a.jpg", "2019/b.jpg", "2019.jpg")
    s3.delete_object(Bucket=BUCKET, Key="2019/b.jpg")
    purged = purge(target, beginning_with(target, "2019/"), "known")
    assert (purged.documents, purged.rows, purged.objects) == (2, 4, 4)  # three versions, and a delete marker
    assert left(target) == ({"2019.jpg"}, {"2019.jpg"}, {"2019.jpg"})
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix="2019/")
    assert not versions.get("Versions")
    assert not versions.get("DeleteMarkers")


def test_given_a_photo_when_purged_with_objects_then_no_other_that_begins_alike(target: Target) -> None:
    labelled(target, "a", "a.jpg", "ab")
    purge(target, named(target, ["a"]), "known")
    assert left(target)[2] == {"a.jpg", "ab"}


@pytest.mark.parametrize("queue", QUEUES)
def test_given_messages_that_wait_for_a_function_when_purged_then_they_are_never_looked_at(
    target: Target, queue: str
) -> None:
    labelled(target, "a b.jpg")
    sent = [notification("a b.jpg"), reconcile("a b.jpg"), notification("c.jpg")]
    for body in sent:
        send(target, queue, body)
    assert purge(target, named(target, ["a b.jpg"])) == Purged(documents=1, rows=2)
    sqs, url = target.client("sqs"), queue_of(target, queue)
    names: Any = ["ApproximateReceiveCount"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=names)
    assert sorted(one["Body"] for one in received["Messages"]) == sorted(sent)
    assert {one["Attributes"]["ApproximateReceiveCount"] for one in received["Messages"]} == {"1"}


@pytest.mark.parametrize("queue", DEAD_LETTER_QUEUES)
def test_given_dead_letters_when_purged_then_those_about_photos_go_and_others_can_be_seen_at_once(
    target: Target, queue: str
) -> None:
    for number in range(15):
        send(target, queue, notification(f"other {number}.jpg"))
    send(target, queue, "no JSON")
    send(target, queue, notification("a b.jpg"))
    send(target, queue, reconcile("a b.jpg"))
    send(target, queue, notification("a b.jpg", "c.jpg", "a b.jpg"))
    purged = purge(target, named(target, ["a b.jpg"]))
    assert purged.messages == 3
    others = [notification(f"other {number}.jpg") for number in range(15)]
    assert bodies(target, queue) == sorted([*others, notification("c.jpg"), "no JSON"])


def test_given_dead_letters_that_others_look_at_when_purged_then_that_is_said(target: Target) -> None:
    send(target, "DeadLetterQueueUrl", notification("a.jpg"))
    target.client("sqs").receive_message(QueueUrl=target.outputs.labelling.dead_letter_queue_url)
    assert purge(target, named(target, ["a.jpg"])) == Purged(not_seen=1)


def test_given_a_photo_that_is_uploaded_again_when_purged_then_its_document_stays_with_its_rows(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(target, "a.jpg")
    purger = Purger(target, named(target, ["a.jpg"]))
    delete_rows = purger._delete_rows

    def and_labelled_again(one: Any) -> None:
        delete_rows(one)
        store(target, document("a.jpg", {"Dog": 90.0}, sequencer="02", labelled_at=LATER, event_time=LATER))

    monkeypatch.setattr(purger, "_delete_rows", and_labelled_again)
    assert purger.run(lambda _: None).documents == 0
    assert left(target)[:2] == ({"a.jpg"}, {"a.jpg"})


def test_given_an_object_that_s3_keeps_when_purged_then_nothing_of_it_is_removed(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(target, "a.jpg")
    purger = Purger(target, named(target, ["a.jpg"]), "known")
    held = {"Errors": [{"Key": "a.jpg", "Code": "AccessDenied", "Message": "under legal hold"}]}
    monkeypatch.setattr(purger._s3, "delete_objects", lambda **_: held)
    with pytest.raises(ClientError, match="legal hold"):
        purger.run(lambda _: None)
    assert left(target)[0] == {"a.jpg"}


def test_given_more_labels_than_a_call_takes_when_purged_then_all_rows_are_gone(target: Target) -> None:
    store(target, document("a.jpg", {f"Label {number}": 90.0 for number in range(60)}))
    assert purge(target, named(target, ["a.jpg"])).rows == 60
    assert left(target)[1] == set()


@pytest.fixture
def command(target: Target, someone: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    return lambda *words, answer="": CliRunner().invoke(cli.photos, ["purge", *words], input=answer)


def test_given_the_command_when_called_then_it_asks_first_and_says_what_it_removed(
    target: Target, command: Any
) -> None:
    labelled(target, "a.jpg", "b.jpg")
    send(target, "DeadLetterQueueUrl", notification("a.jpg"))
    refused = command("a.jpg", answer="n\n")
    assert refused.exit_code == 1
    assert "To remove: 1 document, 2 index rows\n" in refused.output
    assert left(target)[0] == {"a.jpg", "b.jpg"}
    done = command("a.jpg", "--objects", "--yes")
    assert done.exit_code == 0
    assert "Removed: 1 document, 2 index rows, 1 dead letter, 1 object of 5 bytes\n" in done.output
    assert left(target) == ({"b.jpg"}, {"b.jpg"}, {"b.jpg"})


@pytest.mark.parametrize("words", [[], ["a.jpg", "--prefix", "x"], ["a.jpg", "--everything"]])
def test_given_the_command_when_nothing_or_both_are_named_then_it_says_so(command: Any, words: list[str]) -> None:
    ended = command(*words)
    assert (ended.exit_code, "Name photos, or a --prefix" in ended.output) == (2, True)


@pytest.mark.parametrize("prefix", ["", f"s3://{BUCKET}", f"s3://{BUCKET}/"])
def test_given_an_empty_prefix_when_purged_then_nothing_is_removed_without_the_word_everything(
    target: Target, command: Any, prefix: str
) -> None:
    labelled(target, "a.jpg", "b/c.jpg")
    refused = command("--prefix", prefix, "--all-objects", "--yes")
    assert (refused.exit_code, "say --everything" in refused.output) == (2, True)
    assert left(target) == ({"a.jpg", "b/c.jpg"},) * 3
    assert command("--prefix", prefix, "--everything", "--objects", "--yes").exit_code == 0
    assert left(target) == (set(), set(), set())


def test_given_everything_when_a_prefix_contradicts_then_nothing_is_removed(target: Target, command: Any) -> None:
    labelled(target, "a.jpg")
    assert command("--prefix", "b/", "--everything", "--yes").exit_code == 2
    assert left(target)[0] == {"a.jpg"}
    assert command("--everything", "--yes").exit_code == 0
    assert left(target) == (set(), set(), {"a.jpg"})


def test_given_unknown_objects_when_purged_then_they_stay_with_their_dead_letters_unless_asked_for(
    target: Target, command: Any
) -> None:
    labelled(target, "a/1.jpg", "a/2.jpg")
    s3 = target.client("s3")
    for key in ("a/notes.txt", "a/waiting.jpg"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"a" * 1_000_000)
    send(target, "DeadLetterQueueUrl", notification("a/waiting.jpg", "a/1.jpg"))
    done = command("--prefix", "a/", "--objects", "--yes")
    assert "Nothing is known of 2 other objects: they stay" in done.output
    assert left(target) == (set(), set(), {"a/notes.txt", "a/waiting.jpg"})
    assert bodies(target, "DeadLetterQueueUrl") == [notification("a/waiting.jpg")]
    assert marks(target).keys() == {"a/1.jpg", "a/2.jpg"}
    done = command("--prefix", "a/", "--all-objects", "--yes")
    assert "2 objects of 2.0 MB" in done.output
    assert left(target) == (set(), set(), set())


def test_given_a_question_when_it_is_asked_then_it_says_how_much_and_names_some(
    target: Target, command: Any
) -> None:
    labelled(target, *(f"a/{number}.jpg" for number in range(7)))
    asked = command("--prefix", "a/", "--objects", answer="n\n")
    assert asked.exit_code == 1
    assert "To remove: 7 documents, 14 index rows, 7 objects of 35 bytes\n" in asked.output
    [named_] = [line for line in asked.output.splitlines() if "among them" in line]
    assert named_.count(".jpg") == 3
    assert len(left(target)[2]) == 7


def test_given_credentials_that_end_on_the_way_when_purged_then_what_was_removed_is_said(
    target: Target, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(target, "a.jpg")
    over = ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "Scan")

    documents, calls = Purger._documents, []

    def fail_to_remove(self: Purger) -> Any:
        calls.append(self)
        if len(calls) == 2:
            raise over
        return documents(self)

    monkeypatch.setattr(Purger, "_documents", fail_to_remove)
    ended = command("a.jpg", "--objects", "--yes")
    assert ended.exception is over
    assert "Removed: 1 object of 5 bytes" in ended.output


def test_given_items_of_somebody_elses_when_purged_by_prefix_then_they_stay_and_the_photos_go(
    target: Target,
) -> None:
    labelled(target, "2019/a.jpg")
    target.client("s3").put_object(Bucket=BUCKET, Key="2019/theirs", Body=b"photo")
    put(target, "ImageLabels", {"ImageID": f"{BUCKET}/2019/theirs", "Status": "mine"})
    assert purge(target, beginning_with(target, "2019/")).documents == 1
    assert left(target)[:2] == ({"2019/theirs"}, set())


def test_given_a_document_of_before_there_were_commits_when_purged_then_it_goes_with_its_rows(
    target: Target,
) -> None:
    labelled(target, "old.jpg")
    store(target, document("new.jpg", {"Cat": 98.5}, commit="c0ffee"))
    assert purge(target, named(target, ["old.jpg", "new.jpg"])) == Purged(documents=2, rows=3)
    assert left(target)[:2] == (set(), set())


def test_given_a_photo_that_is_reconciled_meanwhile_when_purged_then_that_document_goes_with_its_rows_too(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there before is labelled by whoever read the tables before the mark was there."""
    store(target, document("a.jpg", {"Cat": 98.5}, commit="c0ffee"))
    purger = Purger(target, named(target, ["a.jpg"]))
    delete_rows = purger._delete_rows

    def and_reconciled(one: Any) -> None:
        if one.commit == "c0ffee":
            store(target, document("a.jpg", {"Cat": 98.5}, commit="decaf"))
        delete_rows(one)

    monkeypatch.setattr(purger, "_delete_rows", and_reconciled)
    assert purger.run(lambda _: None).documents == 1
    assert left(target)[:2] == (set(), set())
    assert marks(target).keys() == {"a.jpg"}


def test_given_a_function_that_is_faster_when_objects_are_purged_then_documents_and_rows_are_counted(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(target, "a.jpg", "b.jpg")
    delete = Purger._delete_objects

    def delete_and_remove(self: Purger, bucket: str, versions: Any) -> None:
        delete(self, bucket, versions)
        for one in versions:  # as the function does after the event
            self._delete_rows(document(one["Key"], {"Cat": 98.5, "Animal": 97.0}))
            store(target, document(one["Key"], {}, status="REMOVED", etag=None, event_time=LATER))

    monkeypatch.setattr(Purger, "_delete_objects", delete_and_remove)
    purged = purge(target, beginning_with(target, ""), "known")
    assert (purged.documents, purged.rows, purged.objects) == (2, 4, 2)
