"""Photos chosen on the page of `photos browse`, by mouse and by keyboard, and what is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.test_browse import PHOTOS, search

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    Open = Callable[..., Page]


def boxes(page: Page) -> Any:
    return page.locator(".select input")


def expect_chosen(page: Page, number: int) -> None:
    expect(page.locator("#chosen")).to_have_text(f"{number} selected")
    expect(page.locator(".select input:checked")).to_have_count(number)


def asked_for_original(page: Page) -> Any:
    """Wait until a tab, whichever, asks the bucket for a photo; the browser may show it, or store it."""
    return page.context.expect_event("request", lambda request: "X-Amz-Signature=" in request.url)


def test_given_photos_when_chosen_singly_and_by_range_then_they_are_counted_and_escape_clears(
    opened: Open,
) -> None:
    page = opened()
    expect(boxes(page)).to_have_count(PHOTOS)
    expect(page.locator("#selected")).to_be_hidden()
    boxes(page).nth(1).check()
    expect_chosen(page, 1)
    boxes(page).nth(5).click(modifiers=["Shift"])
    expect_chosen(page, 5)
    boxes(page).nth(3).uncheck()
    boxes(page).nth(4).click(modifiers=["Shift"])
    expect_chosen(page, 3)
    page.get_by_role("button", name="Select all shown").click()
    expect_chosen(page, PHOTOS)
    expect(page.get_by_role("button", name="Select all shown")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_be_hidden()
    expect(page.locator(".select input:checked")).to_have_count(0)


def test_given_a_keyboard_alone_when_photos_are_chosen_then_they_are(opened: Open) -> None:
    page = opened()
    page.locator(".tile").first.focus()
    page.keyboard.press("Tab")
    expect(boxes(page).first).to_be_focused()
    page.keyboard.press("Space")
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Shift+Space")
    expect_chosen(page, 3)
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_be_hidden()


def test_given_chosen_photos_when_their_names_are_copied_then_they_are_keys_one_a_line(opened: Open) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    search(page, "cup")
    expect(page.locator("#said")).to_have_text("2 photos: Cup.")
    boxes(page).first.check()
    boxes(page).nth(1).check()
    page.get_by_role("button", name="Copy names").click()
    expect(page.locator("#done")).to_have_text("2 names copied.")
    assert set(page.evaluate("navigator.clipboard.readText()").split("\n")) == {"coffee.jpg", "IMG_1.HEIC"}


def test_given_a_chosen_photo_when_its_original_is_opened_then_in_a_tab_of_its_own(opened: Open) -> None:
    page = opened()
    search(page, "dog")
    expect(page.locator("#said")).to_have_text("1 photo: Dog.")
    boxes(page).first.check()
    with asked_for_original(page) as request:
        page.get_by_role("button", name="Open originals").click()
    assert "/dogs.jpg?" in request.value.url


def test_given_several_chosen_photos_when_opened_then_there_is_a_list_of_links(opened: Open) -> None:
    page = opened()
    boxes(page).first.check()
    page.get_by_role("button", name="Select all shown").click()
    page.get_by_role("button", name="Open originals").click()
    links = page.get_by_role("dialog").get_by_role("link")
    expect(links).to_have_count(PHOTOS)
    with asked_for_original(page):
        links.first.click()
    page.keyboard.press("Escape")
    expect_chosen(page, PHOTOS)


def test_given_another_search_when_entered_then_nothing_is_chosen(opened: Open) -> None:
    page = opened()
    boxes(page).first.check()
    search(page, "cup")
    expect(page.locator("#said")).to_have_text("2 photos: Cup.")
    expect(page.locator("#selected")).to_be_hidden()


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 800}}],
    ids=["light", "dark", "narrow"],
)
def test_given_a_selection_chips_and_a_list_when_looked_at_by_axe_then_it_finds_no_violation(
    opened: Open, options: dict[str, Any]
) -> None:
    page = opened(**options, bypass_csp=True)  # axe is put into the page
    page.evaluate("location.hash = new URLSearchParams({q: '(welpe or cup) not spanil', min: '20', when: '2026'})")
    expect(page.locator("#grid li")).to_have_count(3)
    boxes(page).first.check()
    page.get_by_role("button", name="Select all shown").click()
    assert _violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Open originals").click()
    assert _violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Rejected").check()
    expect(page.locator("#grid .missing")).to_be_visible()
    assert _violations(page) == []


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]
