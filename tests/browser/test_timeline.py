"""The page without a search, in a real browser: months, the years beside them, and photos without a date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from photo_labels.browsing.server import Browse
from tests.browser.conftest import SAMPLES, serving
from tests.unit.conftest import deployed_target
from tests.unit.deployed import BUCKET, MUNICH, dated, document, store
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

    from photo_labels.library.target import Target

    Open = Callable[..., Page]

# Photos by month, the newest first: more than are shown at first.
MONTHS = {"2026-03": 4, "2025-12": 150, "2019-07": 30, "2019-01": 40, "1911-05": 1}
UNDATED = 2
NARROW = {"viewport": {"width": 390, "height": 800}}


def _fill(target: Target) -> None:
    documents = [
        dated(
            f"{month} {number}.jpg",
            f"{month}-14T18:{number % 60:02d}:{number // 60:02d}",
            {"Cat" if month == "2019-07" else "Pet": 90.0},
            camera="Apple iPhone X",
            location=MUNICH,
        )
        for month, count in MONTHS.items()
        for number in range(count)
    ]
    documents += [document(f"old {number}.jpg", {"Pet": 90.0}) for number in range(UNDATED)]
    for written in documents:
        store(target, written)
        target.client("s3").put_object(Bucket=BUCKET, Key=written.key, Body=SAMPLES["cat.jpg"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browse]:
    """A running `photos browse` on a pipeline with photos of many years."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, deployed_target() as target:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr("photo_labels.library.target.LOCAL_STATE", folder)
        patch.setattr("photo_labels.library.searching.times.FIRST_YEAR", 1900)  # moto is slow
        _fill(target)
        with serving(Browse(target)) as server:
            yield server


def headings(page: Page) -> list[str]:
    return [one.inner_text() for one in page.locator("#grid h2").all()]


def expect_years(page: Page) -> None:
    """Wait for the rail; moto takes seconds for so many looks."""
    expect(page.locator("#rail > li > button")).to_have_text(["2026", "2025", "2019", "1911", "No date"])


def rail(page: Page, when: str) -> Any:
    return page.locator(f'#rail [data-when="{when}"]')


def test_given_all_photos_when_scrolled_through_then_months_newest_first_and_undated_last(opened: Open) -> None:
    page = opened()
    assert headings(page)[:2] == ["March 2026", "December 2025"]
    expect(page.locator("#grid section").first.locator("li")).to_have_count(4)

    def are_all_there() -> bool:
        page.mouse.wheel(0, 4000)
        return page.locator("#said").inner_text() == f"{sum(MONTHS.values()) + UNDATED} photos."

    eventually(are_all_there)
    assert headings(page) == [
        *("March 2026", "December 2025", "July 2019", "January 2019", "May 1911", "Without a date"),
    ]
    assert page.locator("#grid li").count() == sum(MONTHS.values()) + UNDATED


def test_given_the_years_when_one_is_chosen_by_keyboard_then_it_is_shown_and_its_months_can_be(
    opened: Open,
) -> None:
    page = opened()
    expect_years(page)
    rail(page, "2019").focus()
    page.keyboard.press("Enter")
    # It is scrolled to, where it was loaded by then, and else the list begins there.
    expect(page.get_by_role("heading", name="July 2019")).to_be_in_viewport()
    expect(rail(page, "2019")).to_be_focused()
    expect(rail(page, "2019-07")).to_have_attribute("aria-current", "true")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    expect(rail(page, "2019-01")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rail(page, "2019-01")).to_have_attribute("aria-current", "true")


def test_given_a_list_that_begins_at_a_year_when_gone_back_to_then_it_is_there_again(opened: Open) -> None:
    page = opened()
    page.evaluate("location.hash = 'when=2019'")
    expect(page.locator("#grid h2").first).to_have_text("July 2019")
    page.reload()
    expect(page.locator("#grid h2").first).to_have_text("July 2019")
    page.get_by_role("button", name="Remove 2019 and before").click()
    expect(page.locator("#grid h2").first).to_have_text("March 2026")
    page.go_back()
    expect(page.locator("#grid h2").first).to_have_text("July 2019")


def test_given_photos_without_a_date_when_jumped_to_then_only_they_are_there(opened: Open) -> None:
    page = opened()
    rail(page, "undated").click()
    expect(page.locator("#said")).to_have_text(f"{UNDATED} photos.")
    assert headings(page) == ["Without a date"]


def test_given_a_search_when_entered_then_one_list_and_details_say_when_where_and_by_what(opened: Open) -> None:
    page = opened(locale="en-GB", timezone_id="America/New_York")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Labels", exact=True).first.fill("cat")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_have_text("30 photos: Cat.")
    assert headings(page) == []
    page.locator("#grid button").nth(3).click()
    expect(page.locator("#taken")).to_contain_text("14 July 2019 at 18:")
    expect(page.locator("#camera")).to_have_text("Apple iPhone X")
    expect(page.locator("#place")).to_have_text("at 48.13700, 11.57500")
    page.keyboard.press("Escape")
    expect(page.locator("#grid button").nth(3)).to_be_focused()
    here = page.url.partition("#")[0]
    assert all(url.startswith(here) for url in asked), "nobody else is asked, for a map or anything"


@pytest.mark.parametrize(
    "options", [{}, {"color_scheme": "dark"}, NARROW, NARROW | {"color_scheme": "dark"}],
    ids=["light", "dark", "narrow", "narrow and dark"],
)  # fmt: skip
def test_given_the_years_when_looked_at_by_axe_then_it_finds_no_violation(
    opened: Open, options: dict[str, Any]
) -> None:
    page = opened(**options, bypass_csp=True)  # axe is put into the page
    rail(page, "2019").click()
    expect(rail(page, "2019-07")).to_be_visible()
    page.mouse.wheel(0, 500)
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]] == []


def test_given_a_narrow_screen_when_opened_then_the_years_are_beside_the_photos_and_nothing_is_wider(
    opened: Open,
) -> None:
    page = opened(**NARROW)
    expect_years(page)
    expect(rail(page, "1911")).to_be_in_viewport()
    page.mouse.wheel(0, 3000)
    expect(rail(page, "1911")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
