"""`make bench-browse`: searches of a million index rows, and the page of 100,000 photos in Chromium.

A process of its own (`full_table.py`) stands in for AWS, and answers as DynamoDB does, at once.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from loadtest.benchmarks.arguments import whole_number
from loadtest.benchmarks.full_table import BUCKET, LABELS_A_PHOTO
from local.child import Child
from photo_labels.browsing.server import Browse
from photo_labels.library import target as targets
from photo_labels.library.outputs import StackOutputs
from photo_labels.library.searching import vocabulary
from photo_labels.library.searching.query import parse
from photo_labels.library.searching.searcher import SearchCriteria, Searcher
from photo_labels.library.table_reader import TableReader
from photo_labels.library.target import Target, local_session, scrub_environment
from photo_labels.library.user_errors import UserError
from photo_labels.terminal.ending import run

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PHOTOS = 100_000
_TIMES = 30
_SHOWN = 20
_SEARCHES = ("Label 0", "Label 60", "Label 0 and Label 60", "Label 0 not Label 1", "Label 50 or Label 60")
_SCREENS = 40
# For each screen: about as fast as somebody scrolls who looks at pictures.
_SCREEN_S = 0.4
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# How many pictures are to be seen, and how many of them are not there.
_IN_VIEW = """
(() => {
  const inView = [...document.querySelectorAll("#grid li")].filter((one) => {
    const { top, bottom } = one.getBoundingClientRect();
    return bottom > 60 && top < innerHeight - 40;
  });
  const images = inView.map((one) => one.querySelector("img"));
  return [images.length, images.filter((one) => !(one.complete && one.naturalWidth)).length];
})()
"""


def _searches(target: Target, counts: dict[str, int]) -> Table:
    reader = TableReader(target)
    table = Table(
        "search", "median ms", "longest ms", "CPU ms", "rows", "documents",
        title=f"first page of {_SHOWN}, {_TIMES} times each", title_justify="left",
    )  # fmt: skip
    for text in _SEARCHES:
        walls, cpu_s = [], time.process_time()
        for _ in range(_TIMES):
            started, searcher = time.perf_counter(), Searcher(reader, counts)
            searcher.page(SearchCriteria(parse(text)), _SHOWN)
            walls.append((time.perf_counter() - started) * 1000)
        cpu_ms = (time.process_time() - cpu_s) * 1000 / _TIMES
        spent = searcher.spent
        table.add_row(
            text,
            f"{statistics.median(walls):.0f}",
            f"{max(walls):.0f}",
            f"{cpu_ms:.0f}",
            f"{spent.rows:,}",
            f"{spent.documents:,}",
        )
    return table


def _seen(page: Page) -> tuple[int, int]:
    there, missing = page.evaluate(_IN_VIEW)
    return int(there), int(missing)


def _opened(page: Page, url: str) -> tuple[float, float]:
    """Open the page; return the seconds until the first picture, and until all pictures of the screen."""
    started, first_s = time.monotonic(), 0.0
    page.goto(url, wait_until="commit")
    while True:
        there, missing = _seen(page)
        if there > missing and not first_s:
            first_s = time.monotonic() - started
        if there and not missing:
            return first_s, time.monotonic() - started
        time.sleep(0.01)


def _scrolled(page: Page) -> tuple[int, int, int]:
    """Scroll down; return the cells that came into view, those without a picture in time, and gaps."""
    came, blank, gaps = 0, 0, 0
    for _ in range(_SCREENS):
        page.mouse.wheel(0, 600)
        page.wait_for_timeout(_SCREEN_S * 1000)
        there, missing = _seen(page)
        came, blank, gaps = came + there, blank + missing, gaps + (there == 0)
    return came, blank, gaps


def _page(target: Target, console: Console) -> None:
    command = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if command is None:
        raise UserError("Chromium is not installed: install it, and run this again.")
    server = Browse(target)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=command, args=["--no-sandbox"])
            for how in ("thumbnails still to be made", "thumbnails kept from before"):
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                first_s, all_s = _opened(page, server.link())
                console.print(f"{how}: first photo after {first_s:.2f} s, the whole screen after {all_s:.2f} s")
                came, blank, gaps = _scrolled(page)
                console.print(
                    f"  {_SCREENS} screens of scrolling, one in {_SCREEN_S} s: {came:,} pictures looked at, "
                    f"{blank:,} not there yet; {gaps} screens without any"
                )
                page.close()
            browser.close()
    finally:
        server.stop()
        thread.join()


def main(photos: int) -> None:
    """Measure, and print the results."""
    console = Console(highlight=False)
    scrub_environment(os.environ)
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="photo-labels-")))
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        targets.LOCAL_STATE = folder
        command = [
            sys.executable,
            "-m",
            "loadtest.benchmarks.full_table",
            "--photos",
            f"{photos}",
            "--exit-with-parent",
        ]
        full = Child(command, folder / "full.log", os.environ)
        running.callback(full.stop)
        url = json.loads(full.first_line())["url"]
        names = {"Bucket": BUCKET, "ImageLabelsTable": "ImageLabels", "LabelIndexTable": "LabelIndex"}
        outputs = StackOutputs.from_stack(defaultdict(lambda: "x" * 36, names))
        target = Target(local_session(), url, "stand-in", outputs)
        counted = vocabulary.count(target, lambda _: None)
        vocabulary.keep(target, counted)
        counts = counted.counts
        console.print(f"{photos:,} photos with {LABELS_A_PHOTO} labels each: {sum(counts.values()):,} index rows")
        console.print(_searches(target, counts))
        _page(target, console)


if __name__ == "__main__":
    run(lambda: main(whole_number(_PHOTOS)), "bench-browse")
