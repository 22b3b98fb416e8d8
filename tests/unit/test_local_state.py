"""The folder of a local cloud: what is not ours is never touched, and what is ours is held by one."""

from __future__ import annotations

import json
import stat
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.state import LOG, MARK, InUseError, Running, State
from photo_labels.library.target import STATE_FILE
from photo_labels.library.user_errors import UserError
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUNNING = Running(4711, "http://127.0.0.1:1", "http://127.0.0.1:2", "photo-labels")


def content(folder: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """All that is below a folder, and beside it: what a link points to, what a file holds, and when it changed."""
    found: dict[str, tuple[int, bytes | str | None]] = {}
    for path in sorted(folder.parent.rglob("*")):
        held = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path)] = (path.lstat().st_mtime_ns, held)
    return found


def with_a_photo(folder: Path) -> None:
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"the only copy")


def as_before(folder: Path) -> None:
    """What a local cloud leaves, but for the mark."""
    folder.mkdir()
    for name in (STATE_FILE, LOG, "ministack.log", "s3", "state"):
        (folder / name).write_bytes(b"{}")


def with_a_link_for_a_mark(folder: Path) -> None:
    with_a_photo(folder)
    other = State(folder.with_name("other"))
    with other.held():
        pass
    (folder / MARK).symlink_to(other.folder / MARK)


def with_another_mark(folder: Path) -> None:
    with_a_photo(folder)
    (folder / MARK).write_text("settings of mine")


def with_an_empty_mark(folder: Path) -> None:
    with_a_photo(folder)
    (folder / MARK).touch()


def with_nothing_but_another_mark(folder: Path) -> None:
    folder.mkdir()
    (folder / MARK).write_text("settings of mine")


def with_a_folder_for_a_mark(folder: Path) -> None:
    (folder / MARK).mkdir(parents=True)


def a_file(folder: Path) -> None:
    folder.write_text("a diary")


def a_link_to_photos(folder: Path) -> None:
    with_a_photo(folder.with_name("Pictures"))
    folder.symlink_to(folder.with_name("Pictures"))


def a_link_to_nothing(folder: Path) -> None:
    folder.symlink_to(folder.with_name("nothing"))


def a_link_to_itself(folder: Path) -> None:
    folder.symlink_to(folder)


def below_a_file(folder: Path) -> None:
    folder.symlink_to(folder.with_name("diary") / "cloud")
    folder.with_name("diary").write_text("a diary")


SOMEBODY_ELSES = [
    with_a_photo,
    as_before,
    with_a_link_for_a_mark,
    with_another_mark,
    with_an_empty_mark,
    with_nothing_but_another_mark,
    with_a_folder_for_a_mark,
    a_file,
    a_link_to_photos,
    a_link_to_nothing,
    a_link_to_itself,
    below_a_file,
]


@pytest.mark.parametrize("make", SOMEBODY_ELSES)
def test_given_what_is_not_ours_when_held_then_it_is_refused_and_nothing_is_touched(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folder = tmp_path / "my.photos"
    for suffix in (".log", ".lock", ".new", ".json"):
        folder.with_suffix(suffix).write_text("beside it")
        folder.with_name(folder.name + suffix).write_text("beside it")
    make(folder)
    before = content(folder)
    with pytest.raises(UserError, match="PHOTOS_LOCAL_STATE"), State(folder).held():
        raise AssertionError
    assert content(folder) == before
    with suppress(UserError):  # where it cannot even be seen
        assert not State(folder).is_held()
    assert content(folder) == before


@pytest.mark.parametrize("make", ["new", "below new ones", "empty", "a link to an empty one"])
def test_given_new_or_empty_folder_when_held_then_it_is_marked_and_nothing_is_put_beside_it(
    tmp_path: Path, make: str
) -> None:
    folder = tmp_path / "a" / "b.c" if make == "below new ones" else tmp_path / "b.c"
    if make == "empty":
        folder.mkdir()
    if make == "a link to an empty one":
        (tmp_path / "real").mkdir()
        folder.symlink_to("real")
    beside = {path.name for path in tmp_path.iterdir()} | {"a", "b.c"}
    state = State(folder)
    with state.held():
        state.publish(RUNNING)
        state.open_log().close()
        assert {path.name for path in folder.iterdir()} == {MARK, STATE_FILE, LOG}
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert {path.name for path in tmp_path.iterdir()} <= beside


def test_given_marked_folder_when_held_again_then_it_is_emptied_but_for_its_log(
    tmp_path: Path,
) -> None:
    state, pictures = State(tmp_path / "cloud"), tmp_path / "Pictures"
    with_a_photo(pictures)
    with state.held():
        state.publish(RUNNING)
        state.open_log().close()
        (state.folder / "s3" / "bucket").mkdir(parents=True)
        (state.folder / "s3" / "bucket" / "cat.jpg").touch()
        (state.folder / "s3" / "linked").symlink_to(pictures)
        (state.folder / "linked").symlink_to(pictures)
        (state.folder / "linked.jpg").symlink_to(pictures / "cat.jpg")
    with state.held():
        assert {path.name for path in state.folder.iterdir()} == {MARK, LOG}
        assert state.running() is None
    assert (pictures / "cat.jpg").read_bytes() == b"the only copy"


def test_given_a_log_that_is_a_link_when_started_again_then_what_it_points_to_is_as_it_was(tmp_path: Path) -> None:
    state, diary = State(tmp_path / "cloud"), tmp_path / "diary.log"
    diary.write_text("a diary")
    with state.held():
        (state.folder / LOG).symlink_to(diary)
        with pytest.raises(UserError, match=r"cloud\.log|cannot be kept"):
            state.open_log()
    assert diary.read_text() == "a diary"


def test_given_folder_held_when_another_wants_it_then_it_is_refused_and_nothing_is_removed(
    tmp_path: Path,
) -> None:
    state, other = State(tmp_path / "cloud"), State(tmp_path / "cloud")
    with state.held():
        state.publish(RUNNING)
        assert other.is_held()
        before = content(state.folder)
        with pytest.raises(InUseError, match="running already"), other.held():
            raise AssertionError
        assert content(state.folder) == before
        assert other.running() == RUNNING
    assert not other.is_held()


def test_given_many_at_once_in_a_new_folder_when_held_then_one_has_it_and_the_others_are_told(
    tmp_path: Path,
) -> None:
    ends = list[str]()

    def hold() -> None:
        try:
            with State(tmp_path / "cloud").held():
                ends.append("held")
                eventually(lambda: len(ends) == 16)
        except InUseError:
            ends.append("in use")

    threads = [threading.Thread(target=hold) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["held"] + ["in use"] * 15


def is_whole(value: Any) -> bool:
    kinds = {"pid": int, "endpoint_url": str, "rekognition_url": str, "stack": str}
    return isinstance(value, dict) and all(type(value.get(name)) is kind for name, kind in kinds.items())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*asdict(RUNNING), "other"]), inner),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    damage=st.one_of(
        JSON.filter(lambda value: not is_whole(value)).map(lambda value: json.dumps(value).encode()),
        st.integers(0, len(json.dumps(asdict(RUNNING))) - 1).map(
            lambda length: json.dumps(asdict(RUNNING)).encode()[:length]
        ),
        st.sampled_from([b"\xff\xfe\x00", b"[" * 100_000, b"\0" * 4096]),
    )
)
def test_given_a_damaged_file_when_read_then_a_sentence_says_what_to_do(tmp_path: Path, damage: bytes) -> None:
    tmp_path.joinpath(STATE_FILE).write_bytes(damage)
    with pytest.raises(UserError, match=r"is damaged .* `make down && make up`"):
        State(tmp_path).running()


def test_given_folder_in_files_place_when_read_and_withdrawn_then_it_is_damaged_and_then_gone(
    tmp_path: Path,
) -> None:
    state = State(tmp_path / "cloud")
    with state.held():
        (state.folder / STATE_FILE / "within").mkdir(parents=True)
        with pytest.raises(UserError, match="is damaged"):
            state.running()
        state.withdraw()
        assert state.running() is None
        assert not state.is_published()
