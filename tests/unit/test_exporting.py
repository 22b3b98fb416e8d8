"""`photos export` and `photos show` on moto."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from photo_labels import cli
from photo_labels.commands.export import write_csv, write_json
from photo_labels.library.user_errors import UserError
from photo_labels.library.viewing import drawn_photo, launch, links
from photo_labels.terminal.output import Stream
from tests.unit.deployed import BUCKET, FIJI, document, put, store

if TYPE_CHECKING:
    from typing import TextIO

    from photo_labels.library.target import Target

HOSTILE = 'a,"b"\n=1+1.jpg'
ESCAPED = 'a,"b"\\n=1+1.jpg'
BOX = {"Confidence": 97.0, "BoundingBox": {"Left": -0.1, "Top": 0.25, "Width": 0.5, "Height": 0.5}}

LABEL = {"Name": "Cat", "Confidence": Decimal(98), "Parents": [], "Categories": [], "Instances": []}
CHANGES: list[dict[str, Any]] = [
    {"Status": "SOMETHING"},
    {"Key": "another"},
    {"LabelledAt": 12},
    {"Sequencer": None},
    {"Size": "large"},
    {"Labels": {"Cat": 98}},
    {"Labels": ["Cat"]},
    {"Labels": [LABEL | {"Confidence": "98"}]},
    {"Labels": [LABEL | {"Parents": "Animal"}]},
    {"Labels": [LABEL | {"Instances": [{"Confidence": 1}]}]},
    {"Labels": [{"Name": "Cat", "Confidence": 98}]},
]
# Items of others; the last ones are documents but for one thing.
FOREIGN: list[dict[str, Any]] = [
    {"ImageID": "somebody/else's"},
    {"ImageID": f"{BUCKET}/bare", "Status": "LABELLED"},
    *(document(f"foreign {number}", {}, size=1).to_item() | change for number, change in enumerate(CHANGES)),
]


def run(target: Target, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr(cli, "aws_target", lambda *_: target)
    return CliRunner().invoke(cli.photos, arguments)


@pytest.fixture
def filled(target: Target) -> Target:
    store(target, document(HOSTILE, {"Cat": 98.5, "Animal": 99.25}))
    store(target, document("other/fog.jpg", {}))
    store(target, document("bad.jpg", {}, status="REJECTED", reason="BrokenPhoto", detail="The file is broken."))
    store(target, document("gone.jpg", {}, status="REMOVED"))
    for item in FOREIGN:
        put(target, "ImageLabels", item)
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
    assert f"reading about {4 + len(FOREIGN)} documents" in ended.stderr


def test_given_documents_when_exported_as_csv_then_each_label_is_a_line(
    filled: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = list(csv.DictReader(io.StringIO(run(filled, monkeypatch, "export", "--format", "csv").stdout)))
    assert sorted(
        (row["image"], row["status"], row["label"], row["confidence"], row["reason"]) for row in rows
    ) == [
        (f"{BUCKET}/{ESCAPED}", "LABELLED", "Animal", "99.25", ""),
        (f"{BUCKET}/{ESCAPED}", "LABELLED", "Cat", "98.5", ""),
        (f"{BUCKET}/bad.jpg", "REJECTED", "", "", "BrokenPhoto"),
        (f"{BUCKET}/other/fog.jpg", "LABELLED", "", "", ""),
    ]


def test_given_photos_that_say_when_and_where_when_exported_as_csv_then_in_columns_at_the_end(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts: dict[str, Any] = {"taken_at": "2019-07-14T18:03:22+02:00", "camera": "=Apple", "location": FIJI}
    store(target, document("a.jpg", {"Cat": 98.5}, **facts))
    store(target, document("b.jpg", {}, status="REJECTED", reason="BrokenPhoto", taken_at="2019-07-14T18:03:22"))
    printed = run(target, monkeypatch, "export", "--format", "csv").stdout
    ends = sorted(list(row.values())[7:] for row in csv.DictReader(io.StringIO(printed)))
    assert ends == [
        ["2019-07-14T18:03:22", "", "", ""],
        ["2019-07-14T18:03:22+02:00", "'=Apple", "-17.0", "179.9"],
    ]


def test_given_what_a_photo_says_of_itself_when_shown_then_it_is_there(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts: dict[str, Any] = {"taken_at": "2019-07-14T18:03:22+02:00", "camera": "Apple iPhone X", "location": FIJI}
    store(target, document("a.jpg", {}, timeline="2019-07-14T18:03:22", copy_of=f"{BUCKET}/b.jpg", **facts))
    said = run(target, monkeypatch, "show", "a.jpg").output
    lines = {" ".join(line.split()) for line in said.splitlines()}
    assert {"taken 2019-07-14T18:03:22+02:00", "camera Apple iPhone X", "location -17.0, 179.9"} <= lines
    assert f"labels a copy of {BUCKET}/b.jpg, whose labels were taken over" in lines


def test_given_a_clock_that_was_wrong_when_shown_then_it_says_of_when_the_photo_is_by_its_upload(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(target, document("a.jpg", {}, taken_at="2099-01-01T00:00:00", timeline="2019-07-15T09:00:00"))
    said = " ".join(run(target, monkeypatch, "show", "a.jpg").output.split())
    assert "2099-01-01T00:00:00, as the photo says; by its upload it is of 2019-07-15T09:00:00" in said


def test_given_a_prefix_when_exported_then_only_what_begins_so(
    filled: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(filled, monkeypatch, "export", "--prefix", "other/")
    assert [json.loads(line)["Key"] for line in ended.stdout.splitlines()] == ["other/fog.jpg"]


def test_given_a_large_table_when_exported_then_the_cost_is_asked_about_first(
    filled: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("photo_labels.terminal.scan_cost._ASK_ABOVE_USD", -1)
    ended = run(filled, monkeypatch, "export")
    assert ended.exit_code == 1
    assert ended.stdout == ""


def test_given_attributes_that_others_added_when_exported_then_they_are_left_out(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = document("a.jpg", {"Cat": 98.0}).to_item()
    theirs = {"Faces": {b"x"}, "Labels": [LABEL | {"Colour": b"red"}]}
    put(target, "ImageLabels", ours | theirs)
    [line] = run(target, monkeypatch, "export").stdout.splitlines()
    assert json.loads(line) == json.loads(json.dumps(ours | {"Labels": [LABEL]}, default=float))
    assert run(target, monkeypatch, "export", "--format", "csv").exit_code == 0


# whatever names photos and labels have

WIDE = "\uff1d\uff0b\uff0d\uff20"
FORMULA = re.compile(rf"[\s\"]*[=+\-@{WIDE}]")
hostile = st.text(
    st.sampled_from(WIDE + "=+-@\t\r\n\0 '\";,|\x1b\x07\x9b\u202e\ud800日é") | st.characters(),
    min_size=1,
    max_size=12,
)


@given(st.lists(st.tuples(hostile, hostile, hostile), max_size=5))
def test_given_any_names_when_exported_as_csv_then_cells_do_nothing(
    named: list[tuple[str, str, str]],
) -> None:
    photos = [
        document(key, {label: 98.5}, bucket=bucket, reason=label, event_time=label, camera=label)
        for bucket, key, label in named
    ] + [document(key, {}, bucket=bucket, reason=reason) for bucket, key, reason in named]
    file = io.BytesIO()
    text = io.TextIOWrapper(file, encoding="latin-1", newline="", write_through=True)
    write_csv(iter(photos), cast("TextIO", Stream(text)))  # as a program has its standard output
    written = file.getvalue().decode()
    assert all(one.isprintable() for one in written.replace("\r\n", ""))
    rows = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    assert [len(row) for row in rows] == [11] * (1 + len(photos))
    for row, photo in zip(rows[1:], photos, strict=True):
        assert not any(FORMULA.match(cell) for cell in row)
        assert row[0].removeprefix("'") == escaped(photo.image_id).removeprefix("'")


def escaped(text: str) -> str:
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


@given(hostile, hostile)
def test_given_any_names_when_exported_as_json_then_all_is_exactly_as_it_is(key: str, label: str) -> None:
    written = document(key, {label: 98.5})
    file = io.StringIO()
    write_json(iter([written]), file)
    assert file.getvalue().isascii()
    [line] = file.getvalue().split("\n")[:-1]
    read = json.loads(line)
    assert (read["Key"], read["Labels"][0]["Name"]) == (key, label)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(1)", " =1", "'=1", '"=1', f"{WIDE[0]}1", " ' \"+1"])
def test_given_what_spreadsheet_would_run_when_exported_as_csv_then_apostrophe_is_before_it(
    cell: str,
) -> None:
    file = io.StringIO()
    write_csv(iter([document("a.jpg", {cell: 98.5}), document("=a.jpg", {}, bucket=cell)]), file)
    _, first, second = csv.reader(io.StringIO(file.getvalue()))
    assert first[:4] == [f"{BUCKET}/a.jpg", "LABELLED", f"'{cell}", "98.5"]
    assert second[0] == f"'{cell}/=a.jpg"


# looking at one


def test_given_a_label_with_aliases_when_shown_then_they_are_beside_its_name(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    [phone, wall] = document("phone.jpg", {"Mobile Phone": 98.5, "Wall": 90.0}).labels
    labels = (phone | {"Aliases": ["Cell Phone", "[red]"]}, wall)
    store(target, replace(document("phone.jpg", {}), labels=labels))
    monkeypatch.setattr(cli, "console", Console(width=140))
    said = " ".join(run(target, monkeypatch, "show", "phone.jpg").output.split())
    assert "Mobile Phone (Cell Phone, [red]) │ 98.50" in said
    assert "Wall │ 90.00" in said
    shown = json.loads(run(target, monkeypatch, "show", "phone.jpg", "--json").stdout)
    assert [one.get("Aliases") for one in shown["Labels"]] == [["Cell Phone", "[red]"], None]


def test_given_a_photo_with_quality_when_shown_then_measures_and_colours_are_there(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    properties = {
        "Sharpness": Decimal("81.02"),
        "Contrast": Decimal("80.4"),
        "DominantColors": [
            {"HexCode": "#2f4f4f", "SimplifiedColor": "grey", "PixelPercent": Decimal("25.4")},
            {"HexCode": "#000000", "SimplifiedColor": "[black]", "PixelPercent": Decimal("22.3")},
        ],
        "Foreground": {"Sharpness": Decimal("91.5")},
    }
    store(target, document("cat.jpg", {"Cat": 98.5}, image_properties=properties))
    said = " ".join(run(target, monkeypatch, "show", "cat.jpg").output.split())
    assert "quality sharpness 81.02, contrast 80.4; foreground: sharpness 91.5" in said
    assert "colours grey #2f4f4f 25.4 %, [black] #000000 22.3 %" in said
    store(target, document("plain.jpg", {"Cat": 98.5}))
    assert "quality" not in run(target, monkeypatch, "show", "plain.jpg").output


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
    with pytest.raises(UserError, match=r"gone\.jpg is not in the bucket any more\.$"):
        drawn_photo(target, document("gone.jpg", {}))
    target.client("s3").put_object(Bucket=BUCKET, Key="broken.jpg", Body=b"nothing")
    with pytest.raises(UserError, match=r"broken\.jpg cannot be shown: The file is no photo"):
        drawn_photo(target, document("broken.jpg", {}))


def test_given_photos_when_linked_then_the_links_are_signed_and_end(target: Target) -> None:
    [link] = links(target, [document("a b+c%.jpg", {})])
    assert "a%20b%2Bc%25.jpg" in link
    assert "X-Amz-Expires=3600" in link
    assert "X-Amz-Signature=" in link


def test_given_no_browser_when_something_is_opened_then_it_says_so_with_the_link(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webbrowser._tryorder", [])
    monkeypatch.setattr("webbrowser._browsers", {})
    launch("http://127.0.0.1:1/x")
    assert capsys.readouterr().err == "No browser can be started here. Open this in one: http://127.0.0.1:1/x\n"


def test_given_no_space_for_the_drawn_photo_when_opened_then_a_sentence_says_so(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.client("s3").put_object(Bucket=BUCKET, Key="cat.jpg", Body=photo())
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    with pytest.raises(UserError, match=r"cat\.jpg cannot be drawn \(No such file"):
        drawn_photo(target, document("cat.jpg", {}))
