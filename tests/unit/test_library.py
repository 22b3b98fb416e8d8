"""The folder of a library: nothing else is taken for one, and nothing takes it for a folder to be emptied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from botocore.exceptions import ClientError

from local import commands
from local.document_log import DocumentLog, Saved
from local.document_saver import DocumentSaver
from local.library import FORMAT, Library
from local.opening import opening_text
from local.state import MARK, InUseError, Running, State
from photo_labels.library import target as targets
from photo_labels.library.auditing.findings import Audit, Finding
from photo_labels.library.state_files import state_path
from photo_labels.library.user_errors import UserError
from tests.unit.test_local_state import SOMEBODY_ELSES, content

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[2]


def kept(folder: Path) -> Library:
    """Make a library with a photo."""
    library = Library(folder)
    with library.held() as is_new:
        assert is_new
        library.photos.mkdir()
        (library.photos / "cat.jpg").write_bytes(b"the only copy")
    return library


# A link to an empty place is a place for a library; one that leads nowhere is refused by name.
@pytest.mark.parametrize("make", [one for one in SOMEBODY_ELSES if "link_to_nothing" not in one.__name__])
def test_given_what_is_no_library_when_held_or_checked_then_it_is_refused_and_nothing_is_touched(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folder = tmp_path / "my.photos"
    make(folder)
    before = content(folder)
    with pytest.raises(UserError, match="name"), Library(folder).held():
        raise AssertionError
    with pytest.raises(UserError, match="LIBRARY"):
        commands.up("", str(folder))
    assert content(folder) == before


def test_given_a_folder_of_a_local_cloud_when_it_is_to_be_a_library_then_it_is_refused(tmp_path: Path) -> None:
    with State(tmp_path / "cloud").held():
        pass
    with pytest.raises(UserError, match="is no library"), Library(tmp_path / "cloud").held():
        raise AssertionError


def test_given_a_library_when_a_local_cloud_is_to_be_kept_in_it_then_nothing_in_it_is_emptied(
    tmp_path: Path,
) -> None:
    library = kept(tmp_path / "library")
    before = content(library.folder)
    with pytest.raises(UserError, match="PHOTOS_LOCAL_STATE"), State(library.folder).held():
        raise AssertionError
    assert content(library.folder) == before
    with library.held():
        assert not State(library.folder).is_held()


def test_given_a_library_when_held_again_also_elsewhere_then_it_has_what_it_had(tmp_path: Path) -> None:
    kept(tmp_path / "library")
    (tmp_path / "library").rename(tmp_path / "moved")
    library = Library(tmp_path / "moved")
    library.check()
    with library.held() as is_new:
        assert not is_new
        assert (library.photos / "cat.jpg").read_bytes() == b"the only copy"
        with pytest.raises(InUseError, match="in use by another local cloud"), Library(library.folder).held():
            raise AssertionError


def test_given_a_library_of_a_newer_format_when_opened_then_a_sentence_says_so_and_it_is_left_alone(
    tmp_path: Path,
) -> None:
    library = kept(tmp_path / "library")
    mark = library.folder / MARK
    mark.write_text(mark.read_text().replace(f"format {FORMAT}", f"format {FORMAT + 1}"))
    before = content(library.folder)
    with pytest.raises(UserError, match=f"newer version of photo-labels .*{FORMAT + 1}.*reads {FORMAT}"):
        library.check()
    with pytest.raises(UserError, match="newer version"), library.held():
        raise AssertionError
    assert content(library.folder) == before


def test_given_a_mark_that_was_not_written_when_held_then_the_library_is_made(tmp_path: Path) -> None:
    (tmp_path / MARK).touch()
    with Library(tmp_path).held() as is_new:
        assert is_new
    with Library(tmp_path).held() as is_new:
        assert not is_new


def test_given_a_folder_that_cannot_be_read_when_named_then_a_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)  # root may read everything
    with pytest.raises(UserError, match=r"No library can be kept in .*Permission denied"):
        commands.up("", str(tmp_path))


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("", "LIBRARY=: name a folder"),
        (".local/library", "are emptied at times"),
        ("build", "are emptied at times"),
        (str(REPOSITORY / "library"), "are emptied at times"),
        (str(targets.LOCAL_STATE / "library"), "are emptied at times"),
        ("/", "is no library"),
        ("/dev/null", "is no folder"),
        ("/" + "x" * 300, "File name too long"),
    ],
    ids=["empty", "local", "build", "checkout", "state", "root", "device", "long"],
)
def test_given_a_place_that_is_none_for_photos_when_named_then_it_is_refused_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, folder: str, why: str
) -> None:
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(UserError, match=why):
        commands.up("", folder)
    assert not (REPOSITORY / "library").exists()


@pytest.mark.parametrize("name", ["-x", "two  words", "写真 é", "[bold]%s", "a\nline", "~tilde", "../up", "link"])
def test_given_a_name_of_any_kind_when_named_then_the_folder_is_meant_wherever_make_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = commands._library(name).folder
    expected = {"../up": tmp_path / "up", "link": tmp_path / "real"}.get(name, tmp_path / "here" / name)
    assert found == expected
    assert commands._library("~/Photo library").folder == tmp_path / "Photo library"


def test_given_a_cloud_with_a_library_when_commands_keep_what_they_know_then_it_is_in_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Local:
        is_local = True

    monkeypatch.setattr(targets, "LOCAL_STATE", tmp_path / "cloud")
    target: Any = Local()
    state = State(tmp_path / "cloud")
    with state.held():
        assert state_path(target, "imported.sqlite") == tmp_path / "cloud" / "imported.sqlite"
        state.publish(Running(1, "http://127.0.0.1:1", "http://127.0.0.1:2", "photo-labels", "/photos é"))
        assert state_path(target, "imported.sqlite") == Path("/photos é/imported.sqlite")
        state.publish(Running(1, "http://127.0.0.1:1", "http://127.0.0.1:2", "photo-labels"))
        assert state_path(target, "imported.sqlite") == tmp_path / "cloud" / "imported.sqlite"


@pytest.mark.parametrize(
    ("was_closed", "damaged", "lacking", "said"),
    [
        (True, 0, 0, "The library in /l has 8 photos."),
        (True, 0, 1, "The library in /l has 8 photos. Of them 1 is being labelled, which waited when it stopped."),
        (False, 0, 0, "… It did not end in order the last time: nothing is missing."),
        (False, 3, 2, "… It did not end in order the last time: 2 are being labelled again."),
        (True, 3, 2, "… Some of what is known of them was damaged: 2 are being labelled again."),
    ],
)
def test_given_how_a_library_was_left_when_opened_then_it_is_said(
    was_closed: bool, damaged: int, lacking: int, said: str
) -> None:
    audit = Audit(objects=8)
    audit.found[Finding.NEVER_LABELLED] = lacking
    audit.found[Finding.GONE] = 5
    text = opening_text(Path("/l"), Saved(was_closed=was_closed, damaged=damaged), audit)
    assert text == said.replace("…", "The library in /l has 8 photos.")
    assert opening_text(Path("/l"), None, Audit()) == "The library in /l is new."


class Streams:
    """A stream and its table, of which the first iterator is over."""

    outputs = type("Outputs", (), {"image_labels_table": "ImageLabels"})
    arn = "arn:stream"

    def __init__(self, *images: str) -> None:
        self.records = [
            {"dynamodb": {"Keys": {"ImageID": {"S": image}}, "NewImage": {"ImageID": {"S": image}}}}
            for image in images
        ]
        self.is_over = False

    def client(self, service: str) -> Self:
        assert service in {"dynamodb", "dynamodbstreams"}
        return self

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        assert TableName == "ImageLabels"
        return {"Table": {"LatestStreamArn": self.arn}}

    def describe_stream(self, StreamArn: str) -> Any:  # noqa: N803
        assert StreamArn == self.arn
        return {"StreamDescription": {"Shards": [{"ShardId": "shard"}]}}

    def get_shard_iterator(self, StreamArn: str, ShardId: str, ShardIteratorType: str) -> Any:  # noqa: N803
        assert (StreamArn, ShardId) == (self.arn, "shard")
        return {"ShardIterator": json.dumps({"LATEST": 1, "TRIM_HORIZON": 0}[ShardIteratorType])}

    def get_records(self, ShardIterator: str) -> Any:  # noqa: N803
        if self.is_over:
            self.is_over = False
            raise ClientError({"Error": {"Code": "ExpiredIteratorException", "Message": ""}}, "GetRecords")
        place = json.loads(ShardIterator)
        page = self.records[place : place + 2]
        return {"Records": page, "NextShardIterator": json.dumps(place + len(page))}


@pytest.mark.parametrize(
    ("is_over", "expected"), [(False, ["b", "c", "d", "e"]), (True, ["a", "b", "c", "d", "e"])]
)
def test_given_changes_when_stopped_then_all_are_saved_also_where_the_iterator_is_over(
    tmp_path: Path, is_over: bool, expected: list[str]
) -> None:
    streams: Any = Streams(*"abcde")
    log = DocumentLog(tmp_path / "documents.log")
    saver = DocumentSaver(streams, log)
    assert not log.was_closed()
    streams.is_over = is_over
    saver.stop()
    assert log.was_closed()
    assert list(log.read().offsets) == expected
