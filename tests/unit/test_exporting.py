"""`photos export` and `photos show` on moto."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from PIL import Image

from photos import cli
from photos.errors import UserError
from photos.opening import drawn_photo, links
from tests.unit.deployed import BUCKET, document, put, store

if TYPE_CHECKING:
    from photos.target import Target

HOSTILE = 'a,"b"\n=1+1.jpg'
BOX = {"Confidence": 97.0, "BoundingBox": {"Left": -0.1, "Top": 0.25, "Width": 0.5, "Height": 0.5}}


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    return CliRunner().invoke(cli.photos, arguments)


@pytest.fixture
def filled(target: Target) -> Target:
    store(target, document(HOSTILE, {"Cat": 98.5, "Animal": 99.25}))
    store(target, document("other/fog.jpg", {}))
    store(target, document("bad.jpg", {}, status="REJECTED", reason="BrokenPhoto", detail="The file is broken."))
    store(target, document("gone.jpg", {}, status="REMOVED"))
    put(target, "ImageLabels", {"ImageID": "somebody/else's"})
    return target


def test_given_documents_when_exported_as_json_then_each_photo_is_a_line(
    filled: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(filled, monkeypatch, "export")
    lines = {one["Key"]: one for one in map(json.loads, ended.stdout.splitlines())}
    assert set(lines) == {HOSTILE, "other/fog.jpg", "bad.jpg"}
    assert lines[HOSTILE]["Labels"][0] == {
        "Name": "Animal", "Confidence": 99.25, "Parents": [], "Categories": [], "Instances": [],
    }  # fmt: skip
    assert "reading about 5 documents" in ended.stderr


def test_given_documents_when_exported_as_csv_then_each_label_is_a_line(
    filled: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(csv.DictReader(io.StringIO(run(filled, monkeypatch, "export", "--format", "csv").stdout)))
    assert sorted(
        (row["image"], row["status"], row["label"], row["confidence"], row["reason"]) for row in rows
    ) == [
        (f"{BUCKET}/{HOSTILE}", "LABELLED", "Animal", "99.25", ""),
        (f"{BUCKET}/{HOSTILE}", "LABELLED", "Cat", "98.5", ""),
        (f"{BUCKET}/bad.jpg", "REJECTED", "", "", "BrokenPhoto"),
        (f"{BUCKET}/other/fog.jpg", "LABELLED", "", "", ""),
    ]


def test_given_a_prefix_when_exported_then_only_what_begins_so(
    filled: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(filled, monkeypatch, "export", "--prefix", "other/")
    assert [json.loads(line)["Key"] for line in ended.stdout.splitlines()] == ["other/fog.jpg"]


def test_given_a_large_table_when_exported_then_the_cost_is_asked_about_first(
    filled: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photos.commands.look._ASK_ABOVE_USD", -1)
    ended = run(filled, monkeypatch, "export")
    assert ended.exit_code == 1
    assert ended.stdout == ""


# looking at one


def photo(kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(file, kind)
    return file.getvalue()


def test_given_a_photo_with_boxes_when_opened_then_they_are_drawn(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    labels = ({"Name": "Cat [x]", "Confidence": 97.0, "Parents": [], "Categories": [], "Instances": [BOX]},)
    written = replace(document("cat.webp", {}), labels=json_safe(labels))
    store(target, written)
    target.client("s3").put_object(Bucket=BUCKET, Key="cat.webp", Body=photo("WEBP"))
    ended = run(target, monkeypatch, "show", "cat.webp", "--open")
    assert ended.exit_code == 0
    with Image.open(opened[0].removeprefix("file://")) as drawn:
        assert drawn.size == (200, 100)
        assert drawn.convert("RGB").getpixel((79, 60)) == (230, 25, 75), "a box's right side"
        assert drawn.convert("RGB").getpixel((150, 50)) == (255, 255, 255)


def json_safe(labels: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same labels with the numbers that DynamoDB takes."""
    return tuple(json.loads(json.dumps(labels), parse_float=Decimal))


def test_given_a_photo_that_is_gone_or_broken_when_opened_then_a_sentence_says_so(target: Target) -> None:
    with pytest.raises(UserError, match=r"gone\.jpg cannot be had from the bucket"):
        drawn_photo(target, document("gone.jpg", {}))
    target.client("s3").put_object(Bucket=BUCKET, Key="broken.jpg", Body=b"nothing")
    with pytest.raises(UserError, match=r"broken\.jpg cannot be shown: The file is no photo"):
        drawn_photo(target, document("broken.jpg", {}))


def test_given_photos_when_linked_then_the_links_are_signed_and_end(target: Target) -> None:
    [link] = links(target, [document("a b+c%.jpg", {})])
    assert "a%20b%2Bc%25.jpg" in link
    assert "X-Amz-Expires=3600" in link
    assert "X-Amz-Signature=" in link
