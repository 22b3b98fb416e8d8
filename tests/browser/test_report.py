"""The load test's report in a real browser: all charts are drawn, from the file alone."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from loadtest.accounting import Work
from loadtest.charts import ON_DARK
from loadtest.measure import Measurement
from loadtest.report import CHARTS
from loadtest.result_files import write
from loadtest.results import Setting, results
from loadtest.run import Plan, Run
from loadtest.samples import STAGES, End, Samples
from loadtest.schedule import intended_s
from loadtest.slo import objectives

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser


def outcome_of(number: int, photos: str = "photos", slowness: float = 1.0) -> Measurement:
    """A run of which everything is known; each step of a photo took some 20 ms, times its slowness."""
    chance = np.random.default_rng(1)
    intended = intended_s(number, 50, "steady")
    samples = Samples(intended, np.full(number, 1000, dtype=np.int32))
    at = intended
    for stage in STAGES:
        at = at + slowness * chance.lognormal(-4, 0.5, number)
        samples.column(stage)[:] = at
    samples.last_miss[:] = samples.seen - 0.01
    samples.end[:] = End.LABELLED
    run = Run(Plan("run/", intended, [b""], [0] * number, 16, 1, 1), samples, started_at=1_790_000_000.0)
    run.gauge.at, run.gauge.own_cpu = [0.5, 1.0], [0.2, 0.3]
    run.gauge.waiting, run.gauge.in_flight = [3, 4], [5, 6]
    setting = Setting("Everything is simulated.", "local", number, 50.0, "steady", photos, 0, 0.0, 2)
    warmup = {"photos": 0, "cold_starts": 0, "latency_ms": {"p50": None, "max": None}}
    figures = results(
        setting, run, Work(), objectives("p95<1s,lost=0"), [],
        rows=(0, 0), warmup=warmup, clock_ahead_s=0.0, counted_calls=None,
    )  # fmt: skip
    return Measurement(run, figures)


def rendered(chromium: str, page: Path, *options: str) -> str:
    """Open a page without any network, and give what it has become and what its console said."""
    command = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000",
               "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={page.parent / 'profile'}",
               "--enable-logging=stderr", "--dump-dom", *options, page.as_uri()]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    errors = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    assert errors == []
    return ended.stdout


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(one) for one in bytes.fromhex(colour[1:]))})"


@pytest.mark.parametrize(
    ("options", "widest", "is_dark"),
    [
        ((), 800, False),
        (("--window-size=390,800",), 500, False),
        (("--blink-settings=preferredColorScheme=0",), 800, True),
    ],
    ids=["wide", "narrow", "dark"],
)
def test_given_report_when_opened_then_every_chart_is_drawn_as_wide_as_there_is_room(
    chromium: str, tmp_path: Path, options: tuple[str, ...], widest: int, *, is_dark: bool
) -> None:
    write(outcome_of(300), tmp_path)
    page = rendered(chromium, tmp_path / "report.html", *options)
    of_the_other = [rgb(colour) for colour in (ON_DARK if is_dark else ON_DARK.values())]
    for name, *_ in CHARTS:
        drawn = page.partition(f'id="{name}"')[2].partition("<figcaption>")[0]
        assert re.search(r'<path class="(point|js-line)"|<g class="point"><path', drawn), name
        widths = [int(width) for width in re.findall(r'class="main-svg"[^>]* width="(\d+)', drawn)]
        assert widest / 2 < max(widths) < widest, name
        assert not [colour for colour in of_the_other if colour in drawn], name


LONG = f"200 of the 12,345 photos of /home/someone/{'a_folder_of_photos' * 8}/& more"
# Elements that are wider than their room, or stand out of the page.
TOO_WIDE = """() => [...document.querySelectorAll("html, body, main, main *")]
    .filter((one) => !one.closest("svg") && getComputedStyle(one).display !== "inline")
    .filter((one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > innerWidth)
    .map((one) => `${one.tagName}.${one.className}: ${one.textContent.slice(0, 40)}`)"""


@pytest.mark.parametrize(("photos", "slowness"), [("photos", 1.0), (LONG, 3000.0)], ids=["usual", "long"])
def test_given_a_report_when_opened_at_any_width_then_nothing_is_cut_off(
    browser: Browser, tmp_path: Path, photos: str, slowness: float
) -> None:
    write(outcome_of(300, photos, slowness), tmp_path)
    themes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for width in (390, 768, 1280):
        page = browser.new_page(viewport={"width": width, "height": 800})
        for theme in themes:
            page.emulate_media(color_scheme=theme)
            page.goto((tmp_path / "report.html").as_uri())
            page.locator("#generator .main-svg").first.wait_for()
            assert page.evaluate(TOO_WIDE) == [], f"{width} pixels, {theme}"
        page.close()


def test_given_the_report_of_a_large_run_when_opened_then_it_is_not_larger_for_that(tmp_path: Path) -> None:
    write(outcome_of(50_000), tmp_path)
    assert (tmp_path / "report.html").stat().st_size < 6_000_000
