"""What becomes of files, beside what other programs make of them: which of them a person has to look at."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from rich.console import Console

from corpus.comparison import Compared, Seen, compared
from corpus.ends import End, FileEnd, by_decoder
from corpus.expected import Expected
from corpus.table import show, show_verdict
from corpus.tools import Tool
from corpus.verdict import judged

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path("/photos")
LARGE, SMALL, BLANK = Seen((80, 90), False, ""), Seen((79, 900), False, ""), Seen((900, 900), True, "")


def file(end: End, reason: str = "", *, is_blank: bool = False, name: str = "a.jpg", **others: Seen) -> Compared:
    return Compared(FileEnd(FOLDER / name, end, reason, f"{reason}."), "JPEG", is_blank, others)


def listed(end: End, reason: str = "") -> dict[Path, Expected]:
    return {FOLDER / "a.jpg": Expected("owner/name", "a.jpg", "", end, reason, "Its checksums are wrong.")}


@pytest.mark.parametrize(
    ("one", "expected", "finding"),
    [
        (file(End.LABELLED, libvips=LARGE), {}, ""),
        (file(End.REJECTED, "BrokenPhoto"), {}, ""),
        (file(End.REJECTED, "TooSmall", libvips=SMALL), {}, ""),
        (file(End.REJECTED, "BlankPhoto", libvips=BLANK), {}, ""),
        (file(End.SKIPPED, libvips=LARGE), {}, ""),
        (file(End.REJECTED, "BrokenPhoto", libvips=SMALL, ImageMagick=LARGE), {}, "refused_alone"),
        (file(End.REJECTED, "BlankPhoto", libvips=LARGE), {}, "refused_alone"),
        (file(End.NOT_UPLOADED, libvips=LARGE), {}, "refused_alone"),
        (file(End.REJECTED, "BrokenPhoto", libvips=LARGE), listed(End.REJECTED, "BrokenPhoto"), ""),
        (file(End.REJECTED, "BrokenPhoto"), listed(End.REJECTED, "TooSmall"), "otherwise"),
        (file(End.LABELLED), listed(End.REJECTED, "TooSmall"), "otherwise"),
        (file(End.REJECTED, "BrokenPhoto", libvips=LARGE), listed(End.LABELLED), "otherwise"),
        (file(End.LABELLED, is_blank=True, libvips=BLANK), {}, ""),
        (file(End.LABELLED, is_blank=True, libvips=LARGE), {}, "blank_alone"),
        (file(End.LABELLED, is_blank=True, libvips=LARGE), listed(End.LABELLED), "blank_alone"),
        (file(End.UNACCOUNTED), {}, "unaccounted"),
        (file(End.REJECTED, "DecoderCrashed"), listed(End.REJECTED, "DecoderCrashed"), "crashed"),
        (file(End.REJECTED, "DecoderTooSlow"), {}, "crashed"),
    ],
)
def test_given_a_files_end_when_judged_then_it_is_looked_at_where_others_or_the_list_say_so(
    one: Compared, expected: dict[Path, Expected], finding: str
) -> None:
    verdict = judged([one], expected)
    names = ("crashed", "unaccounted", "otherwise", "blank_alone", "refused_alone")
    assert [name for name in names if getattr(verdict, name)] == [finding] * bool(finding)
    assert verdict.is_good is not bool(finding)


def test_given_a_refusal_that_the_list_explains_when_judged_then_it_is_counted() -> None:
    refused = file(End.REJECTED, "BrokenPhoto", libvips=LARGE)
    assert judged([refused, refused], listed(End.REJECTED, "BrokenPhoto")).explained == 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = Image.effect_noise((100, 90), 90)
    noise.save(tmp_path / "photo.gif")
    noise.resize((90, 9)).save(tmp_path / "small.gif")
    Image.new("RGB", (100, 90)).save(tmp_path / "black.jpg")
    Image.new("L", (100, 90)).save(tmp_path / "black.gif")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(90))
    (tmp_path / "empty.png").touch()
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "nothing.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / ".hidden").mkdir()
    noise.save(tmp_path / ".hidden" / "photo.gif")
    return tmp_path


def test_given_a_folder_when_decoded_then_each_file_has_one_end(folder: Path) -> None:
    told: list[str] = []
    ends = {one.path.name: (one.end, one.reason) for one in by_decoder(folder, told.append)}
    assert ends == {
        "photo.gif": (End.LABELLED, ""),
        "small.gif": (End.REJECTED, "TooSmall"),
        "black.jpg": (End.LABELLED, ""),  # Rekognition reads it itself
        "black.gif": (End.REJECTED, "BlankPhoto"),
        "broken.png": (End.REJECTED, "BrokenPhoto"),
        "empty.png": (End.NOT_UPLOADED, ""),
        "notes.txt": (End.SKIPPED, ""),
        "nothing.jpg": (End.NOT_UPLOADED, ""),
    }
    assert told[-1] == "decoding: 5 of 5"


def quiet(_: str) -> None:
    """Take what is told."""


def test_given_a_black_photo_that_is_labelled_when_another_sees_more_then_it_is_found(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ends = [FileEnd(folder / name, End.LABELLED) for name in ("black.jpg", "photo.gif")]

    def found(picture: Image.Image) -> list[bool]:
        picture.save(elsewhere := tmp_path_factory.mktemp("shown") / "shown.png")
        other = Tool("other", (("sh", "-c", f"echo 100x90; cp '{elsewhere}' picture.png"),))
        return [one.is_blank_alone for one in compared(ends, [other], quiet)]

    assert found(Image.effect_noise((100, 90), 90)) == [True, False]
    assert found(Image.new("L", (100, 90), 1)) == [False, False]


def printed(print_: Callable[[Console], None]) -> str:
    console = Console(file=io.StringIO(), width=80)
    print_(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_given_compared_files_when_shown_then_counts_by_format_and_reason_beside_the_others() -> None:
    files = [
        file(End.LABELLED, libvips=LARGE),
        file(End.REJECTED, "TooSmall", libvips=SMALL),
        file(End.REJECTED, "TooSmall"),
    ]
    text = printed(lambda console: show(console, files, [Tool("libvips", ())]))
    rows = [line.split() for line in text.splitlines()]
    assert ["format", "files", "labelled", "rejected", "libvips"] in rows
    assert ["JPEG", "3", "1", "2", "2"] in rows
    assert ["all", "3", "1", "2", "2"] in rows
    assert ["TooSmall", "JPEG", "2", "1"] in rows


def test_given_findings_when_shown_then_file_reason_and_what_others_see_in_it() -> None:
    complaint = Seen((100, 90), False, "Premature end\x1b[31m")
    refused = file(End.REJECTED, "BrokenPhoto", name="a [b].jpg", libvips=complaint)
    verdict = judged([refused, file(End.LABELLED)], listed(End.REJECTED, "TooSmall"))
    text = printed(lambda console: show_verdict(console, verdict, FOLDER))
    assert "refused, and another program opens it: 1\na [b].jpg\n    REJECTED BrokenPhoto" in text
    assert r"libvips: 100 x 90; it says: Premature end\x1b[31m" in text
    assert "the list: REJECTED TooSmall" in text
    assert "2 files, 1 of them in the list: 2 to look at" in text
