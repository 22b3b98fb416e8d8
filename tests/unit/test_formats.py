"""What is a photo: by its name, by its first bytes, and the same for everybody who asks."""

from __future__ import annotations

import re
import tempfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from photo_labels.library.audit import Auditor
from photo_labels.library.auditing.findings import Finding
from photo_labels.library.backfilling.backfill import Backfill, BackfillScope
from photo_labels.library.importing.finder import PhotoFinder
from photo_labels.library.importing.folders import FOLDERS
from photo_labels.records.formats import (
    NON_PHOTO_NAMES,
    NON_PHOTO_SUFFIXES,
    PHOTO_FORMATS,
    RAW,
    SIGNATURE_BYTES,
    NameSays,
    PhotoFormat,
    format_by_content,
    format_by_name,
    name_says,
    why_no_photo,
)
from tests.fakes.bucket import S3
from tests.fakes.dynamodb import DynamoDB
from tests.fakes.stack import outputs_of_stack
from tests.fakes.world import BUCKET, SETTINGS, SQS, Function, Photo, World
from tests.photo_files import of_format, raw

if TYPE_CHECKING:
    from photo_labels.library.auditing.findings import Problem

PHOTO_SUFFIXES = [suffix for one in PHOTO_FORMATS for suffix in one.suffixes]
JPEG = b"\xff\xd8\xff\xe0".ljust(64, b"\0")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("a.jpg", NameSays.PHOTO),
        ("2019/07.12/IMG_0001.HEIC", NameSays.PHOTO),
        (".trashed-1700000000-IMG.jpg", NameSays.PHOTO),
        ("clip.mov/frame.png", NameSays.PHOTO),
        ("IMG_0001.MOV", NameSays.NO_PHOTO),
        ("a.jpg.json", NameSays.NO_PHOTO),
        ("a.jpg.supplemental-metadata.json", NameSays.NO_PHOTO),
        ("a.jxl", NameSays.NO_PHOTO),
        ("DSC0001.ARW", NameSays.PHOTO),
        ("a.hif", NameSays.PHOTO),
        ("picture.jpg_large", NameSays.PHOTO),
        ("._a.mov", NameSays.NO_PHOTO),
        ("x/.DS_Store", NameSays.NO_PHOTO),
        ("a.jpg/", NameSays.NO_PHOTO),
        ("/", NameSays.NO_PHOTO),
        (".jpg", NameSays.NOTHING),
        ("..jpg", NameSays.NOTHING),
        ("a/.mov", NameSays.NOTHING),
        ("._a.jpg", NameSays.NOTHING),
        ("jpg", NameSays.NOTHING),
        ("a.jpg ", NameSays.NOTHING),
        ("a.jpg.", NameSays.NOTHING),
        ("a.jpg\n", NameSays.NOTHING),
        ("a.mov/b", NameSays.NOTHING),
        ("a.3fr", NameSays.NOTHING),
        ("IMG_1234(1).jp", NameSays.NOTHING),
        ("Mr.C", NameSays.NOTHING),
        ("", NameSays.NOTHING),
    ],
)
def test_given_a_name_when_classified_then_its_last_suffix_decides(key: str, said: NameSays) -> None:
    assert name_says(key) is said


def test_given_the_tables_when_compared_then_no_suffix_is_in_two() -> None:
    assert not set(PHOTO_SUFFIXES) & NON_PHOTO_SUFFIXES.keys()
    for suffix in [*PHOTO_SUFFIXES, *NON_PHOTO_SUFFIXES, *NON_PHOTO_NAMES]:
        assert suffix == suffix.lower()
        assert suffix.startswith(".")


def test_given_a_name_of_no_photo_when_explained_then_it_is_said_what_it_is() -> None:
    assert why_no_photo("a/b.MOV").startswith("By its name it is a video, and no photo")
    assert why_no_photo("a/").startswith("By its name it is a folder, ")


# By content


def encoded(name: str) -> bytes:
    return of_format(name, Image.new("RGB", (96, 96), "red"))


@pytest.mark.parametrize("name", [one.name for one in PHOTO_FORMATS])
def test_given_a_photo_of_each_format_when_looked_into_then_it_is_of_that_format(name: str) -> None:
    found = format_by_content(encoded(name)[:SIGNATURE_BYTES])
    assert found
    # To Rekognition they are the same, and to the converter, which looks for itself.
    assert found.name == name


@pytest.mark.parametrize(
    ("beginning", "name"),
    [
        (b"II+\0\x08\0\0\0", "TIFF"),
        (b"MM\0+\0\x08\0\0", "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
        (b"GIF87a", "GIF"),
        (b"\0\0\0\x20ftypMSNV\0\0\0\0isomheixmif1", "HEIF"),
        (b"\0\0\0\x18ftyphevx\0\0\0\0msf1", "HEIF"),
        (b"\0\0\0\x18ftypavis\0\0\0\0msf1", "AVIF"),
        (b"\xff\xd8\xff\xe1", "JPEG"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "RAW"),
        (b"IIRO\x08\0\0\0", "RAW"),
        (b"IIU\0\x18\0\0\0", "RAW"),
    ],
)
def test_given_a_rarer_kind_of_a_format_when_looked_into_then_it_is_known(beginning: bytes, name: str) -> None:
    formats = [one.name for one in PHOTO_FORMATS if one.signature.match(beginning.ljust(64, b"\0"))]
    assert name in formats


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41",
        b"\0\0\0\x18ftyp3gp4\0\0\0\0isom3gp4",
        b"xx\0\0\0\x18ftypheic",
        b"RIFF\0\0\0\0AVI LIST",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"PK\x03\x04",
        b"%PDF-1.7",
        b"{}",
        b"\0\x05\x16\x07\0\x02\0\0Mac OS X",
        b" \xff\xd8\xff\xe0",
        b"\xff\x0a\xfa\x7f",
    ],
)
def test_given_another_file_when_looked_into_then_it_is_no_photo(beginning: bytes) -> None:
    assert format_by_content(beginning.ljust(SIGNATURE_BYTES, b"\0")) is None
    assert format_by_content(beginning) is None


brands = st.sampled_from(
    [b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif", b"avis", b"isom", b"mp42", b"qt  "]
)
beginnings = st.one_of(
    st.binary(max_size=SIGNATURE_BYTES),
    st.builds(lambda start, end: start + end, st.sampled_from([b"II", b"MM"]), st.binary(min_size=2, max_size=8)),
    st.builds(
        lambda major, others: b"\0\0\0\x20ftyp" + major + b"\0\0\0\0" + b"".join(others),
        brands,
        st.lists(brands, max_size=4),
    ),
    st.builds(
        lambda name, place, byte: encoded(name)[:place] + byte + encoded(name)[place + 1 : SIGNATURE_BYTES],
        st.sampled_from([one.name for one in PHOTO_FORMATS]),
        st.integers(0, 15),
        st.binary(min_size=1, max_size=1),
    ),
)


@given(beginnings)
@settings(deadline=None)
def test_given_any_bytes_when_a_decoder_would_take_them_then_they_are_a_photos(beginning: bytes) -> None:
    Image.init()
    accepts = [Image.OPEN[one.name][1] for one in PHOTO_FORMATS if one.name not in {"HEIF", RAW}]
    whole = beginning.ljust(SIGNATURE_BYTES, b"\0")
    is_taken = any(accept and accept(whole) is True for accept in accepts)
    if is_taken or pillow_heif.is_supported(whole):
        assert format_by_content(whole)


# The same for everybody

suffixes = st.sampled_from(
    [*PHOTO_SUFFIXES, *NON_PHOTO_SUFFIXES, *NON_PHOTO_NAMES, "", ".", ".dat", ".tmp", ".3fr", "~", " ", ".7"]
).flatmap(lambda suffix: st.sampled_from([suffix, suffix.upper(), suffix.title()]))
texts = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=12)
names = st.builds(lambda text, inner, outer: text + inner + outer, texts, suffixes, suffixes)
keys = st.builds(
    lambda folder, name, end: folder + name + end,
    st.sampled_from(["", "a/", "b.jpg/", "c.mov/", "//", "../"]),
    names,
    st.sampled_from(["", "", "", "/"]),
).filter(bool)
contents = st.sampled_from([JPEG, encoded("HEIF")[:64], b"no photo", b"\0\0\0\x14ftypqt  \0\0\0\0qt  "])


def tools(world: World) -> Any:
    """A pipeline as the tools see it."""
    clients = {"s3": S3(world.bucket), "dynamodb": DynamoDB(world.tables), "sqs": SQS(world)}
    outputs = outputs_of_stack(
        {
            "Bucket": BUCKET,
            "KeyPrefix": "",
            "ImageLabelsTable": SETTINGS.image_labels_table,
            "LabelIndexTable": SETTINGS.label_index_table,
        }
    )
    return SimpleNamespace(client=lambda name, **_: clients[name], outputs=outputs)


def never_labelled(world: World) -> tuple[list[str], int]:
    """What an audit misses a document of, and how many files it calls no photos."""
    found: list[Problem] = []
    auditor = Auditor(tools(world), timedelta(days=-1), now=lambda: world.clock.now, pause=world.clock.pause)
    audit = auditor.run(found.append)
    assert {problem.finding for problem in found} <= {Finding.NEVER_LABELLED}
    return [problem.key for problem in found], audit.skipped.total()


def is_imported(name: str, content: bytes, *, is_named: bool = False) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(content)
        return any(not one.why for one in PhotoFinder("").find([file if is_named else Path(folder)]))


@given(keys, contents)
@settings(deadline=None)
def test_given_any_key_when_function_backfill_and_audit_look_then_they_agree(key: str, content: bytes) -> None:
    world = World()
    record = world.put(key, Photo(beginning=content))
    counts = Backfill(tools(world), BackfillScope(BUCKET, ""), Path("unused")).count("", lambda _: None)
    may_be_photo = name_says(key) is not NameSays.NO_PHOTO
    assert (counts.wanted, counts.skipped.total()) == ((1, 0) if may_be_photo else (0, 1))
    assert never_labelled(world) == (([key], 0) if may_be_photo else ([], 1))

    Function(world).receive(world.message(record))
    document = world.document(key)
    is_photo = bool(format_by_name(key)) or (may_be_photo and format_by_content(content) is not None)
    assert is_photo == bool(world.forwarded or (document and document["Status"] == "LABELLED"))
    if not is_photo:
        assert document
        assert (document["Status"], document["Reason"]) == ("REJECTED", "NotAPhoto")
    if not world.forwarded:
        assert never_labelled(world) == ([], 0 if may_be_photo else 1)


def photo_of(one: PhotoFormat, suffix: str) -> bytes:
    """A file of a format as a camera or program names it."""
    image = Image.new("RGB", (96, 96), "red")
    return raw(suffix, image) if one.name == RAW else of_format(one.name, image)


ROWS = [(one, suffix) for one in PHOTO_FORMATS for suffix in one.suffixes]


# As it is named, in large letters, cut by Google Takeout, of a backup, and without a suffix.
@pytest.mark.parametrize("rename", ["photo{}", "PHOTO{}", "photo(1).j", "photo{}~", "photo"])
@pytest.mark.parametrize(("one", "suffix"), ROWS, ids=[suffix for _, suffix in ROWS])
def test_given_a_photo_of_each_suffix_when_it_goes_all_the_way_then_it_is_labelled(
    one: PhotoFormat, suffix: str, rename: str
) -> None:
    name = rename.format(suffix.upper() if rename.isupper() else suffix)
    content = photo_of(one, suffix)
    assert is_imported(name, content)

    world = World()
    error = None if one.is_read_by_rekognition else "InvalidImageFormatException"
    is_decoded = not one.is_read_by_rekognition
    photo = Photo(labels={"Cat": 98.0}, error=error, decodes=is_decoded, beginning=content[:SIGNATURE_BYTES])
    record = world.put(name, photo)
    counts = Backfill(tools(world), BackfillScope(BUCKET, ""), Path("unused")).count("", lambda _: None)
    assert (counts.wanted, counts.skipped.total()) == (1, 0)
    assert never_labelled(world) == ([name], 0)

    Function(world).receive(world.message(record))
    assert bool(world.forwarded) == is_decoded
    for body in world.forwarded:
        Function(world, is_converting=True).receive(world.message(body), seconds=60)
    assert world.found("Cat") == {name}
    assert never_labelled(world) == ([], 0)


# In the documentation


def table_of_docs(heading: str) -> dict[str, list[str]]:
    """What is in a table of docs/importing.md: by the first column, the words in backticks of the second."""
    text = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
    _, found, table = text.partition(f"\n| {heading} |")
    assert found
    rows = [line.split("|") for line in table.partition("\n\n")[0].splitlines()[2:]]
    return {first.strip(): re.findall(r"`([^`]+)`", second) for _, first, second, *_ in rows}


def test_given_the_docs_when_compared_with_the_tables_then_every_suffix_is_in_both() -> None:
    assert table_of_docs("format") == {one.name: list(one.suffixes) for one in PHOTO_FORMATS}
    others = table_of_docs("the file is")
    assert others.pop("a folder") == ["/"]
    names = others.pop("a file of an operating system")
    assert sorted(name.lower() for name in names) == sorted(NON_PHOTO_NAMES)
    assert {suffix: kind for kind, those in others.items() for suffix in those} == NON_PHOTO_SUFFIXES
    assert table_of_docs("what is in it") == {why: list(patterns) for why, patterns in FOLDERS.items()}


def test_given_the_docs_when_they_say_converted_then_rekognition_does_not_read_it() -> None:
    text = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
    for one in PHOTO_FORMATS:
        [row] = [line for line in text.splitlines() if line.startswith(f"| {one.name} | `.")]
        assert row.endswith("| as it is |" if one.is_read_by_rekognition else "| converted |")


@given(names.filter(lambda name: name not in {"", ".", ".."} and len(name.encode()) < 200), contents)
@settings(deadline=None)
def test_given_any_file_when_named_to_import_and_seen_by_the_function_then_they_agree(
    name: str, content: bytes
) -> None:
    world = World()
    Function(world).receive(world.message(world.put(name, Photo(beginning=content))))
    document = world.document(name)
    is_photo = document is None or document["Status"] == "LABELLED"
    assert is_imported(name, content, is_named=True) == is_photo
    assert is_imported(name, content) == (is_photo and not name.startswith("."))
