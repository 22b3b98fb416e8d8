"""Programs that read sidecars."""

from __future__ import annotations

import os
import shutil

import pytest


@pytest.fixture(params=["exiftool", "exiv2"])
def program(request: pytest.FixtureRequest) -> str:
    """Each of the programs; without one its tests are skipped, but never in CI."""
    name: str = request.param
    if not shutil.which(name):
        if os.environ.get("CI"):
            raise FileNotFoundError(f"{name} is not installed")
        pytest.skip(f"these tests need {name}")
    return name
