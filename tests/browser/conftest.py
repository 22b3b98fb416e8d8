"""Chromium, and a page of `photos browse` in it, on a pipeline that has labelled photos."""

from __future__ import annotations

import io
import os
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from local.cloud import LocalCloud
from local.ministack import REPOSITORY
from photo_labels.browsing.server import Browse
from photo_labels.library.searching import vocabulary
from photo_labels.library.table_reader import TableReader
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page, Route

    from photo_labels.library.target import Target

NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's command; without one these tests are skipped, but never in CI."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI"):
            raise FileNotFoundError("Chromium is not installed")
        pytest.skip("these tests need Chromium")
    return found


SAMPLES = {path.name: path.read_bytes() for path in sorted((REPOSITORY / "samples").glob("*.jpg"))}
HOSTILE = "<img src=x onerror=alert(1)> \"'&amp;%2F.jpg"


def heic(jpeg: bytes) -> bytes:
    import pillow_heif  # noqa: PLC0415

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(jpeg)).convert("RGB")).save(file)
    return file.getvalue()


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A local cloud with the sample photos, one of a phone, one with a bad name, and one that is none."""
    photos = SAMPLES | {"IMG_1.HEIC": heic(SAMPLES["coffee.jpg"]), HOSTILE: SAMPLES["cat.jpg"] + b" "}
    photos["broken.webp"] = b"nothing"
    with LocalCloud(tmp_path_factory.mktemp("cloud") / "state") as cloud:
        bucket, s3 = cloud.target.outputs.bucket, cloud.target.client("s3")
        for key, body in photos.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        images = [f"{bucket}/{key}" for key in photos]
        eventually(lambda: len(TableReader(cloud.target).documents(images)) == len(images))
        yield cloud.target


@contextmanager
def serving(server: Browse) -> Iterator[Browse]:
    """Run a page's server meanwhile."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


@pytest.fixture(scope="session")
def served(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browse]:
    """A running `photos browse`."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr("photo_labels.library.target.LOCAL_STATE", folder)
        vocabulary.keep(target, vocabulary.count(target, lambda _: None))
        with serving(Browse(target)) as server:
            yield server


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


def holding(page: Page, address: str) -> list[Route]:
    """Answer requests for an address only when the test does: they are in the list."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(address, hold)
    return held


def _is_wrong(message: ConsoleMessage) -> bool:
    """Whether the console tells of an error; what is refused, or not answered at all, is none of the page's."""
    return message.type == "error" and not message.text.startswith("Failed to load resource: ")


@pytest.fixture
def opened(browser: Browser, served: Browse) -> Iterator[Callable[..., Page]]:
    """Opens the page, with options of the browser's; in the end nothing may have gone wrong in it."""
    wrong: list[str] = []
    contexts = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if _is_wrong(message) else None)
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.goto(served.link())
        page.locator("#grid img").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
