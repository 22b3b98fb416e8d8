"""The saved documents of a library: whatever ends a write, or damages the file, what is whole is read."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.document_log import DocumentLog
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.integers(0, 2**70)), max_size=12)
FUNCTION_SCOPED = [HealthCheck.function_scoped_fixture]


def item(image: str, sequencer: int = 1) -> dict[str, Any]:
    return {"ImageID": {"S": image}, "Sequencer": {"S": f"{sequencer:018X}".rstrip("0") or "0"}}


def changed(changes: list[tuple[str, int | None]]) -> list[tuple[str, dict[str, Any] | None]]:
    return [(name, None if number is None else item(name, number)) for name, number in changes]


def read(path: Path) -> dict[str, dict[str, Any]]:
    log = DocumentLog(path)
    return {one["ImageID"]["S"]: one for one in log.items(log.read())}


@settings(max_examples=100, deadline=None, suppress_health_check=FUNCTION_SCOPED)
@given(sessions=st.lists(CHANGES, max_size=4))
def test_given_any_changes_when_read_then_of_each_photo_the_last_one_is_there_in_every_session(
    tmp_path: Path, sessions: list[list[tuple[str, int | None]]]
) -> None:
    path = tmp_path / "documents.log"
    path.unlink(missing_ok=True)
    expected: dict[str, Any] = {}
    for changes in sessions:
        log = DocumentLog(path)
        saved = log.read()
        assert {one["ImageID"]["S"]: one for one in log.items(saved)} == expected
        assert saved.was_closed == log.was_closed() == path.exists()
        assert saved.damaged == 0
        log.open()
        assert not log.was_closed()
        log.save(changed(changes))
        for name, new in changed(changes):
            expected.pop(name, None)
            if new:
                expected[name] = new
        log.close()
    assert read(path) == expected
    numbers = [int(one["Sequencer"]["S"].ljust(18, "0"), 16) for one in expected.values()]
    assert DocumentLog(path).read().greatest_sequencer == max(numbers, default=0)


@settings(max_examples=200, deadline=None, suppress_health_check=FUNCTION_SCOPED)
@given(data=st.data())
def test_given_a_file_that_is_cut_off_or_damaged_when_read_then_all_other_lines_are_there(
    tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "documents.log"
    path.unlink(missing_ok=True)
    log = DocumentLog(path)
    log.open()
    names = [f"bucket/{number}.jpg" for number in range(5)]
    log.save((name, item(name)) for name in names)
    log.close()
    lines = path.read_bytes().splitlines(keepends=True)
    whole = b"".join(lines)
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        damaged = whole[:place]
    else:
        damaged = whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
    path.write_bytes(damaged)
    kept = [name for name, line in zip(names, lines[1:-1], strict=True) if b"\n" + line in b"\n" + damaged]
    again = DocumentLog(path)
    saved = again.read()
    assert list(saved.offsets) == kept
    again.open()
    again.save([("bucket/new.jpg", item("bucket/new.jpg"))])
    again.close()
    assert list(read(path)) == [*kept, "bucket/new.jpg"]


def test_given_a_file_of_zeros_when_read_then_nothing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "documents.log"
    path.write_bytes(b"\0" * 4096)
    assert read(path) == {}
    assert not DocumentLog(path).was_closed()


@pytest.fixture
def full_after(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list whose number is how many bytes the disk takes; without one it takes all."""
    room: list[int] = []
    write = os.write

    def limited(file: int, content: bytes) -> int:
        if not room:
            return write(file, content)
        if not room[0]:
            raise OSError(28, "No space left on device")
        taken = write(file, bytes(content)[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(os, "write", limited)
    return room


@pytest.mark.parametrize("room", [0, 1, 60])
def test_given_a_full_disk_when_saved_then_what_was_there_stays_and_the_next_save_writes_all(
    tmp_path: Path, full_after: list[int], room: int
) -> None:
    path = tmp_path / "documents.log"
    log = DocumentLog(path)
    log.open()
    log.save([("bucket/a.jpg", item("bucket/a.jpg"))])
    before = path.read_bytes()
    full_after.append(room)
    for name in ("bucket/b.jpg", "bucket/c.jpg"):
        with pytest.raises(UserError, match=r"No space left on device.*make room"):
            log.save([(name, item(name))])
        assert path.read_bytes() == before
        full_after[0] = 0
    full_after.clear()
    log.save([])
    log.close()
    assert list(read(path)) == ["bucket/a.jpg", "bucket/b.jpg", "bucket/c.jpg"]


def test_given_binary_attributes_of_somebody_else_when_saved_then_they_are_as_dynamodbs_json_has_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "documents.log"
    own = {"Hash": {"B": b"\0\xff"}, "Some": {"L": [{"BS": [b"a", b"b"]}]}}
    DocumentLog(path).save([("bucket/a.jpg", item("bucket/a.jpg") | own)])
    saved = read(path)["bucket/a.jpg"]
    assert (saved["Hash"], saved["Some"]) == ({"B": "AP8="}, {"L": [{"BS": ["YQ==", "Yg=="]}]})


def test_given_a_full_disk_when_it_would_be_written_anew_then_it_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "documents.log"
    log = DocumentLog(path)
    log.save([("bucket/a.jpg", item("bucket/a.jpg")), ("bucket/a.jpg", item("bucket/a.jpg", 2))])
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="make room"):
            DocumentLog(path).read()
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
    assert read(path) == {"bucket/a.jpg": item("bucket/a.jpg", 2)}


def test_given_a_log_when_written_then_it_is_its_users_alone_and_no_link_is_followed(tmp_path: Path) -> None:
    path, diary = tmp_path / "documents.log", tmp_path / "diary"
    log = DocumentLog(path)
    log.save([("bucket/a.jpg", item("bucket/a.jpg")), ("bucket/a.jpg", None)])
    log.read()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    diary.write_text("a diary")
    path.unlink()
    path.symlink_to(diary)
    with pytest.raises(UserError):
        log.open()
    assert diary.read_text() == "a diary"
