"""`photos show` of a part of a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from photo_labels import cli
from photo_labels.library.costs import Scan
from tests.unit.deployed import dated, document, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from photo_labels.library.target import Target


@pytest.fixture
def show(target: Target, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    monkeypatch.setattr(cli, "console", Console(width=140))
    return lambda *arguments: CliRunner().invoke(cli.photos, ["show", *arguments])


@pytest.mark.parametrize("part", ["0312", "img_0312.JPG", "IMG_031?.jpg", "19/IMG_0312", "2019/im"])
def test_given_a_part_of_one_name_when_shown_then_it_is_that_photo(target: Target, show: Any, part: str) -> None:
    store(target, dated("2019/IMG_0312.jpg", "2019-07-14T18:03:22", {"Cat": 90.0}))
    store(target, document("0312/other.jpg", {"Cat": 90.0}))
    store(target, document("gone/IMG_0312.jpg", {}, status="REMOVED"))
    shown = show(part)
    assert (shown.exit_code, "photos/2019/IMG_0312.jpg" in shown.output) == (0, True)
    assert "reading about 3 names" in shown.output


def test_given_the_very_key_when_shown_then_no_names_are_read(target: Target, show: Any) -> None:
    store(target, document("a.jpg", {"Cat": 90.0}))
    store(target, document("aa.jpg", {"Cat": 90.0}))
    assert "reading" not in show("a.jpg").output
    assert "Nothing is known of s3://photos/a: " in show("s3://photos/a").output


def test_given_a_rejected_photo_when_shown_by_a_part_then_its_reason(target: Target, show: Any) -> None:
    store(target, document("bad.jpg", {}, status="REJECTED", reason="BrokenPhoto", detail="No."))
    assert "BrokenPhoto: No." in show("bad").output


def test_given_a_part_of_several_names_when_shown_then_they_are_listed_in_order(target: Target, show: Any) -> None:
    for number in range(25):
        store(target, document(f"2019/IMG\n_{24 - number:02d}.jpg", {}))
    shown = show("img")
    assert shown.exit_code == 1
    listed = [line for line in shown.output.splitlines() if line.startswith("2019/")]
    assert listed == [f"2019/IMG\\n_{number:02d}.jpg" for number in range(20)]
    assert "25 photos have img in their names: the first 20 of them are above." in shown.output
    assert "5 photos have _2 in their names: these are above." in show("_2").output


def test_given_a_part_of_no_name_when_shown_then_similar_names_are_said(target: Target, show: Any) -> None:
    store(target, document("2019/Sunset [beach].jpg", {}))
    shown = show("sunste [beach]")
    assert (shown.exit_code, "Did you mean 2019/Sunset [beach].jpg?" in shown.output) == (1, True)
    nothing = show("qqq")
    assert (nothing.exit_code, "Nothing is known of qqq: it is not in photos" in nothing.output) == (1, True)
    assert "imported as a copy of a photo" in nothing.output.replace("\n", " ")


def test_given_many_names_when_a_part_is_shown_then_reading_them_is_asked_for(
    target: Target, show: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(target, document("a.jpg", {"Cat": 90.0}))
    monkeypatch.setattr("photo_labels.terminal.scan_cost.scan_of", lambda *_: Scan(1_000_000, 1e6))
    assert str(show("a").exception) == "Go on? Not interactive: pass --yes."
    assert show("a", "--yes").exit_code == 0


def test_given_a_photo_without_labels_or_a_time_of_its_own_when_shown_then_it_says_so(
    target: Target, show: Any
) -> None:
    store(target, document("a.jpg", {}, timeline="2019-07-15T09:00:00"))
    said = show("a.jpg").output
    assert "no labels: nothing in it is sure enough" in said
    assert "it does not say; by its upload it is of 2019-07-15T09:00:00" in said
    assert "┃" not in said
