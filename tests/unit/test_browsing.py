"""The page's server with many pictures under way: who goes away, and Ctrl-C."""

from __future__ import annotations

import http.client
import io
import logging
import os
import re
import signal
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError
from PIL import Image

from photo_labels.browsing.server import _PAGE, Browse
from photo_labels.library.user_errors import UserError
from photo_labels.library.viewing import GonePhotoError, TooLargePhotoError
from photo_labels.records.decoders.limits import UndecodableError
from tests.unit.deployed import BUCKET, document, store
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from photo_labels.library.decoding import Decoder
    from photo_labels.library.target import Target

ANSWERED_S = 20
PHOTOS = 6


class Client:
    """A browser that was let in."""

    def __init__(self, link: SplitResult) -> None:
        self._link = link
        self._cookie = ""
        answer = self.request(f"?{link.query}")
        self._cookie = answer.headers["set-cookie"].partition(";")[0]

    def request(self, path: str) -> http.client.HTTPResponse:
        """Ask, and wait for the answer."""
        connection = self.ask(path)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        connection.close()
        return answer

    def ask(self, path: str) -> socket.socket:
        """Ask, and do not wait."""
        connection = socket.create_connection((self._link.hostname, self._link.port), timeout=ANSWERED_S)
        head = (
            f"GET {self._link.path}{path} HTTP/1.1\r\nHost: {self._link.netloc}\r\nCookie: {self._cookie}\r\n\r\n"
        )
        connection.sendall(head.encode())
        return connection

    def ask_for_thumbnail(self, number: int) -> socket.socket:
        return self.ask(f"thumbnail?image={quote(f'{BUCKET}/{number}.png')}")


class Served:
    """A page's server in a thread, with one decoder."""

    def __init__(self, target: Target) -> None:
        self.server = Browse(target)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        self.client = Client(urlsplit(self.server.link()))

    @property
    def decoder(self) -> Decoder:
        [decoder] = self.server._pictures._all_decoders
        return decoder

    @property
    def is_decoding(self) -> bool:
        return self.server._pictures._decoders.empty()

    @property
    def connections(self) -> int:
        return len(self.server._server.server_state.connections)


@pytest.fixture
def served(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    file = io.BytesIO()
    Image.new("RGB", (100, 100), "red").save(file, "PNG")
    for number in range(PHOTOS):
        store(target, document(f"{number}.png", {}))
        target.client("s3").put_object(Bucket=BUCKET, Key=f"{number}.png", Body=file.getvalue())
    running = Served(target)
    yield running
    running.server.stop()
    running.thread.join()


def test_given_browsers_that_go_away_when_their_pictures_wait_then_these_are_not_made(
    served: Served, tmp_path: Path
) -> None:
    served.decoder._process.send_signal(signal.SIGSTOP)
    first = served.client.ask_for_thumbnail(0)
    eventually(lambda: served.is_decoding)
    others = [served.client.ask_for_thumbnail(number) for number in range(1, PHOTOS)]
    last = served.client.ask_for_thumbnail(PHOTOS - 1)
    eventually(lambda: served.connections == PHOTOS + 1)
    for one in others:
        one.close()
    eventually(lambda: served.connections == 2)
    served.decoder._process.send_signal(signal.SIGCONT)
    assert first.recv(15) == last.recv(15) == b"HTTP/1.1 200 OK"
    first.close()
    last.close()
    eventually(lambda: not served.is_decoding)
    assert len(list((tmp_path / "photo-labels").iterdir())) == 2


def test_given_the_page_when_it_loads_then_each_module_that_it_imports_is_served_as_a_script(
    served: Served,
) -> None:
    known, left = set(), {"page.js"}
    while left:
        known.add(name := left.pop())
        answer = served.client.request(name)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/javascript; charset=utf-8"), name
        left |= set(re.findall(r'"\./([\w.]+)"', answer.read().decode())) - known
    assert known == {path.name for path in _PAGE.glob("*.js")}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UserError("Nothing is known."), 404),
        (GonePhotoError("It is gone."), 410),
        (TooLargePhotoError("It is too large."), 413),
        (UndecodableError("PhotoTooLarge", "It has too many pixels."), 413),
        (UndecodableError("BrokenPhoto", "It is broken."), 415),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), 503),
    ],
)
def test_given_a_photo_without_a_picture_when_asked_for_then_the_status_says_why(
    served: Served, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("photo_labels.browsing.pictures.Pictures._decoded", fail)
    answer = served.client.request(f"thumbnail?image={quote(f'{BUCKET}/0.png')}")
    assert answer.status == status
    assert len(answer.read()) > 10


def test_given_a_photo_that_was_deleted_when_asked_for_then_it_is_gone(served: Served, target: Target) -> None:
    target.client("s3").delete_object(Bucket=BUCKET, Key="0.png")
    answer = served.client.request(f"view?image={quote(f'{BUCKET}/0.png')}")
    assert (answer.status, answer.read()) == (410, b"0.png is not in the bucket any more.")


def test_given_pictures_under_way_when_stopped_then_it_ends_and_nothing_is_in_its_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.decoder._process.send_signal(signal.SIGSTOP)
    waiting = [served.client.ask_for_thumbnail(number) for number in range(PHOTOS)]
    eventually(lambda: served.is_decoding)
    served.server.stop()
    served.thread.join(timeout=10)
    assert not served.thread.is_alive()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    for one in waiting:
        assert one.recv(12) in {b"HTTP/1.1 404", b"HTTP/1.1 415"}
        one.close()
