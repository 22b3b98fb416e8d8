"""`make figures`: what a command prints is kept, also where another one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadtest.benchmarks.all_figures import measure

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_given_a_command_that_fails_when_measured_then_the_others_run_and_all_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure(["false", "echo 42 photos"], tmp_path) == 1
    [kept] = tmp_path.iterdir()
    lines = kept.read_text().splitlines()
    assert " cores, " in lines[0]
    assert lines[1:] == ["", "$ false", "", "$ echo 42 photos", "42 photos", "", "failed: false"]
    assert capsys.readouterr().out.startswith(kept.read_text())


def test_given_commands_that_succeed_when_measured_then_nothing_failed(tmp_path: Path) -> None:
    assert measure(["true"], tmp_path / "new" / "folder") == 0
