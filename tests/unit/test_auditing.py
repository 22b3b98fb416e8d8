"""`photos audit` on moto: each thing that can be wrong is found, repaired in its own way, and nothing else is."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from photo_labels import cli
from photo_labels.library.audit import UNDER_WAY_FOR, Auditor, Repairer
from photo_labels.library.auditing.checkpoint import Checkpoint
from photo_labels.library.auditing.cursors import Listing
from photo_labels.library.auditing.findings import Finding, Problem
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.user_errors import UserError
from tests.fakes.aws import aws_error
from tests.unit.deployed import BUCKET, document, put, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from photo_labels.library.target import Target

# Nothing is under way.
AT_ONCE = timedelta(days=-1)
HOSTILE = ["a b+c%.jpg", "ünï/日本.PNG", "[bold]x[/bold].jpg", "line\nbreak.jpg"]


def upload(target: Target, key: str) -> str:
    etag: str = target.client("s3").put_object(Bucket=BUCKET, Key=key, Body=key.encode())["ETag"]
    return etag.strip('"')


def labelled(target: Target, key: str, **changes: Any) -> None:
    """A photo as it should be."""
    store(target, document(key, {"Cat": 98.5, "Animal": 97.0}, etag=upload(target, key), **changes))


class Clock:
    """The machine's, but for pauses: they take no time."""

    def __init__(self, meanwhile: Callable[[], object], later: timedelta) -> None:
        """`meanwhile`: what happens in each pause; `later`: than the machine's, in the beginning."""
        self.paused = later
        self._meanwhile = meanwhile

    def now(self) -> datetime:
        return datetime.now(UTC) + self.paused

    def pause(self, seconds: float) -> None:
        self.paused += timedelta(seconds=seconds)
        self._meanwhile()


def audited(
    target: Target,
    under_way_for: timedelta = UNDER_WAY_FOR,
    *,
    meanwhile: Callable[[], object] = lambda: None,
    later: timedelta = timedelta(),
) -> list[Problem]:
    found: list[Problem] = []
    clock = Clock(meanwhile, later)
    audit = Auditor(target, under_way_for, now=clock.now, pause=clock.pause).run(found.append)
    assert sum(audit.found.values()) == len(found)
    return found


def messages(target: Target) -> list[dict[str, Any]]:
    sqs, url = target.client("sqs"), target.outputs.labelling.bulk_queue_url
    found = []
    while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in received]
    return sorted(found, key=lambda one: str(one["key"]))


def break_everything(target: Target) -> set[tuple[Finding, str]]:
    """One photo for each thing that can be wrong; gives what they are."""
    upload(target, "never.jpg")
    upload(target, "removed.jpg")
    store(target, document("removed.jpg", {}, status="REMOVED", etag=None))
    target.client("s3").put_object(Bucket=BUCKET, Key="purged.jpg", Body=b"photo")
    purged_at = "2999-01-01T00:00:00.999Z"
    store(target, document("purged.jpg", {}, status="REMOVED", etag=None, purged_at=purged_at))
    store(target, document("outdated.jpg", {"Dog": 90.0}, etag="of another photo"))
    upload(target, "outdated.jpg")
    store(target, document("gone.jpg", {"Dog": 90.0}))
    labelled(target, "incomplete.jpg")
    [row, *_] = document("incomplete.jpg", {"Cat": 98.5}).rows()
    target.client("dynamodb").delete_item(
        TableName="LabelIndex", Key={"Label": {"S": row.label}, "Rank": {"S": row.rank}}
    )
    labelled(target, "replaced.jpg")
    [stray] = document("replaced.jpg", {"Cat": 98.5}, sequencer="00").rows()
    put(target, "LabelIndex", stray.to_item())
    return {
        (Finding.NEVER_LABELLED, "never.jpg"),
        (Finding.CALLED_REMOVED, "removed.jpg"),
        (Finding.OUTDATED, "outdated.jpg"),
        (Finding.GONE, "gone.jpg"),
        (Finding.ROWS_MISSING, "incomplete.jpg"),
        (Finding.STRAY_ROW, "replaced.jpg"),
    }


def test_given_photos_as_they_should_be_when_audited_then_nothing_is_found(target: Target) -> None:
    for key in [*HOSTILE, *(f"{number}.jpg" for number in range(250))]:
        labelled(target, key)
    store(target, document("bad.jpg", {}, status="REJECTED", etag=upload(target, "bad.jpg")))
    store(target, document("gone.jpg", {}, status="REMOVED", etag=None))
    assert audited(target, AT_ONCE) == []


def test_given_files_that_are_no_photos_when_audited_then_they_are_counted_and_no_findings(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    files = ["film.MOV", "b.mov", "x/.DS_Store", "folder/", "drawing.svg"]
    for key in files:
        upload(target, key)
    labelled(target, "a.jpg")
    store(target, document("drawing.svg", {}, status="REMOVED", etag=None))
    assert audited(target, AT_ONCE) == []
    ended = CliRunner().invoke(cli.photos, ["audit"])
    assert ended.exit_code == 0, ended.output
    assert "1 photo, 2 documents" in ended.output
    told = " ".join(ended.output.split())
    assert "5 files skipped: .mov 2 (a video), .ds_store 1 (a file of an operating system), " in told
    assert ".svg 1 (a picture in a format that is not read here), …/ 1 (a folder)" in told


def test_given_a_name_that_says_nothing_when_audited_then_the_function_is_to_look(target: Target) -> None:
    upload(target, "scan")
    [problem] = audited(target, AT_ONCE)
    assert (problem.finding, problem.key) == (Finding.NEVER_LABELLED, "scan")
    store(target, document("scan", {}, status="REJECTED", reason="NotAPhoto", etag=upload(target, "scan")))
    assert audited(target, AT_ONCE) == []


def test_given_each_thing_that_can_be_wrong_when_audited_then_it_is_found_and_nothing_else(target: Target) -> None:
    for number in range(20):
        labelled(target, f"{number}.jpg")
    wrong = break_everything(target)
    found = audited(target, AT_ONCE)
    assert {(problem.finding, problem.key) for problem in found} == wrong
    assert len(found) == len(wrong)


def test_given_changes_of_a_moment_ago_when_audited_then_they_are_under_way(target: Target) -> None:
    upload(target, "never.jpg")
    auditor = Auditor(target)
    assert not auditor.run(lambda _: None).found
    assert auditor.audit.under_way == 1


def test_given_rows_that_somebody_else_wrote_when_audited_then_they_are_strays(
    target: Target,
) -> None:
    put(target, "LabelIndex", {"Label": "Cat", "Rank": "x", "ImageID": "no-slash"})
    put(target, "LabelIndex", {"Label": "Cat", "Rank": "y"})
    put(
        target,
        "LabelIndex",
        {"Label": "Cat", "Rank": "z", "ImageID": f"{BUCKET}/a.jpg", "LabelledAt": "yesterday"},
    )
    found = audited(target)
    assert [problem.finding for problem in found] == [Finding.STRAY_ROW] * 3
    with Reconciler(target, None) as reconciler:
        repairer = Repairer(target, reconciler)
        for problem in found:
            repairer.repair(problem)
    assert repairer.rows_removed == 3
    assert audited(target) == []


def test_given_everything_wrong_when_repaired_then_truth_is_asked_for(
    target: Target,
) -> None:
    break_everything(target)
    with Reconciler(target, None) as reconciler:
        repairer = Repairer(target, reconciler)
        Auditor(target, AT_ONCE).run(repairer.repair)
    asked = {(message["key"], message["force"]) for message in messages(target)}
    assert asked == {
        ("gone.jpg", False),
        ("incomplete.jpg", True),
        ("never.jpg", False),
        ("outdated.jpg", False),
        ("removed.jpg", False),
    }
    assert (reconciler.sent, repairer.rows_removed) == (5, 1)
    left = {problem.finding for problem in audited(target, AT_ONCE)}
    assert Finding.STRAY_ROW not in left


def test_given_equal_bytes_in_another_version_when_audited_then_the_document_is_outdated(target: Target) -> None:
    s3 = target.client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"photo") for _ in range(2)]
    etag = versions[1]["ETag"].strip('"')
    store(target, document("a.jpg", {"Cat": 98.5}, etag=etag, version_id=versions[1]["VersionId"]))
    assert audited(target, AT_ONCE) == []
    s3.delete_object(Bucket=BUCKET, Key="a.jpg", VersionId=versions[1]["VersionId"])
    assert audited(target, AT_ONCE) == [Problem(Finding.OUTDATED, BUCKET, "a.jpg")]


def test_given_equal_bytes_that_were_uploaded_later_when_audited_then_the_document_is_outdated(
    target: Target,
) -> None:
    labelled(target, "a.jpg", event_time="2020-01-01T06:00:00.000Z")
    assert audited(target, AT_ONCE) == [Problem(Finding.OUTDATED, BUCKET, "a.jpg")]


def test_given_an_object_under_its_owners_key_when_audited_then_its_rejection_fits(target: Target) -> None:
    upload(target, "said.jpg")
    store(target, document("said.jpg", {}, status="REJECTED", reason="CustomerKey", etag=None))
    upload(target, "unsaid.jpg")
    store(target, document("unsaid.jpg", {}, status="REJECTED", reason="EmptyObject"))

    def refused(**_: Any) -> None:
        raise aws_error("400", status=400)

    auditor = Auditor(target, AT_ONCE)
    auditor._s3.head_object = refused
    found: list[Problem] = []
    auditor.run(found.append)
    assert found == [Problem(Finding.OUTDATED, BUCKET, "unsaid.jpg")]


def empty(target: Target) -> None:
    s3, dynamodb = target.client("s3"), target.client("dynamodb")
    for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=one["Key"])
    for table, names in {"ImageLabels": ["ImageID"], "LabelIndex": ["Label", "Rank"]}.items():
        for item in dynamodb.scan(TableName=table)["Items"]:
            dynamodb.delete_item(TableName=table, Key={name: item[name] for name in names})


def test_given_what_looks_wrong_when_it_is_right_half_a_minute_later_then_nothing_is_found(target: Target) -> None:
    wrong = break_everything(target)
    long_ago = timedelta(days=1)
    assert {(one.finding, one.key) for one in audited(target, later=long_ago)} == wrong
    assert audited(target, meanwhile=lambda: empty(target), later=long_ago) == []


def test_given_what_is_wrong_in_another_way_half_minute_later_when_audited_then_that_is_found(
    target: Target,
) -> None:
    upload(target, "a.jpg")

    def labelled_and_removed() -> None:
        store(target, document("a.jpg", {"Cat": 98.5}))
        target.client("s3").delete_object(Bucket=BUCKET, Key="a.jpg")

    found = audited(target, meanwhile=labelled_and_removed, later=timedelta(days=1))
    assert found == [Problem(Finding.GONE, BUCKET, "a.jpg")]


def test_given_items_of_somebody_elses_when_audited_then_the_rest_is(target: Target) -> None:
    labelled(target, "good.jpg")
    upload(target, "occupied.jpg")
    put(target, "ImageLabels", {"ImageID": f"{BUCKET}/occupied.jpg", "Status": "mine"})
    put(target, "ImageLabels", {"ImageID": "anything"})
    assert audited(target, AT_ONCE) == [Problem(Finding.NEVER_LABELLED, BUCKET, "occupied.jpg")]


def test_given_messages_that_sqs_does_not_take_when_asked_then_again_and_then_a_sentence(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciler = Reconciler(target, None)
    send = reconciler._sqs.send_message_batch
    calls: list[int] = []

    def second_half_fails(**request: Any) -> Any:
        calls.append(len(request["Entries"]))
        half = len(request["Entries"]) // 2
        send(**(request | {"Entries": request["Entries"][:half] or request["Entries"]}))
        failed = request["Entries"][half:] if half else []
        return {"Failed": [{"Id": one["Id"], "Code": "InternalError"} for one in failed]}

    monkeypatch.setattr(reconciler._sqs, "send_message_batch", second_half_fails)
    with reconciler:
        for number in range(4):
            reconciler.ask(BUCKET, f"{number}.jpg")
    assert calls == [4, 2, 1]
    assert [message["key"] for message in messages(target)] == [f"{number}.jpg" for number in range(4)]

    def fails(**request: Any) -> Any:
        return {"Failed": [{"Id": one["Id"], "Code": "InternalError"} for one in request["Entries"]]}

    monkeypatch.setattr(reconciler._sqs, "send_message_batch", fails)
    with pytest.raises(UserError, match=r"SQS does not take messages \(InternalError\)"), reconciler:
        reconciler.ask(BUCKET, "a.jpg")


def test_given_the_command_when_something_is_wrong_then_it_says_what_and_exits_with_1(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr("photo_labels.library.audit._SAME_FOR", timedelta())
    monkeypatch.setattr("photo_labels.commands.audit.QueueRoom", lambda _: None)
    run = CliRunner().invoke
    labelled(target, "good.jpg")
    clean = run(cli.photos, ["audit"])
    assert clean.exit_code == 0, clean.output
    assert "1 photo, 1 document, 2 index rows (1 LABELLED)" in clean.output
    store(target, document("esc\x1b[31m.jpg", {"Dog": 90.0}))
    wrong = run(cli.photos, ["audit", "--list", "--repair"])
    assert wrong.exit_code == 1
    assert "1 document of a photo that is gone\n" in wrong.output
    assert "document of a photo that is gone: photos/esc\\x1b[31m.jpg" in wrong.output
    assert "1 photo will be looked at by the function. Audit again" in wrong.output
    assert [message["key"] for message in messages(target)] == ["esc\x1b[31m.jpg"]


@pytest.fixture
def saved(target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Target:
    """A pipeline whose audits are saved after each page, and do not wait for their second look."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr("photo_labels.library.audit._SAME_FOR", timedelta())
    monkeypatch.setattr("photo_labels.library.audit._SAVE_EVERY", timedelta())
    monkeypatch.setattr("photo_labels.library.audit._SAVING_SHARE", 0)
    monkeypatch.setattr("photo_labels.commands.audit.QueueRoom", lambda _: None)
    return target


def test_given_credentials_that_end_when_audited_then_the_same_command_resumes_and_finds_the_rest(
    saved: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(saved, document("gone.jpg", {"Dog": 90.0}))
    labelled(saved, "good.jpg")
    run = CliRunner().invoke
    over = aws_error("ExpiredToken", "expired")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Listing, "objects", raising(over))
        ended = run(cli.photos, ["audit"])
    assert ended.exception is over
    assert "Not all was looked at. So far:\nno photos, 2 documents, no index rows (2 LABELLED)" in ended.output
    assert "The same command resumes." in ended.output
    # Another audit does not resume this one: what it found is not repaired.
    assert "resumes" not in run(cli.photos, ["audit", "--repair", "--anew"]).output


def test_given_an_audit_that_was_interrupted_when_run_again_then_it_says_that_it_resumes_unless_anew(
    saved: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled(saved, "good.jpg")

    def interrupted() -> None:
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(Listing, "objects", raising(KeyboardInterrupt()))
            CliRunner().invoke(cli.photos, ["audit"])

    interrupted()
    resumed = CliRunner().invoke(cli.photos, ["audit"])
    assert re.search(r"resumes the audit of \d{4}-\d\d-\d\d \d\d:\d\d UTC; --anew begins", resumed.output)
    assert "1 photo, 1 document, 2 index rows (1 LABELLED)" in resumed.output
    assert resumed.exit_code == 0
    assert "resumes" not in CliRunner().invoke(cli.photos, ["audit"]).output
    interrupted()
    assert "resumes" not in CliRunner().invoke(cli.photos, ["audit", "--list"]).output
    interrupted()
    anew = CliRunner().invoke(cli.photos, ["audit", "--anew"])
    assert "resumes" not in anew.output
    assert anew.exit_code == 0


def test_given_a_repair_that_is_interrupted_when_it_was_saved_then_its_messages_are_sent(
    saved: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(saved, document("gone.jpg", {"Dog": 90.0}))
    save = Checkpoint.save

    def saved_and_stopped(*given: Any) -> None:
        save(*given)
        if given[1].audit.found:
            raise KeyboardInterrupt

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Checkpoint, "save", saved_and_stopped)
        CliRunner().invoke(cli.photos, ["audit", "--repair"])
    assert [message["key"] for message in messages(saved)] == ["gone.jpg"]
    resumed = CliRunner().invoke(cli.photos, ["audit", "--repair"])
    assert (resumed.exit_code, messages(saved)) == (1, [])


def raising(error: BaseException) -> Callable[..., None]:
    """Return what raises an error, whatever it is called with."""

    def raise_it(*_: Any, **__: Any) -> None:
        raise error

    return raise_it
