"""`photos browse` in a real browser, on the local cloud: what people do there, and what others may not."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import HOSTILE, SAMPLES, holding
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page, Route

    from photo_labels.browsing.server import Browse

    Open = Callable[..., Page]

PHOTOS = len(SAMPLES) + 2


def names(page: Page) -> list[str]:
    """What the pictures are called, for those who do not see them."""
    return [str(image.get_attribute("alt")) for image in page.locator("#grid img").all()]


def search(page: Page, text: str) -> None:
    page.get_by_label("Labels", exact=True).first.fill(text)
    page.keyboard.press("Enter")


def are_drawn(page: Page) -> bool:
    """Whether every picture that is to be seen is there, or is known not to be one."""
    script = "[...document.querySelectorAll('#grid img')].every(one => one.complete && one.naturalWidth > 0)"
    return bool(page.evaluate(script))


def test_given_labelled_photos_when_opened_then_all_are_seen_whatever_their_format(opened: Open) -> None:
    page = opened()
    expect(page.locator("#said")).to_have_text(f"{PHOTOS} photos.")
    assert sorted(name.partition(": ")[0] for name in names(page)) == sorted([*SAMPLES, "IMG_1.HEIC", HOSTILE])
    eventually(lambda: are_drawn(page))
    expect(page.locator("#status")).to_contain_text("labelling · 0 waiting")


def test_given_a_search_when_entered_then_its_photos_are_shown_and_the_address_keeps_it(opened: Open) -> None:
    page = opened()
    search(page, "cup or DOG")
    expect(page.locator("#said")).to_have_text("3 photos: Cup or Dog.")
    assert {name.partition(":")[0] for name in names(page)} == {"coffee.jpg", "IMG_1.HEIC", "dogs.jpg"}
    page.reload()
    expect(page.locator("#said")).to_have_text("3 photos: Cup or Dog.")
    page.go_back()
    expect(page.locator("#said")).to_have_text(f"{PHOTOS} photos.")


def test_given_a_word_of_ones_own_when_entered_then_the_page_says_what_it_was_taken_for(opened: Open) -> None:
    page = opened()
    search(page, "Welpe not Katze")
    expect(page.locator("#said")).to_have_text(
        "1 photo: Dog and not Cat. Welpe: searched as Dog. Katze: searched as Cat."
    )


def test_given_a_confidence_when_slid_to_then_less_sure_photos_are_gone(opened: Open) -> None:
    page = opened()
    search(page, "daisy")
    expect(page.locator("#grid li")).to_have_count(1)
    page.get_by_label("at least").fill("95")
    expect(page.locator("#grid li")).to_have_count(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("spanil", "0 photos: spanil. No photo is labelled spanil. Did you mean Spaniel"),
        ("not cat", "there is no list of those that lack one."),
        ("(cat", "without its `)`"),
    ],
)
def test_given_a_search_that_finds_nothing_when_entered_then_it_says_why(
    opened: Open, text: str, said: str
) -> None:
    page = opened()
    search(page, text)
    expect(page.locator("#said")).to_contain_text(said)


def test_given_labels_with_their_counts_when_clicked_then_the_search_is_narrowed(opened: Open) -> None:
    page = opened()
    page.locator("#facets").get_by_role("button", name="Pet 3").click()
    expect(page.locator("#said")).to_have_text("3 photos: Pet.")
    page.locator("#facets").get_by_role("button", name="Dog 1").click()
    expect(page.locator("#said")).to_have_text("1 photo: Pet and Dog.")


def test_given_another_search_only_written_when_scrolled_then_one_shown_goes_on(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.browsing.api._AT_A_TIME", 1)
    page = opened()
    search(page, "cup")
    # The count alone is also true for a moment while all photos are shown one by one.
    expect(page.locator("#said")).to_have_text("2 photos: Cup.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    search_box = page.get_by_label("Labels", exact=True).first
    search_box.fill("pet")
    search_box.press("Enter")
    search_box.fill("pet and c")
    expect(page.locator("#said")).to_have_text("3 photos: Pet.")
    expect(page.locator("#grid li")).to_have_count(3)
    searches = [parse_qs(urlsplit(url).query)["q"] for url in asked if "api/photos" in url]
    assert searches == [["pet"]] * 3


def test_given_a_label_that_is_begun_when_typed_then_it_is_suggested(opened: Open) -> None:
    page = opened()
    page.get_by_label("Labels", exact=True).first.press_sequentially("dog and spa")
    options = page.locator("#suggestions option")
    expect(options).to_have_count(1)
    assert options.first.get_attribute("value") == "dog and Spaniel"


def test_given_photo_when_opened_by_keyboard_then_its_boxes_and_labels_are_there(
    opened: Open,
) -> None:
    page = opened()
    search(page, "cup")
    expect(page.locator("#grid li")).to_have_count(2)
    page.locator("#grid button").first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    first = dialog.get_by_role("heading").inner_text()
    assert dialog.get_by_role("row", name="Cup").is_visible()
    expect(page.locator("#boxes div", has_text="Cup").first).to_be_visible()
    eventually(lambda: page.evaluate("document.getElementById('large').naturalWidth > 0"))
    page.keyboard.press("ArrowRight")
    assert {first, dialog.get_by_role("heading").inner_text()} == {"coffee.jpg", "IMG_1.HEIC"}
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator("#grid button").nth(1)).to_be_focused()


def test_given_rejected_photos_when_asked_for_then_they_say_why(opened: Open) -> None:
    page = opened()
    page.get_by_label("Rejected").check()
    expect(page.locator("#grid li")).to_have_count(1)
    expect(page.locator("#grid li")).to_contain_text("UnknownFormat: broken.webp")
    with page.expect_response(lambda answer: "/view" in answer.url):
        page.locator("#grid button").click()
    expect(page.locator("#frame .missing")).to_be_visible()
    why = "The file is no photo in a format that is known here."
    expect(page.locator("#reason")).to_contain_text(why)
    expect(page.get_by_role("dialog").get_by_text(why)).to_have_count(1)


def test_given_a_name_with_markup_when_shown_then_it_is_only_text(opened: Open) -> None:
    page = opened()
    page.locator("#grid li", has=page.locator(f"img[alt^={_quoted(HOSTILE)}]")).get_by_role("button").click()
    expect(page.locator("#name")).to_have_text(HOSTILE)
    assert page.locator("img[src=x]").count() == 0
    search_text = "<b>cat</b>"
    page.keyboard.press("Escape")
    search(page, search_text)
    expect(page.locator("#said")).to_contain_text(f"No photo is labelled {search_text}.")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 800}}],
    ids=["light", "dark", "narrow"],
)
def test_given_the_page_when_looked_at_by_axe_then_it_finds_no_violation(
    opened: Open, options: dict[str, Any]
) -> None:
    page = opened(**options, bypass_csp=True)  # axe is put into the page
    expect(page.locator("#facets button").first).to_be_visible()
    expect(page.locator("#status")).to_contain_text("labelling")
    assert _violations(page) == []
    search(page, "cup")
    expect(page.locator("#grid li")).to_have_count(2)
    page.locator("#grid button").first.click()
    expect(page.locator("#boxes div").first).to_be_visible()
    assert _violations(page) == []


def _violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


NARROW = {"viewport": {"width": 390, "height": 800}}


def test_given_a_narrow_screen_when_opened_then_nothing_is_wider_than_it(opened: Open) -> None:
    page = opened(**NARROW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_given_a_narrow_screen_when_a_photo_with_a_long_name_is_open_then_it_can_be_read_and_closed(
    opened: Open,
) -> None:
    page = opened(**NARROW)
    long = "a long name " * 40 + ".jpg"
    page.route("**/api/photos*", _changing({"key": long, "labels": []}))
    page.reload()
    page.locator(".tile").first.click()
    expect(page.locator("#name")).to_have_text(long)
    expect(page.locator("#reason")).to_have_text("This photo has no labels.")
    expect(page.locator("#close")).to_be_in_viewport(ratio=1)
    box = page.locator("#name").bounding_box()
    assert box
    assert box["width"] > 300
    page.locator("#close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("options", [{}, NARROW], ids=["wide", "narrow"])
def test_given_a_long_label_at_the_edge_when_shown_then_it_fits_and_its_number_is_in_one_line(
    opened: Open, options: dict[str, Any]
) -> None:
    page = opened(**options)
    name = "a label of one's own " * 5 + "x" * 60
    label = {"name": name, "confidence": 99.9, "boxes": [[0.98, 0.1, 0.01, 0.1]]}
    page.route("**/api/photos*", _changing({"labels": [label | {"name": "Pet"}, label]}))
    search(page, "pet")
    expect(page.locator("#facets button")).to_have_count(2)
    page.locator(".tile").first.click()
    eventually(lambda: page.evaluate("document.getElementById('large').naturalWidth > 0"))
    assert page.locator("#photo").evaluate("one => one.scrollWidth <= one.clientWidth")
    written, frame = page.locator("#boxes span").first.bounding_box(), page.locator("#frame").bounding_box()
    assert written
    assert frame
    assert written["x"] + written["width"] <= frame["x"] + frame["width"]
    lines = page.locator("#labels td, #facets span:last-child").evaluate_all(
        "all => all.map((one) => { const text = document.createRange();"
        " text.selectNodeContents(one); return text.getClientRects().length; })"
    )
    assert lines == [1, 1, 1, 1]


def _changing(changes: dict[str, Any]) -> Callable[[Route], None]:
    """Answers as the server does, with other attributes of each photo."""

    def answer(route: Route) -> None:
        response = route.fetch()
        told = response.json()
        told["photos"] = [photo | changes for photo in told["photos"]]
        route.fulfill(response=response, json=told)

    return answer


def test_given_a_narrow_screen_when_photos_arrive_then_what_is_shown_stays_in_its_place(opened: Open) -> None:
    page = opened(**NARROW)
    held = holding(page, "**/api/photos*")
    with page.expect_request("**/api/photos*"):
        search(page, "pet")
    expect(page.locator("#said")).to_have_text("…")
    expect(page.locator("#facets button").first).to_be_hidden()
    before = page.locator("#said").bounding_box()
    held[0].continue_()
    expect(page.locator("#facets button").first).to_be_visible()
    after = page.locator("#said").bounding_box()
    assert before
    assert after
    assert before["y"] == after["y"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dead": 0}, "0 dead letters · no alarm"),
        ({"dead": 1, "alarms": ["A"]}, "1 dead letter · alarm: A"),
        ({"dead": 2000, "alarms": ["A", "B"]}, "2,000 dead letters · alarms: A, B"),
    ],
)
def test_given_a_number_of_things_when_told_then_the_words_are_of_so_many(
    opened: Open, changes: dict[str, Any], said: str
) -> None:
    page = opened()
    page.route("**/api/status*", lambda route: route.fulfill(json=route.fetch().json() | changes))
    expect(page.locator("#status")).to_contain_text(said)


# Who may not


@pytest.fixture
def caller(served: Browse) -> Caller:
    return Caller(served.link())


class Caller:
    """Another program that asks the server; it may have a link."""

    def __init__(self, link: str) -> None:
        self._place = urlsplit(link)
        self.room = self._place.path

    def asks(self, path: str, **headers: str) -> tuple[int, str, dict[str, str]]:
        """Return the status, the body, and the headers."""
        assert self._place.hostname
        connection = http.client.HTTPConnection(self._place.hostname, self._place.port or 80, timeout=20)
        try:
            connection.putrequest("GET", path, skip_host=True)
            for name, value in ({"Host": self._place.netloc} | headers).items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace"), dict(answer.getheaders())
        finally:
            connection.close()

    def enters(self) -> str:
        """Open the link; returns the cookie."""
        status, _, headers = self.asks(f"{self.room}?{self._place.query}")
        assert (status, headers.get("location")) == (303, self.room)
        cookie, *attributes = headers["set-cookie"].split("; ")
        assert {"HttpOnly", "SameSite=strict", f"Path={self.room}"} <= set(attributes)
        return cookie


PATHS = ["", "api/photos", "api/labels", "thumbnail?image=x", "?ticket=", "?ticket=x"]


@pytest.mark.parametrize("path", PATHS)
def test_given_no_ticket_when_asked_then_refused(caller: Caller, path: str) -> None:
    status, said, _ = caller.asks(caller.room + path)
    assert status == 403
    assert "photos browse" in said


def test_given_a_link_when_it_was_opened_then_it_opens_for_nobody_else(caller: Caller) -> None:
    cookie = caller.enters()
    assert caller.asks(caller.room, Cookie=cookie)[0] == 200
    with pytest.raises(AssertionError, match="403"):
        caller.enters()


def test_given_another_name_for_loopback_when_asked_then_refused_with_the_cookie_too(caller: Caller) -> None:
    cookie = caller.enters()
    assert caller.asks(f"{caller.room}api/photos", Host="evil.example", Cookie=cookie)[0] == 421


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_given_a_page_of_others_when_it_asks_then_refused(caller: Caller, site: str) -> None:
    path, cookie = f"{caller.room}api/photos", caller.enters()
    assert caller.asks(path, Cookie=cookie, Sec_Fetch_Site=site)[0] == 403
    assert caller.asks(path, Cookie=cookie, Sec_Fetch_Site="same-origin")[0] == 200


def test_given_photos_that_nobody_knows_when_asked_for_then_a_sentence(caller: Caller) -> None:
    cookie = caller.enters()
    for path in ("thumbnail?image=others/secret.jpg", "view", "original?image=x"):
        status, said, _ = caller.asks(caller.room + path, Cookie=cookie)
        assert (status, said) == (404, "Nothing is known of this photo.")


def test_given_the_original_when_asked_for_then_it_is_a_link_that_is_signed(caller: Caller, opened: Open) -> None:
    page, cookie = opened(), caller.enters()
    page.locator("#grid button").first.click()
    link = page.locator("#original").get_attribute("href")
    status, _, headers = caller.asks(f"{caller.room}{link}", Cookie=cookie)
    assert status == 303
    assert "X-Amz-Signature=" in headers["location"]
