"""`photos backfill` on moto: what is missing is queued, no more than there is room for, and wherever it is stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from photo_labels import cli
from photo_labels.library.auditing.findings import Finding
from photo_labels.library.backfilling import backfill as backfilling
from photo_labels.library.backfilling.backfill import Backfill, BackfillCounts, BackfillScope
from photo_labels.library.backfilling.bucket_policy import Grant
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.reconciler import Reconciler
from photo_labels.library.retention import NoRoomError, QueueRoom
from photo_labels.library.user_errors import UserError
from tests.fakes.stack import queue_of
from tests.unit import deployed
from tests.unit.deployed import BUCKET, store

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

HOSTILE = "a b+c%/ünï {0}.JPG"


def document(key: str, labels: dict[str, float], **changes: Any) -> Document:
    """Return a document as it is written today: with the time of its photo."""
    return deployed.document(key, labels, **({"timeline": "2026-11-23T06:00:00"} | changes))


def upload(target: Target, *keys: str, bucket: str = BUCKET) -> dict[str, str]:
    """Upload photos; gives their ETags."""
    s3 = target.client("s3")
    return {key: s3.put_object(Bucket=bucket, Key=key, Body=key.encode())["ETag"].strip('"') for key in keys}


def queued(target: Target, queue: str = "BulkQueueUrl") -> list[dict[str, Any]]:
    """All messages in a queue, which this empties."""
    sqs, url, found = target.client("sqs"), queue_of(target, queue), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(found, key=lambda one: str(one.get("key")))


def keys(messages: list[dict[str, Any]]) -> list[str]:
    return [message["key"] for message in messages]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "backfill.json"


def run(target: Target, state: Path, place: BackfillScope | None = None, **options: Any) -> BackfillCounts:
    backfill = Backfill(target, place or BackfillScope(BUCKET, ""), state, **options)
    with Reconciler(target, None) as reconciler:
        return backfill.run(backfill.stopped_after(), reconciler, lambda _: None)


def mixed(target: Target) -> None:
    """A photo of each kind, and what is none."""
    etags = upload(target, "fits.jpg", "changed.jpg", "removed.heic", "rejected.png", "new.jpg", HOSTILE, "plain")
    upload(target, "folder/", "film.mov", "new.jpg.json")
    store(target, document("fits.jpg", {"Cat": 90.0}, etag=etags["fits.jpg"]))
    store(target, document("changed.jpg", {"Cat": 90.0}, etag="another"))
    store(target, document("removed.heic", {}, status="REMOVED", etag=None))
    store(target, document("rejected.png", {}, status="REJECTED", etag=etags["rejected.png"]))


def test_given_a_bucket_when_filled_then_what_is_missing_or_changed_is_queued(target: Target, state: Path) -> None:
    mixed(target)
    counts = run(target, state)
    messages = queued(target)
    assert keys(messages) == sorted(["changed.jpg", "removed.heic", "new.jpg", HOSTILE, "plain"])
    assert messages[0] == {
        "source": "photo-labels", "action": "reconcile", "bucket": BUCKET, "key": HOSTILE, "force": False,
    }  # fmt: skip
    assert (counts.objects, counts.skipped.total(), counts.wanted) == (7, 3, 5)
    assert counts.found == {Finding.NEVER_LABELLED: 3, Finding.OUTDATED: 1, Finding.CALLED_REMOVED: 1}


def test_given_documents_of_before_there_were_dates_when_filled_then_they_are_queued_and_not_paid_for(
    target: Target, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etags = upload(target, "new.jpg", "dated.jpg", "undated.jpg", "rejected.jpg")
    store(target, document("dated.jpg", {"Cat": 90.0}, etag=etags["dated.jpg"]))
    store(target, document("undated.jpg", {"Cat": 90.0}, etag=etags["undated.jpg"], timeline=None))
    facts: dict[str, Any] = {"status": "REJECTED", "timeline": None}
    store(target, document("rejected.jpg", {}, etag=etags["rejected.jpg"], **facts))
    counts = run(target, state)
    messages = queued(target)
    assert keys(messages) == ["new.jpg", "undated.jpg"]
    assert [message.get("keepLabels", False) for message in messages] == [False, True]
    assert (counts.wanted, counts.dateless, counts.to_label) == (2, 1, 1)
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    said = CliRunner().invoke(cli.photos, ["backfill", "--dry-run"]).output.replace("\n", "")
    assert "1 labelled without a date, which is filled in and not paid for" in said
    everything = run(target, state, BackfillScope(BUCKET, "", is_all=True))
    assert (everything.wanted, everything.to_label) == (4, 4), "others may have been labelled with other settings"


def purged(target: Target) -> None:
    """A photo that was purged, one that was uploaded again since, and one that is only gone by its document."""
    upload(target, "purged.jpg", "again.jpg", "removed.jpg")
    fields: dict[str, Any] = {"status": "REMOVED", "etag": None, "min_confidence": None}
    store(target, document("purged.jpg", {}, purged_at="2999-01-01T00:00:00.999Z", **fields))
    store(target, document("again.jpg", {}, purged_at="2019-01-01T00:00:00.999Z", **fields))
    store(target, document("removed.jpg", {}, **fields))


@pytest.mark.parametrize("is_all", [False, True])
def test_given_purged_photos_when_filled_then_only_what_was_uploaded_since_is_queued(
    target: Target, state: Path, is_all: bool
) -> None:
    purged(target)
    counts = run(target, state, BackfillScope(BUCKET, "", is_all=is_all))
    assert keys(queued(target)) == ["again.jpg", "removed.jpg"]
    assert (counts.wanted, counts.purged, counts.found) == (2, 1, {Finding.CALLED_REMOVED: 2})


def test_given_purged_photos_when_forced_then_they_are_brought_back(target: Target, state: Path) -> None:
    purged(target)
    run(target, state, BackfillScope(BUCKET, "", is_all=True, is_forced=True))
    assert keys(queued(target)) == ["again.jpg", "purged.jpg", "removed.jpg"]


def test_given_purged_photos_when_counted_then_the_command_does_not_call_them_labelled(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    purged(target)
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    said = CliRunner().invoke(cli.photos, ["backfill", "--dry-run"]).output
    assert "3 photos, 2 photos that their document calls removed, 1 purged" in said.replace("\n", "")


@pytest.mark.parametrize("is_forced", [False, True])
def test_given_all_when_filled_then_everything_is_queued(target: Target, state: Path, is_forced: bool) -> None:
    mixed(target)
    run(target, state, BackfillScope(BUCKET, "", is_all=True, is_forced=is_forced))
    messages = queued(target)
    assert len(messages) == 7
    assert {message["force"] for message in messages} == {is_forced}


def test_given_a_prefix_when_filled_then_only_what_is_below(target: Target, state: Path) -> None:
    upload(target, "2019/a.jpg", "2019-b.jpg", "2020/c.jpg")
    run(target, state, BackfillScope(BUCKET, "2019/"))
    assert keys(queued(target)) == ["2019/a.jpg"]


def test_given_suffixes_when_filled_then_only_keys_with_one_of_them(target: Target, state: Path) -> None:
    upload(target, "2019/a.jpg", "2019/b.JPG", "2019/c.heic", "d.jpg")
    counts = run(target, state, BackfillScope(BUCKET, "2019/", suffixes=(".jpg", ".heic")))
    assert keys(queued(target)) == ["2019/a.jpg", "2019/c.heic"]
    assert counts.objects == 2


def test_given_suffixes_when_interrupted_then_the_same_command_resumes(target: Target, state: Path) -> None:
    upload(target, "a.jpg")
    place = BackfillScope(BUCKET, "", suffixes=(".jpg",))
    Backfill(target, place, state)._keep("0.jpg")
    assert Backfill(target, place, state).stopped_after() == "0.jpg"
    assert Backfill(target, BackfillScope(BUCKET, ""), state).stopped_after() == ""


@pytest.mark.parametrize(("where", "found"), [([], 1), ([f"s3://{BUCKET}/"], 1), (["s3://others/"], 2)])
def test_given_key_suffixes_of_the_pipeline_when_filled_then_its_own_bucket_is_filtered(
    target: Target, monkeypatch: pytest.MonkeyPatch, where: list[str], found: int
) -> None:
    target.client("s3").create_bucket(Bucket="others")
    for bucket in (BUCKET, "others"):
        upload(target, "a.jpg", "b.png", bucket=bucket)
    with_suffixes = replace(target, outputs=replace(target.outputs, keys=KeyFilter("", (".jpg",))))
    monkeypatch.setattr(cli, "aws_target", lambda *_: with_suffixes)
    monkeypatch.setattr("photo_labels.commands.backfill._check_permissions", lambda *_: None)
    monkeypatch.setattr("photo_labels.commands.backfill.QueueRoom", lambda _: None)
    run = CliRunner().invoke(cli.photos, ["backfill", *where, "--dry-run"])
    assert run.exit_code == 0, run.output
    assert f"{found} photo" in run.output


def test_given_a_pass_that_only_counts_when_made_then_nothing_is_queued(target: Target, state: Path) -> None:
    mixed(target)
    assert Backfill(target, BackfillScope(BUCKET, ""), state).count("", lambda _: None).wanted == 5
    assert queued(target) == []
    assert not state.exists()


class StopError(Exception):
    """Somebody pulls the plug."""


@pytest.mark.parametrize("after_pages", range(4))
def test_given_it_is_stopped_when_run_again_then_it_goes_on_and_nothing_is_missing(
    target: Target, state: Path, monkeypatch: pytest.MonkeyPatch, after_pages: int
) -> None:
    monkeypatch.setattr(backfilling, "_AT_A_TIME", 10)
    names = [f"{number:03d}.jpg" for number in range(45)]
    upload(target, *names)
    forced = BackfillScope(BUCKET, "", is_all=True, is_forced=True)
    backfill, pages = Backfill(target, forced, state), 0

    def stop(_: Any) -> None:
        nonlocal pages
        pages += 1
        if pages > after_pages:
            raise StopError

    with pytest.raises(StopError), Reconciler(target, None) as reconciler:
        backfill.run("", reconciler, stop)
    other = replace(forced, is_forced=False)
    assert Backfill(target, other, state).stopped_after() == ""
    counts = run(target, state, forced)
    # Parts that were done, or under way, when it stopped are done again.
    assert set(keys(queued(target))) == set(names)
    assert counts.objects == 45 - 10 * (after_pages + 1)
    assert not state.exists()


@pytest.mark.parametrize("content", ['{"place": {"buc', "[]", "7", "{}", '{"place": 1}'])
def test_given_a_state_that_is_damaged_when_run_then_it_begins_at_the_first(
    target: Target, state: Path, content: str
) -> None:
    upload(target, "a.jpg")
    state.parent.mkdir()
    state.write_text(content)
    run(target, state)
    assert keys(queued(target)) == ["a.jpg"]


def test_given_state_that_cannot_be_written_when_run_then_it_is_said_before_anything_is_queued(
    target: Target, tmp_path: Path
) -> None:
    upload(target, "a.jpg")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="set XDG_STATE_HOME"):
        run(target, tmp_path / "file" / "backfill.json")
    assert queued(target) == []


def test_given_room_for_some_when_filled_then_those_are_queued_and_it_says_when_to_run_again(
    with_functions: Target, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfilling, "THREADS", 1)
    keys_there = [f"{number:04d}.jpg" for number in range(150)]
    upload(with_functions, *keys_there)
    room = QueueRoom(with_functions, lambda: datetime(2026, 11, 1, tzinfo=UTC))
    Functions.tps = 130 / (10 * 86_400)
    backfill = Backfill(with_functions, BackfillScope(BUCKET, ""), state)
    try:
        with (
            pytest.raises(NoRoomError, match="from November 02 on"),
            Reconciler(with_functions, room) as reconciler,
        ):
            backfill.run("", reconciler, lambda _: None)
    finally:
        Functions.tps = 5.0
    assert reconciler.sent == 100
    done = queued(with_functions)
    assert len(done) == 100
    run(with_functions, state)
    assert {*keys(done), *keys(queued(with_functions))} == set(keys_there)


# Other buckets


class Functions:
    """A Lambda that knows the roles of the functions."""

    tps = 5.0

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        variables = {"REKOGNITION_TPS": repr(self.tps), "POWERTOOLS_SERVICE_NAME": "photo-labels"}
        return {
            "Role": f"arn:aws:iam::123456789012:role/{FunctionName}",
            "Environment": {"Variables": variables},
        }

    def get_event_source_mapping(self, UUID: str) -> dict[str, str]:  # noqa: N803 - boto3's
        return {"UUID": UUID, "State": "Enabled"}


@pytest.fixture
def with_functions(target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    labelling = replace(target.outputs.labelling, name="photo-labels-label")
    converting = replace(target.outputs.converting, name="photo-labels-convert")
    outputs = replace(target.outputs, labelling=labelling, converting=converting)
    client = type(target).client

    def given(self: Target, service: Any, **options: Any) -> Any:
        return Functions() if service == "lambda" else client(self, service, **options)

    monkeypatch.setattr(type(target), "client", given)
    return replace(target, outputs=outputs)


def test_given_a_bucket_with_a_policy_when_granted_then_its_other_statements_stay(with_functions: Target) -> None:
    target, s3 = with_functions, with_functions.client("s3")
    s3.create_bucket(Bucket="other")
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}
    s3.put_bucket_policy(Bucket="other", Policy=json.dumps({"Version": "2012-10-17", "Statement": theirs}))
    grant = Grant(target, "other")
    assert not grant.is_there()
    for _ in range(2):  # a second time changes nothing
        grant.add()
        policy = json.loads(s3.get_bucket_policy(Bucket="other")["Policy"])
        assert policy["Statement"] == [theirs, *grant.statements()]
    assert grant.is_there()
    roles = [f"arn:aws:iam::123456789012:role/photo-labels-{name}" for name in ("label", "convert")]
    assert {json.dumps(one["Principal"]) for one in grant.statements()} == {json.dumps({"AWS": roles})}
    assert [one["Resource"] for one in grant.statements()] == ["arn:aws:s3:::other/*", "arn:aws:s3:::other"]


def test_given_a_grant_of_an_earlier_stack_when_granted_then_it_is_replaced(with_functions: Target) -> None:
    s3 = with_functions.client("s3")
    s3.create_bucket(Bucket="other")
    grant = Grant(with_functions, "other")
    old = [one | {"Principal": {"AWS": "AROAEXAMPLE"}} for one in grant.statements()]
    s3.put_bucket_policy(Bucket="other", Policy=json.dumps({"Version": "2012-10-17", "Statement": old}))
    assert not grant.is_there()
    grant.add()
    assert json.loads(s3.get_bucket_policy(Bucket="other")["Policy"])["Statement"] == grant.statements()


def test_given_a_grant_in_another_order_when_looked_for_then_it_is_there(with_functions: Target) -> None:
    s3 = with_functions.client("s3")
    s3.create_bucket(Bucket="other")
    grant = Grant(with_functions, "other")
    shuffled = [
        one | {"Principal": {"AWS": one["Principal"]["AWS"][::-1]}, "Resource": [one["Resource"]]}
        for one in reversed(grant.statements())
    ]
    s3.put_bucket_policy(Bucket="other", Policy=json.dumps({"Version": "2012-10-17", "Statement": shuffled}))
    assert grant.is_there()


def test_given_a_bucket_that_is_not_there_or_elsewhere_when_looked_at_then_a_sentence(
    with_functions: Target,
) -> None:
    with pytest.raises(UserError, match="no bucket nowhere"):
        Grant(with_functions, "nowhere").check_place()
    s3 = with_functions.client("s3")
    s3.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(UserError, match="far is in eu-west-1"):
        Grant(with_functions, "far").check_place()


# The command


@pytest.fixture
def command(with_functions: Target, someone: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: with_functions)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return lambda *words, answer="": CliRunner().invoke(cli.photos, ["backfill", *words], input=answer)


def test_given_the_command_when_dry_then_it_says_what_it_would_cost(target: Target, command: Any) -> None:
    mixed(target)
    ended = command("--dry-run")
    assert ended.exit_code == 0
    assert "7 photos, 3 photos without a document" in ended.output
    line = "3 files skipped: .json 1 (a file of metadata), .mov 1 (a video), …/ 1 (a folder)"
    assert line in " ".join(ended.output.split())
    assert "5 to be labelled, at about 0.01 USD" in ended.output
    assert queued(target) == []


def test_given_the_command_when_it_costs_a_dollar_then_it_asks(
    target: Target, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.commands.backfill.ASK_ABOVE_USD", 0.001)
    mixed(target)
    assert command(answer="n\n").exit_code == 1
    assert queued(target) == []
    ended = command(answer="y\n")
    assert ended.exit_code == 0
    assert "5 photos queued" in ended.output
    assert len(queued(target)) == 5
    assert command("--yes").exit_code == 0
    assert len(queued(target)) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--force"], "--force goes with --all"),
        (["photos"], "names no bucket"),
        (["s3://"], "names no bucket"),
        (["s3://other/x"], "--grant adds this to its policy"),
    ],
)
def test_given_the_command_when_it_cannot_then_it_says_what_to_do(
    with_functions: Target, command: Any, words: list[str], said: str
) -> None:
    with_functions.client("s3").create_bucket(Bucket="other")
    ended = command(*words)
    assert ended.exit_code != 0
    assert said in ended.output + str(ended.exception)


def test_given_another_bucket_when_granted_then_its_photos_are_queued(
    with_functions: Target, command: Any
) -> None:
    with_functions.client("s3").create_bucket(Bucket="other")
    upload(with_functions, "x/a.jpg", "b.jpg", bucket="other")
    assert command("s3://other/x", "--grant", "--dry-run").exit_code == 0
    assert not Grant(with_functions, "other").is_there()
    ended = command("s3://other/x", "--grant")
    assert (ended.exit_code, "lets the functions read it now" in ended.output) == (0, True)
    assert [(one["bucket"], one["key"]) for one in queued(with_functions)] == [("other", "x/a.jpg")]
    assert Grant(with_functions, "other").is_there()
