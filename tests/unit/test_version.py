"""The version stands in photo_labels alone; what cannot read it there says the same."""

from __future__ import annotations

import re
from pathlib import Path

from photo_labels import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_given_the_dockerfile_when_read_then_its_label_is_the_version() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r'^LABEL org\.opencontainers\.image\.version="(.+)"$', dockerfile, re.MULTILINE) == [
        __version__
    ]


def test_given_the_template_when_read_then_its_output_is_the_version() -> None:
    template = (ROOT / "infra" / "pipeline.yaml").read_text(encoding="utf-8")
    assert re.findall(r"^  Version:\n    Description: .*\n    Value: (.+)$", template, re.MULTILINE) == [
        __version__
    ]


def test_given_the_changelog_when_read_then_its_newest_release_is_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\d\S*)", changelog, re.MULTILINE)[0] == __version__
