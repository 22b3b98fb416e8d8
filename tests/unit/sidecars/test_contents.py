"""What is in a sidecar: whatever labels and boxes a document has, and under whatever key."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from photo_labels.library.sidecars.exporting import SidecarExport
from photo_labels.library.sidecars.files import Outcome, SidecarFolder
from photo_labels.library.sidecars.paths import paths_of
from photo_labels.library.sidecars.regions import Region, regions_of
from photo_labels.library.sidecars.xmp import packet, sealed, sealed_photo
from tests.unit.sidecars.reading import DOG, Box, label, labelled, read

# every label below one of its parents


def test_given_labels_with_several_parents_when_put_in_a_tree_then_each_is_below_a_direct_one() -> None:
    assert paths_of(DOG) == [
        ("Animal",),
        ("Animal", "Mammal"),
        ("Animal", "Mammal", "Canine"),
        ("Animal", "Pet"),
        ("Animal", "Mammal", "Canine", "Dog"),
    ]


def test_given_parents_that_are_no_labels_when_put_in_a_tree_then_only_what_is_said_of_them() -> None:
    assert paths_of([label("Car", ["Vehicle", "Transportation"])]) == [("Vehicle", "Car")]


def test_given_labels_that_are_each_others_parents_when_put_in_a_tree_then_it_ends() -> None:
    assert paths_of([label("A", ["B", "A"]), label("B", ["A"])]) == [("B", "A"), ("B",)]


# any text

FORBIDDEN = "\0\x01\x08\x0b\x0c\x0e\x1f\ufffe\uffff\ud800\udfff"
names = st.text(
    st.sampled_from(FORBIDDEN + "<>&'\"|/\t\r\n ]\x7f\x85\u2028日\U0001f600") | st.characters(), max_size=8
)
numbers = st.floats(-2, 2) | st.sampled_from([1e-9, 1e300, -1e300])
boxes = st.tuples(numbers, numbers, numbers, numbers)
all_labels = st.lists(
    st.builds(label, names, st.lists(names, max_size=3), st.lists(boxes, max_size=3)),
    max_size=5,
    unique_by=lambda one: one["Name"],
)
part = (
    st.sampled_from(["..", ".", "", "a", "A", "a.jpg", "\0", "x" * 256, "é" * 127, "\n", ":", "~", "-rf"]) | names
)
keys = st.lists(part, min_size=1, max_size=5).map("/".join)


def as_xml_has_it(text: str) -> str:
    return "".join("\ufffd" if is_forbidden(one) else one for one in text)


def is_forbidden(one: str) -> bool:
    return unicodedata.category(one) == "Cs" or one in "\ufffe\uffff" or (one < " " and one not in "\t\r\n")


@settings(deadline=None)  # disks take their time
@given(all_labels, keys, st.integers(1, 8))
@example([label("Dog", ["Animal"], [(0.1, 0.1, 0.5, 0.5)])], "../../outside.jpg", 6)
@example([label("Dog")], "/etc/outside.jpg", 1)
@example([label("\ud800")], "\ud800.jpg", 1)
def test_given_anything_when_exported_then_it_is_read_back_and_nothing_is_outside(
    labels: list[dict[str, Any]], key: str, orientation: int
) -> None:
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / "below" / "photos"
        with SidecarFolder(folder) as opened:
            export = SidecarExport(opened)
            export.write(labelled(key, *labels, orientation=orientation))
        files = [Path(at) / name for at, _, names in os.walk(outer) for name in names]
        if not export.counts[Outcome.WRITTEN]:
            assert (export.counts[Outcome.IMPOSSIBLE], files) == (1, [])
            return
        assert files == [folder / f"{key}.xmp"]
        found = read(files[0].read_bytes())
    assert found.names == [as_xml_has_it(one["Name"]) for one in labels]
    clean = [[as_xml_has_it(name) for name in path] for path in paths_of(labels)]
    assert found.with_bars == ["|".join(name.replace("|", "\uff5c") for name in path) for path in clean]
    assert found.with_slashes == ["/".join(name.replace("/", "\uff0f") for name in path) for path in clean]
    expected = [one._replace(name=as_xml_has_it(one.name)) for one in regions_of(labels, orientation)]
    assert found.regions == expected
    assert all(one.x - one.width / 2 + 1e-6 >= 0 and one.x + one.width / 2 <= 1 + 1e-6 for one in found.regions)


@settings(deadline=None)
@given(st.text("aZ0 \n\t:~-.'\"<&%日é\U0001f600", min_size=1, max_size=20))
def test_given_a_plain_key_when_exported_then_it_gets_a_sidecar(name: str) -> None:
    key = name.replace("/", "_") + ".jpg"
    with tempfile.TemporaryDirectory() as folder, SidecarFolder(Path(folder)) as opened:
        assert opened.write(key, key, b"x") is Outcome.WRITTEN
        assert [path.name for path in Path(folder).iterdir()] == [f"{key}.xmp"]


# boxes


@pytest.mark.parametrize(
    ("box", "region"),
    [
        ((0.25, 0.5, 0.5, 0.25), (0.5, 0.625, 0.5, 0.25)),
        ((-0.5, -0.25, 1, 0.5), (0.25, 0.125, 0.5, 0.25)),
        ((0.5, 0.5, 7, 7), (0.75, 0.75, 0.5, 0.5)),
        ((1.5, 0.5, 1, 1), None),
        ((0.5, 0.5, 0, 0.5), None),
        ((0.5, 0.5, 1e-9, 0.5), None),
    ],
)
def test_given_a_box_when_it_becomes_a_region_then_it_is_what_is_in_the_photo(
    box: Box, region: tuple[float, ...] | None
) -> None:
    assert list(regions_of([label("Dog", boxes=[box])], 1)) == ([Region("Dog", *region)] if region else [])


def test_given_no_size_and_no_labels_when_written_then_nothing_is_said_of_them() -> None:
    region = Region("Dog", 0.5, 0.5, 0.25, 0.25)
    assert read(packet([]).encode()) == ([], [], [], [], None)
    assert read(packet([("Dog",)], [region]).encode()).size is None
    assert read(packet([("Dog",)], [region], (400, 300)).encode()).size == (400, 300)
    assert b"Regions" not in packet([("Dog",)], [], (400, 300)).encode()


# the seal


@given(st.binary(min_size=1, max_size=3), st.integers(0))
def test_given_any_change_of_a_sidecar_when_looked_at_then_it_is_not_ours(change: bytes, place: int) -> None:
    ours = sealed(packet([("Dog",)]), "photos/a.jpg")
    assert sealed_photo(ours)
    at = place % (len(ours) + 1)
    assert sealed_photo(ours[:at] + change + ours[at:]) is None
    changed = ours[:at] + change + ours[at + len(change) :]
    assert changed == ours or sealed_photo(changed) is None
