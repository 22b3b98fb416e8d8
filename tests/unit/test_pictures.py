"""Pictures of photos for the page: kept, private, and each its own, also where a decoder crashes."""

from __future__ import annotations

import errno
import io
import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest
from PIL import Image

from handler.decoder import UndecodableError
from photos.browsing import pictures
from photos.browsing.library import Library
from photos.browsing.pictures import Pictures
from photos.decoding import Decoder
from photos.errors import UserError
from tests.unit.deployed import BUCKET, document, store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from photos.target import Target


def photo(width: int, height: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, kind)
    return file.getvalue()


@pytest.fixture
def made(target: Target, tmp_path: Path) -> Iterator[Pictures]:
    running = Pictures(target, tmp_path / "kept")
    yield running
    running.close()


def upload(target: Target, key: str, body: bytes) -> None:
    target.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def test_given_a_photo_when_its_thumbnail_is_made_then_it_is_small_and_kept_for_its_user_alone(
    target: Target, made: Pictures, tmp_path: Path
) -> None:
    upload(target, "a.png", photo(1600, 1200))
    jpeg = made.thumbnail(document("a.png", {}))
    assert Image.open(io.BytesIO(jpeg)).size == (400, 300)
    target.client("s3").delete_object(Bucket=BUCKET, Key="a.png")
    assert made.thumbnail(document("a.png", {})) == jpeg
    [kept] = (tmp_path / "kept").iterdir()
    assert (kept.stat().st_mode & 0o777, kept.parent.stat().st_mode & 0o777) == (0o600, 0o700)


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
    with pytest.raises(UserError, match="cannot be had"):
        made.thumbnail(document("gone.png", {}))
    upload(target, "none.png", b"nothing")
    with pytest.raises(UndecodableError, match="UnknownFormat"):
        made.thumbnail(document("none.png", {}))


def test_given_a_decoder_that_crashes_when_others_are_shown_then_they_have_pictures(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    made = Pictures(target, tmp_path)
    upload(target, "crash.png", b"crash")
    upload(target, "a.png", photo(100, 100))
    [decoder] = made._decoders.queue
    os.kill(decoder._process.pid, signal.SIGKILL)
    with pytest.raises(UndecodableError, match="DecoderCrashed"):
        made.thumbnail(document("crash.png", {}))
    assert made.thumbnail(document("a.png", {}))
    with pytest.raises(UndecodableError, match="DecoderCrashed"):  # remembered, and not tried again
        made.thumbnail(document("crash.png", {}))
    made.close()


def test_given_a_decoder_that_takes_too_long_when_asked_then_it_is_another_for_the_next() -> None:
    with Decoder(longest_s=0.5) as decoder:
        decoder._process.send_signal(signal.SIGSTOP)
        with pytest.raises(UndecodableError, match="took too long"):
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
    monkeypatch.setattr("photos.opening.MOST_BYTES", 10)
    upload(target, "a.png", photo(100, 100))
    with pytest.raises(UserError, match="too much to show"):
        made.thumbnail(document("a.png", {}))


def test_given_a_full_disk_when_a_thumbnail_is_made_then_it_is_shown_all_the_same(
    target: Target, made: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(target, "a.png", photo(100, 100))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pictures, "_keep", full)
    assert made.thumbnail(document("a.png", {}))


def test_given_more_thumbnails_than_are_kept_when_started_then_the_oldest_are_gone(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "_KEPT_AT_MOST", 2)
    for age in range(4):
        path = tmp_path / f"{age}.jpg"
        path.write_bytes(b"")
        os.utime(path, (1000 - age, 1000 - age))
    Pictures(target, tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {"0.jpg", "1.jpg"}


def test_given_more_documents_than_are_read_at_a_time_when_all_are_asked_for_then_the_pages_have_all(
    target: Target,
) -> None:
    for number in range(150):
        store(target, document(f"{number}.jpg", {}, status="REJECTED" if number % 50 == 0 else "LABELLED"))
    for status, expected in (("LABELLED", 147), ("REJECTED", 3)):
        library, found, after = Library(target), list[str](), None
        while True:
            page = library.all(status, after)
            found += [one["key"] for one in page["photos"]]
            after = page["more"]
            if after is None:
                break
        assert len(found) == len(set(found)) == expected
