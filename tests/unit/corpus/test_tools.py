"""Other programs, asked about hostile files: each answer is one, whatever the program does."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from corpus import tools
from corpus.tools import Opened, Tool, installed

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "-resize 'x' $(touch pwned) msl:[0] @é\n.tif"


def program(script: str) -> Tool:
    return Tool("a program", (("sh", "-c", script, "sh", "PHOTO"),))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / HOSTILE
    noise = Image.effect_noise((300, 100), 90)
    noise.save(path, "TIFF")
    return path


def test_given_a_program_that_opens_it_when_asked_then_its_size_and_what_it_shows(
    photo: Path, tmp_path: Path
) -> None:
    Image.new("LA", (30, 10), (0, 0)).save(tmp_path / "shown.png")
    opened = program(f"echo $1: 300x100; cp '{tmp_path}/shown.png' picture.png; echo odd >&2").opened(photo)
    assert opened.size == (300, 100)
    assert opened.said == "odd"
    assert opened.picture
    assert opened.picture.getpixel((0, 0)) == (255, 255, 255)  # what is transparent is white


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("sleep 60", "it takes more than 1 s"),
        ("kill -SEGV $$", "it is ended by SIGSEGV"),
        ("echo no decode delegate >&2; exit 1", "no decode delegate"),
        ("echo 300x100; echo nonsense > picture.png", "it writes no picture"),
        ("echo 300x100", "it writes no picture"),
    ],
)
def test_given_a_program_that_does_not_open_it_when_asked_then_it_is_said_why(
    photo: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    monkeypatch.setattr(tools, "_MAX_S", 1.0)
    assert program(script).opened(photo) == Opened(said=said)


def test_given_a_program_that_wants_all_memory_when_asked_then_it_does_not_get_it(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "_MAX_MEMORY_KIB", 200 * 1024)
    opened = Tool("greedy", (("python3", "-c", "bytearray(2**30)"),)).opened(photo)
    assert not opened.size
    assert opened.said


def test_given_a_hostile_name_when_opened_then_programs_see_another_and_only_a_plain_suffix(photo: Path) -> None:
    assert program("echo $1 >&2").opened(photo).said == "photo.tif"
    photo = photo.rename(photo.with_suffix(".ti'f"))
    assert program("echo $1 >&2").opened(photo).said == "photo"


def test_given_what_is_installed_when_a_photo_is_opened_then_each_sees_its_size_and_something(photo: Path) -> None:
    for tool in installed():
        opened = tool.opened(photo)
        assert opened.size == (300, 100), opened.said
        assert opened.picture
        assert opened.picture.getextrema() != ((0, 0),) * 3


@pytest.mark.skipif("ImageMagick" not in {one.name for one in installed()}, reason="needs ImageMagick")
def test_given_a_script_as_a_photo_when_imagemagick_opens_it_then_its_policy_refuses(tmp_path: Path) -> None:
    picture = tmp_path / "of_another.png"
    Image.new("RGB", (90, 90), "red").save(picture)
    script = tmp_path / "photo.svg"
    script.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="99" height="99">'
        f'<image xlink:href="{picture}" width="99" height="99"/></svg>'
    )
    [tool] = [one for one in installed() if one.name == "ImageMagick"]
    assert not tool.opened(script).size


@pytest.mark.parametrize(
    ("script", "is_it"),
    [
        ("echo Version: ImageMagick 7.1.1 https://imagemagick.org", True),
        ("echo Invalid drive specification.; exit 4", False),
        ("echo GraphicsMagick 1.4", False),
    ],
)
def test_given_a_convert_when_it_is_not_imagemagicks_then_it_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, is_it: bool
) -> None:
    (tmp_path / "convert").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "convert").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if not shutil.which("magick") else f"{tmp_path}:/bin")
    assert ("ImageMagick" in {one.name for one in installed()}) is is_it
