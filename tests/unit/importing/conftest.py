"""The fixtures of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from photo_labels import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.disk import Disk


@pytest.fixture
def runner(disk: Disk, someone: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    monkeypatch.setattr(cli, "aws_target", lambda *_: disk.target)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("photo_labels.commands.import_.QueueRoom", lambda _: None)
    return lambda *arguments, **options: CliRunner().invoke(
        cli.photos, ["import", *map(str, arguments)], **options
    )
