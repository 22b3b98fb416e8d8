"""What the page of `photos browse` does to find photos: labels to click, chips, counts of a search, other modes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError
from playwright.sync_api import expect

from photo_labels.browsing.server import Browse
from photo_labels.library.searching import label_map
from photo_labels.library.searching.query import And, Has, parse
from photo_labels.library.table_reader import TableReader
from photo_labels.library.user_errors import UserError
from tests.browser.conftest import HOSTILE, SAMPLES, holding, serving
from tests.browser.test_browse import PHOTOS, search
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page, Route

    from photo_labels.library.target import Target

    Open = Callable[..., Page]

ALL = f"{PHOTOS} photos."


def chips(page: Page) -> Any:
    return page.locator("#chips button")


def remove(page: Page, text: str) -> None:
    page.get_by_role("button", name=f"Remove {text}").click()


# Labels to click


def test_given_a_photo_when_one_of_its_labels_is_clicked_then_that_is_searched_for(opened: Open) -> None:
    page = opened()
    search(page, "welpe")
    expect(page.locator("#grid li")).to_have_count(1)
    page.locator(".tile").click()
    page.get_by_role("dialog").get_by_role("button", name="Mammal").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator("#said")).to_have_text("3 photos: Mammal.")
    page.go_back()
    expect(page.locator("#said")).to_contain_text("1 photo: Dog.")


@pytest.mark.parametrize(
    ("text", "label", "said"),
    [
        ("cup or spanil", "Spaniel", "3 photos: Cup or Spaniel."),
        ("Welpe not cat", "Dog", "1 photo: Dog and not Cat."),
    ],
)
def test_given_what_a_word_may_mean_when_clicked_then_it_is_searched_for_instead(
    opened: Open, text: str, label: str, said: str
) -> None:
    page = opened()
    search(page, text)
    page.locator("#said").get_by_role("button", name=label).click()
    expect(page.locator("#said")).to_have_text(said)


# Chips


def test_given_a_search_when_its_parts_are_removed_then_the_rest_is_searched_for_and_back_goes_back(
    opened: Open,
) -> None:
    page = opened()
    page.evaluate(
        "location.hash = new URLSearchParams({q: '(cup or pet) not dog name:*.jpg', min: '20', when: '2026'})"
    )
    expect(chips(page)).to_have_text(["(cup or pet) ✕", "not dog ✕", "name:*.jpg ✕", "at least 20 % ✕", "2026 ✕"])
    expect(page.locator("#said")).to_contain_text("photos: (Cup or Pet) and not Dog and name:*.jpg.")
    remove(page, "(cup or pet)")
    expect(page.locator("#said")).to_contain_text(" photos: not Dog and name:*.jpg.")
    expect(chips(page).first).to_be_focused()
    for part in ("2026", "not dog", "name:*.jpg"):
        remove(page, part)
    expect(page.locator("#chips")).to_be_hidden()
    expect(page.locator("#said")).to_have_text(ALL)
    page.go_back()
    expect(chips(page)).to_have_text(["name:*.jpg ✕"])
    expect(page.get_by_role("combobox")).to_have_value("name:*.jpg")


def test_given_a_search_when_a_year_is_chosen_then_only_its_photos_until_it_is_chosen_again(opened: Open) -> None:
    page = opened()
    search(page, "cup")
    year = str(datetime.now(UTC).year)
    page.locator(f'#rail [data-when="{year}"]').click()
    expect(chips(page)).to_have_text(["cup ✕", f"{year} ✕"])
    expect(page.locator("#said")).to_have_text("2 photos: Cup.")
    page.evaluate("location.hash = 'q=cup&when=2001'")
    expect(page.locator("#said")).to_have_text("0 photos: Cup.")
    remove(page, "2001")
    expect(page.locator("#said")).to_have_text("2 photos: Cup.")


def test_given_markup_that_is_searched_for_when_shown_as_a_chip_then_it_is_only_text(opened: Open) -> None:
    page = opened()
    search(page, f'name:"{HOSTILE.partition(chr(34))[0]}*"')
    expect(page.locator("#said")).to_contain_text("1 photo: name:")
    expect(chips(page)).to_contain_text("<img src=x onerror=alert(1)>")
    assert page.locator("img[src=x]").count() == 0


# Rejected and back


def test_given_a_search_when_rejected_ones_are_looked_at_then_it_is_kept_and_its_names_count(opened: Open) -> None:
    page = opened()
    search(page, "pet name:*.jpg")
    expect(page.locator("#said")).to_contain_text("photos: Pet and name:*.jpg.")
    page.get_by_label("Rejected").check()
    expect(page.locator("#said")).to_contain_text(
        "0 photos: name:*.jpg and is:rejected. Rejected photos have no labels"
    )
    expect(page.get_by_role("combobox")).to_have_value("pet name:*.jpg")
    remove(page, "name:*.jpg")
    expect(page.locator("#grid li")).to_contain_text("broken.webp")
    remove(page, "Rejected")
    expect(page.locator("#said")).to_have_text("3 photos: Pet.")


def test_given_no_label_to_be_sure_of_when_looked_at_then_there_is_nothing_to_slide(opened: Open) -> None:
    page = opened()
    slider = page.get_by_role("slider")
    expect(slider).to_be_hidden()
    search(page, "name:*.jpg")
    expect(page.locator("#said")).to_contain_text("name:*.jpg.")
    expect(slider).to_be_hidden()
    search(page, "cup")
    expect(slider).to_be_visible()
    page.get_by_label("Rejected").check()
    expect(slider).to_be_hidden()


# Counts


def fulfilled(answers: list[dict[str, Any]]) -> Callable[[Route], None]:
    left = iter(answers)
    return lambda route: route.fulfill(content_type="application/json", body=json.dumps(next(left)))


def test_given_a_long_search_when_opened_then_all_its_labels_are_counted_with_what_that_costs(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.browsing.api._AT_A_TIME", 1)
    page = opened()
    search(page, "pet")
    expect(page.locator("#counted")).to_contain_text("counted all 3 photos · ")
    expect(page.locator("#counted")).to_contain_text(re.compile(r"\d read units?$"))
    expect(page.locator("#facets").get_by_role("button", name="Cat 2")).to_be_visible()


def test_given_thousands_of_photos_when_counted_then_it_goes_on_only_where_asked(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.browsing.api._AT_A_TIME", 1)
    page = opened()
    some = [{"labels": {"Pet": 1000}, "photos": 1000, "more": f"{at}", "units": 900.5} for at in range(5)]
    last = {"labels": {"Pet": 10, "Cat": 5100}, "photos": 10, "more": None, "units": 9.0}
    page.route("**/api/facets*", fulfilled([*some, last]))
    search(page, "pet")
    expect(page.locator("#counted")).to_have_text("counted 5,000 photos so far · 4,503 read units")
    page.get_by_role("button", name="Count all").click()
    expect(page.locator("#counted")).to_have_text("counted all 5,010 photos · 4,512 read units")
    expect(page.get_by_role("button", name="Count all")).to_be_hidden()
    expect(page.locator("#facets button").first).to_have_text("Cat5,100")


def test_given_counts_of_an_earlier_day_when_shown_then_the_day_is(opened: Open) -> None:
    page = opened()
    expect(page.locator("#counted")).to_have_text("counted today")
    told = {"labels": {"Pet": 3}, "merged": [], "suggested": [], "at": "2026-03-05T12:00:00+00:00"}
    page.route("**/api/labels*", fulfilled([told]))
    page.reload()
    expect(page.locator("#counted")).to_have_text("counted on March 5, 2026")


def test_given_one_photo_when_counted_then_the_words_are_of_one(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.browsing.api._AT_A_TIME", 1)
    page = opened()
    page.route("**/api/facets*", fulfilled([{"labels": {"Pet": 1}, "photos": 1, "more": None, "units": 0.5}]))
    search(page, "pet")
    expect(page.locator("#counted")).to_have_text("counted the 1 photo · 1 read unit")


def test_given_a_confidence_when_labels_are_counted_then_each_finds_as_many_photos_as_it_says(
    opened: Open,
) -> None:
    page = opened()
    page.evaluate("location.hash = 'q=animal or cup&min=95'")
    expect(page.locator("#said")).to_contain_text("photos: Animal or Cup.")
    facets = [one.inner_text().split("\n") for one in page.locator("#facets button").all()]
    assert len(facets) > 2
    for name, count in facets:
        script = """async (q) => {
          const found = await fetch(`api/photos?${new URLSearchParams({ q, min: 95 })}`);
          return (await found.json()).photos.length;
        }"""
        assert page.evaluate(script, f"(animal or cup) and {name}") == int(count), name


# Photos without a date


def test_given_no_photo_without_a_date_when_that_is_known_then_the_years_do_not_lead_to_them(opened: Open) -> None:
    page = opened()
    expect(page.locator("#said")).to_have_text(ALL)
    expect(page.locator("#rail > li > button")).to_have_text([str(datetime.now(UTC).year)])
    page.evaluate("location.hash = 'when=undated'")
    expect(page.locator("#said")).to_have_text("Every photo has a date.")


def test_given_no_photo_without_a_date_when_known_late_then_the_years_do_not_lead_to_them(opened: Open) -> None:
    page = opened()
    held = holding(page, "**/api/photos*after=undated*")
    page.reload()
    expect(page.locator("#rail ol button")).to_have_count(1)  # nothing else of the years is to come
    expect(page.locator("#said")).to_have_text(f"{PHOTOS} photos so far.")
    expect(page.locator("#rail .undated")).to_be_visible()
    held[0].continue_()
    expect(page.locator("#said")).to_have_text(ALL)
    expect(page.locator("#rail .undated")).to_be_hidden()


def test_given_no_photo_of_a_time_when_looked_at_then_it_says_no_more_than_that(opened: Open) -> None:
    page = opened()
    page.evaluate("location.hash = 'when=1990-05'")
    expect(page.locator("#said")).to_have_text("No photo is from May 1990 or before.")


# News


def test_given_an_open_page_when_a_photo_is_labelled_then_a_button_tells_of_it_and_shows_it(
    opened: Open, target: Target
) -> None:
    page = opened()
    expect(page.locator("#said")).to_have_text(ALL)
    s3, photo = target.client("s3"), {"Bucket": target.outputs.bucket, "Key": "new.jpg"}
    s3.put_object(**photo, Body=SAMPLES["cat.jpg"] + b"new")
    page.get_by_role("button", name="1 new photo").click()
    expect(page.locator("#said")).to_have_text(f"{PHOTOS + 1} photos.")
    expect(page.locator("#news")).to_be_hidden()
    s3.delete_object(**photo)
    image = f"{target.outputs.bucket}/new.jpg"  # the other tests count photos
    eventually(lambda: TableReader(target).documents([image])[image].status == "REMOVED")


# Nobody answers


def test_given_a_cloud_that_has_stopped_when_searched_then_it_says_what_to_do_and_recovers(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = opened()

    def fail(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    with monkeypatch.context() as stopped:
        stopped.setattr("photo_labels.browsing.api.Api.search", fail)
        search(page, "cup")
        expect(page.locator("#said")).to_contain_text(
            "The local cloud does not answer. If it was stopped, start it"
        )
    expect(page.locator("#said")).to_have_text("2 photos: Cup.")


def test_given_a_server_that_has_stopped_when_searched_then_it_says_what_to_do_and_recovers(opened: Open) -> None:
    page = opened()
    search(page, "pet")
    expect(page.locator("#said")).to_have_text("3 photos: Pet.")
    page.context.set_offline(True)
    search(page, "cup")
    expect(page.locator("#said")).to_contain_text("The server of this page does not answer. If `photos browse`")
    expect(page.locator("#status")).to_contain_text("does not answer")
    page.context.set_offline(False)
    expect(page.locator("#said")).to_have_text("2 photos: Cup.")
    expect(page.locator("#status")).to_contain_text("labelling")


# Photos that cannot be shown


def test_given_a_photo_that_is_gone_when_shown_then_a_tile_says_so_in_the_grid_and_large(
    opened: Open, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.library.viewing.MAX_FILE_BYTES", len(SAMPLES["dogs.jpg"]) - 1)
    page = opened()
    search(page, "dog")
    page.evaluate("document.querySelectorAll('#grid img').forEach((one) => { one.src += '&again'; })")
    page.locator(".tile").click()
    expect(page.locator("#frame .missing")).to_contain_text("dogs.jpg")
    expect(page.locator("#frame .missing")).to_contain_text("too large")
    expect(page.locator("#frame .missing")).to_contain_text("which is too much to show.")
    page.keyboard.press("Escape")


def test_given_rejected_photos_when_shown_then_a_tile_with_name_and_word_and_no_broken_image(opened: Open) -> None:
    page = opened()
    page.get_by_label("Rejected").check()
    missing = page.locator("#grid .missing")
    expect(missing).to_have_text("broken.webpnot readable")
    expect(page.locator("#grid img")).to_be_hidden()


# Names of one's own


def test_given_a_label_map_when_browsed_then_the_page_calls_labels_so(
    browser: Browser, target: Target, served: Browse, tmp_path: Path
) -> None:
    (tmp_path / "map.toml").write_text('hide = ["Animal"]\n[rename]\nDog = "Hund <b>"\nSpaniel = "Hund <b>"\n')
    with serving(Browse(target, names=label_map.read(tmp_path / "map.toml"))) as server:
        page = browser.new_page()
        page.goto(server.link())
        page.locator("#facets").get_by_role("button", name="Hund <b> ≤ 2").click()
        expect(page.locator("#said")).to_have_text("1 photo: Hund <b>.")
        page.locator(".tile").click()
        expect(page.locator("#labels th").first).to_have_text("Hund <b>")
        expect(page.locator("#labels")).not_to_contain_text("Animal")
        page.keyboard.press("Escape")
        search(page, "animal")
        expect(page.locator("#said")).to_contain_text("animal is hidden.")
        page.close()


# The page reads searches as Python does


def _texts() -> list[str]:
    """Return some hundred searches that can be read, of all that they are made of, in whatever order."""
    random = Random(1)
    parts = [
        *"()",
        "and",
        "or",
        "NOT",
        "not",
        "dog",
        "Dining",
        "table",
        '"rock and roll"',
        "in:2019/",
        'name:"a b"*',
    ]
    parts += ["name:IMG(1)*", "is:unlabelled"]
    made = {" ".join(random.choices(parts, k=random.randint(1, 8))) for _ in range(9000)}
    return sorted(filter(_is_read, made))


def _is_read(text: str) -> bool:
    try:
        parse(text)
    except UserError:
        return False
    return True


def test_given_any_search_when_taken_apart_or_narrowed_then_it_is_the_same_search(opened: Open) -> None:
    page, texts = opened(), _texts()
    assert len(texts) > 300
    script = """async (texts) => {
      const { narrowed, terms } = await import("./query.js");
      return texts.map((text) => [terms(text), narrowed(text, "or: else")]);
    }"""
    for text, (terms, narrowed) in zip(texts, page.evaluate(script, texts), strict=True):
        query = parse(text)
        assert parse(" and ".join(terms)) == query, text
        # What is in parentheses as a whole stays one part.
        parts = query.queries if isinstance(query, And) and len(terms) > 1 else (query,)
        assert len(terms) == len(parts), text
        assert len(terms) > 1 or not isinstance(query, And) or text.startswith("("), text
        assert parse(narrowed) == And((*parts, Has("or: else"))), text
