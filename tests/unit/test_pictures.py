"""Pictures of photos for the page: kept, private, and each its own, also where a decoder crashes."""

from __future__ import annotations

import io
import itertools
import os
import pwd
import resource
import signal
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from botocore.exceptions import BotoCoreError
from botocore.httpchecksum import Crc32Checksum, StreamingChecksumBody
from PIL import Image
from urllib3 import HTTPResponse

from photo_labels.browsing import pictures
from photo_labels.browsing.api import Api
from photo_labels.browsing.pictures import Pictures
from photo_labels.library.decoding import Decoder
from photo_labels.library.user_errors import UserError
from photo_labels.library.viewing import downloaded
from photo_labels.records.decoders.limits import UndecodableError
from tests.unit.deployed import BUCKET, document, put, store
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from photo_labels.library.target import Target


def photo(width: int, height: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, kind)
    return file.getvalue()


@pytest.fixture
def kept(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where thumbnails are kept; after `target`, which has an environment of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "photo-labels"


@pytest.fixture
def made(target: Target, kept: Path) -> Iterator[Pictures]:
    running = Pictures(target)
    yield running
    running.close()


@pytest.fixture
def one_decoder(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Decoder:
    """The only decoder of `made`."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    [decoder] = request.getfixturevalue("made")._all_decoders
    assert isinstance(decoder, Decoder)
    return decoder


def upload(target: Target, key: str, body: bytes) -> None:
    target.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def test_given_a_photo_when_its_thumbnail_is_made_then_it_is_small_and_kept_for_its_user_alone(
    target: Target, made: Pictures, kept: Path
) -> None:
    upload(target, "a.png", photo(1600, 1200))
    jpeg = made.thumbnail(document("a.png", {}))
    assert Image.open(io.BytesIO(jpeg)).size == (400, 300)
    target.client("s3").delete_object(Bucket=BUCKET, Key="a.png")
    assert made.thumbnail(document("a.png", {})) == jpeg
    [thumbnail] = kept.iterdir()
    assert (thumbnail.stat().st_mode & 0o777, kept.stat().st_mode & 0o777) == (0o600, 0o700)


def test_given_another_version_of_a_photo_when_shown_then_it_has_a_thumbnail_of_its_own(
    target: Target, made: Pictures
) -> None:
    upload(target, "a.png", photo(1600, 1200))
    made.thumbnail(document("a.png", {}))
    upload(target, "a.png", photo(100, 200))
    newer = made.thumbnail(document("a.png", {}, sequencer="02"))
    assert Image.open(io.BytesIO(newer)).size == (100, 200)


def test_given_a_photo_when_viewed_then_it_is_no_larger_than_a_screen(target: Target, made: Pictures) -> None:
    upload(target, "a.webp", photo(3000, 1000, "WEBP"))
    assert Image.open(io.BytesIO(made.view(document("a.webp", {})))).size == (2048, 683)


def test_given_what_is_gone_or_no_photo_when_shown_then_it_says_so(target: Target, made: Pictures) -> None:
    with pytest.raises(UserError, match=r"^gone\.png is not in the bucket any more\.$"):
        made.thumbnail(document("gone.png", {}))
    upload(target, "none.png", b"nothing")
    with pytest.raises(UndecodableError, match="UnknownFormat"):
        made.thumbnail(document("none.png", {}))


def test_given_a_decoder_that_crashes_when_others_are_shown_then_they_have_pictures(
    target: Target, one_decoder: Decoder, made: Pictures
) -> None:
    upload(target, "crash.png", b"crash")
    upload(target, "a.png", photo(100, 100))
    one_decoder._process.send_signal(signal.SIGSTOP)
    threading.Timer(0.5, one_decoder._process.send_signal, [signal.SIGSEGV]).start()
    threading.Timer(0.6, one_decoder._process.send_signal, [signal.SIGCONT]).start()
    with pytest.raises(UndecodableError, match="DecoderCrashed"):
        made.thumbnail(document("crash.png", {}))
    assert made.thumbnail(document("a.png", {}))
    with pytest.raises(UndecodableError, match="DecoderCrashed"):  # remembered, and not tried again
        made.thumbnail(document("crash.png", {}))


def test_given_a_decoder_that_was_killed_between_two_photos_when_asked_then_no_photo_suffers(
    target: Target, one_decoder: Decoder, made: Pictures
) -> None:
    upload(target, "a.png", photo(100, 100))
    one_decoder._process.kill()
    one_decoder._process.wait()
    assert made.thumbnail(document("a.png", {}))


def test_given_a_decoder_that_takes_too_long_when_asked_then_it_is_another_for_the_next() -> None:
    with Decoder(longest_s=0.5) as decoder:
        decoder._process.send_signal(signal.SIGSTOP)
        with pytest.raises(UndecodableError, match="DecoderTooSlow: Its decoder takes more than"):
            decoder.jpeg(photo(100, 100))
        decoder._longest_s = 60
        assert decoder.jpeg(photo(100, 100))


def test_given_a_decoder_when_it_runs_then_it_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with Decoder() as decoder:
        assert decoder.jpeg(photo(10, 10))
        assert psutil.Process(decoder._process.pid).environ().keys() <= {
            "PYTHONPATH",
            "MALLOC_ARENA_MAX",
            "LC_CTYPE",
        }


def test_given_a_photo_that_is_too_large_to_be_shown_when_asked_for_then_it_is_not_downloaded(
    target: Target, made: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.library.viewing.MAX_FILE_BYTES", 10)
    upload(target, "a.png", photo(100, 100))
    with pytest.raises(UserError, match="too much to show"):
        made.thumbnail(document("a.png", {}))


def test_given_a_full_disk_when_a_thumbnail_is_made_then_it_is_shown_and_no_half_of_it_is_kept(
    target: Target, made: Pictures, kept: Path
) -> None:
    upload(target, "a.png", photo(100, 100))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))  # no file can be longer, as if there was no space
    try:
        jpeg = made.thumbnail(document("a.png", {}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert jpeg
    assert list(kept.iterdir()) == []


def no_home(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


def a_file_instead(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "photo-labels").write_text("")


def below_a_file(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "file"))


def not_writable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")  # for root neither


@pytest.mark.parametrize("spoil", [no_home, a_file_instead, below_a_file, not_writable])
def test_given_no_folder_for_thumbnails_when_asked_for_then_they_are_made_each_time(
    target: Target,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[pytest.MonkeyPatch, Path], None],
) -> None:
    spoil(monkeypatch, kept.parent)
    made = Pictures(target)
    upload(target, "a.png", photo(100, 100))
    assert made.thumbnail(document("a.png", {})) == made.thumbnail(document("a.png", {}))
    made.close()


def test_given_folder_for_thumbnails_that_goes_away_when_asked_for_then_they_are_made_all_same(
    target: Target, made: Pictures, kept: Path
) -> None:
    kept.rmdir()
    upload(target, "a.png", photo(100, 100))
    assert made.thumbnail(document("a.png", {}))


def test_given_more_thumbnails_than_are_kept_when_started_then_the_oldest_are_gone(
    target: Target, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_MAX_KEPT", 2)
    kept.mkdir()
    for age in range(4):
        path = kept / f"{age}.jpg"
        path.write_bytes(b"")
        os.utime(path, (1000 - age, 1000 - age))
    (kept / "half.1234.new").write_bytes(b"")
    (kept / "gone.jpg").symlink_to("nowhere")
    (kept / "folder.jpg").mkdir()
    os.utime(kept / "folder.jpg", (1, 1))
    Pictures(target).close()
    assert {path.name for path in kept.iterdir()} == {"0.jpg", "1.jpg", "folder.jpg"}


@pytest.mark.parametrize("sent", [b"half", b"wrong bytes"])
def test_given_a_photo_that_does_not_come_whole_when_downloaded_then_it_is_not_taken_for_one(sent: bytes) -> None:
    checksum = Crc32Checksum()
    checksum.update(b"right bytes")
    raw: Any = HTTPResponse(io.BytesIO(sent), preload_content=False)
    body = StreamingChecksumBody(raw, 11, Crc32Checksum(), checksum.b64digest())
    with pytest.raises(BotoCoreError):
        downloaded(body, 11)


# Many at once


def test_given_many_photos_at_once_when_shown_then_no_more_of_them_are_in_memory_than_fit(
    target: Target, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = photo(300, 300, "BMP")
    monkeypatch.setattr(pictures, "_IN_MEMORY_BYTES", 2 * len(body))
    in_memory, most, lock = 0, 0, threading.Lock()

    def download(*arguments: Any) -> bytearray:
        nonlocal in_memory, most
        with lock:
            in_memory += 1
            most = max(most, in_memory)
        return downloaded(*arguments)

    class Counting(Decoder):
        def jpeg(self, *arguments: Any) -> bytes:
            nonlocal in_memory
            jpeg = super().jpeg(*arguments)
            with lock:
                in_memory -= 1
            return jpeg

    monkeypatch.setattr(pictures, "downloaded", download)
    monkeypatch.setattr(pictures, "Decoder", Counting)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    made = Pictures(target)
    for number in range(12):
        upload(target, f"{number}.bmp", body)
    with ThreadPoolExecutor(12) as threads:
        jpegs = list(threads.map(made.thumbnail, [document(f"{number}.bmp", {}) for number in range(12)]))
    made.close()
    assert all(jpegs)
    assert most == 2


def test_given_photos_that_fail_when_shown_then_there_is_memory_for_the_next(
    target: Target, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = photo(100, 100)
    monkeypatch.setattr(pictures, "_IN_MEMORY_BYTES", len(body))
    made = Pictures(target)
    upload(target, "a.png", body)
    upload(target, "broken.png", b"x" * len(body))
    gone = iter([False, True])
    with pytest.raises(UndecodableError):
        made.thumbnail(document("broken.png", {}))
    with pytest.raises(UserError):
        made.thumbnail(document("none.png", {}))
    with pytest.raises(UserError, match="No request waits"):
        made.thumbnail(document("a.png", {}), lambda: next(gone))
    assert made.thumbnail(document("a.png", {}))
    made.close()


@pytest.mark.parametrize("looks", range(3))
def test_given_browser_that_goes_away_when_its_photo_is_made_then_that_ends(
    target: Target, made: Pictures, looks: int
) -> None:
    upload(target, "a.png", photo(100, 100))
    gone = itertools.chain([False] * looks, itertools.repeat(True))
    with pytest.raises(UserError, match="No request waits"):
        made.thumbnail(document("a.png", {}), lambda: next(gone))
    assert made.thumbnail(document("a.png", {}))


def test_given_photos_decoded_when_closed_then_it_ends_at_once_and_who_waits_hears_of_it(
    target: Target, one_decoder: Decoder, made: Pictures
) -> None:
    one_decoder._process.send_signal(signal.SIGSTOP)
    upload(target, "a.png", photo(100, 100))
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(made.view, document("a.png", {})) for _ in range(3)]
        eventually(made._decoders.empty)
        made.stop()
        errors = Counter(type(one.exception(timeout=10)) for one in waiting)
    assert errors == {UndecodableError: 1, UserError: 2}


def test_given_decoders_that_cannot_be_started_when_the_page_is_then_a_sentence(
    target: Target, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(UserError, match=r"The decoder of photos cannot be started \(No such file"):
        Pictures(target)


def test_given_little_memory_and_many_cores_when_counted_then_the_decoders_cannot_fill_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = 8 * 2**30 // os.sysconf("SC_PAGE_SIZE")
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    real = os.sysconf
    monkeypatch.setattr(os, "sysconf", lambda name: pages if name == "SC_PHYS_PAGES" else real(name))
    assert pictures._decoders() == 2
    pages //= 8
    assert pictures._decoders() == 1


def test_given_more_documents_than_are_read_at_time_when_all_are_asked_for_then_pages_have_all(
    target: Target,
) -> None:
    for number in range(150):
        store(target, document(f"{number}.jpg", {}, status="REJECTED" if number % 50 == 0 else "LABELLED"))
    library = Api(target)
    for read, expected in ((partial(library.timeline, ""), 147), (partial(library.rejected, ""), 3)):
        found, after = list[str](), None
        while True:
            page = read(after)
            found += [one["key"] for one in page["photos"]]
            after = page["more"]
            if after is None:
                break
        assert len(found) == len(set(found)) == expected


def test_given_items_that_are_no_documents_when_the_page_asks_then_they_are_left_out(target: Target) -> None:
    written = document("a.jpg", {"Cat": 98.0})
    store(target, written)
    changes: dict[str, dict[str, Any]] = {"b.jpg": {"Labels": "none"}, "c.jpg": {"LabelledAt": 1}}
    for key, change in changes.items():
        store(target, replace(written, key=key))
        put(target, "ImageLabels", replace(written, key=key).to_item() | change)
    library = Api(target)
    assert [one["key"] for one in library.timeline("undated", None)["photos"]] == ["a.jpg"]
    assert [one["key"] for one in library.search("cat", 0, None)["photos"]] == ["a.jpg"]
    assert library.document(f"{BUCKET}/b.jpg") is None
