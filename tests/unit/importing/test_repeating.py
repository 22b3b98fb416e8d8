"""What was uploaded once is not uploaded twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from photo_labels.records.heads import head_of
from tests.unit.deployed import BUCKET, document, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.disk import Disk

from tests.unit.importing.shared import Killed


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


def test_given_changed_file_when_imported_again_then_it_is_named(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "b.jpg")
    disk.run()
    disk.write("a.jpg", body=b"edited")
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "impossible to upload", "b.jpg": "labelled"}
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


def test_given_a_write_at_the_same_moment_when_replacing_then_it_is_not_replaced_unseen(
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


def test_given_another_photo_of_that_name_when_imported_then_it_is_not_overwritten_unasked(
    disk: Disk,
) -> None:
    s3 = disk.target.client("s3")
    s3.put_object(Bucket=BUCKET, Key="a.jpg", Body=b"of somebody else")
    disk.write("a.jpg")
    ended = disk.run()
    assert ended.ends() == {"a.jpg": "impossible to upload"}
    assert "--prefix" in ended.told
    assert s3.get_object(Bucket=BUCKET, Key="a.jpg")["Body"].read() == b"of somebody else"
    assert disk.run(is_replacing=True).ends() == {"a.jpg": "labelled"}
    assert s3.get_object(Bucket=BUCKET, Key="a.jpg")["Body"].read() == b"a.jpg"


def test_given_photo_deleted_from_bucket_when_imported_again_then_it_is_uploaded_again(
    disk: Disk,
) -> None:
    disk.write("a.jpg", "copy-of-a.jpg", body=b"the same")
    disk.run()
    [key] = disk.puts
    disk.target.client("s3").delete_object(Bucket=BUCKET, Key=key)
    store(disk.target, document(key, {}, status="REMOVED", etag=None))
    assert set(disk.run().ends().values()) == {"labelled"}
    assert disk.puts.total() == 2


@pytest.mark.parametrize("is_known", [True, False])
def test_given_a_purged_photo_still_in_the_bucket_when_imported_again_then_it_ends_at_once(
    disk: Disk, is_known: bool
) -> None:
    disk.write("lost.jpg")
    disk.run(is_waiting=False)
    store(disk.target, document("lost.jpg", {}, status="REMOVED", etag=None, purged_at="2999-01-01T00:00:00.999Z"))
    if not is_known and disk.journal_path:
        disk.journal_path.unlink()
    ended = disk.run()
    assert ended.ends() == {"lost.jpg": "purged"}
    assert "`photos backfill --all --force s3://" in ended.told
    assert disk.puts.total() == 1


def test_given_a_photo_uploaded_after_its_purge_when_imported_then_its_labels_are_waited_for(disk: Disk) -> None:
    disk.write("lost.jpg")
    purged_at = "2019-01-01T00:00:00.999Z"
    store(disk.target, document("lost.jpg", {}, status="REMOVED", etag=None, purged_at=purged_at))
    assert disk.run(is_waiting=False).ends() == {"lost.jpg": "uploaded"}
    assert disk.run(is_waiting=False).ends() == {"lost.jpg": "uploaded"}
    assert disk.puts.total() == 1


def test_given_changed_file_that_was_deleted_from_bucket_when_imported_again_then_it_is_new(
    disk: Disk,
) -> None:
    disk.write("a.jpg")
    disk.run()
    disk.target.client("s3").delete_object(Bucket=BUCKET, Key="a.jpg")
    disk.write("a.jpg", body=b"edited")
    assert disk.run().ends() == {"a.jpg": "labelled"}


@pytest.mark.parametrize("moment", ["before_put", "after_put"])
@pytest.mark.parametrize("at", range(1, 6))
def test_given_kill_at_any_upload_when_run_again_then_nothing_is_uploaded_twice(
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


def test_given_uploads_new_and_over_another_when_looked_at_then_each_is_marked_as_bulk(disk: Disk) -> None:
    s3 = disk.target.client("s3")
    for key, body in (("same.jpg", b"same.jpg"), ("other.jpg", b"of somebody else")):
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    disk.write("new.jpg", "same.jpg", "other.jpg")
    assert set(disk.run(is_replacing=True).ends().values()) == {"labelled"}
    marked = {
        key: head_of(s3.head_object(Bucket=BUCKET, Key=f"{key}.jpg")).is_bulk for key in ("new", "same", "other")
    }
    assert marked == {"new": True, "same": False, "other": True}


def test_given_photos_gone_from_the_bucket_when_imported_then_the_plan_counts_them_and_the_dry_run_does(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg", "b.jpg", "c.jpg")
    assert runner(disk.folder).exit_code == 0
    assert "3 photos, none to upload" in runner(disk.folder).output
    for key in ("a.jpg", "b.jpg"):
        disk.target.client("s3").delete_object(Bucket=BUCKET, Key=key)
        store(disk.target, document(key, {}, status="REMOVED", etag=None))
    dry = runner(disk.folder, "--dry-run").output
    assert "3 photos, 2 to upload, 10 bytes" in dry
    assert "3 photos = 1 labelled + 2 to upload" in dry
    again = runner(disk.folder).output
    assert "3 photos, up to 2 to upload, 10 bytes" in again
    assert "3 photos = 3 labelled" in again


def test_given_copies_and_what_is_there_when_run_dry_then_it_says_how_many_are_uploaded(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("there.jpg", body=b"same")
    assert runner(disk.folder).exit_code == 0
    disk.write("copy of it.jpg", body=b"same")
    disk.write("x.jpg", "y.jpg", body=b"new")
    dry = " ".join(runner(disk.folder, "--dry-run").output.split())
    assert "4 photos, 1 to upload" in dry
    assert "4 photos = 1 labelled + 1 to upload + 1 with the content of another + 1 in the bucket already" in dry
    assert "later what became of" not in dry
    before = disk.target.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]
    assert "4 photos = 4 labelled" in runner(disk.folder).output
    assert disk.target.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == before + 1


def test_given_an_edited_photo_with_a_copy_when_replacing_then_the_plan_counts_the_copy(
    disk: Disk, runner: Callable[..., Any]
) -> None:
    disk.write("a.jpg", "copy.jpg", body=b"same")
    assert runner(disk.folder).exit_code == 0
    disk.write("a.jpg", body=b"edited")
    assert "2 photos, up to 2 to upload" in runner(disk.folder, "--replace").output
    keys = disk.target.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert [one["Key"] for one in keys] == ["a.jpg", "copy.jpg"]
