"""What exiftool, and exiv2, which digiKam reads by, make of a sidecar."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from photo_labels.library.sidecars.paths import paths_of
from photo_labels.library.sidecars.regions import Region
from photo_labels.library.sidecars.xmp import packet, sealed, sealed_photo
from tests.unit.sidecars.reading import DOG

if TYPE_CHECKING:
    from pathlib import Path

REGION = Region("Dog & <co>\n日本", 0.5, 0.25, 0.1, 0.2)
PATHS = [*paths_of(DOG), ("a&<b|c/d\r\n\x1b日本\U0001f600",)]
SIDECAR = sealed(packet(PATHS, [REGION, REGION], (400, 300)), "photos/a.jpg")
NAMES = ["Animal", "Mammal", "Canine", "Pet", "Dog", "a&<b|c/d\r\n\ufffd日本\U0001f600"]
TREE = ["Animal", "Animal|Mammal", "Animal|Mammal|Canine", "Animal|Pet", "Animal|Mammal|Canine|Dog"]
WITH_BARS = [*TREE, "a&<b\uff5cc/d\r\n\ufffd日本\U0001f600"]
WITH_SLASHES = [*(path.replace("|", "/") for path in TREE), "a&<b|c\uff0fd\r\n\ufffd日本\U0001f600"]


def ran(*command: str | Path) -> str:
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert not done.stderr
    return done.stdout.decode()


def by_exiftool(path: Path) -> dict[str, Any]:
    [found] = json.loads(ran("exiftool", "-json", "-struct", "-XMP:all", "-Validate", path))
    regions = found["RegionInfo"]
    dimensions, [first, *_] = regions["AppliedToDimensions"], regions["RegionList"]
    assert (found["Validate"], dimensions["Unit"], first["Area"]["Unit"]) == ("OK", "pixel", "normalized")
    return {
        "names": ", ".join(found["Subject"]),
        "with bars": ", ".join(found["HierarchicalSubject"]),
        "with slashes": ", ".join(found["TagsList"]),
        "regions": len(regions["RegionList"]),
        "size": (dimensions["W"], dimensions["H"]),
        "region": (first["Name"], *(first["Area"][side] for side in "XYWH")),
    }


def by_exiv2(path: Path) -> dict[str, Any]:
    def value(key: str) -> str:
        return ran("exiv2", "-PXv", "-K", f"Xmp.{key}", "pr", path).removesuffix("\n")

    dimensions, regions = "mwg-rs.Regions/mwg-rs:AppliedToDimensions", "mwg-rs.Regions/mwg-rs:RegionList"
    first = f"{regions}[1]/mwg-rs"
    return {
        "names": value("dc.subject"),
        "with bars": value("lr.hierarchicalSubject"),
        "with slashes": value("digiKam.TagsList"),
        "regions": sum(ran("exiv2", "-PXk", "pr", path).count(f"{regions}[{n}]/mwg-rs:Name") for n in range(9)),
        "size": tuple(int(value(f"{dimensions}/stDim:{side}")) for side in "wh"),
        "region": (value(f"{first}:Name"), *(float(value(f"{first}:Area/stArea:{side}")) for side in "xywh")),
    }


READERS = {"exiftool": by_exiftool, "exiv2": by_exiv2}
SAVED_BY = {
    "exiftool": ("exiftool", "-quiet", "-overwrite_original", "-XMP:Rating=5"),
    "exiv2": ("exiv2", "-Mset Xmp.xmp.Rating 5"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg.xmp"
    path.write_bytes(SIDECAR)
    return path


def test_given_a_sidecar_when_a_program_reads_it_then_labels_tree_and_regions_are_in_it(
    path: Path, program: str
) -> None:
    assert READERS[program](path) == {
        "names": ", ".join(NAMES),
        "with bars": ", ".join(WITH_BARS),
        "with slashes": ", ".join(WITH_SLASHES),
        "regions": 2,
        "size": (400, 300),
        "region": tuple(REGION),
    }


def test_given_a_sidecar_when_a_program_saves_it_then_it_is_not_ours_any_more(path: Path, program: str) -> None:
    assert sealed_photo(path.read_bytes())
    ran(*SAVED_BY[program], path)
    assert sealed_photo(path.read_bytes()) is None
    assert READERS[program](path)["names"] == ", ".join(NAMES)
