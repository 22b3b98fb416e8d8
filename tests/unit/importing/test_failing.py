"""What goes wrong in an import."""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    UnauthorizedSSOTokenError,
)

from photo_labels.library.importing.ends import End
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import Importer, ImportProgress
from photo_labels.library.importing.journal import Journal
from photo_labels.library.importing.line import Line
from photo_labels.library.importing.pace import MOST
from photo_labels.library.importing.patience import Patience
from photo_labels.library.queues import depth
from photo_labels.library.retention import NoRoomError
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from tests.unit.deployed import BUCKET, document, store
from tests.unit.played import PLAYING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from photo_labels.records.documents import Document
    from tests.unit.disk import Disk

from tests.unit.importing.shared import Time, refusal


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidRequest"])
def test_given_a_put_that_is_refused_when_imported_then_the_others_are_not_stopped(disk: Disk, code: str) -> None:
    disk.write("a.jpg", "refused.jpg")

    def refuse(key: str) -> None:
        if key == "refused.jpg":
            raise refusal(code)

    disk.before_put = refuse
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled", "refused.jpg": "not uploaded"}
    assert code in ended.files["refused.jpg"].why


def test_given_file_written_to_when_imported_then_it_is_named_and_half_of_it_is_not_uploaded(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "b.jpg")
    with Journal(disk.journal_path) as journal:
        importer = Importer(disk.target, journal)
        importer.find(PhotoFinder(""), [disk.folder], lambda _count: None)
        disk.write("a.jpg", body=b"more than there was")
        (disk.folder / "b.jpg").unlink()
        importer.run()
        files = {file.path.name: file for file in journal.files(but_labelled=False)}
    assert "changed since it was found" in files["a.jpg"].why
    assert "It cannot be read: No such file or directory." in files["b.jpg"].why


def test_given_no_news_when_queue_is_empty_then_photo_is_unaccounted_for_with_where_to_look(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "lost.jpg")
    patience = Patience(empty_s=15.0)
    time, held = (
        Time(),
        disk.target.client("sqs").send_message(QueueUrl=disk.target.outputs.labelling.queue_url, MessageBody="{}"),
    )
    assert held

    def empty_the_queue_later(_progress: ImportProgress) -> None:
        if time.now > 3 * patience.empty_s:
            sqs = disk.target.client("sqs")
            for message in sqs.receive_message(QueueUrl=disk.target.outputs.labelling.queue_url).get(
                "Messages", []
            ):
                sqs.delete_message(
                    QueueUrl=disk.target.outputs.labelling.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )

    ended = disk.run(**time.options(), patience=patience, on_progress=empty_the_queue_later)
    assert time.now > 3 * patience.empty_s
    assert ended.ends() == {"a.jpg": "labelled", "lost.jpg": "unaccounted for"}
    assert "/aws/lambda/label" in ended.files["lost.jpg"].why


def test_given_a_photo_that_is_deleted_while_it_is_waited_for_then_it_is_said(disk: Disk) -> None:
    disk.write("lost.jpg")

    def delete(key: str) -> None:
        disk.target.client("s3").delete_object(Bucket=BUCKET, Key=key)
        store(disk.target, document(key, {}, status="REMOVED", etag=None))

    disk.after_put = delete
    assert disk.run().ends() == {"lost.jpg": "removed meanwhile"}


def test_given_an_older_photo_of_that_name_when_imported_then_its_labels_do_not_count(
    disk: Disk,
) -> None:
    store(disk.target, document("lost.jpg", {"Dog": 99.0}, etag="of the older photo"))
    disk.write("lost.jpg")
    assert disk.run(**Time().options()).ends() == {"lost.jpg": "unaccounted for"}


def test_given_the_tombstone_of_an_older_photo_when_imported_then_the_new_one_is_waited_for(disk: Disk) -> None:
    store(disk.target, document("a.jpg", {}, status="REMOVED", etag=None))
    disk.write("a.jpg")
    assert disk.run().ends() == {"a.jpg": "labelled"}


def test_given_ctrl_c_when_importing_then_every_file_has_an_end_and_another_run_goes_on(disk: Disk) -> None:
    disk.write(*(f"{number}.jpg" for number in range(50)), "lost.jpg")

    def interrupt(_progress: ImportProgress) -> None:
        raise KeyboardInterrupt

    ended = disk.run(on_progress=interrupt)
    assert ended.stop
    assert ended.stop.is_interruption
    (disk.folder / "lost.jpg").unlink()
    assert disk.run().counts.ends == {End.LABELLED: 50}
    assert set(disk.puts.values()) == {1}


def test_given_no_connection_when_it_comes_back_then_the_import_goes_on(disk: Disk) -> None:
    disk.write(*(f"{number}.jpg" for number in range(20)))
    calls = 0

    def fail(_key: str) -> None:
        nonlocal calls
        calls += 1
        if 3 < calls < 30:
            raise EndpointConnectionError(endpoint_url="https://s3")

    disk.before_put = fail
    time = Time()
    ended = disk.run(**time.options())
    assert ended.counts.ends == {End.LABELLED: 20}
    assert time.now > 9


def test_given_no_connection_for_long_when_importing_then_it_stops_with_a_sentence(disk: Disk) -> None:
    disk.write("a.jpg", "b.jpg")

    def fail(_key: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://s3")

    disk.before_put = fail
    ended = disk.run(**Time().options())
    assert ended.stop
    assert "run it again later" in ended.stop.why
    assert set(ended.ends().values()) == {"not uploaded"}


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception, float], None]:
    """Has the first calls fail by which labels are waited for."""

    def fail(error: Exception, times: float) -> None:
        class Failing(TableReader):
            def documents(self, *arguments: Any) -> dict[str, Document]:
                nonlocal times
                times -= 1
                if times >= 0:
                    raise error
                return super().documents(*arguments)

        monkeypatch.setattr("photo_labels.library.importing.importer.TableReader", Failing)

    return fail


def test_given_no_connection_while_labels_are_waited_for_when_it_comes_back_then_it_goes_on(
    disk: Disk, looking: Callable[[Exception, float], None]
) -> None:
    disk.write(*(f"{number}.jpg" for number in range(20)))
    looking(EndpointConnectionError(endpoint_url="https://dynamodb"), 9)
    time = Time()
    ended = disk.run(**time.options())
    assert ended.counts.ends == {End.LABELLED: 20}
    assert time.now > 9


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (EndpointConnectionError(endpoint_url="https://dynamodb"), "run it again later"),
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "BatchGetItem"), "expired"),
    ],
)
def test_given_labels_that_cannot_be_waited_for_when_importing_then_it_stops(
    disk: Disk, looking: Callable[[Exception, float], None], error: Exception, why: str
) -> None:
    disk.write("a.jpg", "b.jpg")
    looking(error, math.inf)
    ended = disk.run(**Time().options())
    assert ended.stop
    assert why in ended.stop.why
    assert set(ended.ends().values()) <= {"uploaded", "not uploaded"}


def test_given_photo_and_its_copy_when_photo_is_replaced_then_copy_gets_place_of_its_own(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "b.jpg", body=b"the same")
    assert disk.run().ends() == {"a.jpg": "labelled", "b.jpg": "labelled"}
    [uploaded] = disk.puts
    [copy] = {"a.jpg", "b.jpg"} - {uploaded}
    disk.write(uploaded, body=b"another, and longer")
    ended = disk.run(is_replacing=True)
    assert ended.ends() == {"a.jpg": "labelled", "b.jpg": "labelled"}
    assert (disk.content(uploaded), disk.content(copy)) == (b"another, and longer", b"the same")


def test_given_link_that_leads_in_circle_when_found_then_it_is_named_and_others_are_imported(
    disk: Disk,
) -> None:
    disk.write("a.jpg")
    (disk.folder / "loop.jpg").symlink_to("loop.jpg")
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled", "loop.jpg": "impossible to upload"}


def test_given_credentials_that_expire_when_importing_then_it_stops_at_once(disk: Disk) -> None:
    disk.write(*(f"{number}.jpg" for number in range(200)))

    def expire(_key: str) -> None:
        if disk.puts.total() >= 3:
            raise refusal("ExpiredToken")

    disk.before_put = expire
    ended = disk.run()
    assert ended.stop
    assert "log in" in ended.stop.why
    assert disk.puts.total() < 3 + MOST


def test_given_s3_asking_to_slow_down_when_importing_then_fewer_are_sent_at_time(
    disk: Disk,
) -> None:
    disk.write(*(f"{number}.jpg" for number in range(30)))
    calls = 0

    def slow_down(_key: str) -> None:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise refusal("SlowDown")

    disk.before_put = slow_down
    assert disk.run().counts.ends == {End.LABELLED: 30}


def test_given_s3_asking_to_slow_down_at_each_request_when_imported_then_it_stops(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "b.jpg")
    time = Time()

    def slow_down(_key: str) -> None:
        time.now += 20
        raise refusal("SlowDown")

    disk.before_put = slow_down
    ended = disk.run(**time.options())
    assert ended.stop
    assert "S3 has taken nothing for 300 s" in ended.stop.why
    assert set(ended.ends().values()) == {"not uploaded"}


def test_given_queues_that_are_not_reached_once_when_waited_for_then_they_are_asked_again(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write("lost.jpg")
    monkeypatch.setattr(Line, "again_at", lambda *_: 1e9)
    calls = 0

    def lose_first(*arguments: Any) -> tuple[int, int]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise EndpointConnectionError(endpoint_url="https://sqs")
        return depth(*arguments)

    monkeypatch.setattr("photo_labels.library.importing.patience.depth", lose_first)
    time = Time()
    ended = disk.run(**time.options(), patience=Patience(empty_s=5.0))
    assert (ended.stop, ended.ends()) == (None, {"lost.jpg": "unaccounted for"})
    assert time.now < 20


def test_given_an_import_that_runs_when_another_begins_then_a_sentence_says_so(disk: Disk) -> None:
    disk.write("a.jpg")
    with Journal(disk.journal_path) as journal:
        journal.begin()
        with pytest.raises(UserError, match="another import"):
            disk.run()


@pytest.mark.parametrize("name", ["no-database", "no-database/journal", "folder"])
def test_given_a_journal_that_cannot_be_used_when_opened_then_a_sentence_says_what_to_do(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "no-database").write_bytes(b"this is no database, " * 1000)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="delete it"):
        Journal(tmp_path / name)


def test_given_a_disk_that_is_full_when_importing_then_a_sentence_says_so(
    disk: Disk, runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    disk.write("a.jpg")
    monkeypatch.setattr(Journal, "uploaded", full)
    ended = runner(disk.folder)
    assert isinstance(ended.exception, UserError)
    assert "disk is full" in str(ended.exception)


OVER = [
    refusal("ExpiredToken"),
    UnauthorizedSSOTokenError(),
    CredentialRetrievalError(provider="custom-process", error_msg="gone"),
]


@pytest.mark.parametrize("error", OVER, ids=str)
@pytest.mark.parametrize("operation", ["PutObject", "HeadObject", "BatchGetItem", "GetQueueAttributes"])
def test_given_credentials_that_end_on_way_when_imported_then_every_file_has_end(
    disk: Disk, runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, operation: str, error: Exception
) -> None:
    disk.target.client("s3").put_object(Bucket=BUCKET, Key="taken.jpg", Body=b"of somebody else")
    disk.write("a.jpg", "b.jpg", "lost.jpg", "taken.jpg")
    make, is_over = vars(BaseClient)["_make_api_call"], True

    def call(client: Any, name: str, parameters: Any) -> Any:
        if name == operation and is_over and threading.current_thread().name != PLAYING:
            raise error
        return make(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    impatient = partial(Importer, patience=Patience(empty_s=0.0))
    monkeypatch.setattr("photo_labels.commands.import_.Importer", impatient)
    ended = runner(disk.folder, "--json")
    *lines, sums = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.exit_code == 3
    assert "log in and run it again" in " ".join(ended.stderr.split())
    assert len(lines) == 4 == sum(sums["ends"].values())
    assert all(line["end"] for line in lines)
    is_over = False
    monkeypatch.setattr("photo_labels.commands.import_.Importer", Importer)
    (disk.folder / "lost.jpg").unlink()
    (disk.folder / "taken.jpg").unlink()
    assert runner(disk.folder).exit_code == 0


def test_given_json_when_imported_then_the_sum_tells_what_was_left_alone(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg", "notes.txt", "b.TXT", "c.jpg", ".hidden.jpg", ".thumbnails/b.jpg")
    for options in ([], ["--dry-run"]):
        ended = runner(disk.folder, "--json", "--exclude", "c.*", *options)
        sums = json.loads(ended.stdout.splitlines()[-1])
        assert sums["left_alone"] == {"by name no photo": 3, "not included, or excluded": 1}
        assert sums["skipped"] == [
            {"suffix": ".txt", "files": 2, "why": "a document"},
            {"suffix": ".jpg", "files": 1, "why": "hidden"},
            {"suffix": ".jpg", "files": 1, "why": "left out by --exclude"},
        ]
        assert sums["folders_left_alone"] == {".thumbnails": 1}
        assert sums["skipped_folders"] == [{"name": ".thumbnails", "folders": 1, "why": "hidden"}]
        assert "4 files skipped: .txt 2 (a document), .jpg 1 (hidden)" in " ".join(ended.stderr.split())


class Room:
    """Room for some photos."""

    def __init__(self, left: int) -> None:
        self._left = left

    def take(self, messages: int) -> None:
        self._left -= messages
        if self._left < 0:
            raise NoRoomError("No more may wait: run it again later.")


def test_given_room_for_some_when_imported_then_those_are_and_the_same_import_later_does_the_rest(
    disk: Disk,
) -> None:
    disk.write(*(f"{number}.jpg" for number in range(10)))
    ended = disk.run(room=Room(4), is_waiting=False)
    assert ended.stop
    assert ended.stop.why == "No more may wait: run it again later."
    assert sum(disk.puts.values()) == 4
    later = disk.run(room=Room(10), is_waiting=False)
    assert later.stop is None
    assert set(disk.puts) == {f"{number}.jpg" for number in range(10)}
    assert set(disk.puts.values()) == {1}
