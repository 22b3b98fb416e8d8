"""Folders and numbers as people give them to make: what they mean, what is refused, and what stays as it was."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from loadtest.benchmarks.arguments import whole_number
from loadtest.result_files import prepare
from local.folders import Folder, as_typed, as_written
from photo_labels.library.user_errors import UserError


def test_given_a_tilde_when_read_then_it_is_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_written("~/Pictures") == tmp_path / "Pictures"
    assert as_written("~") == tmp_path


@pytest.mark.parametrize("text", ["~nobody of that name/x", "./~", "a/~/b", " ~", "it's"])
def test_given_another_tilde_or_none_when_read_then_it_is_what_is_written(text: str) -> None:
    assert as_written(text) == Path(text)


@pytest.mark.parametrize(
    "text",
    [
        "samples",
        "~",
        "~/",
        "~/my photos/it's",
        "a b/*",
        "-x",
        "$HOME",
        "~nobody of that name/x",
        "./~",
        "日本\n",
        "it's",
    ],
)
def test_given_a_folder_when_printed_as_typed_then_the_shell_makes_that_very_folder_of_it(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    word = subprocess.run(
        ["sh", "-c", f"printf %s {as_typed(text)}"], capture_output=True, text=True, check=True
    ).stdout
    assert Path(word) == as_written(text)
    assert not word.startswith("-")


@click.command()
@click.option("--photos", type=Folder(exists=True))
@click.option("--out", type=Folder(exists=False))
def told(photos: Path | None, out: Path | None) -> None:
    click.echo(f"{photos}|{out}")


def test_given_folders_with_tildes_when_load_tested_then_they_are_those_of_the_home_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "Pictures").mkdir()
    said = CliRunner(env={"HOME": str(tmp_path)}).invoke(told, ["--photos", "~/Pictures", "--out", "~/new"])
    assert said.output == f"{tmp_path}/Pictures|{tmp_path}/new\n"


@pytest.mark.parametrize("option", ["--photos", "--out"])
def test_given_an_empty_word_when_told_to_the_load_test_then_it_is_not_the_current_folder(option: str) -> None:
    said = CliRunner().invoke(told, [option, ""])
    assert said.exit_code == 2
    assert "it is empty" in said.output


@pytest.mark.parametrize("name", ["results.json", "samples.csv", "report.html"])
@pytest.mark.parametrize("is_link", [False, True])
def test_given_a_folder_with_a_report_when_prepared_then_it_is_refused_and_the_report_stays(
    tmp_path: Path, name: str, is_link: bool
) -> None:
    if is_link:
        (tmp_path / name).symlink_to(tmp_path / "nothing")
    else:
        (tmp_path / name).write_text("measured for an hour")
    with pytest.raises(UserError, match=f"has {name} already, which stay: name another folder with OUT="):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_given_a_folder_with_other_files_when_prepared_then_they_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("word", ["", "x", "0", "-5", "1.5", "`id`", "9" * 5000])
def test_given_what_is_no_number_when_counted_then_a_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", word])
    with pytest.raises(UserError, match="a whole number from 1 on"):
        whole_number(7)


def test_given_a_number_or_none_when_counted_then_it_is_that_or_the_usual_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["bench", "12"])
    assert whole_number(7) == 12
    monkeypatch.setattr("sys.argv", ["bench"])
    assert whole_number(7) == 7
