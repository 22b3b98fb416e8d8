"""`photos import`, on moto's S3, SQS and DynamoDB: what is found has an end, and nothing is uploaded twice."""

from __future__ import annotations

import io
import json
import math
import os
import sqlite3
import subprocess
import threading
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    EndpointConnectionError,
    UnauthorizedSSOTokenError,
)
from click.testing import CliRunner
from rich.console import Console

from photo_labels import cli
from photo_labels.commands import import_
from photo_labels.commands.import_ import ImportOptions, run_import
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.importer import PATIENCE_S, Importer, ImportProgress
from photo_labels.library.importing.journal import End, Journal
from photo_labels.library.importing.pace import MOST, Pace
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from tests.unit.deployed import BUCKET, document, store
from tests.unit.played import PLAYING

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.records.documents import Document
    from tests.unit.disk import Disk

HOSTILE = ["a b+c%.jpg", "ünï/日本.PNG", "[bold]not[/bold].jpg", "line\nbreak.jpg", "esc\x1b[31m.jpeg"]


class Killed(BaseException):
    """In the place of a signal."""


class Time:
    """A clock that goes on only when the import pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def options(self) -> dict[str, Any]:
        return {"clock": lambda: self.now, "pause": self.pause}

    def pause(self, seconds: float) -> None:
        self.now += seconds


def refusal(code: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(answer, "PutObject")


# What is found


def test_given_photos_with_hostile_names_when_imported_then_each_is_labelled_under_its_own_key(disk: Disk) -> None:
    disk.write(*HOSTILE)
    ended = disk.run()
    assert ended.counts.ends == {End.LABELLED: len(HOSTILE)}
    assert {file.content_key for file in ended.files.values()} == set(HOSTILE)


def test_given_a_folder_of_everything_when_imported_then_the_numbers_add_up(disk: Disk) -> None:
    disk.write(
        "good.jpg",
        "bad.png",
        "sub/deep/good.heic",
        "notes.txt",
        ".hidden.jpg",
        "x" * 200 + "/" + "y" * 200 + ".jpg",
    )
    disk.write("empty.jpg", body=b"")
    (disk.folder / "gone.jpg").symlink_to(disk.folder / "nowhere")
    (disk.folder / "linked.jpg").symlink_to(disk.folder / "good.jpg")
    (disk.folder / "around").symlink_to(disk.folder)
    os.mkfifo(disk.folder / "pipe.jpg")
    (disk.folder / "/".join(["d" * 204] * 5)).mkdir(parents=True)
    disk.write("/".join(["d" * 204] * 5) + "/long.jpg")
    (disk.folder / os.fsdecode(b"latin-\xe9.jpg")).write_bytes(b"a name of another time")
    ended = disk.run()
    assert ended.counts.ends == {End.LABELLED: 4, End.REJECTED: 1, End.NOT_UPLOADED: 6}
    assert ended.counts.copies == 1
    assert "11 photos = 4 labelled + 1 rejected + 6 not uploaded" in ended.told
    assert "1 with the content of another" in ended.told
    assert "2 other files left alone, by name no photo" in ended.told
    for why in (
        "Bad: It is.",
        "It is a link to nothing.",
        "It is a link to a folder: name that folder",
        "It is empty (0 bytes).",
        "It is no file.",
        "S3 takes 1,024: shorten its path.",
        "Its name is not valid UTF-8: rename it.",
    ):
        assert why in ended.told


def test_given_folders_of_the_system_when_imported_then_nobody_looks_into_them_and_they_are_named(
    disk: Disk,
) -> None:
    folders = [".thumbnails", "a/.Trash-1000", "b/@eaDir", "c/@eaDir", "lost+found", "$RECYCLE.BIN", "#recycle"]
    disk.write("a.jpg", *(f"{folder}/deleted.jpg" for folder in folders))
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled"}
    assert "7 folders left alone, hidden or a system's own: " in ended.told
    assert "@eaDir (2)" in ended.told
    assert disk.run(paths=[disk.folder / ".thumbnails"]).ends() == {"deleted.jpg": "labelled"}


def test_given_folders_nested_deeper_than_calls_may_be_when_imported_then_they_are_gone_through(
    disk: Disk,
) -> None:
    here = os.open(disk.folder, os.O_RDONLY)
    for depth in range(1_100):
        if depth == 400:
            os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(os.open("deep.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    disk.write("b.jpg")
    try:
        assert disk.run().ends() == {"a.jpg": "not uploaded", "b.jpg": "labelled", "deep.jpg": "not uploaded"}
    finally:  # Python's own rmtree, with which pytest tidies up, is not up to it
        subprocess.run(["rm", "-rf", disk.folder / "d"], check=True)


@pytest.mark.parametrize("year", [1960, 2300])
def test_given_a_time_of_change_beyond_all_reason_when_imported_then_it_is_labelled_and_known(
    disk: Disk, year: int
) -> None:
    disk.write("a.jpg")
    seconds = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    os.utime(disk.folder / "a.jpg", (seconds, seconds))
    for _ in range(2):
        assert disk.run().ends() == {"a.jpg": "labelled"}
    assert disk.puts == {"a.jpg": 1}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("typed", ["NFC", "NFD"])
def test_given_accents_composed_or_not_when_imported_then_patterns_and_prefix_mean_the_same(
    disk: Disk, form: Any, typed: Any
) -> None:
    name = unicodedata.normalize(form, "Privé/é.jpg")
    disk.write(name, "a.jpg")
    pattern = unicodedata.normalize(typed, "Privé/*")
    assert disk.run(finder=PhotoFinder("", exclude=(pattern,))).ends() == {"a.jpg": "labelled"}
    finder = PhotoFinder(unicodedata.normalize(typed, "é/"), include=(pattern,))
    [file] = disk.run(finder=finder).files.values()
    assert file.key == "é/Privé/é.jpg"


def test_given_a_folder_that_cannot_be_read_when_imported_then_it_is_named_and_others_are_imported(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write("a.jpg", "closed/b.jpg")
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled", "closed": "not uploaded"}
    assert "The folder cannot be read: Permission denied." in ended.told


def test_given_patterns_when_imported_then_only_what_they_let_through(disk: Disk) -> None:
    disk.write("2019/a.jpg", "2019/raw/b.jpg", "2020/c.png", "2020/d.jpg")
    finder = PhotoFinder("", include=("2019/*", "*.png"), exclude=("*/raw/*",))
    assert disk.run(finder=finder).ends() == {"a.jpg": "labelled", "c.png": "labelled"}
    assert finder.left_alone == {"not included, or excluded": 2}


def test_given_files_and_folders_and_a_prefix_when_imported_then_keys_are_below_it(disk: Disk) -> None:
    disk.write("one/a.jpg", "b.jpg")
    ended = disk.run(finder=PhotoFinder("in/"), paths=[disk.folder / "one", disk.folder / "b.jpg"])
    assert {file.key for file in ended.files.values()} == {"in/a.jpg", "in/b.jpg"}


def test_given_names_that_collide_when_composed_then_the_second_is_named_with_the_first(disk: Disk) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD"))
    disk.write(composed, decomposed)
    ended = disk.run()
    assert sorted(ended.ends().values()) == ["labelled", "not uploaded"]
    assert disk.puts == {composed: 1}
    assert "another --prefix" in ended.told


# Nothing twice


def test_given_a_second_run_when_nothing_has_changed_then_no_file_is_read_and_nothing_is_sent(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.write("a.jpg", "bad.jpg")
    first = disk.run()
    monkeypatch.setattr(Path, "open", None)
    second = disk.run()
    assert first.ends() == second.ends() == {"a.jpg": "labelled", "bad.jpg": "rejected"}
    assert disk.puts == {"a.jpg": 1, "bad.jpg": 1}
    assert (second.counts.uploaded, second.counts.there_before) == (0, 2)


def test_given_a_renamed_folder_when_imported_then_only_what_is_new_is_uploaded(disk: Disk) -> None:
    disk.write("old/a.jpg", "old/b.jpg")
    disk.run()
    (disk.folder / "old").rename(disk.folder / "new")
    disk.write("new/c.jpg")
    ended = disk.run()
    assert set(ended.ends().values()) == {"labelled"}
    assert disk.puts == {"old/a.jpg": 1, "old/b.jpg": 1, "new/c.jpg": 1}


def test_given_a_changed_file_when_imported_again_then_it_is_named_and_replaces_what_it_was_when_asked_to(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "b.jpg")
    disk.run()
    disk.write("a.jpg", body=b"edited")
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "not uploaded", "b.jpg": "labelled"}
    assert "or of this one before it changed" in ended.told
    assert disk.content("a.jpg") == b"a.jpg"
    assert disk.run(is_replacing=True).ends() == {"a.jpg": "labelled", "b.jpg": "labelled"}
    assert disk.puts == {"a.jpg": 2, "b.jpg": 1}
    assert disk.content("a.jpg") == b"edited"


def test_given_a_file_whose_name_is_taken_when_it_has_a_copy_then_the_copy_is_uploaded(disk: Disk) -> None:
    disk.target.client("s3").put_object(Bucket=BUCKET, Key="a.jpg", Body=b"of somebody else")
    disk.write("a.jpg", "copy.jpg", body=b"the same")
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled", "copy.jpg": "labelled"}
    assert ended.counts.copies == 1
    assert disk.content("a.jpg") == b"of somebody else"


def test_given_a_photo_that_is_there_when_replacing_then_it_is_not_uploaded_and_paid_for_again(disk: Disk) -> None:
    disk.write("a.jpg")
    disk.run()
    disk.journal_path = None
    assert disk.run(is_replacing=True).ends() == {"a.jpg": "labelled"}
    assert disk.puts == {"a.jpg": 1}


def test_given_somebody_who_writes_at_the_same_moment_when_replacing_then_theirs_is_not_replaced_unseen(
    disk: Disk,
) -> None:
    s3 = disk.target.client("s3")
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"first")
    disk.write("a.jpg", body=b"mine")
    looks = 0

    def write(key: str) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:  # the PUT over what was seen
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"theirs")

    disk.before_put = write
    ended = disk.run(is_replacing=True)
    assert ended.ends() == {"a.jpg": "not uploaded"}
    assert "Others write to its key" in ended.told
    assert disk.content("a.jpg") == b"theirs"


def test_given_no_journal_when_imported_again_then_s3_says_what_is_there(disk: Disk) -> None:
    disk.write("a.jpg", "b.jpg")
    disk.run()
    disk.journal_path = None
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled", "b.jpg": "labelled"}
    assert ended.counts.there_before == 2
    assert disk.puts == {"a.jpg": 1, "b.jpg": 1}


def test_given_another_photo_of_that_name_in_the_bucket_when_imported_then_it_is_not_overwritten_unasked(
    disk: Disk,
) -> None:
    s3 = disk.target.client("s3")
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"of somebody else")
    disk.write("a.jpg")
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "not uploaded"}
    assert "--prefix" in ended.told
    assert s3.get_object(Bucket=BUCKET, Key="a.jpg")["Body"].read() == b"of somebody else"
    assert disk.run(is_replacing=True).ends() == {"a.jpg": "labelled"}
    assert s3.get_object(Bucket=BUCKET, Key="a.jpg")["Body"].read() == b"a.jpg"


def test_given_a_photo_that_was_deleted_from_the_bucket_when_imported_again_then_it_is_uploaded_again(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "copy-of-a.jpg", body=b"the same")
    disk.run()
    [key] = disk.puts
    disk.target.client("s3").delete_object(Bucket=BUCKET, Key=key)
    store(disk.target, document(key, {}, status="REMOVED", etag=None))
    assert set(disk.run().ends().values()) == {"labelled"}
    assert disk.puts.total() == 2


def test_given_a_changed_file_that_was_deleted_from_the_bucket_when_imported_again_then_it_is_new(
    disk: Disk,
) -> None:
    disk.write("a.jpg")
    disk.run()
    disk.target.client("s3").delete_object(Bucket=BUCKET, Key="a.jpg")
    disk.write("a.jpg", body=b"edited")
    assert disk.run().ends() == {"a.jpg": "labelled"}


@pytest.mark.parametrize("moment", ["before_put", "after_put"])
@pytest.mark.parametrize("at", range(1, 6))
def test_given_a_kill_at_any_upload_when_run_again_then_nothing_is_uploaded_twice_and_nothing_is_missing(
    disk: Disk, moment: str, at: int
) -> None:
    disk.write(*(f"{number}.jpg" for number in range(5)))
    disk.write("copy.jpg", body=b"0.jpg")
    calls, is_killed = 0, False

    def kill(_key: str) -> None:
        nonlocal calls, is_killed
        calls += 1
        is_killed = is_killed or calls >= at
        is_dead(_key)

    def is_dead(_key: str) -> None:
        if is_killed:  # nothing goes on
            raise Killed

    disk.before_put = is_dead
    setattr(disk, moment, kill)
    with pytest.raises(Killed):
        disk.run()
    disk.before_put = disk.after_put = lambda _key: None
    ended = disk.run()
    assert set(ended.ends().values()) == {"labelled"}
    assert set(disk.puts.values()) == {1}
    assert disk.puts.total() == 5


# What goes wrong


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


def test_given_a_file_that_is_written_to_when_imported_then_it_is_named_and_half_of_it_is_not_uploaded(
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


def test_given_no_news_when_the_queue_is_empty_then_a_photo_is_unaccounted_for_with_where_to_look(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "lost.jpg")
    time, held = (
        Time(),
        disk.target.client("sqs").send_message(QueueUrl=disk.target.outputs.labelling.queue_url, MessageBody="{}"),
    )
    assert held

    def empty_the_queue_later(_progress: ImportProgress) -> None:
        if time.now > 3 * PATIENCE_S:
            sqs = disk.target.client("sqs")
            for message in sqs.receive_message(QueueUrl=disk.target.outputs.labelling.queue_url).get(
                "Messages", []
            ):
                sqs.delete_message(
                    QueueUrl=disk.target.outputs.labelling.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )

    ended = disk.run(**time.options(), on_progress=empty_the_queue_later)
    assert time.now > 3 * PATIENCE_S
    assert ended.ends() == {"a.jpg": "labelled", "lost.jpg": "unaccounted for"}
    assert "/aws/lambda/label" in ended.files["lost.jpg"].why


def test_given_a_photo_that_is_deleted_while_it_is_waited_for_then_it_is_said(disk: Disk) -> None:
    disk.write("lost.jpg")

    def delete(key: str) -> None:
        disk.target.client("s3").delete_object(Bucket=BUCKET, Key=key)
        store(disk.target, document(key, {}, status="REMOVED", etag=None))

    disk.after_put = delete
    assert disk.run().ends() == {"lost.jpg": "removed meanwhile"}


def test_given_an_older_photo_of_that_name_when_imported_then_its_labels_are_not_taken_for_the_new_ones(
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
def test_given_labels_that_cannot_be_waited_for_when_importing_then_it_stops_and_every_file_has_an_end(
    disk: Disk, looking: Callable[[Exception, float], None], error: Exception, why: str
) -> None:
    disk.write("a.jpg", "b.jpg")
    looking(error, math.inf)
    ended = disk.run(**Time().options())
    assert ended.stop
    assert why in ended.stop.why
    assert set(ended.ends().values()) <= {"uploaded", "not uploaded"}


def test_given_a_photo_and_its_copy_when_the_photo_is_replaced_then_the_copy_gets_a_place_of_its_own(
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


def test_given_a_link_that_leads_in_a_circle_when_found_then_it_is_named_and_the_others_are_imported(
    disk: Disk,
) -> None:
    disk.write("a.jpg")
    (disk.folder / "loop.jpg").symlink_to("loop.jpg")
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "labelled", "loop.jpg": "not uploaded"}


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


def test_given_s3_asking_to_slow_down_when_importing_then_fewer_are_sent_at_a_time_and_none_is_lost(
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
def test_given_credentials_that_end_on_the_way_when_imported_then_every_file_has_an_end_and_another_run_goes_on(
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
    monkeypatch.setattr("photo_labels.library.importing.importer.PATIENCE_S", 0.0)
    ended = runner(disk.folder, "--json")
    *lines, sums = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.exit_code == 3
    assert "log in and run it again" in " ".join(ended.stderr.split())
    assert len(lines) == 4 == sum(sums["ends"].values())
    assert all(line["end"] for line in lines)
    is_over = False
    monkeypatch.setattr("photo_labels.library.importing.importer.PATIENCE_S", PATIENCE_S)
    (disk.folder / "lost.jpg").unlink()
    (disk.folder / "taken.jpg").unlink()
    assert runner(disk.folder).exit_code == 0


def test_given_json_when_imported_then_the_sum_tells_what_was_left_alone(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg", "notes.txt", ".thumbnails/b.jpg")
    for options in ([], ["--dry-run"]):
        sums = json.loads(runner(disk.folder, "--json", *options).stdout.splitlines()[-1])
        assert sums["left_alone"] == {"by name no photo": 1}
        assert sums["folders_left_alone"] == {".thumbnails": 1}


# The pace


def rate_with(capacity: Callable[[int], float], seconds: int) -> Pace:
    """Let time pass for a pace, while S3 does so many a second with so many at a time."""
    now = 0.0
    pace = Pace(lambda: now)
    while now < seconds:
        now += 1 / capacity(pace.at_a_time)
        pace.done()
    return pace


def test_given_more_at_a_time_being_faster_when_paced_then_as_many_as_there_may_be() -> None:
    assert rate_with(lambda at_a_time: at_a_time * 20.0, 30).at_a_time == MOST


def test_given_more_at_a_time_being_no_faster_when_paced_then_about_as_many_as_at_first() -> None:
    assert rate_with(lambda _: 200.0, 60).at_a_time <= 12


def test_given_a_request_to_slow_down_when_paced_then_half_as_many_at_once() -> None:
    pace = rate_with(lambda at_a_time: at_a_time * 20.0, 30)
    pace.slow_down()
    assert pace.at_a_time == MOST // 2


# The command


@pytest.fixture
def runner(disk: Disk, someone: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    monkeypatch.setattr(cli, "aws_target", lambda *_: disk.target)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return lambda *arguments, **options: CliRunner().invoke(
        cli.photos, ["import", *map(str, arguments)], **options
    )


def test_given_json_when_imported_then_each_file_has_a_line_and_the_sum_adds_up(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg", "bad.jpg", *HOSTILE)
    ended = runner(disk.folder, "--json")
    *lines, sums = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.exit_code == 1
    assert {(Path(line["path"]).name, line["end"]) for line in lines} >= {
        ("a.jpg", "labelled"),
        ("bad.jpg", "rejected"),
    }
    assert sums["files"] == len(lines) == sum(sums["ends"].values()) == 2 + len(HOSTILE)
    assert [line["why"] for line in lines if line["end"] == "rejected"] == ["Bad: It is."]


@pytest.mark.parametrize(
    ("names", "code"),
    [(["a.jpg"], 0), (["a.jpg", "bad.jpg"], 1), (["a.jpg", "bad.jpg", "\u00e9.jpg", "e\u0301.jpg"], 3)],
)
def test_given_an_end_when_imported_then_the_exit_code_says_which(
    disk: Disk, runner: Callable[..., Any], names: list[str], code: int
) -> None:
    disk.write(*names)
    assert runner(disk.folder).exit_code == code


def test_given_a_dry_run_when_imported_then_the_cost_is_said_and_nothing_sent(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write(*(f"{number}.jpg" for number in range(1000)))
    ended = runner(disk.folder, "--dry-run")
    assert ended.exit_code == 0
    assert "1,000 photos, 1,000 to upload" in ended.output
    assert "1,000 photos = 1,000 to upload" in ended.output
    assert "1.02 USD" in ended.output
    assert not disk.puts


def test_given_a_cost_above_a_dollar_when_not_agreed_to_then_nothing_is_sent(
    disk: Disk, runner: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_, "USD_A_PHOTO", 0.6)
    disk.write("a.jpg", "b.jpg")
    assert runner(disk.folder, input="n\n").exit_code == 1
    assert disk.target.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert runner(disk.folder, input="y\n").exit_code == 0
    disk.write("c.jpg", "d.jpg")
    assert runner(disk.folder, "--yes").exit_code == 0


def test_given_no_wait_when_imported_then_all_are_uploaded_and_the_next_run_waits(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg")
    ended = runner(disk.folder, "--no-wait")
    assert (ended.exit_code, "1 uploaded" in ended.output) == (0, True)
    assert "1 labelled" in runner(disk.folder).output


@pytest.mark.parametrize("name", ["missing", "file.txt", "empty", "without"])
def test_given_nothing_to_import_when_asked_then_one_sentence_names_it(disk: Disk, name: str) -> None:
    (disk.folder / "empty").mkdir()
    disk.write("file.txt", "without/notes.txt")
    with pytest.raises(UserError, match=name):
        run_import(disk.target, ImportOptions((disk.folder / name,)), Console(file=io.StringIO()))
