"""The fixtures of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.infra.template import read

if TYPE_CHECKING:
    from tests.infra.pipeline.shared import Template


@pytest.fixture(scope="module")
def template() -> Template:
    return read("pipeline.yaml")
